import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as RemoteWrite from "../../src/encoding/remoteWrite.js"
import { type Dialect, spell as spellOf } from "../../src/encoding/remoteWriteSeries.js"
import { representativeOf } from "../../src/recording/histogram.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { Distribution, Measurement, Series, Tag } from "../../src/recording/measurement.js"
import { seriesOf } from "./series.js"
import { decode, type Native } from "./remoteWrite.js"

const usual: Dialect = {
  version: 2,
  escaping: "underscores",
  conflicts: "rename",
  histograms: "classic",
  boundaries: () => [1, 5],
  maxSamples: Infinity
}

const timed = { weight: 1, startMillis: 1000, millis: 2000, nanos: 0 }

const gauge = (name: string, tags: ReadonlyArray<Tag> = [], value = 1): Measurement => ({
  _tag: "gauge",
  series: seriesOf(name, { tags }),
  ...timed,
  value
})

const distribution = (values: ReadonlyArray<number>, more: Partial<Series> = {}): Distribution => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  const series = seriesOf("took", { kind: "distribution", ...more })
  return { _tag: "distribution", series, ...timed, histogram, buckets: undefined }
}

const told = (measurements: ReadonlyArray<Measurement>, dialect: Partial<Dialect> = {}) => {
  const { version } = { ...usual, ...dialect }
  const { payload, refused } = RemoteWrite.make({ ...usual, ...dialect }).encode(measurements, Infinity)
  assert.deepStrictEqual(refused, [])
  const all = decode(version, payload.bytes)
  assert.strictEqual(payload.samples, all.length)
  return all
}

/** How many values a native histogram has, by their buckets' upper bounds. */
const counted = ({ positiveDeltas = [], positiveSpans = [], schema = 0 }: Native): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  let index = 0
  let count = 0
  let next = 0
  for (const { length, offset = 0 } of positiveSpans) {
    index += offset
    for (let i = 0; i < length; i++) {
      count += positiveDeltas[next++]!
      if (count > 0) counts.set(2 ** (index * 2 ** -schema), count)
      index++
    }
  }
  return counts
}

describe("remote write", () => {
  it("tells the same in both versions, whatever the series are called, with labels that are sorted and different", () => {
    const text = fc.oneof(
      fc.constantFrom("le", "a.b", "a_b", "__name__", "instance", "Z", ""),
      fc.string({ unit: "binary" })
    )
    const tags = fc
      .uniqueArray(fc.tuple(text, text), { maxLength: 4, selector: ([key]) => key })
      .map((all): ReadonlyArray<Tag> => all.sort(([a], [b]) => (a < b ? -1 : 1)))
    const any = fc.record({ name: fc.string({ unit: "binary", minLength: 1 }), tags, value: fc.double() })
    fc.assert(
      fc.property(
        fc.array(any, { maxLength: 12 }),
        fc.constantFrom("underscores" as const, "allow-utf-8" as const),
        (all, escaping) => {
          const spell = spellOf({ escaping })
          const make = () =>
            all.map(({ name, tags, value }) => {
              const spelled = spell({ name, tags })
              assert.deepStrictEqual(spell(spelled), spelled)
              return gauge(name, spelled.tags, value)
            })
          const dialect = { escaping } as const
          const first = told(make(), { ...dialect, version: 1 })
          const second = told(make(), { ...dialect, version: 2 })
          assert.deepStrictEqual(
            first.map(({ keys, labels, name, value }) => ({ keys, labels, name, value })),
            second.map(({ keys, labels, name, value }) => ({ keys, labels, name, value }))
          )
          for (const { keys, labels, name } of first) {
            assert.notStrictEqual(name, "")
            assert.notInclude(Object.values(labels), "")
            assert.deepStrictEqual(
              keys,
              [...new Set(keys)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
            )
            if (escaping === "underscores") assert.match(keys.join(), /^[a-zA-Z0-9_,]+$/)
          }
        }
      ),
      { numRuns: 100 }
    )
  })

  it("gives the later of two names that come to the same a mark", () => {
    const all = told([gauge("a.b"), gauge("a_b")])
    assert.deepStrictEqual(
      all.map(({ name }) => name.replace(/_[a-z\d]{6}$/, "_mark")),
      ["a_b", "a_b_mark"]
    )
  })

  it("tells names, units, descriptions and beginnings as Prometheus has them", () => {
    const described = { unit: "By", description: "What it is." }
    const count = (monotonic: boolean): Measurement => ({
      _tag: "count",
      series: seriesOf(monotonic ? "sent" : "left", { kind: "counter", monotonic, ...described }),
      ...timed,
      value: 3
    })
    const summary = (all: ReturnType<typeof told>) =>
      all.map(({ help, millis, name, startMillis, type, unit, value }) => [
        name,
        type,
        value,
        help,
        unit,
        startMillis,
        millis
      ])
    const help = "What it is."
    assert.deepStrictEqual(summary(told([count(true), count(false)])), [
      ["sent_bytes_total", 1, 3, help, "bytes", 1000, 2000],
      ["left_bytes", 2, 3, help, "bytes", undefined, 2000]
    ])
    assert.deepStrictEqual(summary(told([count(true)], { version: 1 })), [
      ["sent_bytes_total", undefined, 3, undefined, undefined, undefined, 2000]
    ])
  })

  it("tells distributions by the buckets of their own, or else by the option's, and as Prometheus writes bounds", () => {
    const own: Distribution = { ...distribution([0.5, 3, 7], { boundaries: [2] }), buckets: [1, 2] }
    const read = (measurement: Measurement, dialect: Partial<Dialect> = {}) =>
      told([measurement], dialect).map(({ labels, name, native, value }) => [
        name + (labels["le"] ?? ""),
        value ?? native!.countInt
      ])
    const both = [
      ["took_bucket1.0", 1],
      ["took_bucket5.0", 2],
      ["took_bucket+Inf", 3],
      ["took_sum", 10.5],
      ["took_count", 3]
    ]
    assert.deepStrictEqual(read(distribution([0.5, 3, 7])), both)
    assert.deepStrictEqual(read(distribution([0.5, 3, 7]), { histograms: "both" }), [["took", 3], ...both])
    assert.deepStrictEqual(read(distribution([0.5, 3, 7]), { histograms: "native" }), [["took", 3]])
    assert.deepStrictEqual(read(own, { histograms: "native" }), [
      ["took_bucket2.0", 1],
      ["took_bucket+Inf", 3],
      ["took_sum", 10.5],
      ["took_count", 3]
    ])
  })

  it("tells native histograms of which each bucket has the values that ours have", () => {
    const positive = fc.double({ min: 1e-9, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(fc.array(positive, { maxLength: 60 }), fc.nat(3), fc.constantFrom(1, 2), (values, zeros, version) => {
        const window = distribution([...values, ...values.map((value) => -value), ...Array<number>(zeros).fill(0)])
        const native = told([window], { histograms: "native", version: version as 1 | 2 })[0]!.native!
        const { histogram } = window
        const schema = native.schema ?? 0
        assert.strictEqual(schema, Math.min(8, histogram.scale))
        assert.strictEqual(native.countInt, histogram.count)
        assert.closeTo(native.sum ?? 0, histogram.sum, 1e-9)
        assert.strictEqual(native.zeroCountInt ?? 0, zeros)
        assert.deepStrictEqual(native.negativeSpans, native.positiveSpans)
        assert.deepStrictEqual(native.negativeDeltas, native.positiveDeltas)
        assert.deepStrictEqual([native.timestamp, native.startTimestamp], [2000, version === 1 ? undefined : 1000])
        const expected = new Map<number, number>()
        histogram.positive.counts.forEach((count, i) => {
          if (count === 0) return
          const value = representativeOf(histogram.positive.offset + i, histogram.scale)
          const bound = 2 ** (Math.ceil(Math.log2(value) * 2 ** schema) * 2 ** -schema)
          expected.set(bound, (expected.get(bound) ?? 0) + count)
        })
        assert.deepStrictEqual(counted(native), expected)
      }),
      { numRuns: 100 }
    )
  })

  it("refuses a native histogram whose buckets are too wide, and leaves it out where there are classic ones too", () => {
    const wide = distribution([1])
    const histogram = Histogram.of({
      ...wide.histogram,
      positive: { offset: 0, counts: [1] },
      negative: { offset: 0, counts: [] },
      scale: -5
    })!
    const encode = (histograms: "native" | "both") =>
      RemoteWrite.make({ ...usual, histograms }).encode([{ ...wide, histogram }], Infinity)
    assert.deepStrictEqual(encode("native").refused[0]?.drop, "unsupported")
    assert.strictEqual(encode("both").payload.samples, 5)
  })

  it("puts fields of points that are numbers under names of their own", () => {
    const series = seriesOf("job", { kind: "point" })
    const point: Measurement = {
      _tag: "point",
      series,
      weight: 1,
      millis: 5,
      nanos: 0,
      fieldNames: ["value", "size", "user", "ok"],
      fieldValues: [1.5, 7n, "ada", true],
      sampleRate: 1
    }
    assert.deepStrictEqual(
      told([point, { ...point, fieldNames: ["b"], fieldValues: [NaN] }]).map(({ name, value }) => [name, value]),
      [
        ["job", 1.5],
        ["job_size", 7],
        ["job_ok", 1],
        ["job_b", NaN]
      ]
    )
  })

  it("covers as many measurements as fit, byte for byte as if there had been no others", () => {
    const text = fc.constantFrom("a", "b", "route", "a long one, that takes some room")
    const many = fc.array(fc.record({ name: text, key: text, value: text }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(many, fc.integer({ min: 40, max: 400 }), fc.constantFrom(1, 2), (all, maxBytes, given) => {
        const version = given as 1 | 2
        const make = () => all.map(({ key, name, value }) => gauge(name, [[key, value]]))
        const { bytes, payload, refused, taken } = RemoteWrite.make({ ...usual, version }).encode(make(), maxBytes)
        assert.strictEqual(bytes, payload.bytes.length)
        assert.isAtMost(bytes, maxBytes)
        const out = new Set(refused.map(({ index }) => index))
        const left = make().filter((_, index) => index < taken && !out.has(index))
        const alone = RemoteWrite.make({ ...usual, version }).encode(left, Infinity)
        assert.strictEqual(Buffer.from(payload.bytes).toString("hex"), Buffer.from(alone.payload.bytes).toString("hex"))
        for (const { drop } of refused) assert.strictEqual(drop, "too_large")
      }),
      { numRuns: 200 }
    )
  })

  it("has no more samples in a request than it is told, but those of one measurement", () => {
    const encode = (measurements: ReadonlyArray<Measurement>) =>
      RemoteWrite.make({ ...usual, maxSamples: 3 }).encode(measurements, Infinity)
    assert.strictEqual(encode(["a", "b", "c", "d"].map((name) => gauge(name))).taken, 3)
    assert.deepStrictEqual([encode([distribution([1]), gauge("a")]).payload.samples], [5])
    assert.strictEqual(encode([gauge("a"), distribution([1])]).taken, 1)
  })

  it("has the mark of an end for all samples of a series, and for no NaN that was recorded", () => {
    const encoder = RemoteWrite.make({ ...usual, histograms: "both" })
    const window = distribution([1])
    const mark = new DataView(new ArrayBuffer(8))
    mark.setBigUint64(0, 0x7ff0000000000002n, true)
    const isIn = (bytes: Uint8Array) => Buffer.from(bytes).includes(Buffer.from(mark.buffer))
    assert.isFalse(isIn(encoder.encode([window, gauge("a", [], mark.getFloat64(0, true))], Infinity).payload.bytes))
    const end = encoder.end([window.series, seriesOf("never told")], 3000)
    assert.strictEqual(end.samples, 6)
    assert.isTrue(isIn(end.bytes))
    assert.deepStrictEqual(
      new Set(decode(2, end.bytes).map(({ millis, value }) => `${millis} ${value}`)),
      new Set(["3000 NaN"])
    )
  })
})
