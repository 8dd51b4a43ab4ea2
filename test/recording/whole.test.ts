import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Lane } from "../../src/recording/lane.js"
import type { Count, Distribution, Gauge, Point } from "../../src/recording/measurement.js"
import { addCount, emitAt, mergeDistribution, recordAt, setGauge } from "../../src/recording/whole.js"
import {
  balanced,
  clock,
  counter,
  distribution,
  gauge,
  hubOf,
  laneOf,
  ledgerOf,
  numbers,
  point,
  sealAll,
  type TestLane
} from "./harness.js"

/** What one process gathers. */
const gathered = <Tag extends "count" | "gauge" | "distribution">(
  tag: Tag,
  record: (lane: Lane) => void
): Extract<Count | Gauge | Distribution, { readonly _tag: Tag }> => {
  const lane = laneOf()
  record(lane)
  const [window] = sealAll(lane)
  assert(window?._tag === tag)
  return window as Extract<Count | Gauge | Distribution, { readonly _tag: Tag }>
}

const hits = (times: number): Count =>
  gathered("count", (lane) => {
    for (let i = 0; i < times; i++) counter(hubOf(lane), "hits").increment()
  })

const sizes = (values: ReadonlyArray<number>, boundaries?: ReadonlyArray<number>): Distribution =>
  gathered("distribution", (lane) => {
    for (const value of values) distribution(hubOf(lane), "sizes", undefined, { boundaries }).record(value)
  })

const raw = (): TestLane => laneOf({ raw: new Set(["counter", "gauge", "distribution", "timer"] as const) })

const pointOf = (more: Partial<Point> = {}): Point => ({
  _tag: "point",
  series: gathered("count", (lane) => counter(hubOf(lane), "x").increment()).series,
  weight: 1,
  millis: 123,
  nanos: 456,
  fieldNames: ["value"],
  fieldValues: [1],
  sampleRate: 1,
  ...more
})

describe("whole windows", () => {
  it("of counters add up, in every lane, with all their recordings", () => {
    const [one, two] = [laneOf(), laneOf()]
    const entry = counter(hubOf(one, two), "hits")
    addCount(entry, hits(3))
    addCount(entry, hits(4))
    for (const lane of [one, two]) {
      const windows = sealAll(lane)
      assert.deepStrictEqual(numbers(windows), { "hits{}": 7 })
      assert.strictEqual(ledgerOf(lane, windows).recorded, 7)
      assert.isTrue(balanced(ledgerOf(lane, windows)))
    }
  })

  it("of distributions merge to what one process would have gathered", () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), { minLength: 1 })
    const boundaries = [-10, 0, 10]
    fc.assert(
      fc.property(values, values, (one, two) => {
        const lane = laneOf()
        const entry = distribution(hubOf(lane), "sizes", undefined, { boundaries })
        mergeDistribution(entry, sizes(one, boundaries))
        mergeDistribution(entry, sizes(two, boundaries))
        const [merged] = sealAll(lane)
        const all = sizes([...one, ...two], boundaries)
        assert(merged?._tag === "distribution")
        assert.deepStrictEqual(merged.buckets, all.buckets)
        assert.deepStrictEqual(merged.histogram.positive, all.histogram.positive)
        assert.deepStrictEqual(merged.histogram.negative, all.histogram.negative)
        assert.deepStrictEqual(
          [merged.weight, merged.histogram.count, merged.histogram.min, merged.histogram.max],
          [all.weight, all.histogram.count, all.histogram.min, all.histogram.max]
        )
      })
    )
  })

  it("of distributions with other boundaries, or with none, are counted by about their values", () => {
    const lane = laneOf()
    const entry = distribution(hubOf(lane), "sizes", undefined, { boundaries: [1, 10] })
    mergeDistribution(entry, sizes([0, 0.5, -3, 5, 50], [2, 3]))
    mergeDistribution(entry, sizes([7]))
    const [merged] = sealAll(lane)
    assert(merged?._tag === "distribution")
    assert.deepStrictEqual([merged.buckets, merged.weight], [[3, 2, 1], 6])
  })

  it("of gauges set the value, and count every recording", () => {
    const lane = laneOf()
    const entry = gauge(hubOf(lane), "active")
    const window = gathered("gauge", (from) => {
      const active = gauge(hubOf(from), "active")
      active.set(3)
      active.set(5)
    })
    setGauge(entry, window)
    setGauge(entry, { ...window, value: 4, weight: 0 })
    const windows = sealAll(lane)
    assert.deepStrictEqual(numbers(windows), { "active{}": 4 })
    assert.strictEqual(windows[0]!.weight, 2)
    assert.isTrue(balanced(ledgerOf(lane, windows)))
  })

  it("are points where recordings are points, at the times they have", () => {
    const lane = raw()
    const hub = hubOf(lane)
    addCount(counter(hub, "hits"), hits(3))
    setGauge(
      gauge(hub, "active"),
      gathered("gauge", (from) => gauge(hubOf(from), "active").set(5))
    )
    mergeDistribution(distribution(hub, "sizes"), { ...sizes([0, 4, 4, 4, 4]), millis: 77 })
    assert.deepStrictEqual(
      lane.taken.map(({ fieldValues, sampleRate, weight }) => [Math.round(Number(fieldValues[0])), sampleRate, weight]),
      [
        [3, 1, 3],
        [5, 1, 1],
        [0, 1, 1],
        [4, 0.25, 4]
      ]
    )
    assert.strictEqual(lane.taken[3]!.millis, 77)
    assert.isTrue(balanced(ledgerOf(lane)))
  })

  it("are refused where they cannot be measured, or the lane has closed", () => {
    const lane = laneOf({ maxSeries: 1 })
    const hub = hubOf(lane)
    addCount(counter(hub, "a", undefined, { valueType: "int" }), { ...hits(1), value: 0.5 })
    const window = gathered("gauge", (from) => gauge(hubOf(from), "g").set(5))
    setGauge(gauge(hub, "g"), window)
    recordAt(gauge(hub, "g"), 1, pointOf())
    mergeDistribution(distribution(hub, "a"), sizes([1]))
    lane.close()
    addCount(counter(hub, "a"), hits(1))
    mergeDistribution(distribution(hub, "b"), sizes([1]))
    assert.deepStrictEqual(Object.fromEntries(lane.account.refused), {
      not_integer: 1,
      series_limit: 2,
      type_conflict: 1,
      closed: 2
    })
    assert.strictEqual(ledgerOf(lane).recorded, 0)
  })
})

describe("single recordings with a time", () => {
  it("gather in windows, and stand for what was sampled away", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    recordAt(counter(hub, "c"), 2, pointOf({ sampleRate: 0.25 }))
    recordAt(gauge(hub, "g"), 7, pointOf())
    recordAt(distribution(hub, "d", undefined, { boundaries: [1] }), 3, pointOf({ sampleRate: 0.5 }))
    const windows = sealAll(lane)
    assert.deepStrictEqual(numbers(windows), { "c{}": 8, "g{}": 7, "d{}": 6 })
    assert(windows[2]?._tag === "distribution")
    assert.deepStrictEqual(windows[2].buckets, [0, 2])
    assert.isTrue(balanced(ledgerOf(lane, windows)))
  })

  it("are points of that time where recordings are points", () => {
    const lane = laneOf()
    recordAt(gauge(hubOf(lane), "g", undefined, { aggregate: false }), 7, pointOf({ sampleRate: 0.5 }))
    const [taken] = lane.taken
    assert.deepStrictEqual([taken!.millis, taken!.nanos, taken!.sampleRate, taken!.fieldValues], [123, 456, 0.5, [7]])
  })

  it("and points keep all they say", () => {
    const lane = laneOf({ sampleRate: 1 })
    emitAt(point(hubOf(lane), "p"), pointOf({ fieldNames: ["a", "b"], fieldValues: [1n, "x"], sampleRate: 0.5 }))
    const [taken] = lane.taken
    assert.deepStrictEqual(
      [taken!.millis, taken!.nanos, taken!.sampleRate, taken!.fieldNames, taken!.fieldValues],
      [123, 456, 0.5, ["a", "b"], [1n, "x"]]
    )
    assert.strictEqual(ledgerOf(lane).recorded, 1)
  })

  it("go on into the series that took the place of a forgotten one", () => {
    const lane = laneOf({ expireAfterMillis: 1000 })
    const entry = counter(hubOf(lane), "hits")
    addCount(entry, hits(1))
    lane.delivered(sealAll(lane))
    clock.now += 5000
    lane.expire(clock.now)
    addCount(entry, hits(2))
    assert.deepStrictEqual(numbers(sealAll(lane)), { "hits{}": 2 })
  })
})
