// @ts-check
/** Gauges to Graphite's plaintext and pickles. */
import * as Pickle from "../../dist/encoding/graphitePickle.js"
import * as Text from "../../dist/encoding/graphiteText.js"
import { atMost, compare } from "../harness.mjs"
import { tagKeys, tagValues } from "./inputs.mjs"
import { seriesOf, startMillis as start } from "./measurements.mjs"

const batch = 5000

const value = (/** @type {number} */ i) => (i % 10_000) / 64
/** As in a flush, whose windows end within the same second. */
const millis = (/** @type {number} */ i) => start + Math.floor(i / batch) * 10_000

const paths = tagValues.map((values) => "requests" + tagKeys.map((key, i) => `;${key}=${values[i]}`).join(""))
const series = seriesOf("gauge")
const measurements = Array.from({ length: 100_000 }, (_, i) => ({
  _tag: /** @type {const} */ ("gauge"),
  series: series[i & 63],
  weight: 1,
  millis: millis(i),
  nanos: 0,
  startMillis: millis(i) - 10_000,
  value: value(i)
}))

const preallocated = Buffer.allocUnsafe(batch * 256)

const lineHeads = paths.map((path) => `${path} `)

/** One `latin1Write` a line. @param {number} from @param {number} to */
const rawLines = (from, to) => {
  let at = 0
  for (let i = from; i < to; i++) {
    at += preallocated.latin1Write(lineHeads[i & 63] + value(i) + " " + Math.floor(millis(i) / 1000) + "\n", at)
  }
  return preallocated.subarray(0, at)
}

const recordHeads = paths.map((path) => {
  const head = Buffer.alloc(path.length + 6)
  head[0] = 0x58
  head.writeUInt32LE(path.length, 1)
  head.latin1Write(path, 5)
  head[head.length - 1] = 0x4a
  return head
})

/** One copy a record, and its numbers. @param {number} from @param {number} to */
const rawFrames = (from, to) => {
  let at = 0
  for (let i = from; i < to;) {
    const frame = at
    at = preallocated.latin1Write("\x80\x02](", at + 4) + at + 4
    for (const end = Math.min(to, i + 500); i < end; i++) {
      const head = recordHeads[i & 63]
      preallocated.set(head, at)
      at = preallocated.writeInt32LE(Math.floor(millis(i) / 1000), at + head.length)
      preallocated[at] = 0x47
      at = preallocated.writeDoubleBE(value(i), at + 1)
      preallocated[at++] = 0x86
      preallocated[at++] = 0x86
    }
    preallocated[at++] = 0x65
    preallocated[at++] = 0x2e
    preallocated.writeUInt32BE(at - frame - 4, frame)
  }
  return preallocated.subarray(0, at)
}

/** @type {{ naming: "tagged", sanitise: boolean, quantiles: Array<number>, precision: "s" }} */
const dialect = { naming: "tagged", sanitise: false, quantiles: [], precision: "s" }

/**
 * @param {(from: number, to: number) => Uint8Array} raw
 * @param {(typeof Text)["make"]} make
 * @returns {Omit<import("../harness.mjs").Row, "name" | "title">}
 */
const sideBySide = (raw, make) => ({
  unit: "ns",
  goals: [atMost("at most 1.3 times a preallocated buffer, copied", "effect-metrics", 1.3, "raw: the same, copied")],
  run: async (context) => {
    const encode = make(dialect)
    const ours = (/** @type {number} */ from, /** @type {number} */ to) => {
      const { payload, taken } = encode(measurements.slice(from, to), Infinity)
      if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
      return payload
    }
    for (const from of [0, batch]) {
      if (!Buffer.from(raw(from, from + batch)).equals(ours(from, from + batch))) throw new Error("not the same bytes")
    }
    const over = (/** @type {(from: number, to: number) => Uint8Array} */ bytes) => (/** @type {number} */ n) => {
      for (let from = 0; from < n; from += batch) bytes(from, from + batch)
    }
    const results = await compare(
      context,
      [
        { name: "raw: preallocated buffer", kind: "raw", run: over(raw) },
        {
          name: "raw: the same, copied",
          kind: "raw",
          run: over((from, to) => Uint8Array.prototype.slice.call(raw(from, to)))
        },
        { name: "effect-metrics", kind: "ours", run: over(ours) }
      ],
      { operations: 100_000, chunk: 50_000, rounds: 11, warmup: 3 }
    )
    const notes = [
      "Before the run, both are checked to write the same bytes.",
      "What a sink writes is kept until its fate is known, so it cannot stay in a buffer that the next batch takes: the copy is part of the work."
    ]
    return { results, notes }
  }
})

/** @type {import("../harness.mjs").Row} */
export const graphitePlaintext = {
  name: "graphite-plaintext",
  title: "100 000 gauges to Graphite's plaintext: 3 tags, 5000 a batch",
  ...sideBySide(rawLines, Text.make)
}

/** @type {import("../harness.mjs").Row} */
export const graphitePickle = {
  name: "graphite-pickle",
  title: "100 000 gauges to Graphite's pickles: 3 tags, 5000 a batch",
  ...sideBySide(rawFrames, Pickle.make)
}
