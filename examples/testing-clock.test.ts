import { assert, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Metrics } from "effect-metrics"
import { TestMetrics } from "effect-metrics/testing"

// The code under test.
const duration = Metrics.timer("report.duration")
const report = Effect.sleep("3 minutes").pipe(Metrics.trackDuration(duration, { outcome: true }))

it.effect("times what is interrupted, to the nanosecond", () =>
  Effect.gen(function* () {
    const finished = yield* Effect.fork(report)
    const givenUp = yield* Effect.fork(Effect.timeoutOption(report, "1 minute"))
    yield* TestClock.adjust("3 minutes")
    yield* Fiber.join(finished)
    yield* Fiber.join(givenUp)
    assert.deepStrictEqual(yield* TestMetrics.timings(duration, { outcome: "success" }), [180])
    assert.deepStrictEqual(yield* TestMetrics.timings(duration, { outcome: "interrupt" }), [60])
  }).pipe(Effect.provide(TestMetrics.layer))
)
