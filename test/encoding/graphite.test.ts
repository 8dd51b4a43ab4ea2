/** Both encoders: they write the same records, in different bytes. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as GraphitePickle from "../../src/encoding/graphitePickle.js"
import type { Dialect } from "../../src/encoding/graphiteRecords.js"
import * as GraphiteText from "../../src/encoding/graphiteText.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { FieldValue, Kind, Measurement, Series, Tag } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import { madeOf, tagsOf } from "./arbitraries.js"
import type { Record } from "./graphite.js"
import { framesOf, linesOf, parsePath } from "./graphite.js"

const millis = 1_700_000_000_999
const second = 1_700_000_000
const dialect: Dialect = { naming: "tagged", sanitise: false, quantiles: [0.5, 0.999], precision: "s" }

const seriesOf = (
  name: string,
  kind: Kind | "point",
  tags: ReadonlyArray<Tag> = [],
  more: Partial<Series> = {}
): Series => ({
  name,
  tags,
  kind,
  valueType: "float",
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined,
  ...more
})

const windowed = { weight: 1, millis, nanos: 0, startMillis: millis - 10_000 }

const gaugeOf = (name: string, value: number, tags: ReadonlyArray<Tag> = [], at = millis): Measurement => ({
  _tag: "gauge",
  series: seriesOf(name, "gauge", tags),
  ...windowed,
  millis: at,
  value
})

const pointOf = (
  name: string,
  fields: Readonly<{ [field: string]: FieldValue }>,
  tags: ReadonlyArray<Tag> = [],
  series = seriesOf(name, "point", tags)
): Measurement => ({
  _tag: "point",
  series,
  weight: 1,
  millis,
  nanos: 0,
  fieldNames: Object.keys(fields),
  fieldValues: Object.values(fields),
  sampleRate: 1
})

const distributionOf = (name: string, tags: ReadonlyArray<Tag> = [], boundaries = [0.5, 2]): Measurement => {
  const histogram = new Histogram()
  for (const value of [0.25, 1, 4]) histogram.record(value)
  return {
    _tag: "distribution",
    series: seriesOf(name, "distribution", tags, { boundaries }),
    ...windowed,
    histogram,
    buckets: [1, 1, 1]
  }
}

interface Encoder {
  readonly name: string
  readonly make: (dialect: Dialect) => GraphiteText.Encode
  readonly read: (payload: Uint8Array) => ReadonlyArray<Record>
}

const encoders: ReadonlyArray<Encoder> = [
  { name: "plaintext", make: GraphiteText.make, read: linesOf },
  { name: "pickle", make: GraphitePickle.make, read: (payload) => framesOf(payload).flatMap(({ records }) => records) }
]

for (const { make, name, read } of encoders) {
  const encode = (
    measurements: ReadonlyArray<Measurement>,
    options: Partial<Dialect> = {},
    maxBytes = Infinity
  ): GraphiteText.Lines => make({ ...dialect, ...options })(measurements, maxBytes)

  const recordsOf = (measurement: Measurement, options: Partial<Dialect> = {}): ReadonlyArray<Record> => {
    const { bytes, payload, refused, taken } = encode([measurement], options)
    assert.deepStrictEqual([refused, taken, bytes], [[], 1, payload.length])
    return read(payload)
  }

  const refusalOf = (measurement: Measurement, options: Partial<Dialect> = {}) => {
    const { bytes, payload, refused, taken } = encode([measurement], options)
    assert.deepStrictEqual([bytes, payload.length, taken, refused.length], [0, 0, 1, 1])
    return refused[0]!
  }

  describe(`Graphite's ${name}`, () => {
    it("has a number of the name for counters and gauges", () => {
      const count: Measurement = {
        _tag: "count",
        series: seriesOf("c", "counter", [["k", "v"]]),
        ...windowed,
        value: 3
      }
      assert.deepStrictEqual(recordsOf(count), [{ path: "c;k=v", value: 3, second }])
      assert.deepStrictEqual(recordsOf(gaugeOf("g", -1.5)), [{ path: "g", value: -1.5, second }])
    })

    it("has what a distribution comes to, without dots in numbers", () => {
      const expected = { count: 3, sum: 5.25, min: 0.25, max: 4, mean: 1.75, le_0_5: 1, le_2: 2, le_inf: 3 }
      for (const naming of ["tagged", "dotted"] as const) {
        const records = recordsOf(distributionOf("d", [["k", "v"]]), { naming })
        const [start, end] = naming === "tagged" ? ["d.", ";k=v"] : ["d.k.v.", ""]
        const values = new Map(records.map(({ path, value }) => [path, value]))
        for (const [field, value] of Object.entries(expected))
          assert.strictEqual(values.get(start + field + end), value)
        assert.isTrue(values.has(`${start}p50${end}`) && values.has(`${start}p99_9${end}`))
        assert.strictEqual(records.length, Object.keys(expected).length + 2)
      }
    })

    it("has a number for each field of a point", () => {
      const fields = { value: 1.5, flag: true, off: false, n: new Int(-7n), u: new UInt(8), big: 2n ** 60n, a: 1e-7 }
      const records = recordsOf(pointOf("p", fields, [["k", "v"]]))
      assert.deepStrictEqual(
        records.map(({ path, value }) => [path, value]),
        [
          ["p;k=v", 1.5],
          ["p.flag;k=v", 1],
          ["p.off;k=v", 0],
          ["p.n;k=v", -7],
          ["p.u;k=v", 8],
          ["p.big;k=v", 2 ** 60],
          ["p.a;k=v", 1e-7]
        ]
      )
    })

    it("leaves out text, and says of how many fields", () => {
      const { payload, refused, skipped } = encode([
        gaugeOf("g", 1),
        pointOf("p", { a: "x", n: 1, b: "y" }),
        pointOf("q", { "not a name": "x", value: 2 })
      ])
      assert.deepStrictEqual(
        [refused, skipped],
        [
          [],
          [
            { index: 1, fields: 2 },
            { index: 2, fields: 1 }
          ]
        ]
      )
      assert.deepStrictEqual(
        read(payload).map(({ path }) => path),
        ["g", "p.n", "q"]
      )
    })

    it("refuses what it cannot carry, with the reason", () => {
      const cases: ReadonlyArray<readonly [Measurement, drop: string, reason: RegExp]> = [
        [pointOf("p", { a: "x" }), "unsupported", /^none of its fields is a number$/],
        [pointOf("p", {}), "invalid", /^it has no fields$/],
        [pointOf("p", { "a b": 1 }), "invalid", /^its field "a b" contains " "$/],
        [pointOf("p", { n: 1, a: Number.NaN }), "invalid", /NaN or infinite/],
        [pointOf("p", { a: Number.POSITIVE_INFINITY }), "invalid", /NaN or infinite/],
        [pointOf("p", { a: new Int(1.5) }), "invalid", /fraction/],
        [pointOf("p", { a: new Int(Number.NaN) }), "invalid", /NaN or infinite/],
        [pointOf("p", { a: new Int(2n ** 63n) }), "invalid", /out of range/],
        [pointOf("p", { a: -(2n ** 63n) - 1n }), "invalid", /out of range/],
        [pointOf("p", { a: new UInt(-1) }), "invalid", /out of range/],
        [pointOf("p", { a: new UInt(2n ** 64n) }), "invalid", /out of range/],
        [gaugeOf("a b", 1), "invalid", /^its name "a b" contains " "$/],
        [gaugeOf("g", Number.NaN), "invalid", /NaN or infinite/],
        [gaugeOf("g", 1, [], -1), "invalid", /before 1970/],
        [gaugeOf("g", 1, [], Number.NaN), "invalid", /before 1970/],
        [gaugeOf("g", 1, [["k", "x".repeat(16_400)]]), "too_large", /longer than 16384 bytes/]
      ]
      for (const [measurement, drop, reason] of cases) {
        const refusal = refusalOf(measurement)
        assert.strictEqual(refusal.drop, drop)
        assert.match(refusal.reason, reason)
      }
    })

    it("goes on after what it refuses, of which nothing is left", () => {
      const good = (i: number) => gaugeOf(`g${i}`, i)
      const halfBad = pointOf("p", { fine: 1, b: Number.NaN })
      const { payload, refused, taken } = encode([good(0), halfBad, good(1), halfBad, halfBad, good(2), halfBad])
      assert.strictEqual(taken, 7)
      assert.deepStrictEqual(
        refused.map(({ index }) => index),
        [1, 3, 4, 6]
      )
      assert.deepStrictEqual(
        read(payload).map(({ path }) => path),
        ["g0", "g1", "g2"]
      )
    })

    it("keeps the records of a measurement together within the bytes of a write", () => {
      const all = Array.from({ length: 40 }, (_, i) => distributionOf(`d${10 + i}`, [["k", "v"]]))
      const records = encode(all.slice(0, 1)).bytes
      for (const maxBytes of [records, 2 * records - 1, 2 * records, 5 * records + 3]) {
        const paths: Array<string> = []
        for (let from = 0; from < all.length;) {
          const { bytes, payload, refused, taken } = encode(all.slice(from), {}, maxBytes)
          assert.deepStrictEqual(refused, [])
          assert.isAtMost(bytes, maxBytes)
          const here = read(payload).map(({ path }) => path)
          assert.strictEqual(here.length, 10 * taken)
          paths.push(...here)
          from += taken
        }
        assert.strictEqual(new Set(paths).size, 400)
      }
      const { refused, taken } = encode([...all.slice(0, 1), gaugeOf("g", 1)], {}, records - 1)
      assert.deepStrictEqual([taken, refused.map(({ drop, index }) => [index, drop])], [2, [[0, "too_large"]]])
    })

    it("has nothing to write where all is refused", () => {
      assert.strictEqual(encode([gaugeOf("a b", 1), gaugeOf("g", Number.NaN)]).payload.length, 0)
    })

    it("remembers a series, also when it turns from windows to points", () => {
      const series = seriesOf("s", "gauge", [["k", "v"]])
      const gauge: Measurement = { _tag: "gauge", series, ...windowed, value: 1 }
      const all = [gauge, pointOf("s", { value: 2 }, [], series), pointOf("s", { n: 3, value: 4 }, [], series), gauge]
      const { payload } = encode(all)
      const expected = [
        ["s;k=v", 1],
        ["s;k=v", 2],
        ["s.n;k=v", 3],
        ["s;k=v", 4],
        ["s;k=v", 1]
      ]
      assert.deepStrictEqual(
        read(payload).map(({ path, value }) => [path, value]),
        expected
      )
    })

    it("leaves the time to the server where it is told to", () => {
      assert.strictEqual(recordsOf(gaugeOf("g", 1), { precision: "none" })[0]!.second, -1)
      // Which must not be what a time of one's own says.
      assert.match(refusalOf(gaugeOf("g", 1, [], -1000)).reason, /1970/)
    })

    it("reads back as what was recorded, or is refused", () => {
      const word = madeOf("ab.;=~ /{\né🚀", { maxLength: 5 })
      const value = fc.oneof(fc.double(), fc.maxSafeInteger())
      const at = fc.integer({ min: -2000, max: 2 ** 31 * 1000 - 1 })
      const gauge = fc.tuple(word, tagsOf(word), value, at)
      fc.assert(
        fc.property(fc.array(gauge, { maxLength: 20 }), fc.integer({ min: 1, max: 400 }), (gauges, maxBytes) => {
          const all = gauges.map(([name, tags, value, at]) => gaugeOf(name, value, tags, at))
          const { bytes, payload, refused, taken } = encode(all, {}, maxBytes)
          assert.strictEqual(bytes, payload.length)
          if (all.length > 0) assert.isAtLeast(taken, 1)
          if (all.length > 0) assert.isAtMost(bytes, maxBytes)
          const left = new Set(refused.map(({ index }) => index))
          const expected = gauges.slice(0, taken).filter((_, i) => !left.has(i))
          const seen = read(payload).map(({ path, second, value }) => ({ ...parsePath(path), second, value }))
          assert.deepStrictEqual(
            seen,
            expected.map(([name, tags, value, at]) => ({
              name,
              tags: tags.filter(([key, value]) => key !== "" && value !== ""),
              second: Math.floor(at / 1000),
              value: name === "" ? NaN : value === 0 && make === GraphiteText.make ? 0 : value
            }))
          )
        }),
        { numRuns: 500 }
      )
    })
  })
}

describe("Graphite's plaintext", () => {
  const encode = GraphiteText.make(dialect)
  const textOf = (...all: ReadonlyArray<Measurement>): string => new TextDecoder().decode(encode(all, Infinity).payload)

  it("has one line a record", () => {
    const lines = textOf(gaugeOf("g", 0.1), pointOf("p", { big: new UInt(2n ** 64n - 1n) }), gaugeOf("g", 2, [], 0))
    assert.strictEqual(lines, `g 0.1 ${second}\np.big 18446744073709551615 ${second}\ng 2 0\n`)
  })

  it("has times until 2106", () => {
    const last = 4_294_967_295
    assert.strictEqual(textOf(gaugeOf("g", 1, [], last * 1000 + 999)), `g 1 ${last}\n`)
    const { refused } = encode([gaugeOf("g", 1, [], (last + 1) * 1000)], Infinity)
    assert.deepStrictEqual([refused[0]!.drop, /2106/.test(refused[0]!.reason)], ["invalid", true])
  })

  it("has lines of 16384 bytes, and no longer ones", () => {
    const left = 16_384 - `g;k= 1 ${second}`.length
    assert.strictEqual(textOf(gaugeOf("g", 1, [["k", "x".repeat(left)]])).length, 16_385)
    const { refused } = encode([gaugeOf("g", 1, [["k", "x".repeat(left + 1)]])], Infinity)
    assert.strictEqual(refused[0]!.drop, "too_large")
  })
})

describe("Graphite's pickles", () => {
  const encode = GraphitePickle.make(dialect)
  const lengths = (measurements: ReadonlyArray<Measurement>) =>
    framesOf(encode(measurements, Infinity).payload).map(({ records }) => records.length)

  it("have at most 500 records a frame", () => {
    const gauges = Array.from({ length: 1001 }, (_, i) => gaugeOf(`g${i}`, i))
    assert.deepStrictEqual(lengths(gauges), [500, 500, 1])
    assert.deepStrictEqual(lengths(gauges.slice(0, 500)), [500])
    assert.deepStrictEqual(lengths(Array.from({ length: 60 }, (_, i) => distributionOf(`d${i}`))), [500, 100])
  })

  it("have less than 1 MiB a frame", () => {
    const tags = [["k", "x".repeat(16_000)]] as const
    const { payload } = encode(
      Array.from({ length: 200 }, (_, i) => gaugeOf(`g${i}`, i, tags)),
      Infinity
    )
    const frames = framesOf(payload)
    assert.strictEqual(frames.flatMap(({ records }) => records).length, 200)
    for (const { bytes } of frames) assert.isBelow(bytes, 1_048_576)
    assert.strictEqual(frames.length, Math.ceil(200 / Math.floor(1_048_575 / 16_030)))
  })

  it("are whole where a measurement that began a frame is taken back", () => {
    const gauges = Array.from({ length: 499 }, (_, i) => gaugeOf(`g${i}`, i))
    const halfBad = pointOf("p", { a: 1, b: 2, c: 3, d: Number.NaN })
    assert.deepStrictEqual(lengths([...gauges, halfBad]), [499])
    assert.deepStrictEqual(lengths([...gauges, halfBad, halfBad, gaugeOf("x", 1), gaugeOf("y", 1)]), [500, 1])
    const { bytes } = encode(gauges, Infinity)
    const { payload, taken } = encode([...gauges, distributionOf("d")], bytes + 100)
    assert.strictEqual(taken, 499)
    assert.deepStrictEqual(
      framesOf(payload).map(({ records }) => records.length),
      [499]
    )
  })

  it("have times until January 2038", () => {
    const last = 2_147_483_647
    const { payload } = encode([gaugeOf("g", 1, [], last * 1000 + 999)], Infinity)
    assert.strictEqual(framesOf(payload)[0]!.records[0]!.second, last)
    const { refused } = encode([gaugeOf("g", 1, [], (last + 1) * 1000)], Infinity)
    assert.strictEqual(refused[0]!.drop, "unsupported")
  })

  it("have a path too long for a line no more than lines do", () => {
    const field = "a.".repeat(10_000) + "a"
    const { refused } = encode([pointOf("p", { [field]: 1 })], Infinity)
    assert.strictEqual(refused[0]!.drop, "too_large")
  })
})
