import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { checkFields, type Event, eventFields } from "../../src/encoding/dogstatsd.js"
import * as StatsD from "../../src/encoding/statsd.js"
import type { TagStyle } from "../../src/encoding/statsdNames.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { FieldValue, Measurement, Series, Tag } from "../../src/recording/measurement.js"
import { Int } from "../../src/recording/measurement.js"
import { finite, madeOf, tagsOf } from "./arbitraries.js"
import { parseDogStatsD, parseEtsy } from "./statsdLines.js"

const etsy: StatsD.Dialect = {
  server: "etsy",
  tags: "graphite",
  sanitise: false,
  maxPacketBytes: 1432,
  distributionAs: "ms",
  quantiles: [0.5, 0.999],
  timestamps: "none",
  packedValues: false,
  deltas: () => false,
  origin: ""
}
const dog: StatsD.Dialect = { ...etsy, server: "dogstatsd", tags: "datadog", distributionAs: "h" }

const seriesOf = (
  kind: Series["kind"],
  name = "m",
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

const timed = { weight: 1, millis: 1_700_000_000_123, nanos: 0, startMillis: 1_700_000_000_000 }
const count = (value: number, series = seriesOf("counter")): Measurement => ({ _tag: "count", ...timed, series, value })
const gauge = (value: number, series = seriesOf("gauge")): Measurement => ({ _tag: "gauge", ...timed, series, value })
const point = (series: Series, fields: Readonly<Record<string, FieldValue>>, sampleRate = 1): Measurement => ({
  _tag: "point",
  ...timed,
  series,
  fieldNames: Object.keys(fields),
  fieldValues: Object.values(fields),
  sampleRate
})
const sample = (kind: Series["kind"], value: number, sampleRate = 1): Measurement =>
  point(seriesOf(kind), { value }, sampleRate)
const window = (series: Series, values: ReadonlyArray<number>): Measurement => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  const { boundaries } = series
  const buckets = boundaries === undefined ? undefined : new Array<number>(boundaries.length + 1).fill(0)
  for (const value of values) if (buckets !== undefined) buckets[boundaries!.filter((bound) => bound < value).length]!++
  return { _tag: "distribution", ...timed, series, histogram, buckets }
}

const packetsOf = ({ payload: { bounds, bytes } }: StatsD.Lines): ReadonlyArray<string> => {
  const packets: Array<string> = []
  for (let i = 0; i < bounds.length; i += 2) {
    packets.push(Buffer.from(bytes.subarray(bounds[i], bounds[i + 1])).toString("utf8"))
  }
  return packets
}

const linesOf = (measurements: ReadonlyArray<Measurement>, dialect: StatsD.Dialect): ReadonlyArray<string> => {
  const encoded = StatsD.make(dialect)(measurements, Infinity)
  assert.deepStrictEqual(encoded.refused, [])
  return packetsOf(encoded).flatMap((packet) => packet.split("\n"))
}

const refusalOf = (measurement: Measurement, dialect: StatsD.Dialect) => {
  const encoded = StatsD.make(dialect)([measurement], Infinity)
  assert.strictEqual(encoded.bytes, 0)
  assert.strictEqual(encoded.refused.length, 1)
  return encoded.refused[0]!
}

describe("StatsD's lines", () => {
  it("say times in milliseconds, without the noise of fractions", () => {
    const millisOf = (seconds: number) => linesOf([sample("timer", seconds)], dog)[0]!.slice(2, -3)
    for (const [seconds, text] of [
      [0, "0"],
      [0.32, "320"],
      [0.0125, "12.5"],
      [0.57, "570"],
      [1.000000001, "1000.000001"],
      [86_400.25, "86400250"],
      [1e-9, "0.000001"],
      [3600 * 24 * 365 * 1000, "31536000000000"]
    ] as const) {
      assert.strictEqual(millisOf(seconds), text)
    }
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (seconds) => {
        const back = Number(millisOf(seconds)) / 1000
        assert.isAtMost(Math.abs(back - seconds), Math.max(0.5000001e-9, seconds * 1e-15))
      })
    )
  })

  it("set gauges below 0 behind a 0, in the same packet, where a sign is a step", () => {
    assert.deepStrictEqual(linesOf([gauge(-4)], etsy), ["m:0|g", "m:-4|g"])
    assert.deepStrictEqual(linesOf([gauge(-4)], dog), ["m:-4|g"])
    assert.deepStrictEqual(linesOf([gauge(-0), gauge(4)], etsy), ["m:0|g", "m:4|g"])
    const many = Array.from({ length: 40 }, (_, i) => gauge(-i - 1, seriesOf("gauge", `gauge.number${i}`)))
    for (const maxPacketBytes of [64, 65, 66, 70, 100]) {
      const encoded = StatsD.make({ ...etsy, maxPacketBytes })(many, Infinity)
      for (const packet of packetsOf(encoded)) {
        const lines = packet.split("\n")
        assert.strictEqual(lines.filter((line) => line.endsWith(":0|g")).length * 2, lines.length, packet)
        assert.isAtMost(packet.length, maxPacketBytes)
      }
    }
  })

  it("step a gauge by what counters count, where that was chosen", () => {
    const dialect = { ...etsy, deltas: ({ name }: Series) => name === "up" }
    const up = seriesOf("counter", "up")
    assert.deepStrictEqual(
      linesOf([count(4, up), count(-3, up), count(0, up), count(2), point(up, { value: 5 })], dialect),
      ["up:+4|g", "up:-3|g", "up:+0|g", "m:2|c", "up:+5|g"]
    )
  })

  it("say the rate of samples in plain decimals, and never of gauges and sets", () => {
    assert.deepStrictEqual(linesOf([sample("timer", 1, 1e-7)], etsy), ["m:1000|ms|@0.0000001"])
    assert.deepStrictEqual(linesOf([sample("counter", 1, 0.25)], dog), ["m:1|c|@0.25"])
    assert.deepStrictEqual(linesOf([sample("gauge", 1, 0.25)], dog), ["m:1|g"])
    const series = seriesOf("timer")
    assert.deepStrictEqual(linesOf([point(series, { value: 1 }, 0.5), point(series, { value: 1 })], etsy), [
      "m:1000|ms|@0.5",
      "m:1000|ms"
    ])
  })

  it("scale the steps that stand for others, as gauges have no rate to say", () => {
    const dialect = { ...etsy, deltas: () => true }
    assert.deepStrictEqual(linesOf([sample("counter", 3, 0.25), sample("counter", -1, 0.5)], dialect), [
      "m:+12|g",
      "m:-2|g"
    ])
  })

  it("are never infinite, also where only the milliseconds would be", () => {
    assert.deepStrictEqual(refusalOf(sample("timer", 1e306), etsy), {
      index: 0,
      drop: "invalid",
      reason: "a field is NaN or infinite"
    })
  })

  it("have the time of counts and gauges, where that was chosen", () => {
    const dialect = { ...dog, timestamps: "numbers", origin: "|c:in-1" } as const
    assert.deepStrictEqual(
      linesOf([count(1), gauge(-2), sample("gauge", 3), sample("timer", 1), sample("counter", 1)], dialect),
      [
        "m:1|c|c:in-1|T1700000000",
        "m:-2|g|c:in-1|T1700000000",
        "m:3|g|c:in-1|T1700000000",
        "m:1000|ms|c:in-1",
        "m:1|c|c:in-1"
      ]
    )
    assert.strictEqual(refusalOf(sample("timer", 1), { ...dialect, timestamps: "all" }).drop, "unsupported")
    const series = seriesOf("counter")
    const [first, second] = [count(1, series), count(2, series)]
    assert.deepStrictEqual(linesOf([first, second], dialect), ["m:1|c|c:in-1|T1700000000", "m:2|c|c:in-1|T1700000001"])
    assert.deepStrictEqual(linesOf([second], dialect), ["m:2|c|c:in-1|T1700000001"])
    assert.match(refusalOf({ ...count(1), millis: 999 }, dialect).reason, /before 1970/)
  })

  it("carry a window of a distribution as counters and gauges, of a timer in milliseconds", () => {
    const series = seriesOf("timer", "t", [["a", "b"]], { boundaries: [0.5, 2] })
    const lines = linesOf([window(series, [0.25, 1])], { ...etsy, quantiles: [0.999] })
    assert.deepStrictEqual(
      lines.filter((line) => !line.includes("p99")),
      [
        "t.count;a=b:2|c",
        "t.sum;a=b:1250|c",
        "t.min;a=b:250|g",
        "t.max;a=b:1000|g",
        "t.mean;a=b:625|g",
        "t.le_0_5;a=b:1|c",
        "t.le_2;a=b:2|c",
        "t.le_inf;a=b:2|c"
      ]
    )
    assert.match(
      lines.find((line) => line.includes("p99"))!,
      /^t\.p99_9;a=b:\d+(\.\d+)?\|g$/
    )
    const below = linesOf([window(seriesOf("distribution", "d"), [-1, -3])], { ...etsy, quantiles: [] })
    assert.includeMembers(below as Array<string>, ["d.sum:-4|c", "d.min:0|g", "d.min:-3|g"])
  })

  it("carry a point field by field, and count what they cannot carry", () => {
    const fields = { value: 1.5, n: 12n, i: new Int(3), ok: false, text: "no" }
    const encoded = StatsD.make(dog)([point(seriesOf("point", "p", [["k", ""]]), fields)], Infinity)
    assert.deepStrictEqual(packetsOf(encoded), ["p:1.5|g|#k\np.n:12|g|#k\np.i:3|g|#k\np.ok:0|g|#k"])
    assert.deepStrictEqual(encoded.skipped, [{ index: 0, fields: 1 }])
    assert.strictEqual(refusalOf(point(seriesOf("point"), { text: "no" }), dog).drop, "unsupported")
    assert.deepStrictEqual(linesOf([point(seriesOf("point"), { value: -5n })], etsy), ["m:0|g", "m:-5|g"])
  })

  it("refuse what a server would misread, with the reason", () => {
    assert.match(refusalOf(count(NaN), etsy).reason, /NaN/)
    assert.match(refusalOf(gauge(Infinity), etsy).reason, /infinite/)
    assert.match(refusalOf(sample("timer", -1), etsy).reason, /below 0/)
    assert.match(refusalOf(sample("timer", NaN), etsy).reason, /NaN/)
    assert.match(refusalOf(sample("distribution", -1), etsy).reason, /below 0/)
    assert.strictEqual(refusalOf(sample("distribution", 1), { ...etsy, distributionAs: "none" }).drop, "unsupported")
    for (const rate of [0, -1, 2, NaN]) assert.match(refusalOf(sample("timer", 1, rate), etsy).reason, /sample rate/)
    for (const member of ["", "a|b", "a\nb:1|c", "a:b"]) {
      assert.strictEqual(refusalOf(point(seriesOf("point"), { value: member }), etsy).drop, "invalid", member)
    }
    for (const name of ["a b", "a:b", "a|b", "a\nb", "é", "a;b=c", "a,b", "a#b", "a@b"]) {
      assert.match(refusalOf(count(1, seriesOf("counter", name)), etsy).reason, /characters/)
    }
    assert.match(refusalOf(count(1, seriesOf("counter", "1a")), dog).reason, /start with a letter/)
    assert.match(refusalOf(count(1, seriesOf("counter", "a".repeat(201))), dog).reason, /longer than 200/)
    for (const [key, value] of [
      ["a,b", "c"],
      ["a:b", "c"],
      ["a", "b|c"],
      ["a", "b\nc"],
      ["a", "b,c"],
      ["a", "x".repeat(200)]
    ] as const) {
      assert.strictEqual(refusalOf(count(1, seriesOf("counter", "m", [[key, value]])), dog).drop, "invalid")
    }
    assert.strictEqual(
      refusalOf(point(seriesOf("point"), eventFields({ title: "t", text: "" })), etsy).drop,
      "unsupported"
    )
  })

  it("write tags in every style, replacing where the style does or where it was asked for", () => {
    const tags: ReadonlyArray<Tag> = [
      ["env", "prod"],
      ["none", ""],
      ["route", "/a"]
    ]
    const written = (style: TagStyle, sanitise = false, own = tags) =>
      linesOf([count(1, seriesOf("counter", "m", own))], { ...etsy, tags: style, sanitise })[0]
    assert.strictEqual(written("graphite"), "m;env=prod;route=/a:1|c")
    assert.strictEqual(written("influx"), "m,env=prod,route=/a:1|c")
    assert.strictEqual(written("librato"), "m#env=prod,route=/a:1|c")
    assert.strictEqual(written("signalfx"), "m[env=prod,route=/a]:1|c")
    assert.strictEqual(written("datadog"), "m:1|c|#env:prod,route:/a")
    assert.strictEqual(written("none"), "m:1|c")
    assert.strictEqual(written("influx", false, [["k", "é ü"]]), "m,k=é ü:1|c")
    assert.strictEqual(written("librato", true, [["k", "a]:b"]]), "m#k=a__b:1|c")
    assert.strictEqual(written("graphite", true, [["k b", "é"]]), "m;k_b=_:1|c")
    assert.strictEqual(written("graphite", false, [["route", "/users/:id"]]), "m;route=/users/_id:1|c")
    for (const style of ["graphite", "influx", "librato", "signalfx", "datadog"] as const) {
      assert.match(written(style, false, [["k", "a|b"]])!, /\ba_b\b/)
      const refused = (tag: Tag) =>
        refusalOf(count(1, seriesOf("counter", "m", [tag])), { ...etsy, tags: style }).reason
      assert.match(refused(["k", "a\nb"]), /characters/)
      if (style !== "influx") assert.match(refused(["k:", "a"]), /characters/)
    }
    assert.match(refusalOf(count(1, seriesOf("counter", "m", [["k", "a|b"]])), dog).reason, /characters/)
  })

  it("carry events and checks, which escape their lines", () => {
    const event: Event = { title: "a\nb", text: "x|y\r\nz", priority: "low", alertType: "error", hostname: "h" }
    const series = seriesOf("point", "event", [["k", "v"]])
    assert.deepStrictEqual(linesOf([point(series, eventFields(event))], { ...dog, origin: "|c:in-1" }), [
      "_e{4,6}:a\\nb|x|y\\nz|d:1700000000|h:h|p:low|t:error|#k:v|c:in-1"
    ])
    const check = point(seriesOf("point", "db.up", [["k", "v"]]), checkFields("critical", "m: no\nway", "h"))
    assert.deepStrictEqual(linesOf([check], dog), ["_sc|db.up|2|d:1700000000|h:h|#k:v|m:m\\: no\\nway"])
    for (const fields of [
      eventFields({ ...event, title: "" }),
      eventFields({ ...event, hostname: "a|b" }),
      { ...eventFields(event), event_priority: "high" },
      { check_status: 4 },
      { ...checkFields("ok", undefined, "a\nb") },
      { ...checkFields("ok", "fine|h:another|#role:admin", undefined) }
    ]) {
      assert.strictEqual(refusalOf(point(seriesOf("point"), fields), dog).drop, "invalid")
    }
    for (const fields of [eventFields(event), checkFields("ok", undefined, undefined)]) {
      for (const millis of [-1, 0, 999]) {
        assert.match(refusalOf({ ...point(seriesOf("point"), fields), millis }, dog).reason, /before 1970/)
      }
    }
    const long = point(seriesOf("point"), eventFields({ title: "t", text: "x".repeat(3000) }))
    const packets = packetsOf(StatsD.make(dog)([count(1), long, count(2)], Infinity))
    assert.deepStrictEqual(
      packets.map((packet) => packet.length > 3000),
      [false, true, false]
    )
    assert.strictEqual(
      refusalOf(point(seriesOf("point"), checkFields("ok", "x".repeat(9000), undefined)), dog).drop,
      "too_large"
    )
  })
})

describe("packets", () => {
  const name = fc.stringMatching(/^[a-z][a-z._]{0,20}$/)
  const one = fc.oneof(
    fc.tuple(name, finite).map(([n, v]) => gauge(v, seriesOf("gauge", n))),
    fc.tuple(name, fc.integer()).map(([n, v]) => count(v, seriesOf("counter", n, [["k", "vé"]]))),
    fc
      .tuple(name, fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1 }))
      .map(([n, values]) => window(seriesOf("distribution", n), values)),
    fc.constant(count(NaN)),
    fc.constant(count(1, seriesOf("counter", "x".repeat(190))))
  )

  it("are never larger than they may be, hold whole lines, and know whose", () => {
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 30 }),
        fc.integer({ min: 64, max: 300 }),
        fc.integer({ min: 100, max: 4000 }),
        (all, maxPacketBytes, maxBytes) => {
          for (const { series } of all) series.encoded = undefined
          const encoded = StatsD.make({ ...dog, maxPacketBytes })(all, maxBytes)
          const packets = packetsOf(encoded)
          for (const packet of packets) assert.isAtMost(Buffer.byteLength(packet), maxPacketBytes)
          packets.forEach(parseDogStatsD)
          assert.isAtMost(encoded.bytes, maxBytes)
          const { lastPacketOf, packetOf } = encoded.payload
          const written = all
            .slice(0, encoded.taken)
            .filter((_, i) => !encoded.refused.some(({ index }) => index === i))
          assert.strictEqual(packetOf.length, written.length)
          written.forEach(({ series }, i) => {
            const own = packets.slice(packetOf[i], (lastPacketOf.get(i) ?? packetOf[i]!) + 1)
            assert.isTrue(own.every((packet) => packet.includes(series.name)))
          })
          // Each measurement alone in an endless packet has the same lines.
          for (const { series } of all) series.encoded = undefined
          const alone = written.flatMap((measurement) => linesOf([measurement], { ...dog, maxPacketBytes: Infinity }))
          assert.deepStrictEqual(
            packets.flatMap((packet) => packet.split("\n")),
            alone
          )
        }
      )
    )
  })

  it("keep a measurement together that fits into one, and refuse a line that fits into none", () => {
    const distribution = window(seriesOf("distribution", "d"), [1, 2])
    const room = linesOf([distribution], dog).join("\n").length
    const encoded = StatsD.make({ ...dog, maxPacketBytes: room })([count(1), distribution, count(2)], Infinity)
    assert.deepStrictEqual(encoded.payload.packetOf, [0, 1, 2])
    const small = StatsD.make({ ...dog, maxPacketBytes: 64 })([distribution], Infinity)
    assert.deepStrictEqual([small.payload.packetOf, [...small.payload.lastPacketOf]], [[0], [[0, 1]]])
    const refused = refusalOf(count(1, seriesOf("counter", "a".repeat(70))), { ...dog, maxPacketBytes: 64 })
    assert.strictEqual(refused.drop, "too_large")
  })

  it("pack samples of one series into a line, wherever they are in a batch", () => {
    const a = seriesOf("timer", "a")
    const b = seriesOf("distribution", "b")
    const samples = [1, 2, 3, 4].flatMap((v) => [point(a, { value: v / 1000 }), point(b, { value: -v })])
    const dialect = { ...dog, packedValues: true }
    assert.deepStrictEqual(linesOf([...samples, count(1), point(a, { value: 1 }, 0.5)], dialect), [
      "a:1:2:3:4|ms",
      "a:1000|ms|@0.5",
      "b:-1:-2:-3:-4|h",
      "m:1|c"
    ])
    const bad = StatsD.make(dialect)(
      [point(a, { value: 1 }), point(b, { value: NaN }), point(a, { value: -1 }), point(a, { value: 2 })],
      Infinity
    )
    assert.deepStrictEqual(packetsOf(bad), ["a:1000|ms\na:2000|ms"])
    assert.deepStrictEqual(
      bad.refused.map(({ index }) => index),
      [1, 2]
    )
    assert.deepStrictEqual(bad.payload.packetOf, [0, 0])
  })

  it("packed hold the same samples as not packed, within the same bounds", () => {
    const sampled = fc.tuple(
      fc.integer({ min: 0, max: 3 }),
      // One is a number of seconds, but none of milliseconds.
      fc.oneof({ arbitrary: fc.integer({ min: -20, max: 1000 }), weight: 9 }, fc.constantFrom(1e306, NaN)),
      fc.constantFrom(1, 1, 0.5)
    )
    fc.assert(
      fc.property(
        fc.array(sampled, { maxLength: 60 }),
        fc.integer({ min: 64, max: 120 }),
        fc.integer({ min: 64, max: 900 }),
        (all, maxPacketBytes, maxBytes) => {
          // The last is too long for some packets.
          const series = ["a", "b", "c", "d".repeat(60)].map((start, i) =>
            seriesOf(i % 2 === 0 ? "timer" : "distribution", `${start}.series`)
          )
          const points = all.map(([i, v, rate]) => point(series[i]!, { value: v }, rate))
          const encoded = StatsD.make({ ...dog, maxPacketBytes, packedValues: true })(points, maxBytes)
          assert.isAtMost(encoded.bytes, maxBytes)
          const packets = packetsOf(encoded)
          for (const packet of packets) assert.isAtMost(packet.length, maxPacketBytes)
          const read = packets
            .flatMap(parseDogStatsD)
            .flatMap(({ name, rate, values }) => values.map((value) => `${name} ${rate} ${Number(value)}`))
          const kept = points
            .slice(0, encoded.taken)
            .filter((_, i) => !encoded.refused.some(({ index }) => index === i))
          const given = kept.map((p) => {
            if (p._tag !== "point") throw new Error("no point")
            const scale = p.series.kind === "timer" ? 1000 : 1
            return `${p.series.name} ${p.sampleRate} ${Number(p.fieldValues[0]) * scale}`
          })
          assert.deepStrictEqual([...read].sort(), [...given].sort())
          assert.strictEqual(encoded.payload.packetOf.length, kept.length)
          kept.forEach(({ series }, i) => assert.include(packets[encoded.payload.packetOf[i]!]!, series.name))
        }
      )
    )
  })
})

describe("injection", () => {
  const hostile = fc.oneof(fc.string(), madeOf([...'ab1:|@#,;=[]\n\r\0\t \\"{}é_.-/\u2028', "\ud800"]))
  const key = hostile.filter((key) => key !== "")

  for (const sanitise of [false, true]) {
    it(`is not possible by names, tags and members${sanitise ? ", replaced" : ""}: one line is read as itself, or there is none`, () => {
      fc.assert(
        fc.property(hostile, tagsOf(key, hostile), hostile, (name, tags, member) => {
          for (const [dialect, parse] of [
            [etsy, parseEtsy],
            [dog, parseDogStatsD]
          ] as const) {
            const encode = StatsD.make({ ...dialect, sanitise, maxPacketBytes: Infinity })
            for (const measurement of [
              count(7, seriesOf("counter", name, tags)),
              point(seriesOf("point", name, tags), { value: member })
            ]) {
              const encoded = encode([measurement], Infinity)
              const lines = packetsOf(encoded).flatMap(parse)
              assert.strictEqual(lines.length, encoded.refused.length === 0 ? 1 : 0)
              if (lines.length === 0 || sanitise) continue
              assert.strictEqual(lines[0]!.name, name)
              const valued = dialect === etsy ? tags.filter(([, value]) => value !== "") : tags
              const utf8 = (text: string) => Buffer.from(text).toString()
              const spelled = (value: string) => (dialect === etsy ? value.replace(/[^\w./-]/gu, "_") : utf8(value))
              assert.deepStrictEqual(
                lines[0]!.tags,
                valued.map(([key, value]) => [utf8(key), spelled(value)] as const)
              )
              if (measurement._tag === "point") assert.deepStrictEqual(lines[0]!.values, [utf8(member)])
            }
          }
        }),
        { numRuns: 300 }
      )
    })
  }

  it("is not possible by the words of events and checks", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, hostile, (title, text, hostname, message) => {
        for (const fields of [
          eventFields({ title, text, hostname, sourceType: message }),
          checkFields("ok", message, hostname)
        ]) {
          for (const sanitise of [false, true]) {
            const lines = packetsOf(StatsD.make({ ...dog, sanitise })([point(seriesOf("point"), fields)], Infinity))
            assert.isAtMost(lines.length, 1)
            for (const line of lines) assert.notMatch(line, /[\n\r]/)
            // An event's lengths say where its text ends; nothing else may hold what ends a field.
            if (lines.length === 0 || !("check_status" in fields)) continue
            const letters = lines[0]!
              .split("|")
              .slice(3)
              .map((field) => field.slice(0, 2))
            const expected = ["d:", ...(hostname === "" ? [] : ["h:"]), ...(message === "" ? [] : ["m:"])]
            assert.deepStrictEqual(letters, expected)
          }
        }
      })
    )
  })
})
