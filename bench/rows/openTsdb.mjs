// @ts-check
/** Points to OpenTSDB's put lines, and to its JSON. */
import { make as makeJson } from "../../dist/encoding/openTsdbJson.js"
import { make as makeLines } from "../../dist/encoding/openTsdbLine.js"
import { atMost } from "../harness.mjs"
import { compareEncoders, encoding } from "./encoders.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"
import { pointsOf, seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 5000

const value = (/** @type {number} */ i) => (i % 10_000) / 64
// OpenTSDB takes no colon.
const values = tagValues.map((values) => values.map((one) => one.replace(":", "")))

const measurementsOf = () => pointsOf(100_000, seriesOf("point", values), ["value"], (i) => [value(i)])

const preallocated = Buffer.allocUnsafe(batch * 256)
const dialect = /** @type {const} */ ({ resolution: "ms", maxTags: 8, sanitise: undefined, quantiles: [] })

/**
 * @typedef {import("./encoders.mjs").Encode} Encode
 * @param {{ name: string, title: string, rawPreallocated: Encode, rawConcat: Encode, ours: Encode }} row
 * @returns {import("../harness.mjs").Row}
 */
const rowOf = ({ name, title, ...subjects }) => ({
  name,
  title,
  unit: "ns",
  goals: [atMost("at most 1.3 times a preallocated buffer", "effect-metrics", 1.3, "raw: preallocated buffer")],
  run: (context) =>
    compareEncoders(context, batch, [
      { name: "raw: preallocated buffer", kind: "raw", encode: subjects.rawPreallocated },
      { name: "raw: concatenated string", kind: "raw", encode: subjects.rawConcat },
      { name: "effect-metrics", kind: "ours", encode: subjects.ours }
    ])
})

const lineTails = values.map((values) => tagKeys.map((key, i) => ` ${key}=${values[i]}`).join("") + "\n")

export const putLines = rowOf({
  name: "opentsdb-put",
  title: "100 000 points to OpenTSDB's put lines: 3 tags, a float, a timestamp, 5000 a batch",
  rawPreallocated: (from, to) => {
    let at = 0
    for (let i = from; i < to; i++) {
      at += preallocated.latin1Write("put requests " + (start + i) + " " + value(i) + lineTails[i & 63], at)
    }
    return preallocated.subarray(0, at)
  },
  rawConcat: (from, to) => {
    let text = ""
    for (let i = from; i < to; i++) text += "put requests " + (start + i) + " " + value(i) + lineTails[i & 63]
    return Buffer.from(text)
  },
  ours: encoding(measurementsOf(), makeLines(dialect), (lines) => lines)
})

const jsonTails = values.map(
  (values) => `,"tags":{${tagKeys.map((key, i) => `"${key}":${JSON.stringify(values[i])}`).join()}}}`
)
const jsonHead = '{"metric":"requests","timestamp":'

export const putJson = rowOf({
  name: "opentsdb-json",
  title: "100 000 points to OpenTSDB's JSON: 3 tags, a float, a timestamp, 5000 a batch",
  rawPreallocated: (from, to) => {
    let at = preallocated.latin1Write("[", 0)
    for (let i = from; i < to; i++) {
      const head = i === from ? jsonHead : "," + jsonHead
      at += preallocated.latin1Write(head + (start + i) + ',"value":' + value(i) + jsonTails[i & 63], at)
    }
    return preallocated.subarray(0, at + preallocated.latin1Write("]", at))
  },
  rawConcat: (from, to) => {
    let text = "["
    for (let i = from; i < to; i++) {
      text += (i === from ? jsonHead : "," + jsonHead) + (start + i) + ',"value":' + value(i) + jsonTails[i & 63]
    }
    return Buffer.from(text + "]")
  },
  ours: encoding(measurementsOf(), makeJson(dialect), ({ bytes }) => bytes)
})
