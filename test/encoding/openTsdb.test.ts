import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as OpenTsdbJson from "../../src/encoding/openTsdbJson.js"
import * as OpenTsdbLine from "../../src/encoding/openTsdbLine.js"
import type { Dialect } from "../../src/encoding/openTsdbPoints.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { FieldValue, Measurement, Point, Series, Tag } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import { fieldsOf, int, tagsOf, madeOf, uint } from "./arbitraries.js"
import { Complaint, parseLine, parsePoint, readBody, type Stored } from "./openTsdb.js"

const millis = 1_700_000_000_123
const dialect: Dialect = { resolution: "ms", maxTags: 8, sanitise: undefined, quantiles: [0.5, 0.999] }
const host: ReadonlyArray<Tag> = [["host", "h"]]

const seriesOf = (name: string, tags = host, more: Partial<Series> = {}): Series => ({
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

const valueOf = (value: FieldValue): Point => pointOf(seriesOf("m"), [["value", value]])

const gaugeOf = (value: number): Measurement => ({
  _tag: "gauge",
  series: seriesOf("m", host, { kind: "gauge" }),
  weight: 1,
  millis,
  nanos: 0,
  startMillis: millis,
  value
})

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Both wires, by what a server as strict as OpenTSDB reads. */
const wires = {
  line: (measurements: ReadonlyArray<Measurement>, options: Partial<Dialect> = {}, maxBytes = Infinity) => {
    const { payload, ...encoded } = OpenTsdbLine.make({ ...dialect, ...options })(measurements, maxBytes)
    const lines = Buffer.from(payload).toString("latin1").split("\n")
    assert.strictEqual(lines.pop(), "")
    return {
      ...encoded,
      stored: lines.map((line): Stored => {
        assert.isTrue(line.startsWith("put "))
        assert.isBelow(line.length, OpenTsdbLine.maxLine)
        return parseLine(line.slice(4))
      })
    }
  },
  json: (measurements: ReadonlyArray<Measurement>, options: Partial<Dialect> = {}, maxBytes = Infinity) => {
    const { payload, ...encoded } = OpenTsdbJson.make({ ...dialect, ...options })(measurements, maxBytes)
    const points = readBody(textOf(payload.bytes))
    assert.strictEqual(
      payload.points.reduce((sum, count) => sum + count, 0),
      points.length
    )
    return { ...encoded, stored: points.map((point) => parsePoint(point)) }
  }
}

const nasty = madeOf(["a", "9", ".", " ", "=", "\n", "\r", "\0", '"', "\\", "é", "日", "🚀", "\ud800", "+", ":"], {
  maxLength: 5
})
const numbers: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.double(),
  fc.double({ min: -1e25, max: 1e25 }).map(Math.floor),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  int,
  uint,
  fc.string({ maxLength: 2 })
)
const fieldName = fc.oneof(fc.constant("value"), nasty)
const times = fc.oneof(fc.constant(millis), fc.integer({ min: -1e14, max: 1e14 }), fc.double())

for (const [name, encode] of Object.entries(wires)) {
  describe(`OpenTSDB, ${name}`, () => {
    for (const sanitise of [undefined, "_"]) {
      it(`writes nothing that the server complains about${sanitise === undefined ? "" : ", also sanitised"}`, () => {
        fc.assert(
          fc.property(
            fc.array(fc.tuple(nasty, tagsOf(nasty, nasty, 10), fieldsOf(fieldName, numbers), times), { maxLength: 4 }),
            fc.constantFrom("ms" as const, "s" as const),
            (all, resolution) => {
              const points = all.map(([name, tags, fields, millis]) =>
                pointOf(seriesOf(name, tags), fields, { millis })
              )
              const { refused, stored, taken } = encode(points, { resolution, sanitise })
              assert.strictEqual(taken, points.length)
              const most = points.reduce((sum, { fieldNames }) => sum + fieldNames.length, 0)
              assert.isAtMost(stored.length, most)
              assert.isAtLeast(stored.length, points.length - refused.length)
            }
          ),
          { numRuns: 2000 }
        )
      })
    }

    it("writes every number so that the server reads the same", () => {
      fc.assert(
        fc.property(numbers, (value) => {
          const { refused, stored } = encode([valueOf(value)])
          const scalar = value instanceof Int || value instanceof UInt ? value.value : value
          if (typeof scalar === "string") assert.strictEqual(refused[0]?.drop, "unsupported")
          else if (typeof scalar === "bigint" && (scalar >= 2n ** 63n || scalar < -(2n ** 63n))) {
            assert.match(refused[0]!.reason, /out of range/)
          } else if (Number.isNaN(scalar) || Math.abs(Number(scalar)) === Infinity) {
            assert.match(refused[0]!.reason, /NaN or infinite/)
          } else if (typeof scalar === "bigint") assert.strictEqual(stored[0]!.value, scalar)
          else assert.strictEqual(Number(stored[0]!.value), Number(scalar) + 0)
        }),
        { numRuns: 2000, examples: [[2 ** 63], [-(2 ** 63)], [1e20], [5e-324], [-0], [2n ** 63n], [Number.MAX_VALUE]] }
      )
    })

    it("writes whole numbers as integers up to 64 bits, and as doubles beyond", () => {
      const read = (value: number) => encode([gaugeOf(value)]).stored[0]!.value
      assert.deepStrictEqual([3, -0, 2 ** 53, 1e18].map(read), [3n, 0n, 2n ** 53n, 10n ** 18n])
      assert.deepStrictEqual([2 ** 63, -(2 ** 63), 1e20, 1e21, 0.1].map(read), [2 ** 63, -(2 ** 63), 1e20, 1e21, 0.1])
    })

    it("refuses integer fields with a fraction, or out of range", () => {
      const reason = (value: FieldValue) => encode([valueOf(value)]).refused[0]?.reason
      assert.strictEqual(reason(new Int(1.5)), "an integer field has a fraction")
      assert.strictEqual(reason(new Int(1e19)), "an integer field is out of range")
      assert.strictEqual(reason(new UInt(-1)), "an integer field is out of range")
      assert.strictEqual(reason(new Int(NaN)), "a field is NaN or infinite")
      assert.strictEqual(reason(new Int(2 ** 60)), undefined)
    })

    it("leaves out fields that are no numbers, and says how many", () => {
      const fields = [
        ["a", "text"],
        ["value", 1],
        ["b", "text"],
        ["c", true]
      ] as const
      const { refused, skipped, stored } = encode([pointOf(seriesOf("m"), fields), valueOf(2)])
      assert.deepStrictEqual(
        stored.map(({ metric, value }) => [metric, value]),
        [
          ["m", 1n],
          ["m.c", 1n],
          ["m", 2n]
        ]
      )
      assert.deepStrictEqual([refused, skipped], [[], [{ index: 0, fields: 2 }]])
    })

    it("refuses points without fields, and those with a field key that cannot be written", () => {
      const reasons = encode([pointOf(seriesOf("m"), []), pointOf(seriesOf("m"), [["a b", 1]])]).refused
      assert.match(reasons[0]!.reason, /no fields/)
      assert.match(reasons[1]!.reason, /^its field key "a b" contains " "/)
    })

    it("names the numbers of a distribution, also with bounds that have an exponent", () => {
      const boundaries = [-1.5, 1e-7, 1e21]
      const histogram = new Histogram()
      histogram.record(2)
      const series = seriesOf("d", host, { kind: "distribution", boundaries })
      const window = { _tag: "distribution", series, weight: 1, millis, nanos: 0, startMillis: millis } as const
      const { refused, stored } = encode([{ ...window, histogram, buckets: [0, 0, 1, 0] }])
      assert.deepStrictEqual(refused, [])
      assert.sameMembers(
        stored.map(({ metric }) => metric),
        ["count", "sum", "min", "max", "mean", "p50", "p99.9", "le_-1.5", "le_1e-7", "le_1e21", "le_inf"].map(
          (one) => `d.${one}`
        )
      )
    })

    it("puts all of a measurement into a write, or nothing", () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 }),
          fc.integer({ min: 0, max: 600 }),
          (sizes, maxBytes) => {
            const points = sizes.map((size, i) =>
              pointOf(
                seriesOf(`m${i}`),
                Array.from({ length: size }, (_, k) => [`f${k}`, k] as const)
              )
            )
            const { bytes, refused, stored, taken } = encode(points, {}, maxBytes)
            assert.isTrue(bytes <= maxBytes || stored.length === 0)
            const out = new Set(refused.map(({ index }) => index))
            const expected = sizes.slice(0, taken).filter((_, index) => !out.has(index))
            assert.strictEqual(
              stored.length,
              expected.reduce((sum, size) => sum + size, 0)
            )
            for (const { drop } of refused) assert.strictEqual(drop, "too_large")
            assert.isAtLeast(taken, 1)
          }
        )
      )
    })

    it("takes times that the server reads in the unit meant", () => {
      const read = (millis: number, resolution: "ms" | "s") => {
        const { refused, stored } = encode([pointOf(seriesOf("m"), [["value", 1]], { millis })], { resolution })
        return refused[0]?.drop ?? stored[0]!.millis
      }
      assert.deepStrictEqual(
        [999, 1000, 1999, 0xffff_ffff * 1000 + 999, 2 ** 32 * 1000, -1, 1.5e12 + 0.5].map((at) => read(at, "s")),
        ["invalid", 1000, 1000, 0xffff_ffff * 1000, "invalid", "invalid", 1.5e12]
      )
      assert.deepStrictEqual(
        [1, 0xffff_ffff, 2 ** 32, 9_999_999_999_999, 1e13, 1.5e12 + 0.5].map((at) => read(at, "ms")),
        ["invalid", "invalid", 2 ** 32, 9_999_999_999_999, "invalid", "invalid"]
      )
    })

    it("says of tags what is wrong with them", () => {
      const reason = (tags: ReadonlyArray<Tag>, options: Partial<Dialect> = {}) =>
        encode([pointOf(seriesOf("m", tags), [["value", 1]])], options).refused[0]?.reason ?? "none"
      const many = (count: number) => Array.from({ length: count }, (_, i): Tag => [`t${i}`, "v"])
      assert.match(reason([]), /^it has no tags, .*: set hostTag, or tags$/)
      assert.match(reason(many(9)), /^it has 9 tags, .* at most 8 \(maxTags\)$/)
      assert.strictEqual(reason(many(8)), "none")
      assert.match(reason(many(3), { maxTags: 2 }), /^it has 3 tags/)
      assert.match(reason([["", "v"]]), /^its tag key is empty/)
      assert.match(reason([["k", ""]]), /^the value of its tag "k" is empty/)
      assert.match(reason([["a b", "v"]]), /^its tag key "a b" contains " ", and .* \(or set sanitise\)$/)
      const twice: ReadonlyArray<Tag> = [
        ["a b", "v"],
        ["a+b", "w"]
      ]
      assert.match(reason(twice, { sanitise: "_" }), /^two of its tags are "a_b" once sanitised$/)
      const point = pointOf(
        seriesOf("m", [["t", "v"]]),
        twice.map(([field]) => [field, 1])
      )
      assert.strictEqual(
        encode([point], { sanitise: "_" }).refused[0]?.reason,
        'two of its fields are "a_b" once sanitised'
      )
    })
  })
}

describe("names", () => {
  it("may have letters of all scripts in JSON, but for those of two UTF-16 units", () => {
    const refusal = (name: string) => wires.json([pointOf(seriesOf(name), [["value", 1]])]).refused[0]?.drop ?? "none"
    assert.deepStrictEqual(["日本", "ключ", "é", "ªº"].map(refusal), ["none", "none", "none", "none"])
    assert.deepStrictEqual(["🚀", "𝒜", "٣", "e\u0301", "a b", '"'].map(refusal), Array(6).fill("invalid"))
  })

  it("are ASCII in lines, or replaced character by character", () => {
    const named = (name: string) => wires.line([pointOf(seriesOf(name), [["value", 1]])], { sanitise: "-" })
    assert.strictEqual(named("日本🚀é").stored[0]!.metric, "----")
  })
})

describe("the reader that stands in for OpenTSDB's", () => {
  it("complains about what the server complains about", () => {
    const lines = [
      "a 1479496100 NaN host=web01",
      "a 1479496100 1",
      "a 1479496100 1 host=",
      "a b 1479496100 1 host=web01",
      "a:b 1479496100 1 host=web01",
      "a 1479496100 1 k=a=b",
      "a 0 1 host=web01",
      "a 1479496100 9223372036854775808 host=web01",
      "a 1479496100 1e400 host=web01",
      "a  1479496100 1 host=web01",
      "a 1479496100 1 h=a h=b"
    ]
    for (const line of lines) assert.throws(() => parseLine(line), Complaint)
  })
})
