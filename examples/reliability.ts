/**
 * What an app can know of its metrics, here with a backend that is not there: what is buffered, what was lost, and why.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { InfluxDb, Ledger, Metrics } from "effect-metrics"

const jobs = Metrics.counter("jobs")

const program = Effect.gen(function* () {
  yield* Effect.repeatN(Metrics.increment(jobs), 99)
  yield* Metrics.increment(jobs, { tags: { queue: "mail" } })
  yield* Metrics.incrementBy(jobs, -1)
  // Writes now, and waits for it: for serverless handlers, and before `process.exit`.
  for (const { ledger, name } of yield* Metrics.flushWithin("100 millis"))
    yield* Effect.log(`${name}: ${ledger.recorded} recorded, ${Ledger.buffered(ledger)} buffered`)
  return yield* Metrics.Metrics
})

const MetricsLive = InfluxDb.layerFetch({ url: "http://127.0.0.1:1", database: "app", shutdownTimeout: "200 millis" })

program.pipe(
  Effect.provide(MetricsLive),
  // The ledgers stay readable when the sinks have closed.
  Effect.tap((hub) =>
    Effect.forEach(Metrics.ledgersOf(hub), ({ ledger }) =>
      Effect.log(`dropped ${JSON.stringify(ledger.dropped)}, refused ${JSON.stringify(ledger.refused)}`)
    )
  ),
  NodeRuntime.runMain
)
