// @ts-check
/** Windows of counters to OpenTelemetry's requests. */
import { createRequire } from "node:module"
import { make as makeJson } from "../../dist/encoding/otlpJson.js"
import { make as makeProtobuf } from "../../dist/encoding/otlpProtobuf.js"
import { atMost } from "../harness.mjs"
import { compareEncoders, encoding } from "./encoders.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"
import { seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 5000
const operations = 100_000

const value = (/** @type {number} */ i) => (i % 10_000) / 64

const windows = () => {
  const series = seriesOf("counter").map((one) => ({ ...one, monotonic: true }))
  return Array.from({ length: operations }, (_, i) => ({
    _tag: /** @type {const} */ ("count"),
    series: /** @type {(typeof series)[number]} */ (series[i & 63]),
    weight: 1,
    startMillis: start,
    millis: start + 1 + i,
    nanos: 0,
    value: value(i)
  }))
}

/** @type {import("../../dist/encoding/otlp.js").Dialect} */
const dialect = {
  resource: [["service.name", "bench"]],
  scope: { name: "bench", version: "1" },
  temporality: "cumulative",
  names: "strict",
  histograms: "exponential",
  boundaries: () => []
}

const bytesOf = (/** @type {{ readonly bytes: Uint8Array }} */ { bytes }) => bytes

const preallocated = Buffer.allocUnsafe(batch * 512)

/** @param {string} text */
const field = (text) => [text.length, ...Buffer.from(text)]
/** @param {number} tag @param {ReadonlyArray<number>} content */
const sized = (tag, content) => [tag, content.length, ...content]

/** Attributes of a data point, of each of the 64 series. */
const attributes = tagValues.map((values) =>
  Buffer.from(
    tagKeys.flatMap((key, i) => sized(0x3a, [0x0a, ...field(key), ...sized(0x12, [0x0a, ...field(values[i] ?? "")])]))
  )
)
const resource = sized(0x0a, sized(0x0a, [0x0a, ...field("service.name"), ...sized(0x12, [0x0a, ...field("bench")])]))
const scope = sized(0x0a, [0x0a, ...field("bench"), 0x12, ...field("1")])
const named = [0x0a, ...field("requests")]

/** @param {number} length */
const varint = (length) => {
  const bytes = []
  for (let rest = length; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest & 127) | 128)
  }
}

const view = new DataView(preallocated.buffer, preallocated.byteOffset)
const two32 = 4_294_967_296

/** @param {number} at @param {number} millis */
const writeTime = (at, millis) => {
  const above = Math.floor(millis / two32)
  const below = (millis - above * two32) * 1_000_000
  const carry = Math.floor(below / two32)
  view.setUint32(at, below - carry * two32, true)
  view.setUint32(at + 4, above * 1_000_000 + carry, true)
}

const given = windows()

/**
 * Bound attributes, one preallocated buffer, in which what stands before the data points goes in front of them at the end; and
 * a copy of it, as a request must outlive the next one. @param {number} from @param {number} to
 */
const rawProtobuf = (from, to) => {
  let at = 128
  for (let i = from; i < to; i++) {
    const { millis, startMillis, value } = /** @type {(typeof given)[number]} */ (given[i])
    const own = attributes[i & 63] ?? Buffer.alloc(0)
    const size = 27 + own.length
    preallocated[at] = 0x0a
    preallocated[at + 1] = size
    preallocated[at + 2] = 0x11
    writeTime(at + 3, startMillis)
    preallocated[at + 11] = 0x19
    writeTime(at + 12, millis)
    preallocated[at + 20] = 0x21
    view.setFloat64(at + 21, value, true)
    preallocated.set(own, at + 29)
    at += 2 + size
  }
  const tail = [0x10, 2, 0x18, 1]
  preallocated.set(tail, at)
  at += tail.length
  const sum = [0x3a, ...varint(at - 128)]
  const metric = [0x12, ...varint(named.length + sum.length + at - 128), ...named, ...sum]
  const scoped = [0x12, ...varint(scope.length + metric.length + at - 128), ...scope, ...metric]
  const head = [0x0a, ...varint(resource.length + scoped.length + at - 128), ...resource, ...scoped]
  preallocated.set(head, 128 - head.length)
  return Uint8Array.prototype.slice.call(preallocated, 128 - head.length, at)
}

const texts = tagValues.map((values) =>
  JSON.stringify(tagKeys.map((key, i) => ({ key, value: { stringValue: values[i] ?? "" } })))
)
const open =
  '{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"bench"}}]},' +
  '"scopeMetrics":[{"scope":{"name":"bench","version":"1"},"metrics":[{"name":"requests","sum":{"dataPoints":['
const close = '],"aggregationTemporality":2,"isMonotonic":true}}]}]}]}'
const heads = texts.map((text) => `{"attributes":${text},"startTimeUnixNano":"${start}000000","timeUnixNano":"`)

/** Bound prefix, one `latin1Write` a data point, one preallocated buffer. @param {number} from @param {number} to */
const rawJson = (from, to) => {
  let at = preallocated.latin1Write(open, 0)
  for (let i = from; i < to; i++) {
    const comma = i > from ? "," : ""
    at += preallocated.latin1Write(comma + heads[i & 63] + (start + 1 + i) + '000000","asDouble":' + value(i) + "}", at)
  }
  at += preallocated.latin1Write(close, at)
  return preallocated.subarray(0, at)
}

const { ProtobufMetricsSerializer } = createRequire(import.meta.url)("@opentelemetry/otlp-transformer")
const attributeSets = tagValues.map((values) => Object.fromEntries(tagKeys.map((key, i) => [key, values[i]])))

/** What its SDK hands to its exporter is there already: only writing it is measured. */
const collected = Array.from({ length: operations / batch }, (_, k) => ({
  resource: { attributes: { "service.name": "bench" } },
  scopeMetrics: [
    {
      scope: { name: "bench", version: "1" },
      metrics: [
        {
          descriptor: { name: "requests", description: "", unit: "", type: "COUNTER", valueType: 1 },
          aggregationTemporality: 1,
          dataPointType: 3,
          isMonotonic: true,
          dataPoints: Array.from({ length: batch }, (_, j) => {
            const i = k * batch + j
            const millis = start + 1 + i
            return {
              attributes: attributeSets[i & 63],
              startTime: [start / 1000, 0],
              endTime: [Math.floor(millis / 1000), (millis % 1000) * 1_000_000],
              value: value(i)
            }
          })
        }
      ]
    }
  ]
}))

const { opentelemetry } = createRequire(import.meta.url)("@opentelemetry/otlp-transformer/build/src/generated/root")
const message = opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest

/** A request's contents, so that writers which differ in what they leave out can be compared. @param {Uint8Array} bytes */
const contentOf = (bytes) => {
  const [{ scopeMetrics }] = message.toObject(message.decode(bytes), { longs: String }).resourceMetrics
  return JSON.stringify(scopeMetrics[0].metrics[0].sum)
}

/** @param {number} from */
const official = (from) => ProtobufMetricsSerializer.serializeRequest(collected[from / batch])

const ours = encoding(windows(), makeProtobuf(dialect), bytesOf)

/** @type {import("../harness.mjs").Row} */
export const otlpProtobuf = {
  name: "otlp-protobuf",
  title: "100 000 counters' windows to OTLP in protobuf: 3 tags, a double, two times, 5000 a request",
  unit: "ns",
  goals: [
    atMost(
      "at most 1.3 times a preallocated buffer, copied",
      "effect-metrics",
      1.3,
      "raw: preallocated buffer, copied"
    ),
    atMost("at most a fifth of OpenTelemetry's own writer", "effect-metrics", 0.2, "opentelemetry")
  ],
  run: (context) =>
    compareEncoders(
      context,
      batch,
      [
        { name: "raw: preallocated buffer, copied", kind: "raw", encode: rawProtobuf },
        { name: "effect-metrics", kind: "ours", encode: ours },
        { name: "opentelemetry", kind: "peer", encode: official }
      ],
      { read: contentOf }
    )
}

/** @type {import("../harness.mjs").Row} */
export const otlpJson = {
  name: "otlp-json",
  title: "100 000 counters' windows to OTLP in JSON: 3 tags, a double, two times, 5000 a request",
  unit: "ns",
  goals: [atMost("at most 1.3 times a preallocated buffer", "effect-metrics", 1.3, "raw: preallocated buffer")],
  run: (context) =>
    compareEncoders(context, batch, [
      { name: "raw: preallocated buffer", kind: "raw", encode: rawJson },
      { name: "effect-metrics", kind: "ours", encode: encoding(windows(), makeJson(dialect), bytesOf) }
    ])
}
