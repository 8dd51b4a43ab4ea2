import { DDSketch } from "@datadog/sketches-js"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import {
  type Buckets,
  downscale,
  Histogram,
  indexOf,
  relativeError,
  representativeOf
} from "../../src/recording/histogram.js"

const recorded = (values: ReadonlyArray<number>, maxBuckets?: number): Histogram => {
  const histogram = new Histogram(maxBuckets)
  for (const value of values) histogram.record(value)
  return histogram
}

const merged = (histograms: ReadonlyArray<Histogram>, maxBuckets?: number): Histogram => {
  const all = new Histogram(maxBuckets)
  for (const histogram of histograms) all.merge(histogram)
  return all
}

const total = (buckets: Buckets): number => buckets.counts.reduce((sum, count) => sum + count, 0)

/** All that is exact: the sum of doubles depends on the order in which they are added. */
const exactParts = (histogram: Histogram) => ({
  count: histogram.count,
  min: histogram.min,
  max: histogram.max,
  zeroCount: histogram.zeroCount,
  scale: histogram.scale,
  positive: histogram.positive,
  negative: histogram.negative
})

const assertClose = (actual: number, expected: number, tolerance: number, message?: string) =>
  assert.isTrue(
    Math.abs(actual - expected) <= tolerance * Math.abs(expected),
    `${message ?? ""} ${actual} is not within ${tolerance} of ${expected}`
  )

/** A small deterministic generator, uniform in [0, 1). */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const sample = (count: number, seed: number, draw: (random: () => number) => number): ReadonlyArray<number> => {
  const random = generator(seed)
  return Array.from({ length: count }, () => draw(random))
}

const gauss = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

const shapes: Record<string, ReadonlyArray<number>> = {
  uniform: sample(20_000, 1, (random) => random() * 1000),
  normal: sample(20_000, 2, (random) => 500 + 40 * gauss(random)),
  lognormal: sample(20_000, 3, (random) => Math.exp(-5 + 1.5 * gauss(random))),
  "heavy tail": sample(20_000, 4, (random) => (1 - random()) ** (-1 / 1.1)),
  bimodal: sample(20_000, 5, (random) => (random() < 0.7 ? 0.002 + random() * 0.001 : 3 + random())),
  constant: sample(1000, 6, () => 0.125),
  "narrow around one": sample(5000, 7, (random) => 1 + random() * 1e-4),
  "both signs and zeros": sample(20_000, 8, (random) => (random() < 0.1 ? 0 : 100 * gauss(random))),
  "all negative": sample(20_000, 9, (random) => -Math.exp(2 * gauss(random)))
}
const quantiles = [0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1]

const positive = fc.double({ min: 5e-324, max: Number.MAX_VALUE, noNaN: true })
const finite = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -1e6, max: 1e6, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 1, -1, 2, 0.5, 1024, 5e-324, -5e-324, Number.MAX_VALUE) }
)

describe("indexOf", () => {
  const facts: ReadonlyArray<readonly [value: number, scale: number, index: number]> = [
    [1, 0, -1],
    [2, 0, 0],
    [4, 0, 1],
    [1.5, 0, 0],
    [0.5, 0, -2],
    [1.0001, 20, 151],
    [2.2250738585072014e-308, 0, -1023],
    [7, -2, 0],
    [1e-5, -1, -9],
    [2, 3, 7],
    [1.09051, 3, 1],
    [5e-324, 0, -1075],
    [5e-324, -11, -1],
    [Number.MAX_VALUE, 0, 1023],
    [Number.MAX_VALUE, -10, 0],
    [Number.MAX_VALUE, 20, 2 ** 30 - 1]
  ]
  for (const [value, scale, index] of facts) {
    it(`puts ${value} at scale ${scale} into bucket ${index}`, () => assert.strictEqual(indexOf(value, scale), index))
  }

  it("puts a power of two into the bucket that ends with it, at every scale", () => {
    for (let exponent = -1074; exponent <= 1023; exponent++) {
      for (let scale = 0; scale <= 20; scale++) {
        assert.strictEqual(indexOf(2 ** exponent, scale), exponent * 2 ** scale - 1, `2^${exponent} at ${scale}`)
      }
    }
  })

  it("puts the next double after a power of two into the next bucket", () => {
    for (let exponent = -1021; exponent <= 1023; exponent++) {
      for (const scale of [0, 3, 8, 9, 20]) {
        assert.strictEqual(indexOf(2 ** exponent * (1 + 2 ** -52), scale), exponent * 2 ** scale)
      }
    }
  })

  it("agrees with the logarithm, but for values on a boundary", () => {
    const random = generator(11)
    for (let i = 0; i < 3000; i++) {
      const value = Math.exp((random() - 0.5) * 200)
      for (let scale = 1; scale <= 20; scale++) {
        const exact = Math.log2(value) * 2 ** scale
        if (Math.abs(exact - Math.round(exact)) < 1e-6) continue
        assert.strictEqual(indexOf(value, scale), Math.ceil(exact) - 1, `${value} at ${scale}`)
      }
    }
  })

  it("gives the same bucket at a scale as downscaled to it", () => {
    fc.assert(
      fc.property(positive, fc.integer({ min: -11, max: 20 }), fc.integer({ min: 0, max: 31 }), (value, scale, by) => {
        fc.pre(scale - by >= -11)
        assert.strictEqual(indexOf(value, scale - by), indexOf(value, scale) >> by)
      }),
      { numRuns: 2000 }
    )
  })

  it("never decreases as the value grows", () => {
    fc.assert(
      fc.property(positive, positive, fc.integer({ min: -11, max: 20 }), (a, b, scale) => {
        assert.isAtMost(indexOf(Math.min(a, b), scale), indexOf(Math.max(a, b), scale))
      }),
      { numRuns: 2000 }
    )
  })

  it("agrees with the mapping of the OpenTelemetry SDK", () => {
    const require = createRequire(import.meta.url)
    const internals = join(
      dirname(require.resolve("@opentelemetry/sdk-metrics")),
      "aggregator/exponential-histogram/mapping"
    )
    const { getMapping }: { getMapping: (scale: number) => { mapToIndex: (value: number) => number } } = require(
      join(internals, "getMapping.js")
    )
    const random = generator(12)
    for (let scale = -10; scale <= 20; scale++) {
      const mapping = getMapping(scale)
      for (let i = 0; i < 500; i++) {
        const value = Math.exp((random() - 0.5) * 20)
        assert.strictEqual(indexOf(value, scale), mapping.mapToIndex(value), `${value} at ${scale}`)
      }
    }
  })
})

describe("a fractional scale", () => {
  const accuracy = 0.01
  const gamma = (1 + accuracy) / (1 - accuracy)
  const scale = -Math.log2(Math.log2(gamma))
  const facts: ReadonlyArray<readonly [value: number, key: number, representative: number]> = [
    [1, 0, 0.9900000000000001],
    [2, 35, 1.993661701417351],
    [3, 55, 2.974233423476717],
    [4.5, 76, 4.526732305578894],
    [10, 116, 10.074696689511441],
    [100, 231, 100.4945677085671],
    [1000, 346, 1002.4280085221619],
    [1e-9, -1036, 9.925526628556582e-10]
  ]
  for (const [value, key, representative] of facts) {
    it(`has the DDSketch key ${key} for ${value}`, () => {
      assert.strictEqual(indexOf(value, scale) + 1, key)
      assertClose(representativeOf(key - 1, scale), representative, 1e-12)
    })
  }

  it("has DDSketch's guarantee", () => assertClose(relativeError(scale), accuracy, 1e-12))
})

describe("representativeOf", () => {
  it("is as far from both ends of its bucket, relatively, and no further than relativeError says", () => {
    for (let scale = -3; scale <= 20; scale++) {
      const base = 2 ** (2 ** -scale)
      for (const index of [-7, -1, 0, 1, 100]) {
        const [from, to] = [base ** index, base ** (index + 1)]
        const error = relativeError(scale)
        assertClose(representativeOf(index, scale), from * (1 + error), 1e-9)
        assertClose(representativeOf(index, scale), to * (1 - error), 1e-9)
      }
    }
  })

  it("is finite where the base is not", () => {
    assert.strictEqual(representativeOf(0, -10), 2)
    assert.strictEqual(representativeOf(-1, -11), 0)
    assert.strictEqual(relativeError(-10), 1)
  })
})

describe("downscale", () => {
  it("adds up neighbours, rounding down below zero as well", () => {
    const counts = new Array<number>(18).fill(0)
    for (const index of [-9, -8, -1, 0, 7, 8]) counts[index + 9] = 1
    assert.deepStrictEqual(downscale({ offset: -9, counts }, 2), { offset: -3, counts: [1, 1, 1, 1, 1, 1] })
  })

  it("gives what recording at the coarser scale gives", () => {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1 }), fc.integer({ min: 0, max: 8 }), (values, by) => {
        const histogram = recorded(values)
        const expected = new Map<number, number>()
        for (const value of values) {
          const index = indexOf(value, histogram.scale) >> by
          expected.set(index, (expected.get(index) ?? 0) + 1)
        }
        const { counts, offset } = downscale(histogram.positive, by)
        counts.forEach((count, i) => assert.strictEqual(count, expected.get(offset + i) ?? 0))
        assert.strictEqual(total({ counts, offset }), values.length)
      })
    )
  })
})

describe("Histogram", () => {
  it("is empty at first", () => {
    const histogram = new Histogram()
    assert.deepStrictEqual(exactParts(histogram), {
      count: 0,
      min: Infinity,
      max: -Infinity,
      zeroCount: 0,
      scale: 20,
      positive: { offset: 0, counts: [] },
      negative: { offset: 0, counts: [] }
    })
    assert.strictEqual(histogram.sum, 0)
    assert.isNaN(histogram.quantile(0.5))
  })

  it("keeps a single value exactly, at the finest scale", () => {
    const histogram = recorded([0.3, 0.3, 0.3])
    assert.strictEqual(histogram.scale, 20)
    assert.strictEqual(histogram.quantile(0.5), 0.3)
    assert.deepStrictEqual(histogram.positive, { offset: indexOf(0.3, 20), counts: [3] })
    assert.closeTo(histogram.sum, 0.9, 1e-12)
  })

  it("counts both zeros apart from the buckets", () => {
    const histogram = recorded([0, -0, 5])
    assert.strictEqual(histogram.zeroCount, 2)
    assert.strictEqual(histogram.quantile(0), 0)
    assert.strictEqual(total(histogram.positive), 1)
  })

  it("mirrors negative values", () => {
    const values = sample(1000, 21, (random) => Math.exp(gauss(random)))
    const above = recorded(values)
    const below = recorded(values.map((value) => -value))
    assert.deepStrictEqual(below.negative, above.positive)
    assert.deepStrictEqual(below.positive, above.negative)
    assert.strictEqual(below.sum, -above.sum)
    assert.strictEqual(below.quantile(0), -above.quantile(1))
  })

  it("holds the smallest and the largest doubles at once", () => {
    const histogram = recorded([1, 5e-324, Number.MAX_VALUE, -5e-324, -Number.MAX_VALUE, 2.2e-308])
    assert.strictEqual(histogram.count, 6)
    assert.strictEqual(total(histogram.positive), 4)
    assert.strictEqual(total(histogram.negative), 2)
    assert.strictEqual(histogram.scale, -4)
    assert.isAtMost(histogram.positive.counts.length, 160)
    assert.strictEqual(histogram.quantile(0), -Number.MAX_VALUE)
    assert.strictEqual(histogram.quantile(1), Number.MAX_VALUE)
  })

  it("holds them in two buckets", () => {
    const histogram = recorded([5e-324, 1, 1.5, Number.MAX_VALUE], 2)
    assert.strictEqual(histogram.scale, -11)
    assert.deepStrictEqual(histogram.positive, { offset: -1, counts: [2, 2] })
  })

  it("downscales as far as the range needs and no further", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1 }), fc.integer({ min: 2, max: 200 }), (values, maxBuckets) => {
        const histogram = recorded(values, maxBuckets)
        const width = (scale: number, sign: 1 | -1) => {
          const indexes = values.filter((value) => value * sign > 0).map((value) => indexOf(value * sign, scale))
          return indexes.length === 0 ? 0 : Math.max(...indexes) - Math.min(...indexes) + 1
        }
        assert.isAtMost(histogram.positive.counts.length, maxBuckets)
        assert.isAtMost(histogram.negative.counts.length, maxBuckets)
        assert.strictEqual(histogram.positive.counts.length, width(histogram.scale, 1))
        assert.strictEqual(histogram.negative.counts.length, width(histogram.scale, -1))
        if (histogram.scale < 20) {
          assert.isAbove(Math.max(width(histogram.scale + 1, 1), width(histogram.scale + 1, -1)), maxBuckets)
        }
      })
    )
  })

  it("has every recording in the bucket of its value, however often it was downscaled", () => {
    fc.assert(
      fc.property(fc.array(finite), fc.integer({ min: 2, max: 200 }), (values, maxBuckets) => {
        const histogram = recorded(values, maxBuckets)
        const expected = { positive: new Map<number, number>(), negative: new Map<number, number>() }
        for (const value of values) {
          if (value === 0) continue
          const side = value > 0 ? expected.positive : expected.negative
          const index = indexOf(Math.abs(value), histogram.scale)
          side.set(index, (side.get(index) ?? 0) + 1)
        }
        for (const sign of ["positive", "negative"] as const) {
          const { counts, offset } = histogram[sign]
          counts.forEach((count, i) => assert.strictEqual(count, expected[sign].get(offset + i) ?? 0))
        }
        assert.strictEqual(total(histogram.positive) + total(histogram.negative) + histogram.zeroCount, values.length)
        assert.strictEqual(histogram.count, values.length)
      })
    )
  })

  it("does not depend on the order of recordings", () => {
    fc.assert(
      fc.property(fc.array(finite), fc.integer({ min: 2, max: 200 }), (values, maxBuckets) => {
        const sorted = [...values].sort((a, b) => a - b)
        assert.deepStrictEqual(exactParts(recorded(values, maxBuckets)), exactParts(recorded(sorted, maxBuckets)))
        assert.deepStrictEqual(
          exactParts(recorded(values, maxBuckets)),
          exactParts(recorded(sorted.reverse(), maxBuckets))
        )
      })
    )
  })

  it("counts beyond 32 bits", () => {
    const histogram = recorded([1, 3, 0, -2])
    for (let doublings = 0; doublings < 40; doublings++) histogram.merge(merged([histogram]))
    assert.strictEqual(histogram.count, 4 * 2 ** 40)
    assert.strictEqual(histogram.zeroCount, 2 ** 40)
    assert.strictEqual(total(histogram.positive), 2 * 2 ** 40)
    assert.strictEqual(total(histogram.negative), 2 ** 40)
    assert.strictEqual(histogram.sum, 2 * 2 ** 40)
  })
})

describe("merge", () => {
  it("equals one histogram that saw everything", () => {
    fc.assert(
      fc.property(fc.array(fc.array(finite)), fc.integer({ min: 2, max: 200 }), (parts, maxBuckets) => {
        const all = merged(
          parts.map((values) => recorded(values, maxBuckets)),
          maxBuckets
        )
        assert.deepStrictEqual(exactParts(all), exactParts(recorded(parts.flat(), maxBuckets)))
      })
    )
  })

  it("is commutative and associative", () => {
    fc.assert(
      fc.property(fc.array(finite), fc.array(finite), fc.array(finite), (a, b, c) => {
        const [x, y, z] = [recorded(a), recorded(b), recorded(c)]
        assert.deepStrictEqual(exactParts(merged([x, y])), exactParts(merged([y, x])))
        assert.deepStrictEqual(exactParts(merged([merged([x, y]), z])), exactParts(merged([x, merged([y, z])])))
      })
    )
  })

  it("adds sums", () => {
    const integers = fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }))
    fc.assert(
      fc.property(integers, integers, (a, b) => {
        assert.strictEqual(
          merged([recorded(a), recorded(b)]).sum,
          [...a, ...b].reduce((sum, value) => sum + value, 0)
        )
      })
    )
  })

  it("leaves the other histogram as it was", () => {
    fc.assert(
      fc.property(fc.array(finite), fc.array(finite), (a, b) => {
        const other = recorded(b)
        recorded(a).merge(other)
        assert.deepStrictEqual(exactParts(other), exactParts(recorded(b)))
      })
    )
  })

  it("fits a wider histogram into a narrower one", () => {
    fc.assert(
      fc.property(fc.array(finite), fc.array(finite), (a, b) => {
        const narrow = recorded(a, 20)
        narrow.merge(recorded(b, 160))
        assert.deepStrictEqual(exactParts(narrow), exactParts(recorded([...a, ...b], 20)))
      })
    )
  })
})

describe("clear", () => {
  it("leaves nothing behind for the next window", () => {
    fc.assert(
      fc.property(fc.array(finite), fc.array(finite), (a, b) => {
        const histogram = recorded(a)
        histogram.clear()
        assert.deepStrictEqual(exactParts(histogram), exactParts(new Histogram()))
        for (const value of b) histogram.record(value)
        assert.deepStrictEqual(exactParts(histogram), exactParts(recorded(b)))
        assert.strictEqual(histogram.sum, recorded(b).sum)
      })
    )
  })
})

describe("quantile", () => {
  for (const [name, values] of Object.entries(shapes)) {
    const sorted = [...values].sort((a, b) => a - b)
    const histogram = recorded(values)

    it(`of ${name} values is within the scale's relative error`, () => {
      for (const q of quantiles) {
        const exact = sorted[Math.floor(q * (sorted.length - 1))]!
        assertClose(histogram.quantile(q), exact, relativeError(histogram.scale) * (1 + 1e-9), `q=${q}`)
      }
    })

    it(`of ${name} values is as near to DDSketch's as both promise`, () => {
      const sketch = new DDSketch({ relativeAccuracy: 0.01 })
      for (const value of values) sketch.accept(value)
      assert.strictEqual(histogram.count, sketch.count)
      assert.strictEqual(histogram.zeroCount, sketch.zeroCount)
      for (const q of quantiles) {
        // Both are near the same recording v: |ours - v| <= e |v|, |theirs - v| <= 0.01 |v|, |v| <= |theirs| / 0.99.
        const tolerance = ((relativeError(histogram.scale) + 0.01) / 0.99) * (1 + 1e-9)
        assertClose(histogram.quantile(q), sketch.getValueAtQuantile(q), tolerance, `q=${q}`)
      }
    })

    it(`of ${name} values stays within the error after merging a hundred windows`, () => {
      const windows = Array.from({ length: 100 }, (_, i) => recorded(values.filter((_, j) => j % 100 === i)))
      const all = merged(windows)
      for (const q of quantiles) assert.strictEqual(all.quantile(q), histogram.quantile(q))
    })
  }

  it("takes the recording at the rank, rounded down, across negative values and zeros", () => {
    const histogram = recorded([1, 2, 3, 0, -4.5])
    const expected = [-4.5, 0, 1, 2, 3]
    for (let i = 0; i < 5; i++) {
      assertClose(histogram.quantile(i / 4), expected[i]!, relativeError(histogram.scale))
      if (i < 4) assertClose(histogram.quantile(i / 4 + 0.2), expected[i]!, relativeError(histogram.scale))
    }
  })

  it("never leaves the range of what was recorded, and never decreases", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1 }), (values) => {
        const histogram = recorded(values)
        let previous = -Infinity
        for (const q of quantiles) {
          const value = histogram.quantile(q)
          assert.isAtLeast(value, Math.max(previous, histogram.min))
          assert.isAtMost(value, histogram.max)
          previous = value
        }
      })
    )
  })
})
