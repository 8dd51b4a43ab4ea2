import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { frame, topicOf } from "../../src/encoding/relayFrame.js"
import { type Body, decode, type Unreadable } from "../../src/encoding/relayReader.js"
import { make } from "../../src/encoding/relayWriter.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { FieldValue, Kind, Measurement, Series } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"
import { fieldsOf, finite, int, int64, tagsOf, uint, unicode } from "./arbitraries.js"

const millis = 1_700_000_000_123

const seriesOf = (name: string, kind: Kind | "point", more: Partial<Series> = {}): Series => ({
  name,
  tags: [],
  kind,
  valueType: "float",
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined,
  ...more
})

const counted = (name: string, value: number, more: Partial<Series> = {}): Measurement => ({
  _tag: "count",
  series: seriesOf(name, "counter", more),
  weight: 3,
  millis,
  nanos: 7,
  startMillis: millis - 10_000,
  value
})

const emitted = (series: Series, fields: ReadonlyArray<readonly [string, FieldValue]>, rate = 1): Measurement => ({
  _tag: "point",
  series,
  weight: 1,
  millis,
  nanos: 0,
  fieldNames: fields.map(([name]) => name),
  fieldValues: fields.map(([, value]) => value),
  sampleRate: rate
})

const recorded = (values: ReadonlyArray<number>, more: Partial<Series> = {}): Measurement => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  const { boundaries } = more
  const buckets = boundaries?.map((bound, i) => values.filter((v) => v <= bound && !(v <= boundaries[i - 1]!)).length)
  const series = seriesOf("d", "distribution", more)
  return {
    _tag: "distribution",
    series,
    weight: values.length,
    millis,
    nanos: 7,
    startMillis: millis - 10_000,
    histogram,
    buckets: buckets && [...buckets, values.filter((v) => v > boundaries!.at(-1)!).length]
  }
}

/** Without what an encoder keeps, and with histograms as what they say. */
const plain = (measurement: Measurement): object => ({
  ...measurement,
  series: { ...measurement.series, encoded: undefined },
  ...(measurement._tag === "distribution" ? { histogram: partsOf(measurement.histogram) } : {})
})

const partsOf = ({ count, max, min, negative, positive, scale, sum, zeroCount }: Histogram): object => ({
  count,
  max,
  min,
  negative,
  positive,
  scale,
  sum,
  zeroCount
})

const bodies = (measurements: ReadonlyArray<Measurement>, encode = make()): ReadonlyArray<Uint8Array> =>
  encode(measurements, Infinity).payload.map((section) =>
    frame({ publisher: "p", batch: "b-1", level: section.level }, section)
  )

const readable = (body: Body | Unreadable): Body => {
  if ("unreadable" in body) throw new Error(body.reason)
  return body
}

const roundTrip = (measurements: ReadonlyArray<Measurement>, encode = make()): ReadonlyArray<object> =>
  bodies(measurements, encode).flatMap((bytes) => readable(decode(bytes, Infinity)).measurements.map(plain))

const number = fc.oneof(finite, fc.integer(), fc.maxSafeInteger())
const word = unicode({ minLength: 1, maxLength: 8 })
const boundaries = fc
  .uniqueArray(finite, { minLength: 1, maxLength: 4 })
  // Plus 0, as -0 is the same bound.
  .map((bounds) => [...new Set(bounds.map((bound) => bound + 0))].sort((a, b) => a - b))
const about = fc.record({
  name: word,
  tags: tagsOf(word, word, 4),
  valueType: fc.constantFrom("float" as const, "int" as const),
  unit: fc.option(word, { nil: undefined }),
  description: fc.option(word, { nil: undefined }),
  level: fc.constantFrom(undefined, "", "info", "information")
})
const field: fc.Arbitrary<FieldValue> = fc.oneof(number, unicode(), fc.boolean(), int64, int, uint)
const times = fc.record({
  weight: fc.nat(),
  millis: fc.oneof(fc.constant(millis), fc.integer({ min: -(2 ** 45), max: 2 ** 45 })),
  nanos: fc.nat(999_999)
})
const measurement: fc.Arbitrary<Measurement> = fc
  .tuple(fc.constantFrom("count", "gauge", "distribution", "point"), about, times, fc.nat(1_000_000))
  .chain(([tag, about, times, length]): fc.Arbitrary<Measurement> => {
    const windowed = { ...times, startMillis: times.millis - length }
    switch (tag) {
      case "count":
      case "gauge": {
        const series = seriesOf("", tag === "count" ? "counter" : "gauge", about)
        return number.map((value) => ({ _tag: tag, series, ...windowed, value }))
      }
      case "distribution":
        return fc
          .tuple(fc.array(number, { maxLength: 20 }), fc.option(boundaries, { nil: undefined }))
          .map(([values, boundaries]) => ({
            ...recorded(values, { ...about, boundaries }),
            ...windowed
          }))
      default:
        return fc
          .tuple(fieldsOf(word, field, 1), fc.constantFrom(1, 0.25))
          .map(([fields, rate]) => ({ ...emitted(seriesOf("", "point", about), fields, rate), ...times }))
    }
  })

const byLevel = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<Measurement> => {
  const levels = [...new Set(measurements.map(({ series }) => series.level))]
  return levels.flatMap((level) => measurements.filter(({ series }) => series.level === level))
}

describe("a body", () => {
  it("is the bytes that the format's description says", () => {
    const [body] = bodies([counted("hits", 5, { tags: [["a", "b"]], level: "info" })])
    const text = (text: string) => [text.length, ...new TextEncoder().encode(text)]
    assert.deepStrictEqual(Array.from(body!), [
      ...[0x65, 0x6d, 1],
      ...text("p"),
      ...text("b-1"),
      ...[1, ...text("info")],
      1,
      ...[0, 0, 0, ...text("hits"), 1, 0, ...text("a"), 0, ...text("b")],
      0,
      3,
      // 1 700 000 000 123, zigzagged.
      ...[0xf6, 0xa1, 0xab, 0xfe, 0xf9, 0x62],
      7,
      ...[0xa0, 0x9c, 0x01],
      11
    ])
  })

  it("gives back all that was measured, level by level", () => {
    const encode = make()
    fc.assert(
      fc.property(fc.array(measurement, { maxLength: 20 }), (measurements) => {
        const { refused, taken } = encode(measurements, Infinity)
        assert.deepStrictEqual([taken, refused], [measurements.length, []])
        assert.deepStrictEqual(roundTrip(measurements, encode), byLevel(measurements).map(plain))
      }),
      { numRuns: 300 }
    )
  })

  it("gives back histograms that merge as if one had seen it all", () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }), {
      maxLength: 300
    })
    fc.assert(
      fc.property(values, values, (one, two) => {
        const all = new Histogram()
        for (const value of [...one, ...two]) all.record(value)
        const merged = new Histogram()
        for (const body of bodies([recorded(one), recorded(two)])) {
          for (const window of readable(decode(body, Infinity)).measurements) {
            assert(window._tag === "distribution")
            merged.merge(window.histogram)
          }
        }
        assert.deepStrictEqual({ ...partsOf(merged), sum: 0 }, { ...partsOf(all), sum: 0 })
      })
    )
  })

  it("keeps fractions and bounds where it outgrows the place in which it is written", () => {
    const all = [
      emitted(seriesOf("first", "point"), [["text", "t".repeat(65_400)]]),
      emitted(seriesOf("p", "point"), [["value", 0.1]], 0.25),
      recorded([0.5, 2.5], { boundaries: Array.from({ length: 4000 }, (_, i) => i + 0.5) }),
      counted("hits", 1.5)
    ]
    assert.deepStrictEqual(roundTrip(all, make()), all.map(plain))
  })

  it("gives back short texts of one to three bytes a character and halves of pairs as U+FFFD", () => {
    const texts = ["", "ada", "é", "x".repeat(42), "€".repeat(42), "€".repeat(43), "\u{1f600}".repeat(21), "a\ud800"]
    const series = seriesOf("p", "point")
    const back = roundTrip([
      emitted(
        series,
        texts.map((text, i) => [`f${i}`, text])
      )
    ])
    assert.deepNestedPropertyVal(
      back,
      "[0].fieldValues",
      texts.map((text) => text.replace("\ud800", "\ufffd"))
    )
  })

  it("names a text and a series once", () => {
    const series = seriesOf("a-long-name-of-a-series", "point", { tags: [["region", "europe"]] })
    const lengthOf = (count: number): number =>
      bodies([Array.from({ length: count }, () => emitted(series, [["a-long-field-name", 1]]))].flat())[0]!.length
    assert.strictEqual(lengthOf(1001) - lengthOf(1000), 6)
  })

  it("leaves no trace of what was refused between its neighbours", () => {
    const [a, z] = [counted("a", 1, { tags: [["k", "new"]] }), counted("z", 2, { tags: [["k", "new"]] })]
    const encode = make()
    for (const [bad, drop, reason] of [
      [counted("bad", NaN, { tags: [["k", "new"]] }), "invalid", "a field is NaN or infinite"],
      [counted("bad", 1, { level: "a\0b" }), "invalid", "its level contains NUL, which ends a topic"],
      [{ ...counted("bad", 1), millis: 0.5 }, "invalid", /whole number of milliseconds/],
      [{ ...counted("bad", 1), weight: -1 }, "invalid", /no whole numbers/],
      [emitted(seriesOf("bad", "point"), []), "invalid", "it has no fields"],
      [emitted(seriesOf("bad", "point"), [["new", 2n ** 64n]]), "invalid", "an integer field is out of range"],
      [emitted(seriesOf("bad", "point"), [["new", new Int(1.5)]]), "invalid", "an integer field has a fraction"],
      [emitted(seriesOf("bad", "point"), [["new", new Int(2 ** 63)]]), "invalid", "an integer field is out of range"],
      [emitted(seriesOf("bad", "point"), [["new", new UInt(-1)]]), "invalid", "an integer field is out of range"],
      [emitted(seriesOf("bad", "point"), [["new", new Int(NaN)]]), "invalid", "a field is NaN or infinite"],
      [emitted(seriesOf("bad", "point"), [["new", {} as never]]), "unsupported", /neither/]
    ] as const) {
      const { payload, refused, taken } = encode([a, bad, z], Infinity)
      assert.strictEqual(taken, 3)
      assert.strictEqual(refused[0]!.index, 1)
      assert.strictEqual(refused[0]!.drop, drop)
      assert.match(refused[0]!.reason, new RegExp(reason))
      assert.deepStrictEqual(
        payload.flatMap(({ indices }) => indices),
        [0, 2]
      )
      assert.deepStrictEqual(roundTrip([a, bad, z], encode), [plain(a), plain(z)])
    }
  })

  it("ends where the next measurement does not fit, and refuses one that fits in none", () => {
    const encode = make()
    const many = Array.from({ length: 100 }, (_, i) => counted(`series-${i}`, i, { level: i % 2 === 0 ? "a" : "b" }))
    const { bytes, payload, taken } = encode(many, 800)
    assert.isAtMost(bytes, 800)
    assert.isAbove(taken, 10)
    assert.strictEqual(
      payload.reduce((sum, { count }) => sum + count, 0),
      taken
    )
    let at = 0
    while (at < many.length) at += encode(many.slice(at), 800).taken
    assert.strictEqual(at, 100)
    const large = counted("x".repeat(900), 1)
    assert.deepStrictEqual(encode([large, many[0]!], 800).refused, [
      { index: 0, drop: "too_large", reason: "it is longer than a write may be" }
    ])
    assert.strictEqual(encode([many[0]!, large], 800).taken, 1)
    const header = { publisher: "p".repeat(60), batch: "b".repeat(60), level: undefined }
    const { payload: sections } = encode(
      [counted("bad", NaN), ...many.map(({ series }, i) => counted(series.name, i))],
      800
    )
    assert.isAtMost(frame(header, sections[0]!).length, 800)
  })

  it("has a topic that no other level's begins with", () => {
    fc.assert(
      fc.property(word, word, (one, two) => {
        fc.pre(!one.includes("\0") && !two.includes("\0"))
        assert.strictEqual(topicOf(two).startsWith(topicOf(one)), one === two)
      })
    )
    assert.strictEqual(topicOf(undefined), "\0")
  })
})

describe("decode", () => {
  const sizeOf = (body: Body): number =>
    body.measurements.reduce((sum, one) => {
      const { positive = { counts: [] }, negative = { counts: [] } } = one._tag === "distribution" ? one.histogram : {}
      const fields = one._tag === "point" ? one.fieldNames.length : 0
      return sum + 1 + fields + positive.counts.length + negative.counts.length
    }, 0)

  it("makes of any bytes a body or a reason, and a body has no more in it than there were bytes", () => {
    const sample = fc.array(measurement, { minLength: 1, maxLength: 5 }).map((all) => bodies(all)[0]!)
    const mutated = fc
      .tuple(sample, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), fc.boolean())
      .map(([body, changes, end, isCut]) => {
        const copy = isCut ? body.slice(0, end % (body.length + 1)) : body.slice()
        for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte
        return copy
      })
    const headed = fc
      .uint8Array({ maxLength: 300 })
      .map((rest) => Uint8Array.of(0x65, 0x6d, 1, 1, 112, 1, 98, 0, ...rest))
    let read = 0
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), headed, mutated), (bytes) => {
        const body = decode(bytes, 100_000)
        if ("unreadable" in body) return assert.notStrictEqual(body.reason, "")
        read++
        assert.isAtMost(sizeOf(body), bytes.length)
      }),
      { numRuns: 3000 }
    )
    assert.isAbove(read, 100)
  })

  it("believes no length that is longer than what is left", () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
    const head = [0x65, 0x6d, 1, 1, 112, 1, 98, 0]
    for (const rest of [
      huge,
      [1, 0, 0, 0, ...huge],
      [1, 0, 0, 0, 1, 97, ...huge],
      [1, 0, 64, 0, 1, 97, 0, ...huge],
      [1, 0, 4, 0, 1, 97, 0, 3 | 4 | 16, ...huge]
    ])
      assert.deepStrictEqual(decode(Uint8Array.from([...head, ...rest]), Infinity), {
        unreadable: "malformed",
        reason: "a length in it is too large"
      })
  })

  it("tells another version, another format and what is too long", () => {
    const [body] = bodies([counted("a", 1)])
    const other = body!.slice()
    other[2] = 99
    assert.deepStrictEqual(decode(other, Infinity), {
      unreadable: "version",
      reason: "it is of version 99, and only 1 is known"
    })
    assert.propertyVal(decode(new TextEncoder().encode('{"a":1}'), Infinity), "unreadable", "malformed")
    assert.propertyVal(decode(body!, body!.length - 1), "unreadable", "too_large")
    assert.propertyVal(decode(Uint8Array.of(...body!, 0), Infinity), "reason", "it goes on after its end")
  })

  it("takes no numbers that would spoil what they are merged with", () => {
    const reasonOf = (bytes: Uint8Array): unknown => Object(decode(bytes, Infinity)).reason
    const [good] = bodies([recorded([1, 2])])
    assert.isUndefined(reasonOf(good!))
    const sum = new Uint8Array(new Float64Array([3]).buffer)
    const at = good!.findIndex((_, i) => sum.every((byte, j) => good![i + j] === byte))
    const spoilt = good!.slice()
    spoilt.set(new Uint8Array(new Float64Array([NaN]).buffer), at)
    assert.strictEqual(reasonOf(spoilt), "a histogram in it is none")
    for (const end of ["min", "max"] as const) {
      const one = recorded([1, 2])
      assert(one._tag === "distribution")
      one.histogram[end] = end === "min" ? -Infinity : Infinity
      assert.strictEqual(reasonOf(bodies([one])[0]!), "a histogram in it is none")
    }
    const [rare] = bodies([emitted(seriesOf("p", "counter"), [["value", 1]], 1e-300)])
    assert.strictEqual(reasonOf(rare!), "a sample rate in it is none")
    const none = recorded([1])
    assert(none._tag === "distribution")
    none.histogram.sum = NaN
    assert.lengthOf(make()([none], Infinity).refused, 1)
  })

  it("takes no histogram that none can be", () => {
    const good = { count: 3, sum: 3, min: 1, max: 1, zeroCount: 0, scale: 20, negative: { offset: 0, counts: [] } }
    const positive = { offset: -1, counts: [3] }
    assert.isDefined(Histogram.of({ ...good, positive }))
    for (const wrong of [
      { count: 2 },
      { zeroCount: 1 },
      { scale: 21 },
      { scale: -12 },
      { scale: 0.5 },
      { min: 2 },
      { max: NaN },
      { positive: { offset: 0.5, counts: [3] } },
      { positive: { offset: 2 ** 31, counts: [3] } },
      { positive: { offset: -1, counts: [3, 0] } },
      { positive: { offset: -1, counts: [-1, 4] } },
      { count: 200, positive: { offset: 0, counts: new Array<number>(200).fill(1) } }
    ])
      assert.isUndefined(Histogram.of({ ...good, positive, ...wrong }), JSON.stringify(wrong))
  })
})
