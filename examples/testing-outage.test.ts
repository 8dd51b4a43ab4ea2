import { assert, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Ledger, Metrics, Sink } from "effect-metrics"
import { FaultySink } from "effect-metrics/testing"

// The code under test: an app that says whether its metrics arrive.
const jobs = Metrics.counter("jobs")
const isBehind = Effect.map(Metrics.ledgers, (ledgers) => ledgers.some(({ ledger }) => Ledger.buffered(ledger) > 1000))

it.effect("says that metrics do not arrive, and then that they do", () => {
  const backend = FaultySink.make()
  return Effect.gen(function* () {
    backend.answer(new Sink.Unavailable({ sink: "faulty", reason: "connection refused", ambiguous: false }))
    yield* Effect.repeatN(Metrics.increment(jobs), 1500)
    yield* TestClock.adjust("1 minute")
    assert.isTrue(yield* isBehind)

    backend.answer("ok")
    yield* TestClock.adjust("1 minute")
    assert.isFalse(yield* isBehind)
    // Not one of them is lost, nor there twice.
    const counts = backend.received().map((one) => (one._tag === "count" ? one.value : 0))
    assert.strictEqual(
      counts.reduce((sum, value) => sum + value, 0),
      1501
    )
  }).pipe(Effect.provide(backend.layer))
})
