// @ts-check
/** Recording into a histogram. */
import { Metric, MetricBoundaries } from "effect"
import { Histogram } from "prom-client"
import { Metrics } from "../../dist/index.js"
import { atMost, compare } from "../harness.mjs"
import { nullLanes } from "../ours.mjs"
import { exponentialView, otelMeter, promRegistry } from "../peers.mjs"
import { bounds, seconds } from "./inputs.mjs"

const mask = seconds.length - 1

let at = 0
/** Where in `seconds` the next n operations begin. */
const next = (/** @type {number} */ n) => {
  at += n
  return at
}

const binarySearch = () => {
  const upper = Float64Array.from(bounds)
  const counts = new Float64Array(bounds.length + 1)
  const all = { count: 0, sum: 0 }
  return (/** @type {number} */ value) => {
    let low = 0
    let high = upper.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (value <= upper[middle]) high = middle
      else low = middle + 1
    }
    counts[low]++
    all.count++
    all.sum += value
  }
}

/** @type {import("../harness.mjs").Row} */
export const histogram = {
  name: "histogram",
  title: "Histogram record, bound",
  unit: "ns",
  goals: [
    atMost(
      "at most 1.0 times a binary search over 14 bounds",
      "effect-metrics, timer",
      1,
      "raw: binary search over 14 bounds"
    )
  ],
  run: async (context) => {
    const search = binarySearch()
    const runtime = nullLanes(1)
    const timer = await runtime.runPromise(Metrics.bind(Metrics.timer("duration")))
    const bounded = await runtime.runPromise(Metrics.bind(Metrics.timer("duration.bounded", { boundaries: bounds })))
    const prom = new Histogram({ name: "duration", help: "duration", buckets: bounds, registers: [promRegistry()] })
    const effect = Metric.histogram("duration", MetricBoundaries.fromIterable(bounds))
    const explicit = otelMeter().createHistogram("duration", { advice: { explicitBucketBoundaries: bounds } })
    const exponential = otelMeter([exponentialView]).createHistogram("duration")
    /** @type {Array<never>} */
    const noLabels = []
    const results = await compare(context, [
      {
        name: "raw: binary search over 14 bounds",
        kind: "raw",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) search(seconds[(from + i) & mask])
        }
      },
      {
        name: "effect-metrics, timer",
        kind: "ours",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) timer.record(seconds[(from + i) & mask])
        }
      },
      {
        name: "effect-metrics, timer with 14 boundaries too",
        kind: "ours",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) bounded.record(seconds[(from + i) & mask])
        }
      },
      {
        name: "prom-client",
        kind: "peer",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) prom.observe(seconds[(from + i) & mask])
        }
      },
      {
        name: "Effect, unsafeUpdate",
        kind: "peer",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) effect.unsafeUpdate(seconds[(from + i) & mask], noLabels)
        }
      },
      {
        name: "OpenTelemetry, explicit",
        kind: "peer",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) explicit.record(seconds[(from + i) & mask])
        }
      },
      {
        name: "OpenTelemetry, exponential",
        kind: "peer",
        run: (n) => {
          const from = next(n)
          for (let i = 0; i < n; i++) exponential.record(seconds[(from + i) & mask])
        }
      }
    ])
    await runtime.dispose()
    return {
      results,
      notes: [
        "Values are in no order that a branch predictor could learn; over few, repeated values a search costs a third."
      ]
    }
  }
}
