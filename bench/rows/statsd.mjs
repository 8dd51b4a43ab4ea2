// @ts-check
/** Timings to StatsD: over UDP, each sender in a process of its own and the receiver in another; and the lines alone. */
import { StatsD as HotShots } from "hot-shots"
import { setTimeout as pause } from "node:timers/promises"
import { make } from "../../dist/encoding/statsd.js"
import { atMost, compare, median, quantile, shuffled } from "../harness.mjs"
import { measured, startServer } from "../isolated/fork.mjs"
import { tagKeys, tagSets, tagValues } from "./inputs.mjs"

const subjects = [
  { id: "raw", name: "raw: node:dgram, as paced", kind: /** @type {const} */ ("raw") },
  { id: "ours", name: "effect-metrics, handle", kind: /** @type {const} */ ("ours") },
  { id: "ours-packed", name: "effect-metrics, packed values", kind: /** @type {const} */ ("ours") },
  { id: "hot-shots-1432", name: "hot-shots, 1432", kind: /** @type {const} */ ("peer") },
  { id: "hot-shots-8192", name: "hot-shots, 8192", kind: /** @type {const} */ ("peer") }
]

/** What has been sent may still be in the receiver's buffer. @param {{ readonly seen: () => Promise<any> }} receiver */
const settled = async ({ seen }) => {
  for (let before = -1; ;) {
    const now = await seen()
    if (now.samples === before) return now
    before = now.samples
    await pause(100)
  }
}

/** @type {import("../harness.mjs").Row} */
export const statsd = {
  name: "statsd",
  title: "1 000 000 timings over UDP: CPU of the sender, 3 tags, packets of 1432 bytes, 16 KiB every 4 ms",
  unit: "ns CPU",
  goals: [atMost("at most 2 times node:dgram", "effect-metrics, handle", 2, "raw: node:dgram, as paced")],
  run: async ({ isQuick }) => {
    const timings = isQuick ? 50_000 : 1_000_000
    const repeats = isQuick ? 1 : 5
    /** @type {Map<string, Array<any>>} */
    const runs = new Map(subjects.map(({ id }) => [id, []]))
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const { id } of shuffled(subjects)) {
        const receiver = await startServer("", "statsdReceiver.mjs")
        const report = await measured("statsd.mjs", [id, timings, receiver.port])
        const seen = await settled(receiver)
        await receiver.close()
        runs.get(id)?.push({ ...report, packets: seen.packets, lost: timings - seen.samples })
      }
    }
    const costs = (/** @type {string} */ id) => (runs.get(id) ?? []).map((run) => run.nanosPerTiming)
    const results = subjects.map(({ id, kind, name }) => {
      const all = runs.get(id) ?? []
      return {
        name,
        kind,
        median: median(costs(id)),
        p10: quantile(costs(id), 0.1),
        p90: quantile(costs(id), 0.9),
        ratio: median(costs(id)) / median(costs("raw")),
        more: {
          "wall ms": Math.round(median(all.map((run) => run.wallMillis))),
          "peak RSS MB": Math.round(median(all.map((run) => run.maxRssMegabytes))),
          packets: median(all.map((run) => run.packets)),
          lost: Math.max(...all.map((run) => run.lost))
        }
      }
    })
    return { results, notes: ["The receiver has the buffer that the system gives; `lost` is of the worst run."] }
  }
}

const batch = 5000
const millis = (/** @type {number} */ i) => (i % 1000) + 0.5

const prefix = "requests:"
const suffixes = tagValues.map((values) => "|ms|#" + tagKeys.map((key, i) => `${key}:${values[i]}`).join(",") + "\n")
const series = tagValues.map((values) => ({
  name: "requests",
  tags: tagKeys.map((key, i) => /** @type {const} */ ([key, values[i]])),
  kind: /** @type {const} */ ("timer"),
  valueType: /** @type {const} */ ("float"),
  unit: "s",
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
}))
const fieldNames = ["value"]
const measurements = Array.from({ length: 100_000 }, (_, i) => ({
  _tag: /** @type {const} */ ("point"),
  series: series[i & 63],
  weight: 1,
  millis: 1_700_000_000_000 + i,
  nanos: 0,
  fieldNames,
  fieldValues: [millis(i) / 1000],
  sampleRate: 1
}))

const preallocated = Buffer.allocUnsafe(batch * 128)

/** @param {number} from @param {number} to */
const raw = (from, to) => {
  let at = 0
  for (let i = from; i < to; i++) at += preallocated.latin1Write(prefix + millis(i) + suffixes[i & 63], at)
  return preallocated.subarray(0, at)
}

const encode = make({
  server: "dogstatsd",
  tags: "datadog",
  sanitise: false,
  maxPacketBytes: 1432,
  distributionAs: "h",
  quantiles: [],
  timestamps: "none",
  packedValues: false,
  deltas: () => false,
  origin: ""
})

/** @param {number} from @param {number} to */
const ours = (from, to) => {
  const { payload, taken } = encode(measurements.slice(from, to), Infinity)
  if (taken !== to - from) throw new Error(`${taken} of ${to - from} encoded`)
  return payload.bytes
}

const client = new HotShots({ mock: true })
const mocked = /** @type {{ mockBuffer: Array<string> }} */ (/** @type {unknown} */ (client))

/** @param {number} from @param {number} to */
const hotShots = (from, to) => {
  for (let i = from; i < to; i++) client.timing("requests", millis(i), tagSets[i & 63])
  const lines = Buffer.from(mocked.mockBuffer.join("\n") + "\n")
  mocked.mockBuffer = []
  return lines
}

/** @type {import("../harness.mjs").Row} */
export const statsdLines = {
  name: "statsd-lines",
  title: "100 000 timings to StatsD's lines: 3 tags, 5000 a batch, packed at 1432 bytes",
  unit: "ns",
  goals: [atMost("at most 1.3 times a preallocated buffer", "effect-metrics", 1.3, "raw: preallocated buffer")],
  run: async (context) => {
    const expected = raw(0, batch).toString("latin1")
    for (const [name, lines] of Object.entries({ ours, hotShots })) {
      const actual = Buffer.from(lines(0, batch)).toString()
      if (actual !== expected) throw new Error(`${name} has other lines, such as\n${actual.slice(0, 200)}`)
    }
    let bytes = 0
    const over = (/** @type {(from: number, to: number) => Uint8Array} */ lines) => (/** @type {number} */ n) => {
      for (let from = 0; from < n; from += batch) bytes += lines(from, from + batch).length
    }
    const results = await compare(
      context,
      [
        { name: "raw: preallocated buffer", kind: "raw", run: over(raw) },
        { name: "effect-metrics", kind: "ours", run: over(ours) },
        { name: "hot-shots", kind: "peer", run: over(hotShots) }
      ],
      { operations: 100_000, chunk: 50_000, rounds: 11, warmup: 3 }
    )
    if (bytes === 0) throw new Error("nothing was encoded")
    return { results, notes: ["Before the run, all are checked to write the same lines."] }
  }
}
