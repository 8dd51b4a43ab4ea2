/** The relay with programs that are not ours: ZeroMQ's own library for Python, which speaks Zibrato's frames as Zibrato did. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Metrics from "../../src/Metrics.js"
import { decode } from "../../src/encoding/relayReader.js"
import type * as Worker from "../../src/relay/Worker.js"
import { joined, ports, publish, startBroker, startWorker, totals } from "../relay/harness.js"
import { missing } from "./harness.js"

const cache = process.env["EFFECT_METRICS_CACHE"] ?? fileURLToPath(new URL("../../.cache/servers", import.meta.url))
const root = `${cache}/python3-zmq/usr/lib`
const python = "/usr/bin/python3"
const there = existsSync(`${root}/python3/dist-packages/zmq/__init__.py`) && existsSync(python)
const noPython = missing("python3-zmq", there ? python : undefined)

interface Program {
  readonly tell: (line: string) => Effect.Effect<void>
  readonly lines: ReadonlyArray<string>
  readonly saying: (word: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<number>
}

/** A program that is ended with the scope, if it has not ended by then. */
const run = (
  command: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child: ChildProcess = spawn(command, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env }
    })
    const lines: Array<string> = []
    let rest = ""
    child.stdout!.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString("latin1")).split("\n")
      rest = parts.pop()!
      lines.push(...parts)
    })
    const exit = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? -1)))
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return exit
      })
    )
    return {
      tell: (line) => Effect.sync(() => void child.stdin!.write(`${line}\n`)),
      lines,
      saying: (word) => Effect.asVoid(Effect.repeat(Effect.sleep(5), { until: () => lines.includes(word) })),
      ended: Effect.promise(() => exit)
    }
  })

const runPython = (code: string, ...args: ReadonlyArray<string | number>) =>
  run(python, ["-u", "-c", code, ...args.map(String)], {
    PYTHONPATH: `${root}/python3/dist-packages`,
    LD_LIBRARY_PATH: `${root}/x86_64-linux-gnu`
  })

/**
 * Sends as Zibrato's client does, more than the thousand messages at once that a socket keeps by default; the last of all is one
 * that nobody else sends. What a socket of this kind sends before it has heard of a subscriber is lost without a word, so it sends
 * something else until it is told that this has come.
 */
const client = `
import select, sys, zmq
context = zmq.Context()
socket = context.socket(zmq.PUB)
socket.sndhwm = 0
socket.connect("tcp://127.0.0.1:" + sys.argv[1])
while not select.select([sys.stdin], [], [], 0.02)[0]:
    socket.send_string("info|Probe")
for i in range(int(sys.argv[2])):
    level, kind = (("info", "Counter"), ("crit", "Counter"), ("info", "Timer"), ("info", "Gauge"))[i % 4]
    socket.send_string("|".join((level, kind, kind.lower() + "_name", str(0.5 if kind == "Timer" else 2), "1357682400", "web-1")))
socket.send_multipart((b"info\\0", b"em\\0"))
socket.close()
context.term()
`

/** Prints what it hears, frame by frame in hexadecimal. As a broker of Zibrato's it binds; as a worker of Zibrato's it connects. */
const listener = `
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt_string(zmq.SUBSCRIBE, sys.argv[3])
getattr(socket, sys.argv[1])("tcp://127.0.0.1:" + sys.argv[2])
print("listening", flush=True)
while True:
    print(" ".join(frame.hex() for frame in socket.recv_multipart()), flush=True)
`

const textOf = (line: string): string =>
  line
    .split(" ")
    .map((hex) => Buffer.from(hex, "hex").toString())
    .join(" ")

const record = Effect.gen(function* () {
  yield* Metrics.incrementBy(Metrics.counter("counter_name", { level: "info" }), 4)
  yield* Metrics.set(Metrics.gauge("gauge_name", { level: "information" }), 0)
  yield* Metrics.record(Metrics.timer("timer_name", { level: "info" }), 0.25)
})

describe.skipIf(noPython)("with programs in Python", () => {
  it.scopedLive("Zibrato's clients reach a worker", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      const worker = yield* startWorker(at)
      yield* joined(at, worker)
      const { malformed, version } = (yield* worker.account).unreadable
      const until = (isSo: (unreadable: Worker.Account["unreadable"]) => boolean) =>
        Effect.repeat(Effect.delay(worker.account, 10), { until: ({ unreadable }) => isSo(unreadable) })
      const program = yield* runPython(client, at.port, 1000)
      yield* until((unreadable) => unreadable.malformed > malformed)
      yield* program.tell("go on")
      assert.strictEqual(yield* program.ended, 0)
      yield* until((unreadable) => unreadable.version > version)
      yield* worker.stop
      assert.deepStrictEqual(totals(worker.backend.measurements), {
        "info counter_name source=web-1": 500,
        "crit counter_name source=web-1": 500,
        "info timer_name source=web-1": 250,
        "info gauge_name source=web-1": 500
      })
    })
  )

  it.scopedLive("Zibrato's workers hear a publisher, through the broker", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      const worker = yield* startWorker(at)
      const program = yield* runPython(listener, "connect", at.workerPort, "info|")
      yield* program.saying("listening")
      yield* joined(at, worker)
      yield* Effect.repeat(
        publish(at, Metrics.increment(Metrics.counter("probe", { level: "info" })), { format: "zibrato" }),
        {
          until: () => program.lines.some((line) => textOf(line).includes("Counter|probe"))
        }
      )
      yield* publish(at, record, { format: "zibrato", source: "deathstar" })
      const heard = () =>
        program.lines
          .slice(1)
          .map(textOf)
          .filter((line) => /(counter|gauge|timer)_name/.test(line))
      yield* Effect.repeat(Effect.sleep(5), { until: () => heard().length === 2 })
      assert.deepStrictEqual(
        heard()
          .map((line) => line.replace(/\|\d{10}\|/, "|time|"))
          .sort(),
        ["info|Counter|counter_name|4|time|deathstar", "info|Timer|timer_name|0.25|time|deathstar"]
      )
    })
  )

  it.scopedLive("a broker of Zibrato's hears a publisher, in both formats", () =>
    Effect.gen(function* () {
      const at = yield* ports
      const program = yield* runPython(listener, "bind", at.port, "")
      yield* program.saying("listening")
      yield* publish(at, record, { format: "zibrato" })
      yield* publish(at, record)
      yield* Effect.repeat(Effect.sleep(5), { until: () => program.lines.length >= 6 })
      const lines = program.lines.slice(1)
      assert.include(
        lines.map((line) => textOf(line).replace(/\|\d{10}\|/, "|time|")),
        "information|Gauge|gauge_name|0|time|not_specified"
      )
      const native = lines
        .map((line) => line.split(" ").map((hex) => Buffer.from(hex, "hex")))
        .filter(({ length }) => length === 2)
      assert.deepStrictEqual(native.map(([topic]) => topic!.toString()).sort(), ["info\0", "information\0"])
      const bodies = native.map(([, body]) => decode(body!, Infinity))
      assert.deepStrictEqual(
        bodies
          .flatMap((body) => ("measurements" in body ? body.measurements.map(({ series }) => series.name) : []))
          .sort(),
        ["counter_name", "gauge_name", "timer_name"]
      )
    })
  )
})
