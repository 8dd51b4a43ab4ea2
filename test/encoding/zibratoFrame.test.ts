import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { decode, type Frame, make, maxFrameBytes, topicOf } from "../../src/encoding/zibratoFrame.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { FieldValue, Kind, Measurement, Series, Tag } from "../../src/recording/measurement.js"
import { Int } from "../../src/recording/measurement.js"
import { finite, unicode } from "./arbitraries.js"

const millis = 1_357_682_400_999

const seriesOf = (name: string, kind: Kind | "point", level?: string, tags: ReadonlyArray<Tag> = []): Series => ({
  name,
  tags,
  kind,
  valueType: "float",
  unit: undefined,
  description: undefined,
  level,
  boundaries: undefined,
  encoded: undefined
})

const timed = { weight: 1, millis, nanos: 0 }

const windowOf = (
  _tag: "count" | "gauge",
  name: string,
  value: number,
  level?: string,
  source?: string
): Measurement => ({
  _tag,
  ...timed,
  series: seriesOf(
    name,
    _tag === "count" ? "counter" : "gauge",
    level,
    source === undefined ? [] : [["source", source]]
  ),
  startMillis: millis - 10_000,
  value
})

const pointOf = (series: Series, fields: Record<string, FieldValue>, sampleRate = 1): Measurement => ({
  _tag: "point",
  ...timed,
  series,
  fieldNames: Object.keys(fields),
  fieldValues: Object.values(fields),
  sampleRate
})

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytesOf = (frame: string): Uint8Array => new TextEncoder().encode(frame)
const encode = make({ level: "info", source: "not_specified" })
const framesOf = (...measurements: ReadonlyArray<Measurement>): ReadonlyArray<string> =>
  encode(measurements, Infinity).payload.map(({ bytes }) => text(bytes))
const refusalOf = (measurement: Measurement) => encode([measurement], Infinity).refused[0]

describe("frames", () => {
  it("are those of Zibrato's own tests (ZV1, ZV3, ZV4)", () => {
    assert.deepStrictEqual(
      framesOf(
        windowOf("gauge", "gauge_name", 123, "crit"),
        windowOf("count", "counter_name", 1, "info", "deathstar"),
        windowOf("count", "counter_name", 4)
      ),
      [
        "crit|Gauge|gauge_name|123|1357682400|not_specified",
        "info|Counter|counter_name|1|1357682400|deathstar",
        "info|Counter|counter_name|4|1357682400|not_specified"
      ]
    )
  })

  it("say 0 where the value is 0 (ZV10), and -0", () => {
    assert.deepStrictEqual(framesOf(windowOf("gauge", "g", 0), windowOf("count", "c", -0)), [
      "info|Gauge|g|0|1357682400|not_specified",
      "info|Counter|c|0|1357682400|not_specified"
    ])
  })

  it("say of single recordings what they are, and count what sampling left out", () => {
    assert.deepStrictEqual(
      framesOf(
        pointOf(seriesOf("t", "timer", "debug"), { value: 0.25 }),
        pointOf(seriesOf("d", "distribution"), { value: 7 }),
        pointOf(seriesOf("c", "counter"), { value: 3 }, 0.25)
      ),
      [
        "debug|Timer|t|0.25|1357682400|not_specified",
        "info|Gauge|d|7|1357682400|not_specified",
        "info|Counter|c|12|1357682400|not_specified"
      ]
    )
  })

  it("name the fields of a point, and leave out what is no number", () => {
    const point = pointOf(seriesOf("p", "point"), { value: 1.5, ok: true, size: new Int(7n), text: "x" })
    const { payload, skipped } = encode([point], Infinity)
    assert.deepStrictEqual(
      payload.map(({ bytes }) => text(bytes).split("|").slice(1, 4).join("|")),
      ["Gauge|p|1.5", "Gauge|p.ok|1", "Gauge|p.size|7"]
    )
    assert.deepStrictEqual(skipped, [{ index: 0, fields: 1 }])
    assert.strictEqual(refusalOf(pointOf(seriesOf("p", "point"), { text: "x" }))?.drop, "unsupported")
    assert.strictEqual(refusalOf(pointOf(seriesOf("p", "point"), {}))?.reason, "it has no fields")
  })

  it("are refused where a field would break them, name by name", () => {
    for (const [measurement, reason] of [
      [windowOf("gauge", "a|b", 1), 'its name "a|b" contains |, which ends a field of the frame'],
      [windowOf("gauge", "a", 1, "a|b"), 'its level "a|b" contains |, which ends a field of the frame'],
      [windowOf("gauge", "a", 1, "a", "a|b"), 'its source "a|b" contains |, which ends a field of the frame'],
      [windowOf("gauge", "", 1), "its name is empty"],
      [pointOf(seriesOf("p", "point"), { "a|b": 1 }), 'its field "a|b" contains |, which ends a field of the frame'],
      [windowOf("gauge", "a", NaN), "a field is NaN or infinite"],
      [{ ...windowOf("gauge", "a", 1), millis: -1 }, "its time is before 1970 or after 9999"]
    ] as const) {
      assert.deepStrictEqual(encode([measurement], Infinity).payload, [])
      assert.deepStrictEqual(refusalOf(measurement), { drop: "invalid", reason, index: 0 })
    }
    const summary: Measurement = {
      _tag: "distribution",
      ...timed,
      series: seriesOf("t", "timer"),
      startMillis: 0,
      histogram: new Histogram(),
      buckets: undefined
    }
    assert.strictEqual(refusalOf(summary)?.drop, "unsupported")
    assert.strictEqual(refusalOf(windowOf("gauge", "x".repeat(maxFrameBytes), 1))?.drop, "too_large")
  })

  it("of a measurement go into a write together, or into the next", () => {
    const one = windowOf("gauge", "a", 1)
    const two = pointOf(seriesOf("p", "point"), { a: 1, b: 2 })
    const length = bytesOf(framesOf(one)[0]!).length
    const first = encode([one, two], length + 50)
    assert.deepStrictEqual([first.taken, first.payload.length, first.bytes], [1, 1, length])
    assert.deepStrictEqual(encode([one, two], Infinity).taken, 2)
    assert.deepStrictEqual(encode([two], 50).refused[0]?.drop, "too_large")
  })
})

describe("decode", () => {
  it("reads what Zibrato's programs in Python write", () => {
    assert.deepStrictEqual(decode(bytesOf("debug|Timer|t|2e-06|1357682403|my prog")), {
      level: "debug",
      type: "Timer",
      name: "t",
      value: 2e-6,
      seconds: 1_357_682_403,
      source: "my prog"
    })
    // ZV2, ZV6 and ZV14.
    for (const frame of [
      "info|Gauge|default|1|1357682400|not_specified",
      "info|Counter|default_counter|1|1357682400|not_specified"
    ])
      assert.propertyVal(decode(bytesOf(frame)), "value", 1)
  })

  it("says of anything else what is wrong with it", () => {
    for (const [frame, malformed] of [
      ["", "it has not six fields"],
      ["a|Gauge|a|b|1|1|s", "it has not six fields"],
      ["a|Gaug|b|1|1|s", "its type is none of Counter, Gauge and Timer"],
      ["a|Gauge||1|1|s", "its name is empty"],
      ["a|Gauge|b|nan|1|s", "its value is not a number"],
      ["a|Gauge|b|1e999|1|s", "its value is not a number"],
      ["a|Gauge|b|0x10|1|s", "its value is not a number"],
      ["a|Gauge|b||1|s", "its value is not a number"],
      ["a|Gauge|b|1|yesterday|s", "its timestamp is not a time in seconds"],
      ["a|Gauge|b|1|-1|s", "its timestamp is not a time in seconds"],
      ["x".repeat(maxFrameBytes + 1), "it is longer than 65536 bytes"]
    ] as const)
      assert.deepStrictEqual(decode(bytesOf(frame)), { malformed }, frame.slice(0, 40))
    assert.deepStrictEqual(decode(Uint8Array.of(0xff, 0x7c)), { malformed: "it is not UTF-8" })
  })

  it("gives back what was encoded", () => {
    const field = unicode().filter((field) => !field.includes("|"))
    const kind = fc.constantFrom<Kind>("counter", "gauge", "timer")
    const value = finite
    const time = fc.integer({ min: 0, max: 253_402_300_799_999 })
    fc.assert(
      fc.property(field, kind, field, value, time, field, (level, kind, name, value, millis, source) => {
        fc.pre(name !== "" && source !== "")
        const series = seriesOf(name, kind, level, [["source", source]])
        const { payload } = encode([{ ...pointOf(series, { value }), millis }], Infinity)
        const expected: Frame = {
          level,
          type: kind === "counter" ? "Counter" : kind === "gauge" ? "Gauge" : "Timer",
          name,
          value: value + 0,
          seconds: Math.floor(millis / 1000),
          source
        }
        assert.deepStrictEqual(decode(payload[0]!.bytes), expected)
        assert.strictEqual(payload[0]!.level, level)
        assert.isTrue(text(payload[0]!.bytes).startsWith(topicOf(level)))
      })
    )
  })

  it("makes of any bytes a frame or a reason, and a frame has no more text than there were bytes", () => {
    const near = fc
      .array(fc.constantFrom("|", "info", "Gauge", "Timer", "1", "e5", ".", "-", "\n", "\0", "é", "1357682400"), {
        maxLength: 16
      })
      .map((parts) => bytesOf(parts.join("")))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), near), (bytes) => {
        const frame = decode(bytes)
        if ("malformed" in frame) assert.notStrictEqual(frame.malformed, "")
        else assert.isAtMost(bytesOf(frame.level + frame.name + frame.source).length, bytes.length)
      }),
      { numRuns: 1000 }
    )
  })
})
