import { assert, describe, it } from "@effect/vitest"
import { distributionReads, numberOf } from "../../src/encoding/scalars.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { Distribution } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import { measurementOf } from "../vectors/rows.js"

const windowOf = (values: ReadonlyArray<number>, buckets?: ReadonlyArray<number>): Distribution => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  const { millis, nanos, series } = measurementOf({ name: "d", kind: "gauge", value: 0, tags: {}, timestampNanos: "0" })
  return { _tag: "distribution", series, weight: values.length, millis, nanos, startMillis: 0, histogram, buckets }
}

const readAll = (
  window: Distribution,
  boundaries: ReadonlyArray<number> | undefined,
  quantiles: ReadonlyArray<number>
) => Object.fromEntries(distributionReads(boundaries, quantiles).map(({ name, read }) => [name, read(window)]))

describe("the numbers of a distribution", () => {
  it("are count, sum, min, max and mean, and the quantiles asked for", () => {
    const all = readAll(windowOf([1, 2, 3, 4]), undefined, [0.5, 0.999, 1])
    assert.deepInclude(all, { count: 4, sum: 10, min: 1, max: 4, mean: 2.5 })
    assert.closeTo(all["p50"]!, 2, 0.2)
    assert.closeTo(all["p99.9"]!, 3, 0.2)
    assert.closeTo(all["p100"]!, 4, 0.2)
    assert.lengthOf(Object.keys(all), 8)
  })

  it("are also how many were at most each boundary, and all of them", () => {
    const all = readAll(windowOf([0.1, 0.7, 0.9, 7], [1, 2, 1]), [0.5, 1], [])
    assert.deepInclude(all, { "le_0.5": 1, le_1: 3, le_inf: 4 })
  })

  it("have each name once, though a quantile is asked for twice", () => {
    const names = distributionReads(undefined, [0.5, 0.5]).map(({ name }) => name)
    assert.deepStrictEqual(names, [...new Set(names)])
  })
})

describe("a field as a number", () => {
  it("is itself, with booleans as 1 and 0, and none for text", () => {
    const fields = [1.5, 7n, true, false, new Int(-3), new UInt(9n), "text"]
    assert.deepStrictEqual(fields.map(numberOf), [1.5, 7n, 1, 0, -3, 9n, undefined])
  })
})
