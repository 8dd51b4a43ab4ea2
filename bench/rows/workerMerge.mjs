// @ts-check
/** What a worker merges, without a transport: bodies of the relay into the windows of a lane. */
import { frame, topicOf } from "../../dist/encoding/relayFrame.js"
import { decode } from "../../dist/encoding/relayReader.js"
import { make as makeBodies } from "../../dist/encoding/relayWriter.js"
import { Metrics } from "../../dist/index.js"
import { Histogram } from "../../dist/recording/histogram.js"
import { make as makeMerger } from "../../dist/relay/merge.js"
import { atMost, compare } from "../harness.mjs"
import { nullLanes } from "../ours.mjs"
import { startMillis } from "./measurements.mjs"

const batch = 1000
const topic = Buffer.from(topicOf(undefined))

/** Half of them counters, half timers of ten values in some eight buckets. @param {number} publishers @param {number} total @param {number} at */
const windowOf = (publishers, total, at) => {
  const kind = at % 2 === 0 ? /** @type {const} */ ("counter") : /** @type {const} */ ("timer")
  const series = {
    name: kind === "counter" ? "requests" : "latency",
    tags: [
      /** @type {const} */ (["instance", `p${Math.floor((at * publishers) / total)}`]),
      /** @type {const} */ (["route", `/${at >> 3}`]),
      /** @type {const} */ (["status", String(200 + (at & 7))])
    ],
    kind,
    valueType: /** @type {const} */ ("float"),
    unit: undefined,
    description: undefined,
    level: undefined,
    boundaries: undefined,
    encoded: undefined
  }
  const timed = { series, weight: 10, millis: startMillis, nanos: 0, startMillis: startMillis - 10_000 }
  if (kind === "counter") return { ...timed, _tag: /** @type {const} */ ("count"), value: 10 }
  const histogram = new Histogram()
  for (let i = 0; i < 10; i++) histogram.record(0.01 * (1 + (((at + i) * 7) % 10)))
  return { ...timed, _tag: /** @type {const} */ ("distribution"), histogram, buckets: undefined }
}

/** @param {number} publishers @param {number} total */
const bodiesOf = (publishers, total) => {
  const encode = makeBodies()
  const bodies = []
  for (let from = 0; from < total; from += batch) {
    const windows = Array.from({ length: batch }, (_, i) => windowOf(publishers, total, from + i))
    const [section] = encode(windows, Infinity).payload
    if (section?.count !== batch) throw new Error("not all was encoded")
    const header = { publisher: String(from), batch: "1", level: undefined }
    bodies.push({ id: `${from}\u00001`, bytes: frame(header, section) })
  }
  return bodies
}

/** The least that could be done with what was read already: keys at hand, arrays of counts. */
const rawMerge = () => {
  const counters = new Map()
  const histograms = new Map()
  return {
    /** @param {ReadonlyArray<any>} measurements @param {ReadonlyArray<string>} keys */
    take: (measurements, keys) => {
      for (let i = 0; i < measurements.length; i++) {
        const { histogram, value } = measurements[i]
        const key = keys[i]
        if (histogram === undefined) counters.set(key, (counters.get(key) ?? 0) + value)
        else {
          const known = histograms.get(key)
          const { counts } = histogram.positive
          if (known === undefined) {
            histograms.set(key, { ...histogram.summary, counts: [...counts] })
          } else {
            known.count += histogram.summary.count
            known.sum += histogram.summary.sum
            known.min = Math.min(known.min, histogram.summary.min)
            known.max = Math.max(known.max, histogram.summary.max)
            for (let k = 0; k < counts.length; k++) known.counts[k] += counts[k]
          }
        }
      }
    },
    size: () => counters.size + histograms.size
  }
}

/** @type {import("../harness.mjs").Row} */
export const workerMerge = {
  name: "worker-merge",
  title:
    "100 000 windows of as many series, half of them histograms, from 1, 10 and 100 publishers to a worker's windows",
  unit: "ns",
  goals: [
    atMost(
      "100 publishers cost no more than one",
      "effect-metrics, read and merged, 100 publishers",
      1.25,
      "effect-metrics, read and merged, 1 publisher"
    )
  ],
  run: async (context) => {
    const total = context.isQuick ? 10_000 : 100_000
    const runtimes = []
    const subjects = []
    for (const publishers of [1, 10, 100]) {
      const bodies = bodiesOf(publishers, total)
      const runtime = nullLanes(1)
      runtimes.push(runtime)
      const merger = makeMerger(await runtime.runPromise(Metrics.Metrics), {
        maxMessageBytes: 16 * 1024 * 1024,
        windows: "merge",
        now: Date.now
      })
      let at = 0
      subjects.push({
        name: `effect-metrics, read and merged, ${publishers} publisher${publishers === 1 ? "" : "s"}`,
        kind: /** @type {const} */ ("ours"),
        run: (/** @type {number} */ n) => {
          for (let i = 0; i < n / batch; i++) {
            const body = bodies[at++ % bodies.length]
            if (body === undefined) throw new Error("no body")
            const { _tag } = merger.take([topic, body.bytes])
            if (_tag !== "recorded") throw new Error(_tag)
            merger.forget(body.id)
          }
        }
      })
    }
    const bodies = bodiesOf(1, total)
    const read = bodies.map(({ bytes }) => {
      const body = decode(bytes, Infinity)
      if (!("measurements" in body)) throw new Error(body.reason)
      const measurements = body.measurements.map((/** @type {any} */ one) =>
        one.histogram === undefined
          ? one
          : {
              histogram: {
                positive: one.histogram.positive,
                summary: {
                  count: one.histogram.count,
                  sum: one.histogram.sum,
                  min: one.histogram.min,
                  max: one.histogram.max
                }
              }
            }
      )
      return { measurements, keys: body.measurements.map(({ series }) => JSON.stringify([series.name, series.tags])) }
    })
    const raw = rawMerge()
    let [readAt, rawAt, count] = [0, 0, 0]
    const results = await compare(
      context,
      [
        {
          name: "raw: Maps of sums and of arrays of counts, read before, keys at hand",
          kind: "raw",
          run: (n) => {
            for (let i = 0; i < n / batch; i++) {
              const { keys, measurements } = read[rawAt++ % read.length] ?? { keys: [], measurements: [] }
              raw.take(measurements, keys)
            }
          }
        },
        {
          name: "effect-metrics, read only",
          kind: "ours",
          run: (n) => {
            for (let i = 0; i < n / batch; i++) {
              const body = decode(bodies[readAt++ % bodies.length]?.bytes ?? new Uint8Array(), Infinity)
              if (!("measurements" in body)) throw new Error(body.reason)
              count += body.measurements.length
            }
          }
        },
        ...subjects
      ],
      { operations: total, chunk: total, rounds: 7, warmup: 2 }
    )
    if (count === 0 || raw.size() !== total) throw new Error(`${raw.size()} series`)
    await Promise.all(runtimes.map((runtime) => runtime.dispose()))
    const rate = (/** @type {number} */ i) => Math.round(1e9 / (results[i]?.median ?? NaN)).toLocaleString("en")
    return { results, notes: [`Windows a second: ${rate(2)} from one publisher, ${rate(4)} from a hundred.`] }
  }
}
