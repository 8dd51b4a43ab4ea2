// @ts-check
/** Windows of counters to Prometheus' remote write, and its compression. */
import { make } from "../../dist/encoding/remoteWrite.js"
import { compress } from "../../dist/encoding/snappy.js"
import { atMost, compare } from "../harness.mjs"
import { compareEncoders, encoding } from "./encoders.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"
import { seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 2000
const operations = 100_000

const value = (/** @type {number} */ i) => (i % 10_000) / 64 + 1

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

/** @type {import("../../dist/encoding/remoteWriteSeries.js").Dialect} */
const dialect = {
  version: 2,
  escaping: "underscores",
  conflicts: "rename",
  histograms: "classic",
  boundaries: () => [],
  maxSamples: Infinity
}

/** @type {Map<string, number>} */
const numbers = new Map()
/** @param {string} text */
const numberOf = (text) => {
  const known = numbers.get(text)
  if (known !== undefined) return known
  numbers.set(text, numbers.size)
  return numbers.size - 1
}

/** Names and values of each of the 64 series' labels, sorted: numbers of texts. */
const labels = tagValues.map((values) => {
  const pairs = [["__name__", "requests_total"], ...tagKeys.map((key, i) => [key, values[i] ?? ""])]
  pairs.sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))
  return Uint16Array.from(pairs.flat().map(numberOf))
})
const texts = [...numbers.keys()].map((text) => Buffer.from([0x22, text.length, ...Buffer.from(text)]))

/** Where each text is in the request, from 1; 0 where it is not. */
const places = new Uint16Array(texts.length)
const preallocated = Buffer.allocUnsafe(batch * 256)
const view = new DataView(preallocated.buffer, preallocated.byteOffset)

/** @param {number} at @param {number} number */
const writeVarint = (at, number) => {
  let rest = number
  while (rest >= 128) {
    const above = Math.floor(rest / 128)
    preallocated[at++] = (rest - above * 128) | 128
    rest = above
  }
  preallocated[at++] = rest
  return at
}

const given = windows()

/**
 * Sorted labels, one preallocated buffer, symbols of the request before its series, and a copy of both, as a request must outlive
 * the next one.
 *
 * @param {number} from @param {number} to
 */
const raw = (from, to) => {
  places.fill(0)
  const opened = []
  let at = 0
  for (let i = from; i < to; i++) {
    const { millis, startMillis, value } = /** @type {(typeof given)[number]} */ (given[i])
    const own = labels[i & 63] ?? places
    const begin = at
    at += 4
    for (let k = 0; k < own.length; k++) {
      const number = own[k] ?? 0
      let place = places[number] ?? 0
      if (place === 0) places[number] = place = opened.push(number)
      at = writeVarint(at, place)
    }
    preallocated[begin] = 0x2a
    preallocated[begin + 1] = at - begin + 27
    preallocated[begin + 2] = 0x0a
    preallocated[begin + 3] = at - begin - 4
    preallocated[at] = 0x12
    preallocated[at + 1] = 23
    preallocated[at + 2] = 0x09
    view.setFloat64(at + 3, value, true)
    preallocated[at + 11] = 0x10
    at = writeVarint(at + 12, millis)
    preallocated[at] = 0x18
    at = writeVarint(at + 1, startMillis)
    preallocated[at] = 0x2a
    preallocated[at + 1] = 2
    preallocated[at + 2] = 0x08
    preallocated[at + 3] = 1
    at += 4
  }
  let head = 2
  for (const number of opened) head += texts[number]?.length ?? 0
  const bytes = new Uint8Array(head + at)
  bytes[0] = 0x22
  let cursor = 2
  for (const number of opened) {
    const text = texts[number] ?? preallocated
    bytes.set(text, cursor)
    cursor += text.length
  }
  bytes.set(preallocated.subarray(0, at), cursor)
  return bytes
}

const ours = encoding(windows(), make(dialect).encode, ({ bytes }) => bytes)

/** @type {import("../harness.mjs").Row} */
export const remoteWrite = {
  name: "prometheus-remote-write",
  title: "100 000 counters' windows to remote write 2.0: 3 tags, a double, two times, 2000 a request, not compressed",
  unit: "ns",
  goals: [
    atMost("at most 1.3 times a preallocated buffer, copied", "effect-metrics", 1.3, "raw: preallocated buffer, copied")
  ],
  run: (context) =>
    compareEncoders(context, batch, [
      { name: "raw: preallocated buffer, copied", kind: "raw", encode: raw },
      { name: "effect-metrics", kind: "ours", encode: ours }
    ])
}

/** @type {import("../harness.mjs").Row} */
export const remoteWriteSnappy = {
  name: "prometheus-remote-write-snappy",
  title: "what 100 000 counters' windows come to in remote write 2.0, compressed: by window, 2000 a request",
  unit: "ns",
  goals: [],
  run: async (context) => {
    const body = ours(0, batch)
    let bytes = 0
    const results = await compare(
      context,
      [
        {
          name: "effect-metrics: snappy",
          kind: "ours",
          run: (n) => {
            for (let from = 0; from < n; from += batch) bytes = compress(body).length
          }
        }
      ],
      { operations, chunk: 50_000, rounds: 11, warmup: 3 }
    )
    return { results, notes: [`${body.length} bytes of a request become ${bytes}.`] }
  }
}
