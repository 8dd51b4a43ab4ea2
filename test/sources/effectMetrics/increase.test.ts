import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { MetricBoundaries, MetricHook, MetricKey } from "effect"
import { bucketOf } from "../../../src/recording/buckets.js"
import { Increases } from "../../../src/sources/effectMetrics/increase.js"

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })
const windows = fc.array(fc.array(fc.oneof(finite, fc.integer({ min: -20, max: 20 })), { maxLength: 20 }), {
  maxLength: 5
})
const boundaries = fc.uniqueArray(fc.oneof(finite, fc.integer({ min: -20, max: 20 })), { maxLength: 8 })

const histogramOf = (bounds: ReadonlyArray<number>) =>
  MetricHook.histogram(MetricKey.histogram("h", MetricBoundaries.fromIterable(bounds)))

const sorted = (bounds: ReadonlyArray<number>): ReadonlyArray<number> => [...bounds].sort((a, b) => a - b)

/** How many values are in each bucket. */
const bucketed = (bounds: ReadonlyArray<number>, values: ReadonlyArray<number>, counts?: ReadonlyArray<number>) => {
  const buckets = new Array<number>(bounds.length + 1).fill(0)
  values.forEach((value, i) => (buckets[bucketOf(bounds, value)]! += counts?.[i] ?? 1))
  return buckets
}

describe("what a histogram of Effect's saw between two readings", () => {
  it("is exact by bucket, its values lie within what was ever seen, and it is bounded", () => {
    fc.assert(
      fc.property(boundaries, windows, (bounds, windows) => {
        const hook = histogramOf(bounds)
        const increases = new Increases(1)
        const all: Array<number> = []
        for (const window of windows) {
          for (const value of window) hook.update(value)
          all.push(...window)
          const { count, counts, sum, values } = increases.next(hook.get())
          assert.strictEqual(count, window.length)
          assert.deepStrictEqual(bucketed(sorted(bounds), values, counts), bucketed(sorted(bounds), window))
          assert.isAtMost(values.length, bounds.length + 3)
          const truth = window.reduce((total, value) => total + value, 0)
          assert.closeTo(sum, truth, 1e-3)
          // Effect does not know the largest of values that are all negative.
          const [least, most] = [Math.min(...all), Math.max(...all, all.some((value) => value > 0) ? -Infinity : 0)]
          for (const value of values) {
            const slack = Math.abs(value) * 1e-12 + Number.MIN_VALUE
            assert.isTrue(value >= least - slack && value <= most + slack, `${least} ${value} ${most}`)
          }
        }
      })
    )
  })

  it("adds up to the sum by its values, too", () => {
    fc.assert(
      fc.property(boundaries, windows, (bounds, windows) => {
        const hook = histogramOf(bounds)
        const increases = new Increases(1)
        for (const window of windows) {
          for (const value of window) hook.update(value)
          const { counts, sum, values } = increases.next(hook.get())
          const added = values.reduce((total, value, i) => total + value * counts[i]!, 0)
          // Extremes that are counted by themselves may leave the others less room than they had.
          const size = Math.max(1, ...window.map(Math.abs)) * Math.max(1, window.length)
          assert.closeTo(added, sum, size * 1e-6)
        }
      })
    )
  })

  it("is exact by bucket when counts wrap, for Effect counts them in 32 bits", () => {
    const increases = new Increases(1)
    const reading = (count: number) => ({
      buckets: [[1, count] as const, [Infinity, count] as const],
      min: 0,
      max: 1,
      sum: 0
    })
    increases.next(reading(2 ** 32 - 2))
    assert.deepStrictEqual(increases.next(reading(3)).count, 5)
  })

  it("is finite and in its buckets whatever else was observed", () => {
    const anything = fc.oneof(
      finite,
      fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, Number.MAX_VALUE, Number.MIN_VALUE)
    )
    const check =
      (divisor: number) => (bounds: ReadonlyArray<number>, windows: ReadonlyArray<ReadonlyArray<number>>) => {
        const hook = histogramOf(bounds)
        const increases = new Increases(divisor)
        const scaled = sorted(bounds).map((bound) => bound / divisor)
        for (const window of windows) {
          for (const value of window) hook.update(value)
          const seen = window.filter((value) => !Number.isNaN(value))
          const { count, counts, sum, values } = increases.next(hook.get())
          assert.strictEqual(count, seen.length)
          assert.isTrue(Number.isFinite(sum) && values.every(Number.isFinite), `${sum} ${values.join()}`)
          assert.deepStrictEqual(bucketed(scaled, values, counts), bucketed(sorted(bounds), seen))
        }
      }
    const windows = fc.array(fc.array(anything, { maxLength: 8 }), { maxLength: 4 })
    fc.assert(fc.property(boundaries, windows, check(1)))
    // Bounds that are too close together to be told apart as seconds are not what milliseconds have.
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: -20, max: 20 })), windows, check(1000)))
  })
})
