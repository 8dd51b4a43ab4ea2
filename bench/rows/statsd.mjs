// @ts-check
/** Timings to StatsD: over UDP, each sender in a process of its own and the receiver in another; and the lines alone. */
import { StatsD as HotShots } from "hot-shots"
import { setTimeout as pause } from "node:timers/promises"
import { make } from "../../dist/encoding/statsd.js"
import { atMost, median } from "../harness.mjs"
import { compareProcesses, measured, startServer } from "../isolated/fork.mjs"
import { compareEncoders, encoding } from "./encoders.mjs"
import { tagKeys, tagSets, tagValues } from "./inputs.mjs"
import { pointsOf, seriesOf } from "./measurements.mjs"

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
    const results = await compareProcesses(
      { isQuick },
      subjects,
      async (id) => {
        const receiver = await startServer("", "statsdReceiver.mjs")
        const report = await measured("statsd.mjs", [id, timings, receiver.port])
        const seen = await settled(receiver)
        await receiver.close()
        // Each thousand of them adds up to 500 000: who loses nothing must not have changed anything.
        if (seen.samples === timings && seen.sum !== timings * 500)
          throw new Error(`${id}: the values add up to ${seen.sum}`)
        return { ...report, cost: report.nanosPerTiming, packets: seen.packets, lost: timings - seen.samples }
      },
      (all) => ({
        packets: median(all.map(({ packets }) => packets)),
        lost: Math.max(...all.map(({ lost }) => lost))
      })
    )
    return { results, notes: ["The receiver has the buffer that the system gives; `lost` is of the worst run."] }
  }
}

const batch = 5000
const millis = (/** @type {number} */ i) => (i % 1000) + 0.5

const prefix = "requests:"
const suffixes = tagValues.map((values) => "|ms|#" + tagKeys.map((key, i) => `${key}:${values[i]}`).join(",") + "\n")
const measurements = pointsOf(100_000, seriesOf("timer"), ["value"], (i) => [millis(i) / 1000])

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

const ours = encoding(measurements, encode, ({ bytes }) => bytes)

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
  run: (context) =>
    compareEncoders(context, batch, [
      { name: "raw: preallocated buffer", kind: "raw", encode: raw },
      { name: "effect-metrics", kind: "ours", encode: ours },
      { name: "hot-shots", kind: "peer", encode: hotShots }
    ])
}
