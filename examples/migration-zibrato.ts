/**
 * Zibrato's three parts, here in one program: an app that publishes, a broker, and a worker that writes to Librato, for which a server
 * of this example's own stands in. METRICS_BROKER_PORT is the lower of the broker's two ports.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Redacted, Schedule } from "effect"
import { Broker, Librato, Metrics, Worker, ZeroMq } from "effect-metrics"
import { standIn } from "./support/standIn.js"

const calls = Metrics.counter("worker_was_called", { level: "info" })
const slow = Metrics.timer("slow_function", { level: "debug" })
const temperature = Metrics.gauge("temperature", { level: "crit" })

const work = Effect.sleep("100 millis").pipe(Metrics.trackDuration(slow), Metrics.trackCount(calls))

const app = (port: number) =>
  Effect.repeatN(work, 2).pipe(
    Effect.zipRight(Metrics.set(temperature, 0)),
    // As Zibrato's clients publish, so that its own workers can read it too.
    Effect.provide(ZeroMq.layer({ port, format: "zibrato", source: "web-1" }))
  )

/** What `zibrato-librato --levels info,debug,crit --flush 60` was. */
const worker = (port: number, url: string) =>
  Worker.layer({ port: port + 1, levels: ["info", "debug", "crit"] }).pipe(
    Layer.provide(
      Librato.layerFetch({
        url,
        email: "ops@example.org",
        token: Redacted.make("secret"),
        schedule: Schedule.fixed("60 seconds"),
        hostTag: "none",
        aggregate: { gauge: false, timer: false, distribution: false }
      })
    )
  )

const program = Effect.gen(function* () {
  const port = yield* Config.withDefault(Config.port("METRICS_BROKER_PORT"), 5550)
  const { url } = yield* standIn
  yield* Effect.gen(function* () {
    // The broker keeps nothing for a worker that is still connecting.
    yield* Effect.sleep("500 millis")
    yield* app(port)
    const { account } = yield* Worker.Worker
    yield* Effect.repeat(Effect.delay(account, "20 millis"), { until: ({ messages }) => messages >= 5 })
  }).pipe(Effect.provide(worker(port, url)), Effect.provide(Broker.layer({ port })))
})

program.pipe(Effect.scoped, NodeRuntime.runMain)
