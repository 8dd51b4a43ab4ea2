// @ts-check
/** Records against a backend that accepts and never answers: `stalled.mjs <subject> <rate> <seconds> <port>`. */
import { InfluxDB, Point } from "@influxdata/influxdb-client"
import { Effect, ManagedRuntime } from "effect"
import { StatsD } from "hot-shots"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { InfluxDb, Ledger, Metrics } from "../../dist/index.js"
import { tagKeys, tagSets, tagValues } from "../rows/inputs.mjs"
import { silently } from "../ours.mjs"
import { liveBytes, report, slope } from "./meters.mjs"

const [, , subject, rateText, secondsText, port] = process.argv
const rate = Number(rateText)
const seconds = Number(secondsText)
const tickMillis = 10
const url = `http://127.0.0.1:${port}`

/**
 * @typedef {object} Client
 * @property {(i: number) => void} record
 * @property {() => object} [account]
 * @property {() => unknown} [close]
 */

/** @returns {Promise<Client>} */
const ours = async () => {
  const runtime = ManagedRuntime.make(
    silently(
      InfluxDb.layerFetch({ url, database: "bench", hostTag: "none", schedule: undefined, shutdownTimeout: "1 second" })
    )
  )
  const requests = Metrics.distribution("requests", { tagKeys, aggregate: false })
  const bound = await runtime.runPromise(Effect.forEach(tagSets, (tags) => Metrics.bind(requests, tags)))
  const hub = await runtime.runPromise(Metrics.Metrics)
  return {
    record: (i) => bound[i & 63].record(i),
    account: () => {
      const [lane] = Metrics.ledgersOf(hub)
      return {
        dropped: Ledger.dropped(lane.ledger),
        imbalance: Ledger.imbalance(lane.ledger),
        recorded: lane.ledger.recorded
      }
    },
    close: () => runtime.dispose()
  }
}

/** @returns {Client} */
const influx = () => {
  const api = new InfluxDB({ url, token: "t" }).getWriteApi("o", "bench", "ms", {
    batchSize: 5000,
    gzipThreshold: Infinity
  })
  return {
    record: (i) => {
      const point = new Point("requests")
      const values = tagValues[i & 63]
      for (let k = 0; k < tagKeys.length; k++) point.tag(tagKeys[k], values[k])
      api.writePoint(point.floatField("value", i))
    }
  }
}

/** @returns {Client} */
const statsd = () => {
  const client = new StatsD({
    host: "127.0.0.1",
    port: Number(port),
    protocol: "tcp",
    maxBufferSize: 8192,
    errorHandler: () => {}
  })
  return { record: (i) => client.distribution("requests", i, tagSets[i & 63]) }
}

/** @returns {Client} */
const idle = () => ({ record: () => {} })

/** @type {Record<string, () => Client | Promise<Client>>} */
const clients = { idle, ours, influx, statsd }
const client = await /** @type {() => Client | Promise<Client>} */ (clients[subject ?? ""])()

/** @type {Array<[second: number, megabytes: number]>} */
const samples = []
const delay = monitorEventLoopDelay({ resolution: 1 })
const start = performance.now()
const elapsed = () => (performance.now() - start) / 1000
let sent = 0
let nextSample = 0
delay.enable()
await new Promise((/** @type {(value: void) => void} */ resolve) => {
  const tick = () => {
    for (const due = Math.min(elapsed(), seconds) * rate; sent < due; sent++) client.record(sent)
    if (elapsed() >= nextSample) {
      delay.disable()
      samples.push([elapsed(), liveBytes() / 2 ** 20])
      delay.enable()
      nextSample += seconds / 40
    }
    if (elapsed() < seconds) setTimeout(tick, tickMillis)
    else resolve()
  }
  tick()
})
delay.disable()

const half = samples.filter(([second]) => second >= seconds / 2)
const account = client.account?.() ?? {}
const closing = performance.now()
await client.close?.()
await report({
  ...account,
  sent,
  slope: slope(half),
  first: samples[0]?.[1],
  live: samples[samples.length - 1]?.[1],
  peak: Math.max(...samples.map(([, megabytes]) => megabytes)),
  p99: delay.percentile(99) / 1e6,
  longest: delay.max / 1e6,
  closeMillis: client.close === undefined ? undefined : performance.now() - closing,
  after: client.close === undefined ? undefined : client.account?.()
})
process.exit()
