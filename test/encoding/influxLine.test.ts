import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as InfluxLine from "../../src/encoding/influxLine.js"
import { Histogram } from "../../src/recording/histogram.js"
import type {
  Distribution,
  FieldValue,
  Kind,
  Measurement,
  Point,
  Series,
  Tag
} from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import { fieldsOf, finite, int, int64, tagsOf, madeOf } from "./arbitraries.js"
import { parse } from "./lineProtocol.js"

const millis = 1_700_000_000_123
const dialect: InfluxLine.Dialect = { version: 1, precision: "ns", uint: "unsupported", quantiles: [0.5, 0.95, 0.99] }

const seriesOf = (name: string, tags: ReadonlyArray<Tag> = [], more: Partial<Series> = {}): Series => ({
  name,
  tags,
  kind: "point",
  valueType: "float",
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined,
  ...more
})

const pointOf = (
  series: Series,
  fields: ReadonlyArray<readonly [string, FieldValue]>,
  more: Partial<Point> = {}
): Point => ({
  _tag: "point",
  series,
  weight: 1,
  millis,
  nanos: 0,
  fieldNames: fields.map(([name]) => name),
  fieldValues: fields.map(([, value]) => value),
  sampleRate: 1,
  ...more
})

const numberOf = (kind: "count" | "gauge", value: number, more: Partial<Series> = {}): Measurement => ({
  _tag: kind,
  series: seriesOf("m", [], { kind: kind === "count" ? "counter" : "gauge", ...more }),
  weight: 1,
  millis,
  nanos: 0,
  startMillis: millis - 10_000,
  value
})

const textOf = (lines: InfluxLine.Lines): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(lines.payload)

const encode = (
  measurements: ReadonlyArray<Measurement>,
  options: Partial<InfluxLine.Dialect> = {},
  maxBytes = Infinity
): InfluxLine.Lines => InfluxLine.make({ ...dialect, ...options })(measurements, maxBytes)

const lineOf = (measurement: Measurement, options: Partial<InfluxLine.Dialect> = {}): string => {
  const encoded = encode([measurement], options)
  assert.deepStrictEqual(encoded.refused, [])
  return textOf(encoded)
}

const refusalOf = (measurement: Measurement, options: Partial<InfluxLine.Dialect> = {}, maxBytes = Infinity) => {
  const encoded = encode([measurement], options, maxBytes)
  assert.strictEqual(encoded.bytes, 0)
  assert.strictEqual(encoded.taken, 1)
  assert.strictEqual(encoded.refused.length, 1)
  return encoded.refused[0]!
}

const word = madeOf(["a", "ß", "🚀", "\\", ",", "=", " ", '"', "#", "_", "'", "{"], { minLength: 1, maxLength: 6 })
const nasty = madeOf(["a", "\\", ",", "=", " ", "\n", "\r", "\t", "\0", '"', "#", "\ud800"], { maxLength: 5 })
const field: fc.Arbitrary<FieldValue> = fc.oneof(
  finite,
  fc.boolean(),
  madeOf(["a", "\\", '"', "\n", ",", " ", "=", "é"]),
  int64,
  int
)

const sorted = <A extends readonly [string, unknown]>(entries: ReadonlyArray<A>): Array<A> =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1))

const readBack = (value: FieldValue): number | bigint | boolean | string =>
  value instanceof Int || value instanceof UInt ? BigInt(value.value) : value === 0 ? 0 : value

describe("line protocol", () => {
  describe("round trip", () => {
    for (const version of [1, 3] as const) {
      it(`reads back what was written, by the grammar of InfluxDB ${version}`, () => {
        fc.assert(
          fc.property(word, tagsOf(word), fieldsOf(word, field), (name, tags, fields) => {
            const encoded = encode([pointOf(seriesOf(name, tags), fields)], { version })
            if (encoded.refused.length > 0) return
            assert.deepStrictEqual(parse(version, textOf(encoded)), [
              {
                measurement: name,
                tags,
                fields: sorted(fields).map(([key, value]) => [key, readBack(value)] as const),
                time: BigInt(millis) * 1_000_000n
              }
            ])
          }),
          { numRuns: 500 }
        )
      })

      it(`makes one line of one point, or refuses it, whatever the strings (${version})`, () => {
        fc.assert(
          fc.property(nasty, tagsOf(nasty), fieldsOf(nasty, field), (name, tags, fields) => {
            const encoded = encode([pointOf(seriesOf(name, tags), fields)], { version })
            assert.strictEqual(parse(version, textOf(encoded)).length + encoded.refused.length, 1)
          }),
          { numRuns: 500 }
        )
      })
    }

    it("sorts fields by key and leaves out tags without a value", () => {
      const point = pointOf(
        seriesOf("m", [
          ["a", ""],
          ["b", "1"]
        ]),
        [
          ["z", 1],
          ["a", 2.5]
        ]
      )
      assert.strictEqual(lineOf(point), `m,b=1 a=2.5,z=1 ${millis}000000`)
    })

    it("keeps fields of points apart when a series changes them between points", () => {
      const series = seriesOf("m")
      const points = [
        pointOf(series, [
          ["a", 1],
          ["b", 2]
        ]),
        pointOf(series, [
          ["b", 3],
          ["a", 4]
        ]),
        pointOf(series, [["c", 5]]),
        pointOf(series, [
          ["a", 6],
          ["b", 7]
        ])
      ]
      assert.strictEqual(textOf(encode(points, { precision: "none" })), "m a=1,b=2\nm a=4,b=3\nm c=5\nm a=6,b=7")
    })

    it("knows more shapes and keys than it keeps", () => {
      const series = seriesOf("m")
      const points = Array.from({ length: 5000 }, (_, i) => pointOf(series, [[`k${i}`, i]]))
      const expected = points.map((_, i) => `m k${i}=${i}`).join("\n")
      const encoder = InfluxLine.make({ ...dialect, precision: "none" })
      assert.strictEqual(textOf(encoder(points, Infinity)), expected)
      assert.strictEqual(textOf(encoder(points, Infinity)), expected)
    })
  })

  describe("measurements", () => {
    it("writes counters and gauges as the field value, a float unless the instrument is an integer", () => {
      assert.strictEqual(lineOf(numberOf("count", 3)), `m value=3 ${millis}000000`)
      assert.strictEqual(lineOf(numberOf("gauge", -0.5)), `m value=-0.5 ${millis}000000`)
      assert.strictEqual(lineOf(numberOf("count", 3, { valueType: "int" })), `m value=3i ${millis}000000`)
      assert.strictEqual(lineOf(numberOf("gauge", -0, { valueType: "int" })), `m value=0i ${millis}000000`)
      assert.strictEqual(
        lineOf(numberOf("count", 2 ** 62, { valueType: "int" })),
        `m value=${2n ** 62n}i ${millis}000000`
      )
    })

    it("writes each recording of an instrument that does not aggregate as a window of it would be", () => {
      const raw = (kind: Kind, valueType: "float" | "int") =>
        pointOf(seriesOf("m", [], { kind, valueType }), [["value", 4]])
      assert.strictEqual(lineOf(raw("counter", "int")), `m value=4i ${millis}000000`)
      assert.strictEqual(lineOf(raw("timer", "float")), `m value=4 ${millis}000000`)
    })

    const windowOf = (boundaries: ReadonlyArray<number> | undefined, values: ReadonlyArray<number>): Distribution => {
      const histogram = new Histogram()
      for (const value of values) histogram.record(value)
      const buckets = boundaries?.map(
        (bound, i) => values.filter((value) => value <= bound && (i === 0 || value > boundaries[i - 1]!)).length
      )
      buckets?.push(values.filter((value) => value > (boundaries?.at(-1) ?? 0)).length)
      return {
        _tag: "distribution",
        series: seriesOf("d", [["host", "a"]], { kind: "distribution", boundaries }),
        weight: values.length,
        millis,
        nanos: 0,
        startMillis: millis - 10_000,
        histogram,
        buckets
      }
    }

    it("writes distributions as count, sum, min, max, mean and quantiles", () => {
      const [line] = parse(1, lineOf(windowOf(undefined, [2, 4])))
      const fields = new Map(line!.fields)
      assert.deepStrictEqual([...fields.keys()], ["count", "max", "mean", "min", "p50", "p95", "p99", "sum"])
      assert.deepStrictEqual([fields.get("count"), fields.get("sum"), fields.get("mean")], [2n, 6, 3])
      assert.deepStrictEqual([fields.get("min"), fields.get("max")], [2, 4])
      assert.strictEqual(fields.get("p50"), 2)
    })

    it("names quantiles by percent, without the noise of binary fractions", () => {
      const line = lineOf(windowOf(undefined, [1]), { quantiles: [0.57, 0.999, 0.9999] })
      assert.match(line, /,p57=1,p99\.9=1,p99\.99=1,/)
    })

    it("adds cumulative buckets as integers where the instrument declares boundaries", () => {
      const [line] = parse(1, lineOf(windowOf([0.5, 5, 10], [0.1, 0.5, 7, 8, 100]), { quantiles: [] }))
      const buckets = line!.fields.filter(([name]) => name.startsWith("le_"))
      assert.deepStrictEqual(buckets, [
        ["le_0.5", 2n],
        ["le_10", 4n],
        ["le_5", 2n],
        ["le_inf", 5n]
      ])
    })

    it("refuses a distribution whose sum is beyond the floats, and goes on with the next", () => {
      const huge = windowOf(undefined, [1.7e308, 1.7e308])
      const encoded = encode([huge, numberOf("count", 1)], { precision: "none" })
      assert.deepStrictEqual(encoded.refused, [{ index: 0, drop: "invalid", reason: "a field is NaN or infinite" }])
      assert.strictEqual(textOf(encoded), "m value=1")
    })

    it("never changes a field's type with its value", () => {
      const typeOf = (text: string): string => (text.endsWith("i") ? "int" : "float")
      fc.assert(
        fc.property(finite, (value) => {
          const line = lineOf(
            pointOf(seriesOf("m"), [
              ["f", value],
              ["i", new Int(Math.trunc(value % 1e15))]
            ]),
            { precision: "none" }
          )
          assert.deepStrictEqual(line.slice(2).split(",").map(typeOf), ["float", "int"])
        })
      )
    })
  })

  describe("what cannot be written", () => {
    const withField = (value: FieldValue) => pointOf(seriesOf("m"), [["f", value]])

    it("refuses values that have no form on the wire", () => {
      for (const value of [NaN, Infinity, -Infinity]) {
        assert.strictEqual(refusalOf(withField(value)).drop, "invalid")
        assert.strictEqual(refusalOf(withField(new Int(value))).drop, "invalid")
        assert.strictEqual(refusalOf(withField(new UInt(value)), { uint: "supported" }).drop, "invalid")
        assert.strictEqual(refusalOf(numberOf("gauge", value)).drop, "invalid")
        assert.strictEqual(refusalOf(numberOf("gauge", value, { valueType: "int" })).drop, "invalid")
      }
      assert.match(refusalOf(withField(new Int(1.5))).reason, /fraction/)
      assert.match(refusalOf(withField(2n ** 63n)).reason, /out of range/)
      assert.match(refusalOf(withField(-(2n ** 63n) - 1n)).reason, /out of range/)
      assert.match(refusalOf(numberOf("count", 2 ** 63, { valueType: "int" })).reason, /out of range/)
      assert.match(refusalOf(withField(new UInt(-1)), { uint: "supported" }).reason, /out of range/)
      assert.match(refusalOf(withField(new UInt(2n ** 64n)), { uint: "supported" }).reason, /out of range/)
    })

    it("writes unsigned integers where the server has them and refuses them as unsupported elsewhere", () => {
      const point = withField(new UInt(2n ** 64n - 1n))
      assert.strictEqual(lineOf(point, { uint: "supported", precision: "none" }), "m f=18446744073709551615u")
      assert.strictEqual(refusalOf(withField(new UInt(1))).drop, "unsupported")
    })

    it("refuses values that are none of the protocol's, which types would have kept out", () => {
      for (const value of [null, undefined, {}, Symbol("x")]) {
        // What a caller without types can send.
        assert.strictEqual(refusalOf(withField(value as never)).drop, "unsupported")
      }
    })

    it("refuses names that would break the line or end in a backslash, wherever they stand", () => {
      for (const bad of ["a\nb", "a\rb", "a\tb", "a\0b", "a\\"]) {
        const places = [
          pointOf(seriesOf(bad), [["f", 1]]),
          pointOf(seriesOf("m", [[bad, "v"]]), [["f", 1]]),
          pointOf(seriesOf("m", [["k", bad]]), [["f", 1]]),
          pointOf(seriesOf("m"), [[bad, 1]])
        ]
        for (const point of places) assert.strictEqual(refusalOf(point).drop, "invalid")
      }
    })

    it("refuses backslashes that InfluxDB 1 and 2 lose or choke on, which 3 can read", () => {
      const bad: Array<Point> = []
      for (const word of ["a\\,b", "a\\=b", "a\\ b", 'a\\"b']) {
        bad.push(pointOf(seriesOf(word), [["f", 1]]), pointOf(seriesOf("m"), [[word, 1]]))
        if (word.includes('"')) continue
        bad.push(pointOf(seriesOf("m", [[word, "v"]]), [["f", 1]]), pointOf(seriesOf("m", [["k", word]]), [["f", 1]]))
      }
      for (const point of bad) {
        assert.match(refusalOf(point, { version: 2 }).reason, /has a backslash/)
        point.series.encoded = undefined
        assert.lengthOf(encode([point], { version: 3 }).refused, 0)
      }
      assert.strictEqual(
        lineOf(pointOf(seriesOf("a\\b", [["c\\d", 'e\\f\\"\\\\g']]), [["h\\i", 1]]), { precision: "none" }),
        'a\\b,c\\d=e\\f\\"\\\\g h\\i=1'
      )
    })

    it("refuses empty names, comments, and what the servers keep for themselves", () => {
      for (const name of ["", "#m", "_internal"])
        assert.strictEqual(refusalOf(pointOf(seriesOf(name), [["f", 1]])).drop, "invalid")
      for (const key of ["time", "_field", "_measurement"]) {
        assert.match(refusalOf(pointOf(seriesOf("m", [[key, "v"]]), [["f", 1]])).reason, /reserved/)
        assert.match(refusalOf(pointOf(seriesOf("m"), [[key, 1]])).reason, /reserved/)
      }
      assert.match(refusalOf(pointOf(seriesOf("m"), [["", 1]])).reason, /empty/)
      assert.match(refusalOf(pointOf(seriesOf("m"), [])).reason, /no fields/)
    })

    it("refuses keys beyond 65535 bytes, counting tags, escapes and the longest field key", () => {
      const tags: ReadonlyArray<Tag> = [["k", " ".repeat(32_700)]]
      assert.strictEqual(encode([pointOf(seriesOf("m", tags), [["f", 1]])]).refused.length, 0)
      assert.match(refusalOf(pointOf(seriesOf("m", tags), [["f".repeat(200), 1]])).reason, /more than 65535/)
      assert.match(refusalOf(pointOf(seriesOf("m", [["k", "€".repeat(22_000)]]), [["f", 1]])).reason, /more than 65535/)
    })

    it("limits strings to 65536 bytes for InfluxDB 3 alone, not counting escapes", () => {
      assert.strictEqual(encode([withField('"'.repeat(65_536))], { version: 3 }).refused.length, 0)
      assert.match(refusalOf(withField("é".repeat(32_769)), { version: 3 }).reason, /65536/)
      assert.strictEqual(encode([withField("é".repeat(32_769))], { version: 1 }).refused.length, 0)
    })

    it("says the reason without flooding a log", () => {
      assert.isBelow(refusalOf(pointOf(seriesOf("m".repeat(60_000) + "\n"), [["f", 1]])).reason.length, 200)
    })
  })

  describe("time", () => {
    const floor = (total: bigint, unit: bigint): bigint => total / unit - (total % unit < 0n ? 1n : 0n)
    const units = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n } as const

    it("is floored to the precision, before 1970 too", () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.integer({ min: -2000, max: 2000 }),
            fc.integer({ min: -9_223_372_036_854, max: 9_223_372_036_853 })
          ),
          fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999 })),
          fc.constantFrom("ns" as const, "us" as const, "ms" as const, "s" as const),
          (millis, nanos, precision) => {
            const [line] = parse(1, lineOf(pointOf(seriesOf("m"), [["f", 1]], { millis, nanos }), { precision }))
            assert.strictEqual(line!.time, floor(BigInt(millis) * 1_000_000n + BigInt(nanos), units[precision]))
          }
        ),
        { numRuns: 1000 }
      )
    })

    it("is refused outside of the servers' range or when it is no whole number", () => {
      const at = (millis: number, nanos = 0) => pointOf(seriesOf("m"), [["f", 1]], { millis, nanos })
      assert.strictEqual(lineOf(at(9_223_372_036_854, 775_806)), "m f=1 9223372036854775806")
      assert.strictEqual(lineOf(at(-9_223_372_036_855, 224_194)), "m f=1 -9223372036854775806")
      const bad = [
        at(9_223_372_036_854, 775_807),
        at(-9_223_372_036_855, 224_193),
        at(NaN),
        at(Infinity),
        at(1.5),
        at(0, -1),
        at(0, 1e6)
      ]
      for (const point of bad) assert.match(refusalOf(point).reason, /time/)
    })
  })

  describe("batches", () => {
    const points = fc
      .array(fc.tuple(word, fieldsOf(word, field)), { maxLength: 20 })
      .map((all) => all.map(([name, fields]) => pointOf(seriesOf(name), fields)))

    it("are bounded by bytes, lose nothing and repeat nothing", () => {
      fc.assert(
        fc.property(points, fc.integer({ min: 1, max: 300 }), (all, maxBytes) => {
          const whole = encode(all)
          const lines: Array<string> = []
          let refused = 0
          for (let from = 0; from < all.length;) {
            const part = encode(all.slice(from), {}, maxBytes)
            assert.isAtLeast(part.taken, 1)
            assert.isAtMost(part.bytes, maxBytes)
            assert.strictEqual(part.payload.length, part.bytes)
            if (part.bytes > 0) lines.push(textOf(part))
            refused += part.refused.filter(({ drop }) => drop !== "too_large").length
            const tooLarge = part.refused.filter(({ drop }) => drop === "too_large")
            for (const { index } of tooLarge) {
              assert.isAbove(encode([all[from + index]!]).bytes, maxBytes)
              lines.push(textOf(encode([all[from + index]!])))
            }
            from += part.taken
          }
          assert.strictEqual(refused, whole.refused.length)
          assert.sameMembers(lines.join("\n").split("\n"), textOf(whole).split("\n"))
        }),
        { numRuns: 200 }
      )
    })

    it("refuse a line that is too large by itself, also in the middle", () => {
      const small = pointOf(seriesOf("m"), [["f", 1]])
      const options = { precision: "none" } as const
      for (const fields of [
        [["s", "x".repeat(1000)]],
        [
          ["a", "x".repeat(300)],
          ["b", "y".repeat(300)]
        ]
      ] as const) {
        const encoded = encode([small, pointOf(seriesOf("m"), fields), small], options, 500)
        assert.deepStrictEqual([encoded.taken, textOf(encoded)], [3, "m f=1\nm f=1"])
        assert.deepStrictEqual(
          encoded.refused.map(({ drop, index }) => [drop, index]),
          [["too_large", 1]]
        )
      }
    })

    it("grow as far as they must", () => {
      const series = seriesOf("m")
      const all = Array.from({ length: 30_000 }, (_, i) =>
        pointOf(series, [
          ["s", "é".repeat(i % 50)],
          ["t", '"'.repeat(9)]
        ])
      )
      const encoded = encode([
        ...all,
        pointOf(series, [
          ["s", "x".repeat(300_000)],
          ["t", "y".repeat(300_000)]
        ])
      ])
      assert.strictEqual(parse(1, textOf(encoded)).length, 30_001)
    })

    it("leave a payload as it was when the next one is encoded", () => {
      const first = encode([numberOf("count", 1)])
      const before = textOf(first)
      encode([numberOf("count", 222)])
      assert.strictEqual(textOf(first), before)
    })
  })
})
