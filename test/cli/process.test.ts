/** The command as a process: what it says, how it ends, and what has arrived by then. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createServer as createHttpServer, type ServerResponse } from "node:http"
import { type AddressInfo, createServer as createTcpServer } from "node:net"
import { fileURLToPath } from "node:url"
import * as Metrics from "../../src/Metrics.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"
import { freePort } from "../servers/harness.js"

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const secret = "hush-hush"

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Running {
  readonly child: ChildProcess
  /** Done when standard error has the text, or the process has ended. */
  readonly says: (text: string) => Promise<void>
  readonly ended: Promise<Ended>
}

const start = (path: string, args: ReadonlyArray<string>, environment: Record<string, string> = {}): Running => {
  const child = spawn(process.execPath, ["--import", "tsx", file(path), ...args], {
    cwd: file("../.."),
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const killer = setTimeout(() => child.kill("SIGKILL"), 40_000)
  const output = { stdout: "", stderr: "" }
  const waiting = new Set<() => void>()
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8")
    child[name].on("data", (text: string) => {
      output[name] += text
      for (const look of waiting) look()
    })
  }
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => {
      clearTimeout(killer)
      resolve({ code, ...output })
    })
  })
  const says = (text: string): Promise<void> =>
    Promise.race([
      ended.then(() => {}),
      new Promise<void>((resolve) => {
        const look = () => {
          if (output.stderr.includes(text)) resolve()
        }
        waiting.add(look)
        look()
      })
    ])
  return { child, says, ended }
}

const main = (args: ReadonlyArray<string>, environment?: Record<string, string>): Running =>
  start("../../src/cli/main.ts", args, environment)

/** A server of any kind that adds up what it is sent, by name. */
interface StandIn {
  readonly port: number
  readonly totals: Map<string, number>
  readonly close: () => void
}

const add = (totals: Map<string, number>, lines: string, pattern: RegExp): void => {
  for (const [, name, value] of lines.matchAll(pattern)) totals.set(name!, (totals.get(name!) ?? 0) + Number(value))
}

const statsDCounter = /^([\w.]+)[^:\n]*:([\d.]+)\|c/gm

const tcp = async (): Promise<StandIn> => {
  const totals = new Map<string, number>()
  const server = createTcpServer((socket) => {
    let rest = ""
    socket.setEncoding("utf8")
    socket.on("error", () => {})
    socket.on("data", (text: string) => {
      const end = (rest + text).lastIndexOf("\n") + 1
      add(totals, (rest + text).slice(0, end), statsDCounter)
      rest = (rest + text).slice(end)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  // It listens over TCP, so it has a port.
  return { port: (server.address() as AddressInfo).port, totals, close: () => server.close() }
}

const udp = async (): Promise<StandIn> => {
  const totals = new Map<string, number>()
  const socket = createSocket("udp4", (packet) => add(totals, packet.toString(), statsDCounter))
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  return { port: socket.address().port, totals, close: () => socket.close() }
}

/** Holds its answers back until it is released. */
const influx = async () => {
  const totals = new Map<string, number>()
  const held: Array<() => void> = []
  const authorizations = new Set<string | undefined>()
  let isReleased = false
  const server = createHttpServer((request, response: ServerResponse) => {
    let body = ""
    authorizations.add(request.headers.authorization)
    request.setEncoding("utf8")
    request.on("data", (text: string) => (body += text))
    request.on("end", () => {
      const answer = () => {
        add(totals, body, /^([\w.]+)[^ \n]* \w+=([\d.]+)/gm)
        response.writeHead(204).end()
      }
      if (isReleased) answer()
      else held.push(answer)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    totals,
    authorizations,
    held,
    release: () => {
      isReleased = true
      for (const answer of held) answer()
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const until = async (done: () => boolean): Promise<void> => {
  const end = Date.now() + 20_000
  while (!done()) {
    if (Date.now() > end) throw new Error("it did not come to that")
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** A broker keeps nothing for a worker that is still connecting, so something is published until it arrives. */
const join = (port: number, { totals }: StandIn): Promise<void> =>
  Effect.runPromise(
    Metrics.increment(Metrics.counter("joined")).pipe(
      Effect.zipRight(Metrics.flush),
      Effect.delay("50 millis"),
      Effect.repeat({ until: () => totals.has("joined") }),
      Effect.timeout("20 seconds"),
      Effect.provide(ZeroMq.layer({ port, hostTag: "none" })),
      Effect.asVoid
    )
  )

const freePair = async () => ({ lower: await freePort(), upper: await freePort() })

describe("the command", { timeout: 60_000 }, () => {
  it("says how it is used, without colours where there is no terminal", async () => {
    const { code, stdout } = await main(["worker", "--help"]).ended
    assert.strictEqual(code, 0)
    assert.include(stdout, "--shutdown-timeout")
    assert.notInclude(stdout, "\u001b")
  })

  it("ends with 2 and one line where it is used wrongly", async () => {
    const { code, stderr } = await main(["worker", "--to", `influxdb://ann:${secret}@h/db`]).ended
    assert.strictEqual(code, 2, stderr)
    assert.match(stderr, /^effect-metrics: [^\n]+INFLUXDB_PASSWORD\n$/)
  })

  it("ends with 1 where a port is in use", async () => {
    const taken = await tcp()
    const { code, stderr } = await main([
      "broker",
      "--port",
      String(taken.port),
      "--worker-port",
      String(await freePort())
    ]).ended
    taken.close()
    assert.strictEqual(code, 1)
    assert.match(stderr, /^effect-metrics: tcp:\/\/127\.0\.0\.1:\d+ is in use \(EADDRINUSE\)\n$/)
  })

  it("says that no broker is there, waits for one, and ends in order when its terminal is closed", async () => {
    const port = await freePort()
    const worker = main(["worker", "--port", String(port), "--to", "console:"])
    try {
      await worker.says("it is tried again")
      worker.child.kill("SIGHUP")
      const { code, stderr } = await worker.ended
      assert.strictEqual(code, 0, stderr)
      assert.include(stderr, `WARN worker: no broker at 127.0.0.1 port ${port} yet: connection refused (ECONNREFUSED)`)
      assert.include(stderr, "console: 0 recorded, 0 delivered, 0 lost\n")
    } finally {
      worker.child.kill("SIGKILL")
    }
  })

  it.skipIf(!existsSync("/dev/full"))("ends with 1 where what was asked for cannot be written", () => {
    const command = `exec "$0" --import tsx "$1" --help > /dev/full`
    const { status, stderr } = spawnSync("sh", ["-c", command, process.execPath, file("../../src/cli/main.ts")], {
      cwd: file("../.."),
      encoding: "utf8"
    })
    assert.deepStrictEqual([status, stderr], [1, "effect-metrics: standard output cannot be written (ENOSPC)\n"])
  })

  it("has colours where they are forced, without a terminal", async () => {
    const coloured = await main(["--help"], { FORCE_COLOR: "1", NO_COLOR: "" }).ended
    assert.include(coloured.stdout, "\u001b[1mUSAGE")
  })

  it("drains at SIGTERM in the midst of a write: all that was published has arrived, at every sink", async () => {
    const { lower, upper } = await freePair()
    const [stream, datagrams, http] = [await tcp(), await udp(), await influx()]
    const broker = main(["broker", "--port", String(lower), "--worker-port", String(upper)])
    const args = ["--from", `tcp://127.0.0.1:${upper}`, "--flush", "50ms"]
    const sinks = [`statsd+tcp://127.0.0.1:${stream.port}`, `statsd://127.0.0.1:${datagrams.port}`]
    const urls = [...sinks, `influxdb://127.0.0.1:${http.port}/app`].flatMap((url) => ["--to", url])
    const worker = main(["worker", ...args, ...urls], { INFLUXDB_TOKEN: secret })
    try {
      await broker.says("programs publish")
      await worker.says("worker: from")
      await join(lower, stream)
      const published = await start("../process/publisher.ts", [String(lower), "a", "1000"]).ended
      assert.strictEqual(published.code, 0, published.stderr)
      await until(() => stream.totals.get("work") === 1250 && http.held.length > 0)
      assert.notInclude(
        execFileSync("ps", ["-o", "args=", "-p", String(worker.child.pid)], { encoding: "utf8" }),
        secret
      )
      worker.child.kill("SIGTERM")
      http.release()
      const { code, stderr, stdout } = await worker.ended
      assert.strictEqual(code, 0, stderr)
      for (const name of ["work", "mine"]) {
        const count = name === "work" ? 1250 : 1000
        assert.deepStrictEqual(
          [stream, datagrams, http].map(({ totals }) => totals.get(name)),
          [count, count, count],
          stderr
        )
      }
      assert.match(stderr, /^statsd: \d+ recorded, \d+ delivered, 0 lost$/m)
      assert.match(stderr, /^statsd#2: \d+ recorded, \d+ delivered, 0 lost$/m)
      // On a busy machine a write may have waited so long that it was repeated.
      assert.match(stderr, /^influxdb: \d+ recorded, \d+ delivered, 0 lost(, \d+ of unknown fate for a time)?$/m)
      assert.deepStrictEqual([...http.authorizations], [`Bearer ${secret}`])
      assert.notInclude(stdout + stderr, secret)
      broker.child.kill("SIGTERM")
      assert.strictEqual((await broker.ended).code, 0)
    } finally {
      for (const { child } of [broker, worker]) child.kill("SIGKILL")
      for (const standIn of [stream, datagrams, http]) standIn.close()
    }
  })

  it("ends with 1 and says how much was lost where a backend is down, while another has all", async () => {
    const { lower, upper } = await freePair()
    const stream = await tcp()
    const broker = main(["broker", "--port", String(lower), "--worker-port", String(upper)])
    const worker = main([
      ...["worker", "--host", "127.0.0.1", "--port", String(upper), "--flush", "50ms", "--shutdown-timeout", "2s"],
      ...["--to", `statsd+tcp://127.0.0.1:${stream.port}`, "--to", `opentsdb://127.0.0.1:${await freePort()}`]
    ])
    try {
      await broker.says("programs publish")
      await worker.says("worker: from")
      await join(lower, stream)
      worker.child.kill("SIGINT")
      const { code, stderr } = await worker.ended
      assert.strictEqual(code, 1, stderr)
      const [, recorded, lost] =
        /^opentsdb: (\d+) recorded, 0 delivered, (\d+) lost \(shutdown_deadline \2\)/m.exec(stderr) ?? []
      assert.isDefined(recorded, stderr)
      assert.strictEqual(lost, recorded)
      assert.include(stderr, `effect-metrics: ${lost} recordings were not delivered\n`)
      assert.match(stderr, /^statsd: (\d+) recorded, \1 delivered, 0 lost$/m)
    } finally {
      for (const { child } of [broker, worker]) child.kill("SIGKILL")
      stream.close()
    }
  })
})
