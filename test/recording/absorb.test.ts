import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Histogram } from "../../src/recording/histogram.js"
import { balanced, clock, distribution, hubOf, laneOf, ledgerOf, sealAll } from "./harness.js"

describe("recordTimes", () => {
  it("is what recording so often is, but for the rounding of the sum", () => {
    const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(0), fc.constant(-0))
    fc.assert(
      fc.property(fc.array(fc.tuple(value, fc.integer({ min: 1, max: 20 })), { maxLength: 30 }), (recordings) => {
        const [once, often] = [new Histogram(), new Histogram()]
        for (const [value, times] of recordings) {
          once.recordTimes(value, times)
          for (let i = 0; i < times; i++) often.record(value)
        }
        const exact = ({ count, max, min, negative, positive, scale, zeroCount }: Histogram) => {
          return { count, max, min, negative, positive, scale, zeroCount }
        }
        assert.deepStrictEqual(exact(once), exact(often))
      })
    )
  })
})

describe("absorb", () => {
  it("adds counts to the histogram and the buckets, the sum as it was given, and as many recordings", () => {
    const lane = laneOf()
    const handle = distribution(hubOf(lane), "a", undefined, { boundaries: [1, 10] })
    handle.record(5)
    handle.absorb([0.5, 1, 20], [2, 1, 4], 82.25)
    const [window] = sealAll(lane)
    assert(window?._tag === "distribution")
    const { buckets, histogram, weight } = window
    assert.deepStrictEqual(
      [histogram.count, histogram.sum, histogram.min, histogram.max, buckets, weight],
      [8, 87.25, 0.5, 20, [3, 1, 4], 8]
    )
    assert.deepStrictEqual(ledgerOf(lane, [window]).recorded, 8)
    assert.isTrue(balanced(ledgerOf(lane, [window])))
  })

  it("goes to every lane, and on into the series that took the place of a forgotten one", () => {
    const [one, two] = [laneOf({ expireAfterMillis: 1000 }), laneOf()]
    const handle = distribution(hubOf(one, two), "a")
    handle.absorb([1], [3], 3)
    one.delivered(sealAll(one))
    clock.now += 5000
    one.expire(clock.now)
    handle.absorb([1], [4], 4)
    const windows = [one, two].map((lane) => sealAll(lane))
    assert.deepStrictEqual(
      windows.map((all) => all.map(({ weight }) => weight)),
      [[4], [7]]
    )
    assert.isTrue(balanced(ledgerOf(one, windows[0])))
    assert.isTrue(balanced(ledgerOf(two, windows[1])))
    assert.strictEqual(ledgerOf(one).recorded, 7)
  })

  it("is a point for each value where recordings are points, which says how many it stands for", () => {
    const lane = laneOf({ raw: new Set(["distribution" as const]) })
    distribution(hubOf(lane), "a").absorb([0.5, 20], [1, 4], 80)
    assert.deepStrictEqual(
      lane.taken.map(({ fieldValues, sampleRate, weight }) => [...fieldValues, sampleRate, weight]),
      [
        [0.5, 1, 1],
        [20, 0.25, 4]
      ]
    )
    assert.isTrue(balanced(ledgerOf(lane)))
  })

  it("refuses what cannot be measured as a whole, and once", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    distribution(hub, "a").absorb([1, NaN], [1, 1], 2)
    distribution(hub, "a").absorb([1], [1], Infinity)
    distribution(hub, "t", undefined, undefined, "timer").absorb([-1, 2], [1, 1], 1)
    lane.close()
    distribution(hub, "a").absorb([1, 2, 3], [1, 1, 1], 6)
    assert.deepStrictEqual(
      lane.account.refused,
      new Map([
        ["not_finite" as const, 2],
        ["negative" as const, 1],
        ["closed" as const, 1]
      ])
    )
    assert.strictEqual(ledgerOf(lane).recorded, 0)
  })
})
