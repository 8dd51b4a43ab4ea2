/** Receivers on this machine for the sink, which keep what came in. */
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Logger } from "effect"
import { createSocket, type Socket } from "node:dgram"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type AddressInfo, type Server, type Socket as TcpSocket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Ledger from "../../../src/Ledger.js"
import * as Metrics from "../../../src/Metrics.js"
import * as StatsD from "../../../src/sinks/StatsD.js"

export interface Receiver {
  readonly port: number
  /** Without the empty ones that ask whether anybody listens. */
  readonly packets: ReadonlyArray<string>
  readonly lines: () => ReadonlyArray<string>
  /** Waits until so many lines have come. */
  readonly until: (lines: number) => Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

const collect = (port: number, close: Effect.Effect<void>) => {
  const packets: Array<string> = []
  const waiting = new Set<() => void>()
  const lines = () => packets.flatMap((packet) => packet.split("\n")).filter((line) => line !== "")
  const receiver: Receiver = {
    port,
    packets,
    lines,
    until: (count) =>
      Effect.async<void>((resume) => {
        const look = (): void => {
          if (lines().length < count) return
          waiting.delete(look)
          resume(Effect.void)
        }
        waiting.add(look)
        look()
      }).pipe(
        Effect.timeoutFail({
          duration: "10 seconds",
          onTimeout: () => new Error(`${lines().length} of ${count} lines came: ${lines().slice(0, 20).join(" ")}`)
        }),
        Effect.orDie
      ),
    close
  }
  const add = (packet: string): void => {
    if (packet.trim() === "") return
    packets.push(packet)
    for (const look of waiting) look()
  }
  return { receiver, add }
}

const closed = (socket: Socket): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    try {
      socket.close(() => resume(Effect.void))
    } catch {
      resume(Effect.void)
    }
  })

/** On a free port, or on one that was closed before. */
export const udp = (port = 0, address = "127.0.0.1"): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Receiver>((resume) => {
      const socket = createSocket("udp4")
      socket.bind(port, address, () => {
        const { add, receiver } = collect(socket.address().port, closed(socket))
        socket.on("message", (packet) => add(packet.toString("utf8")))
        resume(Effect.succeed(receiver))
      })
    }),
    ({ close }) => close
  )

const serve = (
  listen: (server: Server) => void,
  read: (add: (packet: string) => void) => (socket: TcpSocket) => void
): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Receiver>((resume) => {
      const sockets = new Set<TcpSocket>()
      const server = createServer()
      listen(server)
      server.on("listening", () => {
        const address = server.address() as AddressInfo | string
        const close = Effect.async<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
        const { add, receiver } = collect(typeof address === "string" ? 0 : address.port, close)
        const reader = read(add)
        server.on("connection", (socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          reader(socket)
        })
        resume(Effect.succeed(receiver))
      })
    }),
    ({ close }) => close
  )

/** Lines; a last one without LF is not one. */
export const tcp = (port = 0): Effect.Effect<Receiver, never, Scope.Scope> =>
  serve(
    (server) => server.listen(port, "127.0.0.1"),
    (add) => (socket) => {
      let rest = ""
      socket.on("data", (chunk) => {
        const lines = (rest + chunk.toString("utf8")).split("\n")
        rest = lines.pop()!
        lines.forEach(add)
      })
    }
  )

/** Packets behind their lengths, over a Unix socket. */
export const unixStream = (path: string): Effect.Effect<Receiver, never, Scope.Scope> =>
  serve(
    (server) => server.listen(path),
    (add) => (socket) => {
      let bytes = Buffer.alloc(0)
      socket.on("data", (chunk) => {
        bytes = Buffer.concat([bytes, chunk])
        while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32LE(0)) {
          const end = 4 + bytes.readUInt32LE(0)
          add(bytes.toString("utf8", 4, end))
          bytes = bytes.subarray(end)
        }
      })
    }
  )

/** A folder for sockets, as paths of sockets must be short. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "statsd-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export const quick = {
  retry: { initial: "1 millis", max: "20 millis" },
  schedule: Metrics.aligned("1 hour")
} as const satisfies Partial<StatsD.Options>

export interface Result {
  readonly ledger: Ledger.Ledger
  readonly logged: ReadonlyArray<string>
}

/** Runs a program above the sink until all is written. */
export const run = (options: StatsD.Options, program: Effect.Effect<unknown>): Effect.Effect<Result> =>
  Effect.gen(function* () {
    const logged: Array<string> = []
    const logger = Logger.make((entry) => void logged.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(StatsD.layer({ ...quick, ...options })),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const { ledger } = Metrics.ledgersOf(hub)[0]!
    assert.strictEqual(Ledger.imbalance(ledger), 0)
    return { ledger, logged }
  })

/** Reads all that had been sent to the port before: a packet of its own comes after it. */
const readAll = ({ packets, port }: Receiver): Effect.Effect<void> =>
  Effect.gen(function* () {
    const last = "# the last of it"
    const socket = createSocket("udp4")
    yield* Effect.async<void>((resume) => socket.send(last, port, "127.0.0.1", () => resume(Effect.void)))
    yield* Effect.repeat(Effect.sleep("2 millis"), { until: () => packets.includes(last) })
    yield* closed(socket)
  })

/** What the sink writes to UDP. */
export const linesOf = (
  program: Effect.Effect<unknown>,
  options: StatsD.Options = {}
): Effect.Effect<Result & { readonly lines: ReadonlyArray<string>; readonly packets: ReadonlyArray<string> }> =>
  Effect.scoped(
    Effect.gen(function* () {
      const receiver = yield* udp()
      const result = yield* run({ host: "127.0.0.1", port: receiver.port, ...options }, program)
      // The kernel has them; this process has not read them all yet.
      yield* readAll(receiver)
      const packets = receiver.packets.slice(0, -1)
      return { ...result, lines: receiver.lines().slice(0, -1), packets }
    })
  )
