// @ts-check
/** Points to Librato's JSON. */
import { make } from "../../dist/encoding/librato.js"
import { atMost, compare } from "../harness.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"

const batch = 300
const operations = 99_900
const start = 1_700_000_000_000

const value = (/** @type {number} */ i) => (i % 10_000) / 64

// Colons of routes are allowed in tags.
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
const fieldNames = ["value"]
const measurements = Array.from({ length: operations }, (_, i) => ({
  _tag: /** @type {const} */ ("point"),
  series: series[i & 63],
  weight: 1,
  millis: start + i,
  nanos: 0,
  fieldNames,
  fieldValues: [value(i)],
  sampleRate: 1
}))

const tagObjects = series.map(({ tags }) => Object.fromEntries(tags))
const objects = measurements.map(({ fieldValues, millis }, i) => ({
  name: "requests",
  tags: tagObjects[i & 63],
  time: Math.floor(millis / 1000),
  value: fieldValues[0]
}))
const heads = tagObjects.map((tags) => `{"name":"requests","tags":${JSON.stringify(tags)},"time":`)

const preallocated = Buffer.allocUnsafe(batch * 256)

/** Bound prefix, one `latin1Write` an item, one preallocated buffer. @param {number} from @param {number} to */
const rawPreallocated = (from, to) => {
  let at = preallocated.latin1Write('{"measurements":[', 0)
  for (let i = from; i < to; i++) {
    const comma = i > from ? "," : ""
    const seconds = Math.floor((start + i) / 1000)
    at += preallocated.latin1Write(comma + heads[i & 63] + seconds + ',"value":' + value(i) + "}", at)
  }
  at += preallocated.latin1Write("]}", at)
  return preallocated.subarray(0, at)
}

/** The objects are there already: only writing them is measured. @param {number} from @param {number} to */
const stringified = (from, to) => Buffer.from(JSON.stringify({ measurements: objects.slice(from, to) }))

const encode = make({
  api: "measurements",
  naming: "folded",
  sourceTags: [],
  sanitise: false,
  period: undefined,
  times: "s",
  quantiles: [],
  maxItems: batch
})

/** @param {number} from @param {number} to */
const ours = (from, to) => {
  const { payload, taken } = encode(measurements.slice(from, to), Infinity)
  if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
  return payload.bytes
}

/** @type {import("../harness.mjs").Row} */
export const libratoJson = {
  name: "librato-json",
  title: "100 000 points to Librato's JSON: 3 tags, a float, a time, 300 a request",
  unit: "ns",
  goals: [
    atMost(
      "at most as long as JSON.stringify of objects that are there already",
      "effect-metrics",
      1,
      "JSON.stringify"
    ),
    atMost("at most 1.3 times a preallocated buffer", "effect-metrics", 1.3, "raw: preallocated buffer")
  ],
  run: async (context) => {
    const expected = rawPreallocated(0, batch).toString("latin1")
    for (const [name, bytes] of Object.entries({ ours, stringified })) {
      const actual = Buffer.from(bytes(0, batch)).toString()
      if (actual !== expected) {
        throw new Error(`${name} has other JSON, such as\n${actual.slice(0, 200)}\nfor\n${expected.slice(0, 200)}`)
      }
    }
    let bytes = 0
    const over = (/** @type {(from: number, to: number) => Uint8Array} */ items) => (/** @type {number} */ n) => {
      for (let from = 0; from < n; from += batch) bytes += items(from, from + batch).length
    }
    const results = await compare(
      context,
      [
        { name: "raw: preallocated buffer", kind: "raw", run: over(rawPreallocated) },
        { name: "JSON.stringify", kind: "raw", run: over(stringified) },
        { name: "effect-metrics", kind: "ours", run: over(ours) }
      ],
      { operations, chunk: 33_300, rounds: 11, warmup: 3 }
    )
    if (bytes === 0) throw new Error("nothing was encoded")
    return { results, notes: ["Before the run, all are checked to write the same JSON."] }
  }
}
