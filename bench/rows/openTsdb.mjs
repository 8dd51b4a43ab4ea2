// @ts-check
/** Points to OpenTSDB's put lines, and to its JSON. */
import { make as makeJson } from "../../dist/encoding/openTsdbJson.js"
import { make as makeLines } from "../../dist/encoding/openTsdbLine.js"
import { atMost, compare } from "../harness.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"

const batch = 5000
const start = 1_700_000_000_000

const value = (/** @type {number} */ i) => (i % 10_000) / 64
// OpenTSDB takes no colon.
const values = tagValues.map((values) => values.map((one) => one.replace(":", "")))

const series = values.map((values) => ({
  name: "requests",
  tags: tagKeys.map((key, i) => /** @type {const} */ ([key, values[i] ?? ""])),
  kind: /** @type {const} */ ("point"),
  valueType: /** @type {const} */ ("float"),
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
}))
const fieldNames = ["value"]

/** A series belongs to one encoder. */
const measurementsOf = () => {
  const own = series.map((one) => ({ ...one }))
  return Array.from({ length: 100_000 }, (_, i) => ({
    _tag: /** @type {const} */ ("point"),
    series: own[i & 63],
    weight: 1,
    millis: start + i,
    nanos: 0,
    fieldNames,
    fieldValues: [value(i)],
    sampleRate: 1
  }))
}

const preallocated = Buffer.allocUnsafe(batch * 256)
const dialect = /** @type {const} */ ({ resolution: "ms", maxTags: 8, sanitise: undefined, quantiles: [] })

/** @typedef {(from: number, to: number) => Uint8Array} Encode */

/**
 * @param {{ name: string, title: string, rawPreallocated: Encode, rawConcat: Encode, ours: Encode }} row
 * @returns {import("../harness.mjs").Row}
 */
const rowOf = ({ name, title, ...subjects }) => ({
  name,
  title,
  unit: "ns",
  goals: [atMost("at most 1.3 times a preallocated buffer", "effect-metrics", 1.3, "raw: preallocated buffer")],
  run: async (context) => {
    const expected = Buffer.from(subjects.rawPreallocated(0, batch)).toString("latin1")
    for (const [name, encode] of Object.entries(subjects)) {
      const actual = Buffer.from(encode(0, batch)).toString()
      if (actual !== expected)
        throw new Error(`${name} writes\n${actual.slice(0, 200)}\nfor\n${expected.slice(0, 200)}`)
    }
    let bytes = 0
    const over = (/** @type {Encode} */ encode) => (/** @type {number} */ n) => {
      for (let from = 0; from < n; from += batch) bytes += encode(from, from + batch).length
    }
    const results = await compare(
      context,
      [
        { name: "raw: preallocated buffer", kind: "raw", run: over(subjects.rawPreallocated) },
        { name: "raw: concatenated string", kind: "raw", run: over(subjects.rawConcat) },
        { name: "effect-metrics", kind: "ours", run: over(subjects.ours) }
      ],
      { operations: 100_000, chunk: 50_000, rounds: 11, warmup: 3 }
    )
    if (bytes === 0) throw new Error("nothing was encoded")
    return { results, notes: ["Before the run, all are checked to write the same bytes."] }
  }
})

const lineTails = values.map((values) => tagKeys.map((key, i) => ` ${key}=${values[i]}`).join("") + "\n")
const encodeLines = makeLines(dialect)
const lineMeasurements = measurementsOf()

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
  ours: (from, to) => {
    const { payload, taken } = encodeLines(lineMeasurements.slice(from, to), Infinity)
    if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
    return payload
  }
})

const jsonTails = values.map(
  (values) => `,"tags":{${tagKeys.map((key, i) => `"${key}":${JSON.stringify(values[i])}`).join()}}}`
)
const jsonHead = '{"metric":"requests","timestamp":'
const encodeJson = makeJson(dialect)
const jsonMeasurements = measurementsOf()

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
  ours: (from, to) => {
    const { payload, taken } = encodeJson(jsonMeasurements.slice(from, to), Infinity)
    if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
    return payload.bytes
  }
})
