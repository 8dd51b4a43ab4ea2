// @ts-check
/** Points to a stream of NATS JetStream, on a server of its own. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, ManagedRuntime } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { frame } from "../../dist/encoding/relayFrame.js"
import { make as makeBodies } from "../../dist/encoding/relayWriter.js"
import { Metrics, Nats } from "../../dist/index.js"
import { compare } from "../harness.mjs"
import { quiet, silently } from "../ours.mjs"
import { tagKeys, tagSets } from "./inputs.mjs"
import { pointsOf, seriesOf } from "./measurements.mjs"

const batch = 1000
const cached = fileURLToPath(new URL("../../.cache/servers/nats-server/usr/sbin/nats-server", import.meta.url))

const startServer = async () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-metrics-bench-nats-"))
  const port = 20_000 + Math.floor(Math.random() * 10_000)
  const child = spawn(
    existsSync(cached) ? cached : "nats-server",
    ["-js", "-a", "127.0.0.1", "-p", String(port), "-sd", folder],
    { stdio: "ignore" }
  )
  /** @type {Promise<void>} */
  const gone = new Promise((resolve) => {
    child.once("exit", () => resolve())
    child.once("error", () => resolve())
  })
  const servers = `127.0.0.1:${port}`
  const stop = async () => {
    child.kill("SIGKILL")
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; ; tries++) {
    try {
      return { servers, stop, connection: await connect({ servers, reconnect: false }) }
    } catch (error) {
      if (tries === 100 || child.exitCode !== null || child.pid === undefined) {
        await stop()
        throw new Error("there is no nats-server: run npm run servers", { cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const bodyOf = () => {
  const points = pointsOf(batch, seriesOf("point"), ["value"], (i) => [(i % 1000) + 0.25])
  const [section] = makeBodies()(points, Infinity).payload
  if (section?.count !== batch) throw new Error("not all was encoded")
  return frame({ publisher: "bench", batch: "1", level: undefined }, section)
}

/** @type {import("../harness.mjs").Row} */
export const nats = {
  name: "nats",
  title: "points to a stream of NATS JetStream on disk, 1000 a message, each acknowledged before the next",
  unit: "ns",
  goals: [],
  run: async (context) => {
    const { connection, servers, stop } = await startServer()
    const app = ManagedRuntime.make(silently(Nats.layer({ servers, batchSize: batch, maxBytes: 2 ** 34, ...quiet })))
    try {
      const manager = await jetstreamManager(connection)
      await manager.streams.add({
        name: "BARE",
        subjects: ["bare.*"],
        retention: "workqueue",
        discard: "new",
        max_bytes: 2 ** 34,
        duplicate_window: 1200e9
      })
      const client = jetstream(connection)
      const body = bodyOf()
      let id = 0
      const requests = Metrics.distribution("requests", { tagKeys, aggregate: false })
      const bound = await app.runPromise(Effect.forEach(tagSets, (tags) => Metrics.bind(requests, tags)))
      const results = await compare(
        context,
        [
          {
            name: "raw: bare publish",
            kind: "raw",
            run: async (n) => {
              for (let i = 0; i < n / batch; i++) await client.publish("bare.=", body, { msgID: `bench-${id++}` })
            }
          },
          {
            name: "effect-metrics",
            kind: "ours",
            run: async (n) => {
              for (let i = 0; i < n; i++) bound[i & 63]?.record((i % 1000) + 0.25)
              await app.runPromise(Metrics.flush)
            }
          }
        ],
        { operations: 100_000, chunk: 20_000, rounds: 9, warmup: 3 }
      )
      const [lane] = await app.runPromise(Metrics.ledgers)
      const { messages } = (await manager.streams.info("METRICS")).state
      if (lane === undefined || messages !== lane.ledger.sent.writes) {
        throw new Error(`${messages} messages, ${JSON.stringify(lane?.ledger)}`)
      }
      const rate = (/** @type {number} */ i) => Math.round(1e9 / (results[i]?.median ?? NaN) / batch)
      return {
        results,
        notes: [`Messages of ${body.length} bytes a second: bare ${rate(0)}, with recording and encoding ${rate(1)}.`]
      }
    } finally {
      await app.dispose()
      await connection.close()
      await stop()
    }
  }
}
