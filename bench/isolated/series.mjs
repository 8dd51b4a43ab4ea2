// @ts-check
/** Holds and flushes that many counters: `series.mjs <subject> <series> <flushes> <port>`. */
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics"
import { ManagedRuntime } from "effect"
import { PerformanceObserver } from "node:perf_hooks"
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises"
import { Counter, Registry } from "prom-client"
import { InfluxDb, Metrics } from "../../dist/index.js"
import { nullSink, quiet, silently } from "../ours.mjs"
import { report, settledBytes, watchTurns } from "./meters.mjs"

const [, , subject, amount, repeats, port] = process.argv
const count = Number(amount)
const flushes = Number(repeats)
const chunk = 5000

/** Not kept: who keeps series keeps their tags. */
const tagsOf = (/** @type {number} */ i) => ({ method: "GET", route: `/route/${i >> 2}`, status: `${200 + (i & 3)}` })

/** @param {ReturnType<typeof tagsOf>} tags */
const keyOf = ({ method, route, status }) => "requests," + method + "," + route + "," + status

/**
 * @typedef {object} Store
 * @property {(i: number) => void} add
 * @property {() => unknown} flush Everything that was added since, to wherever it goes.
 * @property {() => unknown} [close]
 */

/** A Map of totals, read as a whole. @returns {Store} */
const raw = () => {
  /** @type {Map<string, { tags: object, value: number }>} */
  const series = new Map()
  return {
    add: (i) => {
      const tags = tagsOf(i)
      const key = keyOf(tags)
      const found = series.get(key)
      if (found === undefined) series.set(key, { tags, value: 1 })
      else found.value++
    },
    flush: () => {
      const all = []
      for (const one of series.values()) {
        all.push({ series: one, value: one.value })
        one.value = 0
      }
      if (all.length !== count) throw new Error(`${all.length} series`)
    }
  }
}

/** As `raw`, in the slices of a lane, each with as many objects of as many fields: what then holds a turn up is the engine. @returns {Store} */
const rawSliced = () => {
  /** @type {Map<string, { tags: object, value: number, startMillis: number }>} */
  const series = new Map()
  return {
    add: (i) => {
      const tags = tagsOf(i)
      const key = keyOf(tags)
      const found = series.get(key)
      if (found === undefined) series.set(key, { tags, value: 1, startMillis: Date.now() })
      else found.value++
    },
    flush: async () => {
      let flushed = 0
      let batch = []
      for (const one of series.values()) {
        const { startMillis, value } = one
        const millis = Math.max(Date.now(), startMillis)
        batch.push({ _tag: "count", cell: one, series: one.tags, weight: value, startMillis, millis, nanos: 0, value })
        one.value = 0
        one.startMillis = millis
        if (batch.length < chunk) continue
        await nextTurn()
        flushed += batch.length
        batch = []
      }
      if (flushed + batch.length !== count) throw new Error(`${flushed} series`)
    }
  }
}

/** @param {import("effect").Layer.Layer<any>} layer @returns {Promise<Store>} */
const ours = async (layer) => {
  const runtime = ManagedRuntime.make(silently(layer))
  const hub = await runtime.runPromise(Metrics.Metrics)
  const region = hub.region([])
  const requests = Metrics.counter("requests", { tagKeys: ["method", "route", "status"] })
  const flush = Metrics.flushWithin("60 seconds")
  return {
    add: (i) => hub.entry(requests, region, tagsOf(i)).increment(),
    flush: async () => {
      const [lane] = await runtime.runPromise(flush)
      const { delivered, recorded } = lane.ledger
      if (delivered !== recorded || recorded === 0) throw new Error(`${delivered} of ${recorded} delivered`)
    },
    close: () => runtime.dispose()
  }
}

/** @returns {Store} */
const prom = () => {
  const registry = new Registry()
  const counter = new Counter({
    name: "requests",
    help: "requests",
    labelNames: ["method", "route", "status"],
    registers: [registry]
  })
  return { add: (i) => counter.inc(tagsOf(i)), flush: () => registry.metrics() }
}

class ManualReader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

/** @returns {Store} */
const otel = () => {
  const reader = new ManualReader({ cardinalitySelector: () => count + 1 })
  const counter = new MeterProvider({ readers: [reader] }).getMeter("bench").createCounter("requests")
  return {
    add: (i) => counter.add(1, tagsOf(i)),
    flush: async () => {
      const { resourceMetrics } = await reader.collect()
      const found = resourceMetrics.scopeMetrics[0]?.metrics[0]?.dataPoints.length
      if (found !== count) throw new Error(`${found} series`)
    }
  }
}

/** @type {Record<string, () => Store | Promise<Store>>} */
const stores = {
  raw,
  "raw-sliced": rawSliced,
  "ours-null": () => ours(nullSink("null", { batchSize: 5000 })),
  "ours-influx": () => ours(InfluxDb.layerFetch({ url: `http://127.0.0.1:${port}`, database: "bench", ...quiet })),
  prom,
  otel
}

/** Told late, hence with their times. @type {Array<{ at: number, took: number }>} */
const pauses = []
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) pauses.push({ at: entry.startTime, took: entry.duration })
}).observe({ entryTypes: ["gc"] })

const store = await /** @type {() => Store | Promise<Store>} */ (stores[subject ?? ""])()
const recordAll = async () => {
  for (let i = 0; i < count;) {
    for (const end = Math.min(count, i + chunk); i < end; i++) store.add(i)
    await nextTurn()
  }
}

// What it holds at rest: with nothing waiting to be flushed.
const before = await settledBytes()
await recordAll()
const gathering = await settledBytes()
await store.flush()
const atRest = await settledBytes()

/** @param {boolean} isWatched Then the process never rests, and its CPU says nothing. */
const flushOnce = async (isWatched) => {
  await recordAll()
  await settledBytes()
  await nextTurn()
  const turns = isWatched ? watchTurns() : undefined
  await nextTurn()
  const from = performance.now()
  const before = process.cpuUsage()
  await store.flush()
  const to = performance.now()
  const { system, user } = process.cpuUsage(before)
  return { from, to, cpu: (user + system) * 1000, longest: turns?.stop() ?? NaN }
}
const timed = []
const watched = []
for (let i = 0; i < flushes; i++) {
  timed.push(await flushOnce(false))
  watched.push(await flushOnce(true))
}
await store.close?.()
await delay(100)
await report({
  bytesAtRest: (atRest - before) / count,
  bytesGathering: (gathering - before) / count,
  nanosPerSeries: timed.map(({ from, to }) => ((to - from) * 1e6) / count),
  cpuPerSeries: timed.map(({ cpu }) => cpu / count),
  longestTurns: watched.map(({ longest }) => longest),
  longestPauses: watched.map(({ from, to }) =>
    Math.max(0, ...pauses.filter(({ at }) => at >= from && at <= to).map(({ took }) => took))
  )
})
process.exit()
