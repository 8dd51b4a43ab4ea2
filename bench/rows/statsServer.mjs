// @ts-check
/** All pipes of a host, read and added up for one request. */
import { Effect, Exit, Logger, Scope } from "effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { constants, openSync } from "node:fs"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { StatsServer } from "../../dist/index.js"
import { inRounds, ratioOf } from "../harness.mjs"

const pipes = 100
const lines = 120
const writers = 4

const script = fileURLToPath(new URL("../isolated/pipeWriter.mjs", import.meta.url))

/** @param {string} path @returns {Promise<string>} */
const readPipe = (path) =>
  new Promise((resolve) => {
    let text = ""
    const socket = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true })
    socket.setEncoding("utf8")
    socket.on("data", (chunk) => (text += chunk))
    socket.on("close", () => resolve(text))
  })

/** Adds up every number, as statvent does. @param {string} dir */
const rawStats = async (dir) => {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".stats"))
  /** @type {Map<string, number>} */
  const sums = new Map()
  for (const text of await Promise.all(names.map((name) => readPipe(join(dir, name))))) {
    for (const line of text.split("\n")) {
      const colon = line.lastIndexOf(":")
      if (colon === -1) continue
      const name = line.slice(0, colon)
      sums.set(name, (sums.get(name) ?? 0) + Number(line.slice(colon + 1)))
    }
  }
  return JSON.stringify({ stats: Object.fromEntries(sums), timestamp: Date.now() / 1000 })
}

const raw = "raw: node:http, split and add"

/** @type {import("../harness.mjs").Row} */
export const statsServer = {
  name: "stats-server",
  title: `${pipes} pipes with ${lines} numbers each, read for one request`,
  unit: "ms",
  goals: [
    {
      text: "`/stats` takes at most 2 times reading and adding up without any care",
      limit: 2,
      value: (get) => ratioOf(get("effect-metrics, /stats"))
    }
  ],
  run: async (context) => {
    const dir = await mkdtemp(join(tmpdir(), "effect-metrics-bench-"))
    const each = pipes / writers
    const children = Array.from({ length: writers }, (_, i) =>
      fork(script, [dir, String(i * each), String(each), String(lines)], {
        env: { ...process.env, UV_THREADPOOL_SIZE: String(each + 8) },
        execArgv: []
      })
    )
    await Promise.all(children.map((child) => once(child, "message")))
    while ((await readdir(dir)).filter((name) => name.endsWith(".stats")).length < pipes) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const server = createServer((_, response) => {
      void rawStats(dir).then((body) => response.end(body))
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const scope = Effect.runSync(Scope.make())
    const quiet = Logger.replace(Logger.defaultLogger, Logger.none)
    const { url } = await Effect.runPromise(
      StatsServer.make({ dir, port: 0, fresh: 0, timeout: "5 seconds", concurrency: pipes }).pipe(
        Scope.extend(scope),
        Effect.provide(quiet)
      )
    )
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    const subjects = [
      { name: raw, kind: /** @type {const} */ ("raw"), url: `http://127.0.0.1:${port}/` },
      { name: "effect-metrics, /stats", kind: /** @type {const} */ ("ours"), url: `${url}/stats` },
      { name: "effect-metrics, /metrics", kind: /** @type {const} */ ("ours"), url: `${url}/metrics` },
      { name: "effect-metrics, /api/snapshot", kind: /** @type {const} */ ("ours"), url: `${url}/api/snapshot` }
    ].map((subject) => ({ ...subject, longest: 0, bytes: 0 }))
    let measured
    try {
      const ask = async (/** @type {typeof subjects[number]} */ subject, /** @type {number} */ round) => {
        const delay = monitorEventLoopDelay({ resolution: 1 })
        delay.enable()
        const start = performance.now()
        const answer = await fetch(subject.url, { headers: { "accept-encoding": "identity" } })
        const body = await answer.text()
        const millis = performance.now() - start
        delay.disable()
        if (answer.status !== 200 || (!body.includes("http.requests") && !body.includes("http_requests"))) {
          throw new Error(`${subject.name}: ${answer.status} ${body.slice(0, 200)}`)
        }
        subject.bytes = body.length
        if (round >= 0) subject.longest = Math.max(subject.longest, delay.max / 1e6)
        return millis
      }
      measured = await inRounds(context, subjects, ask, { rounds: 40, warmup: 5 })
    } finally {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      server.close()
      server.closeAllConnections()
      for (const child of children) {
        child.disconnect()
        await once(child, "exit")
      }
      await rm(dir, { recursive: true, force: true })
    }
    return {
      results: measured.map((result, i) => ({
        ...result,
        more: {
          "answer KB": Math.round((subjects[i]?.bytes ?? NaN) / 1024),
          "loop max ms": Number((subjects[i]?.longest ?? NaN).toFixed(1))
        }
      })),
      notes: [
        "Every request reads all pipes anew. The pipes are written by four processes on the same machine, whose work is in all times.",
        "The client is in the same process. What has no care would be stopped by one silent writer, and adds up percentiles."
      ]
    }
  }
}
