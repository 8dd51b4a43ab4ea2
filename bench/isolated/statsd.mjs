// @ts-check
/** Sends timings over UDP: `statsd.mjs <subject> <timings> <port>`. */
import { Effect, ManagedRuntime, Schedule } from "effect"
import { StatsD as HotShots } from "hot-shots"
import { createSocket } from "node:dgram"
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises"
import { Metrics, StatsD } from "../../dist/index.js"
import { tagKeys, tagSets, tagValues } from "../rows/inputs.mjs"
import { silently } from "../ours.mjs"
import { report } from "./meters.mjs"

const [, , subject, amount, port] = process.argv
const timings = Number(amount)
/** Milliseconds; exact in binary, so that the receiver's sum is exact. */
const millis = (/** @type {number} */ i) => (i % 1000) + 0.5

/** As is the library's default. */
const burstBytes = 16_384
const pauseMillis = 4

/** One buffer, one line a timing, packets of 1432 bytes, bursts with a pause. */
const raw = async () => {
  const prefix = "requests:"
  const suffixes = tagValues.map((values) => "|ms|#" + tagKeys.map((key, i) => `${key}:${values[i]}`).join(","))
  const socket = createSocket("udp4")
  await /** @type {Promise<void>} */ (new Promise((resolve) => socket.connect(Number(port), "127.0.0.1", resolve)))
  const maxPacket = 1432
  /** @type {Array<Buffer>} */
  let free = []
  let pending = 0
  let failed = 0
  let burst = 0
  let packet = Buffer.allocUnsafe(maxPacket)
  let at = 0
  /** @type {(() => void) | undefined} */
  let drained
  const send = () => {
    const sent = packet
    const length = at
    pending++
    burst += length
    socket.send(sent, 0, length, (error) => {
      if (error !== null) failed++
      free.push(sent)
      if (--pending === 0) drained?.()
    })
    packet = free.pop() ?? Buffer.allocUnsafe(maxPacket)
    at = 0
  }
  const settled = () =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        if (pending === 0) resolve()
        else drained = resolve
      })
    )
  for (let i = 0; i < timings; i++) {
    const line = prefix + millis(i) + suffixes[i & 63]
    if (at + line.length + 1 > maxPacket) {
      send()
      if (burst >= burstBytes) {
        await settled()
        await pause(pauseMillis)
        burst = 0
      }
    }
    if (at > 0) packet[at++] = 10
    at += packet.latin1Write(line, at)
  }
  send()
  await settled()
  if (failed > 0) throw new Error(`${failed} packets could not be sent`)
  socket.close()
}

/** So many wait in the queue at most. */
const perFlush = 10_000

const ours = async (/** @type {StatsD.Options} */ options) => {
  const runtime = ManagedRuntime.make(
    silently(
      StatsD.layer({
        host: "127.0.0.1",
        port: Number(port),
        dialect: "dogstatsd",
        schedule: Schedule.spaced("1 hour"),
        ...options
      })
    )
  )
  const requests = Metrics.timer("requests", { tagKeys })
  const bound = await runtime.runPromise(Effect.forEach(tagSets, (tags) => Metrics.bind(requests, tags)))
  for (let i = 0; i < timings;) {
    for (const end = Math.min(timings, i + perFlush); i < end; i++) bound[i & 63].record(millis(i) / 1000)
    await runtime.runPromise(Metrics.flushWithin("1 minute"))
  }
  await runtime.dispose()
}

const hotShots = async (/** @type {number} */ maxBufferSize) => {
  const client = new HotShots({ host: "127.0.0.1", port: Number(port), maxBufferSize, errorHandler: () => {} })
  for (let i = 0; i < timings; i++) {
    client.timing("requests", millis(i), tagSets[i & 63])
    if (i % 1000 === 0) await nextTurn()
  }
  await new Promise((resolve) => client.close(resolve))
}

/** @type {Record<string, () => Promise<void>>} */
const subjects = {
  raw,
  ours: () => ours({}),
  "ours-packed": () => ours({ packedValues: true }),
  "hot-shots-1432": () => hotShots(1432),
  "hot-shots-8192": () => hotShots(8192)
}

const before = process.cpuUsage()
const start = process.hrtime.bigint()
await subjects[subject ?? ""]?.()
const cpu = process.cpuUsage(before)
await report({
  nanosPerTiming: ((cpu.user + cpu.system) * 1000) / timings,
  wallMillis: Number(process.hrtime.bigint() - start) / 1e6,
  maxRssMegabytes: process.resourceUsage().maxRSS / 1024
})
process.exit()
