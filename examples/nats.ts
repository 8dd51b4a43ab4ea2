/**
 * Two apps that publish to a stream of NATS, and a worker that writes what is in it, here in one program. The worker comes
 * when the apps have gone: the stream has kept everything. NATS_SERVER is a server with JetStream, such as of `nats-server -js`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console as Output, Effect, Layer } from "effect"
import { Console, Metrics, Nats, Transport, Worker } from "effect-metrics"

const orders = Metrics.counter("orders", { tagKeys: ["shop"] })
const duration = Metrics.timer("order.duration")

const order = (shop: string) =>
  Effect.sleep("5 millis").pipe(Metrics.trackCount(orders, { tags: { shop } }), Metrics.trackDuration(duration))

/** A process of its own in real life. What the stream has acknowledged is `delivered`. */
const app = (shop: string, count: number, servers: string) =>
  Effect.gen(function* () {
    yield* Effect.repeatN(order(shop), count - 1)
    const [lane] = yield* Metrics.flush
    yield* Output.log(`${shop}: ${lane?.ledger.delivered} of ${lane?.ledger.recorded} recordings are in the stream`)
  }).pipe(Effect.provide(Nats.layer({ servers, tags: { instance: shop } })))

/** It writes windows as they were published, so that a backend which overwrites has each of them once, whatever dies. */
const worker = (servers: string) =>
  Worker.layer({ windows: "keep", transport: Transport.nats({ servers }) }).pipe(
    Layer.provide(Console.layer({ format: "lines", name: "worker" }))
  )

const program = Effect.gen(function* () {
  const servers = yield* Config.withDefault(Config.string("NATS_SERVER"), "127.0.0.1:4222")
  yield* Effect.all([app("berlin", 20, servers), app("paris", 30, servers)], { concurrency: "unbounded" })
  yield* Effect.gen(function* () {
    const { account } = yield* Worker.Worker
    yield* Effect.repeat(Effect.delay(account, "20 millis"), { until: ({ messages }) => messages >= 2 })
  }).pipe(Effect.provide(worker(servers)))
})

NodeRuntime.runMain(program)
