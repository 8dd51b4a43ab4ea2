/**
 * One app, three destinations that each get their part: everything every ten seconds, what is critical at once, and a copy without
 * the tags that would cost the most. Lines on the terminal stand in for the backends.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Option, Schedule } from "effect"
import { Console, Metrics, type Sink } from "effect-metrics"

const logins = Metrics.counter("logins", { tagKeys: ["tenant"] })
const failures = Metrics.counter("payments.failed", { level: "crit", tagKeys: ["provider"] })

const withoutTenant = ({ name, tags: { tenant: _, ...tags } }: Sink.SeriesInfo) => Option.some({ name, tags })

const MetricsLive = Layer.mergeAll(
  Console.layer({ format: "lines", prefix: "all.", schedule: Schedule.fixed("10 seconds") }),
  Console.layer({
    format: "lines",
    prefix: "pager.",
    name: "pager",
    levels: ["crit"],
    schedule: Schedule.fixed("1 second")
  }),
  Console.layer({ format: "lines", prefix: "cheap.", name: "cheap", view: withoutTenant, maxSeries: 1000 })
)

const program = Effect.gen(function* () {
  yield* Metrics.increment(logins, { tags: { tenant: "acme" } })
  yield* Metrics.increment(logins, { tags: { tenant: "globex" } })
  yield* Metrics.increment(failures, { tags: { provider: "bank" } })
})

program.pipe(Effect.provide(MetricsLive), NodeRuntime.runMain)
