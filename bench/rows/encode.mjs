// @ts-check
/** Points to InfluxDB's line protocol. */
import { Point } from "@influxdata/influxdb-client"
import { make } from "../../dist/encoding/influxLine.js"
import { Int } from "../../dist/recording/measurement.js"
import { atMost } from "../harness.mjs"
import { compareEncoders, encoding } from "./encoders.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"
import { pointsOf, seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 5000

const value = (/** @type {number} */ i) => (i % 10_000) / 64
const size = (/** @type {number} */ i) => (i * 7919) % 100_000

const prefixes = tagValues.map(
  (values) => "requests," + tagKeys.map((key, i) => `${key}=${values[i]}`).join(",") + " duration="
)
const measurements = pointsOf(100_000, seriesOf("point"), ["duration", "size"], (i) => [value(i), new Int(size(i))])

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

const ours = encoding(
  measurements,
  make({ version: 1, precision: "ns", uint: "unsupported", quantiles: [] }),
  (lines) => lines
)

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
  run: (context) =>
    compareEncoders(context, batch, [
      { name: "raw: preallocated buffer", kind: "raw", encode: rawPreallocated },
      { name: "raw: concatenated string", kind: "raw", encode: rawConcat },
      { name: "effect-metrics", kind: "ours", encode: ours },
      { name: "influxdb-client", kind: "peer", encode: influx }
    ])
}
