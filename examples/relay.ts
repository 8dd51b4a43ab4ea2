/**
 * Two apps, a broker and a worker, here in one program: the apps publish, the broker forwards, the worker merges and writes.
 * METRICS_BROKER_PORT is the lower of the broker's two ports.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer } from "effect"
import { Broker, Console, Metrics, Worker, ZeroMq } from "effect-metrics"

const orders = Metrics.counter("orders", { level: "info", tagKeys: ["shop"] })
const duration = Metrics.timer("order.duration", { level: "info" })
const cacheMisses = Metrics.counter("cache.misses", { level: "debug" })

const order = (shop: string) =>
  Effect.sleep("5 millis").pipe(
    Metrics.trackCount(orders, { tags: { shop } }),
    Metrics.trackDuration(duration),
    Effect.tap(Metrics.increment(cacheMisses))
  )

/** A process of its own in real life. It publishes what it has when it ends. */
const app = (shop: string, count: number, port: number) =>
  Effect.repeatN(order(shop), count - 1).pipe(Effect.provide(ZeroMq.layer({ port, hostTag: "none" })))

const program = Effect.gen(function* () {
  const port = yield* Config.withDefault(Config.port("METRICS_BROKER_PORT"), 5550)
  // The worker is for one level: of `debug` it receives nothing.
  const Write = Worker.layer({ port: port + 1, levels: ["info"] }).pipe(
    Layer.provide(Console.layer({ format: "lines", name: "worker" }))
  )
  yield* Effect.gen(function* () {
    // The broker keeps nothing for a worker that is still connecting, nor does it know when one has.
    yield* Effect.sleep("500 millis")
    yield* Effect.all([app("berlin", 20, port), app("paris", 30, port)], { concurrency: "unbounded" })
    const { account } = yield* Worker.Worker
    yield* Effect.repeat(Effect.delay(account, "20 millis"), { until: ({ messages }) => messages >= 2 })
  }).pipe(Effect.provide(Write), Effect.provide(Broker.layer({ port })))
})

NodeRuntime.runMain(program)
