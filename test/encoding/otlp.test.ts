import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Bodies, Dialect } from "../../src/encoding/otlp.js"
import * as OtlpJson from "../../src/encoding/otlpJson.js"
import * as OtlpProtobuf from "../../src/encoding/otlpProtobuf.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { FieldValue, Measurement, Series } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import { bucketOf } from "../../src/recording/buckets.js"
import { fieldsOf, finite, int, tagsOf, unicode } from "./arbitraries.js"
import { attributesOf, type DataPoint, dataOf, decode, full, metricsOf, type Request } from "./otlp.js"
import { seriesOf as plain } from "./series.js"

const dialect: Dialect = {
  resource: [["service.name", "shop"]],
  scope: { name: "tests", version: "1" },
  temporality: "delta",
  names: "strict",
  histograms: "exponential",
  boundaries: () => [1, 10]
}

const start = 1_700_000_000_000
const times = { weight: 1, startMillis: start, millis: start + 10_000, nanos: 5 }

const seriesOf = (name: string, kind: Series["kind"], more: Partial<Series> = {}): Series =>
  plain(name, { kind, monotonic: true, ...more })

const count = (name: string, value: number, more: Partial<Series> = {}): Measurement => ({
  _tag: "count",
  series: seriesOf(name, "counter", more),
  ...times,
  value
})

const gauge = (name: string, value: number, more: Partial<Series> = {}): Measurement => ({
  _tag: "gauge",
  series: seriesOf(name, "gauge", more),
  ...times,
  value
})

const distribution = (name: string, values: ReadonlyArray<number>, more: Partial<Series> = {}): Measurement => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  const { boundaries } = more
  const buckets = boundaries && new Array<number>(boundaries.length + 1).fill(0)
  if (buckets !== undefined) for (const value of values) buckets[bucketOf(boundaries!, value)]!++
  return { _tag: "distribution", series: seriesOf(name, "distribution", more), ...times, histogram, buckets }
}

const point = (
  name: string,
  fields: ReadonlyArray<readonly [string, FieldValue]>,
  more: Partial<Series> = {}
): Measurement => ({
  _tag: "point",
  series: seriesOf(name, "point", more),
  weight: 1,
  millis: times.millis,
  nanos: times.nanos,
  fieldNames: fields.map(([field]) => field),
  fieldValues: fields.map(([, value]) => value),
  sampleRate: 1
})

/** Encoders keep what they derive in the series, so each gets its own. */
const copy = (all: ReadonlyArray<Measurement>): ReadonlyArray<Measurement> =>
  all.map((one) => ({ ...one, series: { ...one.series, encoded: undefined } }))

const protobuf = (all: ReadonlyArray<Measurement>, options: Partial<Dialect> = {}, maxBytes = Infinity): Bodies =>
  OtlpProtobuf.make({ ...dialect, ...options })(copy(all), maxBytes)
const json = (all: ReadonlyArray<Measurement>, options: Partial<Dialect> = {}, maxBytes = Infinity): Bodies =>
  OtlpJson.make({ ...dialect, ...options })(copy(all), maxBytes)

const textOf = ({ payload }: Bodies): string => new TextDecoder().decode(payload.bytes)

const read = (all: ReadonlyArray<Measurement>, options: Partial<Dialect> = {}) =>
  metricsOf(decode(protobuf(all, options).payload.bytes))

/** The only data point of the only metric. */
const only = (measurement: Measurement, options: Partial<Dialect> = {}): DataPoint => {
  const [metric] = read([measurement], options)
  return dataOf(metric!).dataPoints[0]!
}

const name = fc.stringMatching(/^[A-Za-z][\w./-]{0,8}$/)
const described = fc.record({
  tags: tagsOf(unicode({ minLength: 1, maxLength: 6 }), unicode({ maxLength: 6 })),
  unit: fc.option(fc.constantFrom("s", "By", ""), { nil: undefined }),
  description: fc.option(unicode({ maxLength: 10 }), { nil: undefined })
})
const number = finite.map((value) => value + 0)
const measurement: fc.Arbitrary<Measurement> = fc.oneof(
  fc
    .tuple(name, number, described, fc.boolean())
    .map(([name, value, more, monotonic]) => count(name, value, { ...more, monotonic })),
  fc
    .tuple(name, fc.maxSafeInteger(), described)
    .map(([name, value, more]) => gauge(name, value + 0, { ...more, valueType: "int" })),
  fc
    .tuple(
      name,
      fc.double().map((value) => value + 0),
      described
    )
    .map(([name, value, more]) => gauge(name, value, more)),
  fc
    .tuple(name, fc.array(number, { minLength: 1, maxLength: 20 }), described, fc.boolean())
    .map(([name, values, more, isExplicit]) =>
      distribution(name, values, isExplicit ? { ...more, boundaries: [-1, 0, 0.5, 100] } : more)
    ),
  fc
    .tuple(
      name,
      fieldsOf(fc.stringMatching(/^(value|\w{1,5})$/), fc.oneof(number, int, fc.boolean(), fc.constant("t")), 1),
      described
    )
    .map(([name, fields, more]) => point(name, fields, more))
)
const batch = fc.array(measurement, { maxLength: 12 })

/** One data point with all that its metric says of it. */
interface Flat extends DataPoint {
  readonly metric: string
}

const flat = (request: Request): ReadonlyArray<Flat> =>
  metricsOf(request).flatMap((metric) => {
    const { aggregationTemporality, dataPoints, isMonotonic } = dataOf(metric)
    const { description, name, unit } = metric
    const data = Object.keys(metric).find((key) => /^(gauge|sum|histogram|exponentialHistogram)$/.test(key))
    const is = JSON.stringify([name, description ?? "", unit ?? "", data, aggregationTemporality, isMonotonic])
    return dataPoints.map((point) => ({ metric: is, ...point }))
  })

const sorted = (all: ReadonlyArray<unknown>): ReadonlyArray<string> => all.map((one) => JSON.stringify(one)).sort()

describe("OpenTelemetry's data points", () => {
  it("are the same in both formats, as its own code reads them, each metric once", () => {
    fc.assert(
      fc.property(batch, (all) => {
        const binary = protobuf(all)
        const text = json(all)
        assert.deepStrictEqual(binary.refused, text.refused)
        const request = full.decode(binary.payload.bytes)
        assert.deepStrictEqual(full.ofJson(textOf(text)), request)
        assert.deepStrictEqual(binary.payload.points, text.payload.points)
        const points = metricsOf(request).flatMap((metric) => dataOf(metric).dataPoints)
        assert.lengthOf(
          points,
          binary.payload.points.reduce((sum, one) => sum + one, 0)
        )
        const keys = metricsOf(decode(binary.payload.bytes)).map((metric) =>
          JSON.stringify({ ...metric, ...flatKey(metric) })
        )
        assert.strictEqual(new Set(keys).size, keys.length)
      })
    )
  })

  it("hold what was measured, with names, tags, units and times", () => {
    fc.assert(
      fc.property(measurement, (one) => {
        const { description, name, tags, unit } = one.series
        for (const metric of read([one])) {
          const [data] = dataOf(metric).dataPoints
          assert.deepStrictEqual(attributesOf(data!.attributes), Object.fromEntries(tags))
          assert.strictEqual(data!.timeUnixNano, "1700000010000000005")
          if (one._tag !== "point") {
            assert.deepStrictEqual(
              [metric.name, metric.unit ?? "", metric.description ?? ""],
              [name, unit ?? "", description ?? ""]
            )
            assert.strictEqual(data!.startTimeUnixNano, "1700000000000000000")
          } else assert.isTrue(metric.name === name || metric.name.startsWith(`${name}.`))
          if (one._tag === "count") {
            assert.strictEqual(Number(data!.asDouble), one.value)
            assert.deepStrictEqual(
              [dataOf(metric).isMonotonic ?? false, dataOf(metric).aggregationTemporality],
              [one.series.monotonic, 1]
            )
          }
          if (one._tag === "gauge") {
            const value = one.series.valueType === "int" ? data!.asInt : data!.asDouble
            // A gauge may be NaN.
            assert.isTrue(Object.is(Number(value), one.value), `${value} for ${one.value}`)
          }
          if (one._tag === "distribution") {
            const { histogram } = one
            assert.deepStrictEqual([data!.count, data!.min, data!.max].map(Number), [
              histogram.count,
              histogram.min,
              histogram.max
            ])
            if (histogram.min < 0) assert.isUndefined(data!.sum)
            else assert.strictEqual(Number(data!.sum), histogram.sum)
          }
        }
      })
    )
  })

  it("of an exponential histogram are where the specification's formula has them", () => {
    const magnitude = fc.double({ min: 1e-9, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(fc.array(magnitude, { minLength: 1, maxLength: 40 }), fc.boolean(), (values, isNegative) => {
        const signed = [...values.map((value) => (isNegative ? -value : value)), 0]
        const { negative, positive, scale = 0, zeroCount } = only(distribution("d", signed))
        const { bucketCounts, offset = 0 } = (isNegative ? negative : positive)!
        assert.strictEqual(zeroCount, "1")
        assert.strictEqual(isNegative ? positive : negative, undefined)
        const base = 2 ** (2 ** -scale)
        bucketCounts!.forEach((count, i) => {
          const [above, upTo] = [base ** (offset + i), base ** (offset + i + 1)]
          const slack = 1e-9
          const within = values.filter((value) => value > above * (1 + slack) && value <= upTo * (1 - slack)).length
          const near = values.filter((value) => value > above * (1 - slack) && value <= upTo * (1 + slack)).length
          assert.isTrue(Number(count) >= within && Number(count) <= near)
        })
        assert.strictEqual(
          bucketCounts!.reduce((sum, count) => sum + Number(count), 0),
          values.length
        )
      })
    )
  })

  it("of an explicit histogram count values up to each bound, and about so where the instrument has none", () => {
    const values = [-3, 0, 0.5, 1, 1.5, 10, 11]
    const declared = only(distribution("d", values, { boundaries: [0, 1, 10] }))
    assert.deepStrictEqual(declared.explicitBounds, [0, 1, 10])
    assert.deepStrictEqual(declared.bucketCounts, ["2", "2", "2", "1"])
    const made = only(distribution("d", [-3, 0, 0.5, 1.5, 9, 11]), { histograms: "explicit" })
    assert.deepStrictEqual(made.explicitBounds, [1, 10])
    assert.deepStrictEqual(made.bucketCounts, ["3", "2", "1"])
  })

  it("fit into the bytes of a request, and none is lost on the way", () => {
    fc.assert(
      fc.property(batch, fc.integer({ min: 150, max: 2000 }), (all, maxBytes) => {
        for (const encode of [OtlpProtobuf.make(dialect), OtlpJson.make(dialect)]) {
          const isJson = new TextDecoder().decode(encode([], Infinity).payload.bytes).startsWith("{")
          const readOf = (bytes: Uint8Array) =>
            flat(isJson ? full.ofJson(new TextDecoder().decode(bytes)) : full.decode(bytes))
          const fresh = copy(all)
          const parts: Array<Flat> = []
          const refused = new Set<Measurement>()
          for (let rest = fresh; rest.length > 0;) {
            const { bytes, payload, refused: bad, taken } = encode(rest, maxBytes)
            assert.isAtLeast(taken, 1)
            assert.strictEqual(payload.bytes.length, bytes)
            for (const { index } of bad) refused.add(rest[index]!)
            const written = readOf(payload.bytes)
            if (written.length > 0) assert.isAtMost(bytes, maxBytes)
            parts.push(...written)
            rest = rest.slice(taken)
          }
          const whole = encode(
            fresh.filter((one) => !refused.has(one)),
            Infinity
          )
          assert.deepStrictEqual(sorted(parts), sorted(readOf(whole.payload.bytes)))
        }
      })
    )
  })

  it("of a measurement that is refused leave no trace", () => {
    const good = (value: number) =>
      point("good", [
        ["value", value],
        ["other", value]
      ])
    const bad = point("bad", [
      ["value", 1],
      ["worse", new UInt(2n ** 64n - 1n)]
    ])
    for (const { payload, refused } of [protobuf([good(1), bad, good(2)]), json([good(1), bad, good(2)])]) {
      assert.deepStrictEqual(
        refused.map(({ index, reason }) => [index, reason]),
        [[1, "an integer field is out of range"]]
      )
      assert.deepStrictEqual(payload.points, [2, 2])
    }
    assert.deepStrictEqual(
      read([good(1), bad, good(2), bad]).map((metric) => [metric.name, dataOf(metric).dataPoints.length]),
      [
        ["good", 2],
        ["good.other", 2]
      ]
    )
    const same = point("good", [
      ["value", 1],
      ["other", new UInt(2n ** 64n - 1n)]
    ])
    assert.deepStrictEqual(
      read([good(1), same, good(2)]).map((metric) => dataOf(metric).dataPoints.map(({ asDouble }) => asDouble)),
      [
        [1, 2],
        [1, 2]
      ]
    )
  })

  it("of a point are those of its fields that are numbers", () => {
    const fields: ReadonlyArray<readonly [string, FieldValue]> = [
      ["value", 1.5],
      ["big", 2n ** 62n],
      ["int", new Int(7)],
      ["on", true],
      ["text", "no"]
    ]
    const { skipped } = protobuf([point("p", fields)])
    assert.deepStrictEqual(skipped, [{ index: 0, fields: 1 }])
    assert.deepStrictEqual(
      read([point("p", fields, { unit: "s" })]).map((metric) => {
        const [data] = dataOf(metric).dataPoints
        return [metric.name, metric.unit ?? "", data!.asDouble ?? data!.asInt]
      }),
      [
        ["p", "s", 1.5],
        ["p.big", "", String(2n ** 62n)],
        ["p.int", "", "7"],
        ["p.on", "", "1"]
      ]
    )
    const reasonOf = (one: Measurement) => protobuf([one]).refused[0]
    assert.deepInclude(reasonOf(point("p", [["text", "no"]]))!, {
      drop: "unsupported",
      reason: "none of its fields is a number"
    })
    assert.match(reasonOf(point("p", [["a b", 1]]))!.reason, /"p\.a b" is not a letter and then/)
    assert.match(reasonOf(point("p", [["i", new Int(1.5)]]))!.reason, /has a fraction/)
    assert.match(reasonOf(point("p", []))!.reason, /no fields/)
  })

  it("of other names go out where they are asked for", () => {
    assert.match(protobuf([count("größe", 1)]).refused[0]!.reason, /names: "any"/)
    assert.strictEqual(read([count("größe 1", 1)], { names: "any" })[0]!.name, "größe 1")
    assert.lengthOf(protobuf([count("", 1)], { names: "any" }).refused, 1)
    const one = { unit: "a", description: "c\nd" }
    const other = { unit: "c", description: "d" }
    assert.lengthOf(read([count("x", 1, one), count("x\na", 1, other)], { names: "any" }), 2)
  })

  it("of a window without length begin before it ends", () => {
    const startOf = (millis: number) => only({ ...count("c", 1), millis }).startTimeUnixNano
    assert.strictEqual(startOf(start + 1), `${start}000000`)
    assert.strictEqual(startOf(start), `${start - 1}000000`)
  })

  it("have no half of a pair of surrogates, which readers of JSON refuse with the request", () => {
    const [broken, whole] = ["a\ud800", "a\ufffd"]
    const more = { tags: [[broken, broken]] as const, unit: broken, description: broken }
    const all = [count(broken, 1, more)]
    const options = { names: "any", resource: [["r", broken]], scope: { name: broken, version: broken } } as const
    assert.include(textOf(json([count("😀", 1)], options)), "😀")
    const text = textOf(json(all, options))
    assert.notInclude(text, "ud800")
    assert.lengthOf(text.split(whole), 9)
  })

  it("say what is cumulative", () => {
    const [metric] = read([count("c", 1)], { temporality: "cumulative" })
    assert.strictEqual(metric!.sum!.aggregationTemporality, 2)
  })

  it("have a resource with attributes of each type", () => {
    const resource = [
      ["s", "ü"],
      ["i", 5],
      ["n", -5],
      ["l", 2n ** 62n],
      ["f", 1.5],
      ["b", false]
    ] as const
    const [{ resource: seen }] = decode(protobuf([], { resource }).payload.bytes).resourceMetrics as [
      Request["resourceMetrics"][number]
    ]
    assert.deepStrictEqual(
      seen.attributes!.map(({ key, value }) => [key, value]),
      [
        ["s", { stringValue: "ü" }],
        ["i", { intValue: "5" }],
        ["n", { intValue: "-5" }],
        ["l", { intValue: String(2n ** 62n) }],
        ["f", { doubleValue: 1.5 }],
        ["b", { boolValue: false }]
      ]
    )
  })
})

/** All but the data points. */
const flatKey = (metric: Parameters<typeof dataOf>[0]) => {
  const { aggregationTemporality, isMonotonic } = dataOf(metric)
  const data = Object.keys(metric).find((key) => /^(gauge|sum|histogram|exponentialHistogram)$/.test(key))!
  return { [data]: [aggregationTemporality, isMonotonic] }
}
