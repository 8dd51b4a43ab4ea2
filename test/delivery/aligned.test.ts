import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, type Schedule, ScheduleDecision, ScheduleIntervals, TestClock } from "effect"
import { aligned } from "../../src/delivery/aligned.js"

/** When it recurs, from `from` for `millis`. */
const recurrences = (schedule: Schedule.Schedule<unknown>, from: number, millis: number, work = 0) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(from)
    const at: Array<number> = []
    const tick = Clock.currentTimeMillis.pipe(
      Effect.map((now) => void at.push(now)),
      Effect.zipLeft(Effect.sleep(work))
    )
    const fiber = yield* Effect.fork(Effect.schedule(tick, schedule))
    yield* TestClock.adjust(millis)
    fiber.unsafeInterruptAsFork(fiber.id())
    return at
  })

describe("aligned", () => {
  it.effect("recurs at multiples of the wall clock, wherever it begins", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* recurrences(aligned("10 seconds"), 1_234, 35_000), [10_000, 20_000, 30_000])
      assert.deepStrictEqual(yield* recurrences(aligned("10 seconds"), 50_000, 20_000), [60_000, 70_000])
    })
  )

  it.effect("moves by its offset, of either sign and any size", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* recurrences(aligned("10 seconds", { offset: "3 seconds" }), 0, 24_000),
        [3000, 13_000, 23_000]
      )
      assert.deepStrictEqual(
        yield* recurrences(aligned("10 seconds", { offset: "33 seconds" }), 30_000, 10_000),
        [33_000]
      )
    })
  )

  it.effect("skips what it is too late for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* recurrences(aligned("10 seconds"), 0, 65_000, 15_000), [10_000, 30_000, 50_000])
    })
  )

  it("does not recur twice where a timer fires a moment too early", () => {
    const schedule = aligned("10 seconds")
    const next = (now: number, state: unknown) => {
      const [after, , decision] = Effect.runSync(schedule.step(now, undefined, state))
      assert.ok(ScheduleDecision.isContinue(decision))
      return [after, ScheduleIntervals.start(decision.intervals)] as const
    }
    const [state, first] = next(1234, schedule.initial)
    assert.strictEqual(first, 10_000)
    assert.strictEqual(next(9999, state)[1], 20_000)
  })

  it.effect("goes on when the clock is set back", () =>
    Effect.gen(function* () {
      const schedule = aligned("10 seconds")
      yield* TestClock.setTime(1_000_000)
      let ticks = 0
      yield* Effect.fork(
        Effect.schedule(
          Effect.sync(() => void ticks++),
          schedule
        )
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(ticks, 1)
      yield* TestClock.setTime(500_003)
      // The sleep under way keeps its time; a TestClock has no timers of its own.
      yield* TestClock.setTime(1_020_000)
      yield* TestClock.setTime(1_030_000)
      assert.strictEqual(ticks, 3)
    })
  )
})
