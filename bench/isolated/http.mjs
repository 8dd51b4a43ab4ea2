// @ts-check
/**
 * Sends points to a write endpoint: `http.mjs <subject> <points> <port> <of the start> <before>`. The points of the start are
 * counted apart, those that are sent between it and the others not at all.
 */
import { InfluxDB, Point } from "@influxdata/influxdb-client"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Layer, ManagedRuntime, Schedule } from "effect"
import { Agent, request } from "node:http"
import { setImmediate as nextTurn } from "node:timers/promises"
import { InfluxDb, Metrics } from "../../dist/index.js"
import { tagKeys, tagSets, tagValues } from "../rows/inputs.mjs"
import { silently } from "../ours.mjs"
import { report } from "./meters.mjs"

const [, , subject, amount, port, ofStart, before] = process.argv
const url = `http://127.0.0.1:${port}`
const batch = 5000
const inFlight = 2
/** Exact in binary, so that the server's sum is exact. */
const value = (/** @type {number} */ i) => (i % 1000) + 0.25
/** When it was, in nanoseconds, and apart from the others of its millisecond: servers keep one point of a series and time. */
const stamp = (/** @type {number} */ i) => `${Date.now()}${100_000 + (i % 900_000)}`

/** @typedef {{ readonly send: (points: number) => Promise<void>, readonly close: () => unknown }} Sender */

/** @returns {Sender} */
const raw = () => {
  const prefixes = tagValues.map(
    (values) => "requests," + tagKeys.map((key, i) => `${key}=${values[i]}`).join(",") + " value="
  )
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  const buffers = Array.from({ length: inFlight }, () => Buffer.allocUnsafe(batch * 128))
  const post = (/** @type {Buffer} */ body) =>
    /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        const headers = { "content-type": "text/plain; charset=utf-8", "content-length": body.length }
        const sent = request(`${url}/write?db=bench`, { agent, method: "POST", headers }, (response) => {
          response.resume()
          response.on("end", resolve)
        })
        sent.on("error", reject)
        sent.end(body)
      })
    )
  return {
    send: async (points) => {
      let next = 0
      await Promise.all(
        buffers.map(async (buffer) => {
          while (next < points) {
            let at = 0
            for (let i = 0; i < batch; i++, next++) {
              at += buffer.latin1Write(prefixes[next & 63] + value(next) + " " + stamp(next) + "\n", at)
            }
            await post(buffer.subarray(0, at))
          }
        })
      )
    },
    close: () => agent.destroy()
  }
}

const options = {
  url,
  database: "bench",
  batchSize: batch,
  concurrency: inFlight,
  schedule: Schedule.spaced("1 hour"),
  hostTag: /** @type {const} */ ("none"),
  gzip: Infinity
}
const overFetch = () => InfluxDb.layerFetch(options)
/** Its own agent closes every connection. */
const keepAlive = NodeHttpClient.layerWithoutAgent.pipe(
  Layer.provide(NodeHttpClient.makeAgentLayer({ keepAlive: true }))
)
const overNode = () => InfluxDb.layer(options).pipe(Layer.provide(keepAlive))

/** As many as the others have in flight; then waits until they are written. */
const perFlush = 10_000

/** @returns {Promise<Sender>} */
const handles = async (/** @type {Layer.Layer<any>} */ layer) => {
  const runtime = ManagedRuntime.make(silently(layer))
  const requests = Metrics.distribution("requests", { tagKeys, aggregate: false })
  const bound = await runtime.runPromise(Effect.forEach(tagSets, (tags) => Metrics.bind(requests, tags)))
  return {
    send: async (points) => {
      for (let i = 0; i < points;) {
        for (const end = Math.min(points, i + perFlush); i < end; i++) bound[i & 63].record(value(i))
        await runtime.runPromise(Metrics.flush)
      }
    },
    close: () => runtime.dispose()
  }
}

/** @returns {Sender} */
const emits = (/** @type {Layer.Layer<any>} */ layer) => {
  const runtime = ManagedRuntime.make(silently(layer))
  return {
    send: (points) =>
      runtime.runPromise(
        Effect.gen(function* () {
          for (let i = 0; i < points;) {
            for (const end = Math.min(points, i + perFlush); i < end; i++) {
              yield* Metrics.emit("requests", { value: value(i) }, { tags: tagSets[i & 63] })
            }
            yield* Metrics.flush
          }
        })
      ),
    close: () => runtime.dispose()
  }
}

/** @returns {Sender} */
const influx = () => {
  const api = new InfluxDB({ url, token: "t" }).getWriteApi("o", "bench", "ns", {
    batchSize: batch,
    flushInterval: 0,
    gzipThreshold: Infinity
  })
  return {
    send: async (points) => {
      for (let i = 0; i < points; i++) {
        const point = new Point("requests")
        const values = tagValues[i & 63]
        for (let k = 0; k < tagKeys.length; k++) point.tag(tagKeys[k], values[k])
        api.writePoint(point.floatField("value", value(i)).timestamp(stamp(i)))
        if (i % batch === 0) await nextTurn()
      }
      await api.flush()
    },
    close: () => api.close()
  }
}

/** @type {Record<string, () => Sender | Promise<Sender>>} */
const subjects = {
  raw,
  "ours-fetch": () => handles(overFetch()),
  "ours-node": () => handles(overNode()),
  "ours-emit": () => emits(overNode()),
  influx
}

const cpuMillis = (/** @type {NodeJS.CpuUsage} */ { system, user }) => (user + system) / 1000

const atStart = process.cpuUsage()
const sender = await /** @type {() => Sender} */ (subjects[subject ?? ""])()
await sender.send(Number(ofStart))
const startCpuMillis = cpuMillis(process.cpuUsage(atStart))
await sender.send(Number(before))

const warm = process.cpuUsage()
const start = process.hrtime.bigint()
await sender.send(Number(amount))
const nanosPerPoint = (cpuMillis(process.cpuUsage(warm)) * 1e6) / Number(amount)
const wallMillis = Number(process.hrtime.bigint() - start) / 1e6
await sender.close()
await report({
  nanosPerPoint,
  startCpuMillis,
  wallMillis,
  maxRssMegabytes: process.resourceUsage().maxRSS / 1024
})
process.exit()
