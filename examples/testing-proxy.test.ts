import { assert, it } from "@effect/vitest"
import { type Duration, Effect } from "effect"
import { InfluxDb, Ledger, Metrics } from "effect-metrics"
import * as ChaosProxy from "effect-metrics/testing/ChaosProxy"

// The code under test: an app that is to end in time, whatever its backend does.
const jobs = Metrics.counter("jobs")
const app = (url: string, shutdownTimeout: Duration.DurationInput) =>
  Effect.gen(function* () {
    yield* Metrics.increment(jobs)
    return yield* Metrics.Metrics
  }).pipe(Effect.provide(InfluxDb.layerFetch({ url, database: "app", shutdownTimeout })))

it.scopedLive("ends although the backend hangs, and knows what it lost", () =>
  Effect.gen(function* () {
    const server = yield* ChaosProxy.httpServer()
    const [delivered] = Metrics.ledgersOf(yield* app(server.url, "5 seconds"))
    assert.strictEqual(delivered?.ledger.delivered, 1)
    assert.match((yield* server.requests)[0]?.body ?? "", /^jobs,host=\S+ value=1 \d+$/m)

    yield* server.fault("hang")
    const [lost] = Metrics.ledgersOf(yield* app(server.url, "200 millis"))
    assert.deepStrictEqual(lost?.ledger.dropped, { shutdown_deadline: 1 })
    assert.strictEqual(lost && Ledger.imbalance(lost.ledger), 0)
  })
)
