// @ts-check
/** Points to InfluxDB's line protocol. */
import { Point } from "@influxdata/influxdb-client"
import { make } from "../../dist/encoding/influxLine.js"
import { Int } from "../../dist/recording/measurement.js"
import { atMost, compare } from "../harness.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"

const batch = 5000
const start = 1_700_000_000_000

const value = (/** @type {number} */ i) => (i % 10_000) / 64
const size = (/** @type {number} */ i) => (i * 7919) % 100_000

const prefixes = tagValues.map(
  (values) => "requests," + tagKeys.map((key, i) => `${key}=${values[i]}`).join(",") + " duration="
)
const series = tagValues.map((values) => ({
  name: "requests",
  tags: tagKeys.map((key, i) => /** @type {const} */ ([key, values[i]])),
  kind: /** @type {const} */ ("point"),
  valueType: /** @type {const} */ ("float"),
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
}))
const fieldNames = ["duration", "size"]
const measurements = Array.from({ length: 100_000 }, (_, i) => ({
  _tag: /** @type {const} */ ("point"),
  series: series[i & 63],
  weight: 1,
  millis: start + i,
  nanos: 0,
  fieldNames,
  fieldValues: [value(i), new Int(size(i))],
  sampleRate: 1
}))

const preallocated = Buffer.allocUnsafe(batch * 256)

/** Bound prefix, one `latin1Write` a line, one preallocated buffer. @param {number} from @param {number} to */
const rawPreallocated = (from, to) => {
  let at = 0
  for (let i = from; i < to; i++) {
    at += preallocated.latin1Write(
      prefixes[i & 63] + value(i) + ",size=" + size(i) + "i " + (start + i) + "000000\n",
      at
    )
  }
  return preallocated.subarray(0, at)
}

/** @param {number} from @param {number} to */
const rawConcat = (from, to) => {
  let text = ""
  for (let i = from; i < to; i++) {
    text += prefixes[i & 63] + value(i) + ",size=" + size(i) + "i " + (start + i) + "000000\n"
  }
  return Buffer.from(text)
}

const encode = make({ version: 1, precision: "ns", uint: "unsupported", quantiles: [] })

/** @param {number} from @param {number} to */
const ours = (from, to) => {
  const { payload, taken } = encode(measurements.slice(from, to), Infinity)
  if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
  return payload
}

/** @param {number} from @param {number} to */
const influx = (from, to) => {
  const lines = []
  for (let i = from; i < to; i++) {
    const point = new Point("requests")
    const values = tagValues[i & 63]
    for (let k = 0; k < tagKeys.length; k++) point.tag(tagKeys[k], values[k])
    lines.push(
      point
        .floatField("duration", value(i))
        .intField("size", size(i))
        .timestamp(`${start + i}000000`)
        .toLineProtocol()
    )
  }
  return Buffer.from(lines.join("\n") + "\n")
}

/** @type {import("../harness.mjs").Row} */
export const encodeLines = {
  name: "line-protocol",
  title: "100 000 points to line protocol: 3 tags, a float, an int, a timestamp, 5000 a batch",
  unit: "ns",
  goals: [atMost("at most 1.3 times a preallocated buffer", "effect-metrics", 1.3, "raw: preallocated buffer")],
  run: async (context) => {
    const expected = rawPreallocated(0, batch).toString("latin1").trimEnd()
    for (const [name, lines] of Object.entries({ rawConcat, ours, influx })) {
      const actual = Buffer.from(lines(0, batch)).toString().trimEnd()
      if (actual.length !== expected.length || actual !== expected) {
        throw new Error(`${name} has other lines, such as\n${actual.slice(0, 200)}\nfor\n${expected.slice(0, 200)}`)
      }
    }
    let bytes = 0
    const over = (/** @type {(from: number, to: number) => Uint8Array} */ lines) => (/** @type {number} */ n) => {
      for (let from = 0; from < n; from += batch) bytes += lines(from, from + batch).length
    }
    const results = await compare(
      context,
      [
        { name: "raw: preallocated buffer", kind: "raw", run: over(rawPreallocated) },
        { name: "raw: concatenated string", kind: "raw", run: over(rawConcat) },
        { name: "effect-metrics", kind: "ours", run: over(ours) },
        { name: "influxdb-client", kind: "peer", run: over(influx) }
      ],
      { operations: 100_000, chunk: 50_000, rounds: 11, warmup: 3 }
    )
    if (bytes === 0) throw new Error("nothing was encoded")
    return { results, notes: ["Before the run, all are checked to write the same lines."] }
  }
}
