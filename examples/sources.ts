/**
 * Sources beside a sink: what is recorded with Effect's own `Metric`, and the process and its runtime.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Metric, Schedule } from "effect"
import { Console, EffectMetrics, RuntimeMetrics } from "effect-metrics"

// Nothing here knows of this library.
const jobs = Metric.counter("jobs.done", { description: "Jobs done", incremental: true })
const duration = Metric.timer("job.duration")
const kinds = Metric.frequency("job.kinds")

const job = (kind: string) =>
  Effect.sleep("5 millis").pipe(
    Metric.trackDuration(duration),
    Effect.zipRight(Metric.update(kinds, kind)),
    Effect.zipRight(Metric.increment(jobs)),
    Effect.tagMetrics("queue", "mail")
  )

const MetricsLive = Layer.mergeAll(
  Console.layer({ format: "lines", schedule: Schedule.spaced("100 millis") }),
  EffectMetrics.layer({ prefix: "app." }),
  RuntimeMetrics.layer({ groups: ["eventLoop", "gc", "memory", "cpu"] })
)

const program = Effect.forEach(["letter", "parcel", "letter"], job, { discard: true }).pipe(Effect.repeatN(9))

program.pipe(Effect.provide(MetricsLive), NodeRuntime.runMain)
