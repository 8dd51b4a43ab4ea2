/**
 * An app that publishes to a broker, for the tests of the command line. Arguments: the broker's port, its name, and how
 * often it records.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Schedule } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"

const [port = "0", name = "app", times = "0"] = process.argv.slice(2)

const info = Metrics.counter("work", { level: "info" })
const crit = Metrics.counter("work", { level: "crit" })
const mine = Metrics.counter("mine", { level: "info", tagKeys: ["app"] })
const size = Metrics.distribution("size", { level: "info" })

const work = Effect.gen(function* () {
  for (let i = 0; i < Number(times); i++) {
    yield* Metrics.increment(info)
    yield* Metrics.increment(mine, { tags: { app: name } })
    yield* Metrics.record(size, i)
    if (i % 4 === 0) yield* Metrics.increment(crit)
    if (i % 1000 === 0) yield* Effect.sleep("10 millis")
  }
})

work.pipe(
  Effect.provide(ZeroMq.layer({ port: Number(port), hostTag: "none", schedule: Schedule.fixed("20 millis") })),
  NodeRuntime.runMain
)
