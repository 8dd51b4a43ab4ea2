// @ts-check
/** Points to Librato's JSON. */
import { make } from "../../dist/encoding/librato.js"
import { atMost } from "../harness.mjs"
import { compareEncoders, encoding } from "./encoders.mjs"
import { pointsOf, seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 300
const operations = 99_900

const value = (/** @type {number} */ i) => (i % 10_000) / 64

// Colons of routes are allowed in tags.
const series = seriesOf("point")
const measurements = pointsOf(operations, series, ["value"], (i) => [value(i)])

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
const ours = encoding(measurements, encode, ({ bytes }) => bytes)

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
  run: (context) =>
    compareEncoders(
      context,
      batch,
      [
        { name: "raw: preallocated buffer", kind: "raw", encode: rawPreallocated },
        { name: "JSON.stringify", kind: "raw", encode: stringified },
        { name: "effect-metrics", kind: "ours", encode: ours }
      ],
      { operations, chunk: 33_300 }
    )
}
