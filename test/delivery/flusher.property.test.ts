/**
 * Random scripts against the whole lane, under TestClock. After every step the ledger holds; after the close everything is
 * accounted for; what the ledger calls delivered, the backend has.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, LogLevel, TestClock, TestContext } from "effect"
import * as fc from "fast-check"
import type { DeliveryOptions } from "../../src/delivery/options.js"
import { buffered, dropped } from "../../src/Ledger.js"
import { close, type Mode, pointIds, settle, start, weight } from "./harness.js"

type Step =
  | { readonly _tag: "points" | "increments" | "advance"; readonly n: number }
  | { readonly _tag: "backend"; readonly mode: Mode }
  | { readonly _tag: "flush" | "interrupted flush" | "turn" }

const modes: ReadonlyArray<Mode> = [
  "ok",
  "down",
  "answer lost",
  "poison",
  "too large",
  "throttled",
  "hangs",
  "dies",
  "throws",
  "partial"
]

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("points" as const), n: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("increments" as const), n: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("advance" as const), n: fc.integer({ min: 1, max: 12_000 }) })
  },
  { weight: 3, arbitrary: fc.record({ _tag: fc.constant("backend" as const), mode: fc.constantFrom(...modes) }) },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constantFrom("flush" as const, "interrupted flush" as const, "turn" as const) })
  }
)

const options = fc.record({
  overflow: fc.constantFrom("drop-newest" as const, "drop-oldest" as const),
  ambiguous: fc.constantFrom("retry" as const, "drop" as const),
  concurrency: fc.constantFrom(1, 1, 3),
  triggerSize: fc.constantFrom(1, 4, 12)
})

const capacity = 12

const quiet = Layer.merge(TestContext.TestContext, Logger.minimumLogLevel(LogLevel.None))

const run = (script: ReadonlyArray<Step>, chosen: DeliveryOptions, last: Mode): Effect.Effect<void> =>
  Effect.gen(function* () {
    const shutdownTimeout = last === "ok" ? "2 seconds" : "25 millis"
    const running = yield* start({ ...chosen, capacity, batchSize: 4, shutdownTimeout, requestTimeout: "3 seconds" })
    const { backend, ledger } = running
    for (const step of script) {
      switch (step._tag) {
        case "points":
          running.points(step.n)
          break
        case "increments":
          for (let i = 0; i < step.n; i++) running.increment(["a", "b", "c"][i % 3]!, i + 1)
          break
        case "advance":
          yield* TestClock.adjust(step.n)
          break
        case "backend":
          backend.mode = step.mode
          break
        case "flush":
          yield* Effect.forkDaemon(running.delivery.flush)
          break
        case "interrupted flush": {
          const flush = yield* Effect.forkDaemon(running.delivery.flush)
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(flush)
          break
        }
        case "turn":
          yield* settle
      }
      const now = ledger()
      assert.isAtMost(now.buffered.queued, capacity)
      assert.isTrue(Object.values(now.buffered).every((part) => part >= 0))
    }

    // What is under way fails now rather than after the close, where only TestClock would end the wait for the next try.
    yield* settle
    const hangs =
      running.ledger().buffered.inFlight > 0 && script.some((step) => step._tag === "backend" && step.mode === "hangs")
    backend.mode = last
    assert.strictEqual(yield* close(running), "closed")
    const after = ledger()
    assert.strictEqual(buffered(after), 0)
    assert.strictEqual(after.recorded, after.delivered + dropped(after))
    if (last === "ok" && !hangs) assert.isUndefined(after.dropped.shutdown_deadline)

    const stored = new Set(backend.stored)
    const unsure = weight(Array.from(stored).filter((one) => backend.doubted.has(one)))
    assert.isAtLeast(weight(Array.from(stored)), after.delivered, "delivered is stored")
    assert.isAtMost(weight(Array.from(stored)), after.delivered + unsure, "and little else")
    assert.isAtMost(unsure, after.ambiguous, "what the ledger does not know, it says")
    const twice = backend.stored.filter((one, index) => backend.stored.indexOf(one) !== index)
    assert.isTrue(
      twice.every((one) => backend.doubted.has(one)),
      "only answers that were lost are repeated"
    )
    if (chosen.concurrency === 1 && !script.some((step) => step._tag === "backend" && step.mode === "partial")) {
      const points = pointIds(Array.from(stored))
      assert.deepStrictEqual(
        points,
        Array.from(points).sort((a, b) => a - b),
        "points keep their order"
      )
    }
    running.points(1)
    assert.strictEqual(ledger().refused.closed, 1)
  })

describe("a delivered lane, whatever happens", () => {
  it("keeps its ledger after every step, and closes", async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { maxLength: 20 }),
        options,
        fc.constantFrom<Mode>("ok", "ok", "ok", "ok", ...modes),
        async (script, chosen, last) => {
          await Effect.runPromise(run(script, chosen, last).pipe(Effect.provide(quiet)))
          runs++
        }
      ),
      { numRuns: 150, interruptAfterTimeLimit: 25_000 }
    )
    // A run that was cut short reports success.
    assert.isAtLeast(runs, 30)
  }, 60_000)
})
