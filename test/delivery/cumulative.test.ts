import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { bucketsOf } from "../../src/recording/buckets.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { Count, Distribution, Measurement, Series } from "../../src/recording/measurement.js"
import * as Cumulative from "../../src/delivery/cumulative.js"

const seriesOf = (kind: Series["kind"]): Series => ({
  name: "s",
  tags: [],
  kind,
  valueType: "float",
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: kind === "distribution" ? [5] : undefined,
  encoded: undefined
})

/** Windows of one series that follow each other: `value` recordings of 1. */
const windowOf = (series: Series, at: number, value: number): Count | Distribution => {
  const timed = { series, weight: value, startMillis: 1000 + at, millis: 1001 + at, nanos: 0 }
  if (series.kind === "counter") return { _tag: "count", ...timed, value }
  const histogram = new Histogram()
  if (value > 0) histogram.recordTimes(1, value)
  return { _tag: "distribution", ...timed, histogram, buckets: [value, 0] }
}

const saidOf = (measurement: Measurement): number => {
  if (measurement._tag === "count") return measurement.value
  assert(measurement._tag === "distribution")
  assert.deepStrictEqual(measurement.buckets, [measurement.histogram.count, 0])
  assert.strictEqual(measurement.histogram.sum, measurement.histogram.count)
  return measurement.histogram.count
}

/** What becomes of each try of a window; then the lane lets go of it. */
const tries = fc.array(fc.constantFrom<Cumulative.Fate>("not stored", "unknown"), { maxLength: 3 })
const life = fc.record({ value: fc.nat(9), tries, end: fc.constantFrom("stored", "dropped") })

describe("totals of increases", () => {
  for (const kind of ["counter", "distribution"] as const) {
    it(`of a ${kind} hold what was, or may have been stored, and nothing else, and never fall`, () => {
      fc.assert(
        fc.property(fc.array(life, { maxLength: 12 }), (lives) => {
          const totals = Cumulative.make()
          const series = seriesOf(kind)
          let before = 0
          let start: number | undefined
          lives.forEach(({ end, tries, value }, at) => {
            const window = windowOf(series, at, value)
            const attempt = (fate: Cumulative.Fate) => {
              const [added] = totals.add([window])
              assert.strictEqual(saidOf(added!), before + value)
              assert.strictEqual((added as Count).startMillis, (start ??= window.startMillis))
              totals.begin([window])
              totals.settle([window], fate)
            }
            for (const fate of tries) attempt(fate)
            if (end === "stored") attempt("stored")
            if (end === "stored" || tries.includes("unknown")) before += value
          })
          assert.strictEqual(saidOf(totals.add([windowOf(series, 99, 1)])[0]!), before + 1)
        })
      )
    })
  }

  it("leave gauges and points as they are, and what was measured too", () => {
    const totals = Cumulative.make()
    const window = windowOf(seriesOf("distribution"), 0, 3)
    const gauge: Measurement = { ...windowOf(seriesOf("counter"), 0, 7), _tag: "gauge", value: 7 }
    for (const fate of ["stored", "stored"] as const) {
      assert.strictEqual(totals.add([gauge, window])[0], gauge)
      totals.begin([gauge, window])
      totals.settle([gauge, window], fate)
    }
    assert.strictEqual(saidOf(window), 3)
  })

  it("of windows of other processes, of which several are on their way, count each once", () => {
    const totals = Cumulative.make()
    const series = seriesOf("counter")
    const foreign = (at: number): Measurement => Object.assign(windowOf(series, at, 1), { foreign: true })
    const all = [foreign(0), foreign(1), foreign(2)]
    assert.deepStrictEqual(totals.add(all).map(saidOf), [1, 2, 3])
    totals.begin(all)
    totals.settle(all, "unknown")
    // Repeated in parts, they say what they said.
    assert.deepStrictEqual(totals.add(all.slice(1)).map(saidOf), [2, 3])
    assert.deepStrictEqual(totals.add([foreign(3), all[0]!]).map(saidOf), [4, 1])
  })

  for (const late of ["stored", "not stored", "unknown"] as const) {
    it(`stay as they are where a write that was given up ends later: ${late}`, () => {
      for (const kind of ["counter", "distribution"] as const) {
        const totals = Cumulative.make()
        const series = seriesOf(kind)
        const said = (window: Measurement) => saidOf(totals.add([window])[0]!)
        const [first, second, third] = [0, 1, 2].map((at) => windowOf(series, at, 2)) as [Count, Count, Count]
        assert.strictEqual(said(first), 2)
        totals.begin([first])
        // Nobody waits for that one any more: it is written once more, and ends in between.
        totals.settle([first], late)
        assert.strictEqual(said(first), 2)
        totals.begin([first])
        totals.settle([first], "stored")
        assert.strictEqual(said(second), 4)
        totals.begin([second])
        totals.settle([first], late)
        totals.settle([second], "not stored")
        // What the second held belongs to the third.
        assert.strictEqual(said(third), 4)
      }
    })
  }

  it("never fall where the lane goes on without an end of the last write", () => {
    const totals = Cumulative.make()
    const series = seriesOf("counter")
    const [first, second] = [windowOf(series, 0, 2), windowOf(series, 1, 1)]
    totals.add([first])
    totals.begin([first])
    assert.strictEqual(saidOf(totals.add([second])[0]!), 3)
  })

  it("begin before they end, also where the first window has no length", () => {
    const totals = Cumulative.make()
    const series = seriesOf("counter")
    const first = { ...windowOf(series, 0, 2), millis: 1000 }
    const startOf = (window: Measurement) => (totals.add([window])[0] as Count).startMillis
    assert.strictEqual(startOf(first), 999)
    assert.strictEqual(startOf(windowOf(series, 0, 2)), 999)
  })

  it("have buckets that never fall, also where those are counted by about the values", () => {
    const bounds = [1, 1.01, 1.02, 1.03, 10]
    const totals = Cumulative.make((window) => bucketsOf(window.histogram, bounds))
    const series = { ...seriesOf("distribution"), boundaries: undefined }
    let before = bounds.map(() => 0)
    // A range that grows makes the total's own buckets coarser with each window.
    const values = [1.0001, 1.0102, 1.0203, 1.0301, 2, 50, 1e4, 1e9, 1e-9, 1e100]
    values.forEach((value, at) => {
      const histogram = new Histogram()
      histogram.recordTimes(value, 3)
      const window: Distribution = { ...(windowOf(series, at, 0) as Distribution), histogram, buckets: undefined }
      const [total] = totals.add([window]) as [Distribution]
      let sum = 0
      const upTo = total.buckets!.slice(0, -1).map((count) => (sum += count))
      assert.isTrue(
        upTo.every((count, i) => count >= before[i]!),
        `${upTo.join()} after ${before.join()}`
      )
      before = upTo
      totals.begin([window])
      totals.settle([window], "stored")
    })
  })
})
