import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Console, Metrics } from "effect-metrics"

const jobs = Metrics.counter("jobs", { tagKeys: ["queue"] })
const duration = Metrics.timer("job.duration")

const job = Effect.sleep("2 millis").pipe(
  Metrics.trackCount(jobs, { tags: { queue: "mail" } }),
  Metrics.trackDuration(duration, { outcome: true })
)

job.pipe(Effect.repeatN(49), Effect.provide(Console.layer()), NodeRuntime.runMain)
