import { assert, describe, it } from "@effect/vitest"
import { Deferred, type Duration, Effect, Exit, Fiber, Option, Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import type { AddressInfo, Server, Socket } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import * as Stream from "../../src/transport/stream.js"
import { freePort } from "../servers/harness.js"
import * as certificate from "./certificate.js"

interface Peer {
  readonly server: Server
  readonly port: number
  /** One a connection, in order. */
  readonly received: Array<string>
  readonly sockets: Array<Socket>
}

/** Keeps what comes, connection by connection. */
const listen = (
  onSocket: (socket: Socket, index: number) => void = () => {},
  at: number | string = 0,
  create: (onConnection: (socket: Socket) => void) => Server = createServer
): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Peer>((resume) => {
      const received: Array<string> = []
      const sockets: Array<Socket> = []
      const server = create((socket) => {
        const index = sockets.push(socket) - 1
        received.push("")
        socket.on("error", () => {})
        socket.on("data", (bytes) => (received[index] += bytes.toString()))
        onSocket(socket, index)
      })
      const done = () => {
        const address = server.address()
        // A server on a path has a string for an address.
        const port = typeof address === "string" ? 0 : (address as AddressInfo).port
        resume(Effect.succeed({ server, port, received, sockets }))
      }
      if (typeof at === "string") server.listen(at, done)
      else server.listen(at, "127.0.0.1", done)
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )

const bytes = (text: string) => new TextEncoder().encode(text)
const to = (port: number) => ({ host: "127.0.0.1", port })

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.delay(until(condition), "2 millis"))).pipe(
    Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => "it never came about" }),
    Effect.orDie
  )

const inFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-stream-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

describe("a stream", () => {
  it.scopedLive("connects with the first write, and keeps the connection for the next ones", () =>
    Effect.gen(function* () {
      const peer = yield* listen()
      const stream = yield* Stream.make({ address: to(peer.port) })
      assert.lengthOf(peer.sockets, 0)
      yield* stream.write(bytes("one\n"))
      yield* stream.write(bytes("two\n"))
      yield* until(() => peer.received[0] === "one\ntwo\n")
      assert.lengthOf(peer.sockets, 1)
    })
  )

  it.scopedLive("opens one connection for writes that begin together, and mixes none of their bytes", () =>
    Effect.gen(function* () {
      const peer = yield* listen()
      const stream = yield* Stream.make({ address: to(peer.port) })
      const large = (letter: string) => letter.repeat(200_000)
      yield* Effect.forEach(["a", "b", "c"], (letter) => stream.write(bytes(large(letter))), { concurrency: 3 })
      yield* until(() => peer.received[0]?.length === 600_000)
      assert.lengthOf(peer.sockets, 1)
      assert.match(peer.received[0]!, /^(a{200000}|b{200000}|c{200000}){3}$/)
    })
  )

  it.scopedLive("fails where nobody listens, certain that nothing was sent, and connects once somebody does", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(freePort)
      const stream = yield* Stream.make({ address: to(port) })
      const failure = yield* Effect.flip(stream.write(bytes("a\n")))
      assert.deepInclude(failure, {
        reason: `connection refused (ECONNREFUSED) at 127.0.0.1:${port}`,
        ambiguous: false
      })
      const peer = yield* listen(undefined, port)
      yield* stream.write(bytes("b\n"))
      yield* until(() => peer.received[0] === "b\n")
    })
  )

  it.scopedLive("says which host cannot be found", () =>
    Effect.gen(function* () {
      const stream = yield* Stream.make({ address: { host: "nowhere.invalid", port: 4242 } })
      const { ambiguous, reason } = yield* Effect.flip(stream.open)
      assert.isFalse(ambiguous)
      assert.match(reason, /\((ENOTFOUND|EAI_AGAIN)\) at nowhere\.invalid:4242$/)
    })
  )

  it.scopedLive(
    "notices that the other side has ended the connection before the next write, which goes to a new one",
    () =>
      Effect.gen(function* () {
        let closed = 0
        const peer = yield* listen((socket, index) => void (index === 0 && socket.once("data", () => socket.end())))
        const stream = yield* Stream.make({ address: to(peer.port), onClosed: () => void closed++ })
        yield* stream.write(bytes("one\n"))
        yield* until(() => closed === 1)
        yield* stream.write(bytes("two\n"))
        yield* until(() => peer.received[1] === "two\n")
        assert.deepStrictEqual(peer.received, ["one\n", "two\n"])
      })
  )

  it.scopedLive("notices a reset when it happens", () =>
    Effect.gen(function* () {
      let closed = 0
      const peer = yield* listen(
        (socket, index) => void (index === 0 && socket.once("data", () => socket.resetAndDestroy()))
      )
      const stream = yield* Stream.make({ address: to(peer.port), onClosed: () => void closed++ })
      yield* stream.write(bytes("one\n"))
      yield* until(() => closed === 1)
      yield* stream.write(bytes("two\n"))
      yield* until(() => peer.received[1] === "two\n")
    })
  )

  it.scopedLive(
    "waits for a peer that does not read, and when interrupted resets the connection, so that nothing is spliced",
    () =>
      Effect.gen(function* () {
        const peer = yield* listen((socket, index) => void (index === 0 && socket.pause()))
        const stream = yield* Stream.make({ address: to(peer.port) })
        // More than the kernel takes for both sides.
        const writing = yield* Effect.fork(stream.write(bytes("x".repeat(50_000_000))))
        yield* until(() => peer.sockets.length === 1)
        yield* Effect.sleep("100 millis")
        assert.isNull(writing.unsafePoll())
        yield* Fiber.interrupt(writing)
        yield* stream.write(bytes("after\n"))
        yield* until(() => peer.received[1] === "after\n")
      })
  )

  it.scopedLive("says that a write's fate is unknown when its connection breaks under it", () =>
    Effect.gen(function* () {
      const peer = yield* listen((socket) => void socket.once("data", () => socket.resetAndDestroy()))
      const stream = yield* Stream.make({ address: to(peer.port) })
      const failure = yield* Effect.flip(stream.write(bytes("x".repeat(50_000_000))))
      assert.isTrue(failure.ambiguous)
      assert.match(failure.reason, /^the connection broke \((ECONNRESET|EPIPE)\) at 127\.0\.0\.1:\d+$/)
    })
  )

  it.scopedLive("reads what the other side says, line by line, and at most 1 KiB of each", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const peer = yield* listen((socket) => void socket.write(`put: bad\r\n\n${"y".repeat(5000)}\nhal`))
      const stream = yield* Stream.make({ address: to(peer.port), onLine: (line) => void said.push(line) })
      yield* stream.open
      yield* until(() => said.length === 3)
      peer.sockets[0]!.write("f\nrest")
      yield* until(() => said.length === 4)
      assert.deepStrictEqual(said, ["put: bad", "", "y".repeat(1024), "half"])
    })
  )

  it.live("sends what the kernel still has when its scope closes, and ends the connection properly", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const ended = yield* Deferred.make<void>()
      const peer = yield* Scope.extend(
        listen((socket) => void socket.on("end", () => Deferred.unsafeDone(ended, Exit.void))),
        scope
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const stream = yield* Stream.make({ address: to(peer.port) })
          yield* stream.write(bytes("z".repeat(1_000_000)))
        })
      )
      yield* Deferred.await(ended)
      assert.strictEqual(peer.received[0]!.length, 1_000_000)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.live("does not wait for ever at its end for a peer that does not end, nor longer than it may", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const peer = yield* Scope.extend(
        listen((socket) => {
          socket.allowHalfOpen = true
        }),
        scope
      )
      const closing = (linger?: Duration.DurationInput) =>
        Effect.scoped(
          Effect.gen(function* () {
            const stream = yield* Stream.make({ address: to(peer.port), linger })
            yield* stream.write(bytes("a\n"))
          })
        )
      assert.strictEqual((yield* Effect.timeoutOption(closing("1 hour"), "8 seconds"))._tag, "Some")
      // Both begin at once, and one of them is to end long before the other.
      const first = Effect.raceFirst(Effect.as(closing(), "a second"), Effect.as(closing("1 millis"), "a millisecond"))
      assert.strictEqual(yield* first, "a millisecond")
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.scopedLive("talks over a Unix socket, and says which one is not there", () =>
    Effect.gen(function* () {
      const path = join(yield* inFolder, "socket")
      const stream = yield* Stream.make({ address: { path } })
      const failure = yield* Effect.flip(stream.open)
      assert.deepInclude(failure, { reason: `there is no socket (ENOENT) at ${path}`, ambiguous: false })
      const peer = yield* listen(undefined, path)
      yield* stream.write(bytes("a\n"))
      yield* until(() => peer.received[0] === "a\n")
    })
  )

  it.scopedLive("sends nothing to a server whose certificate cannot be verified", () =>
    Effect.gen(function* () {
      const peer = yield* listen((socket) => void socket.once("data", () => socket.end("no TLS here\n")))
      const stream = yield* Stream.make({ address: { ...to(peer.port), tls: true } })
      const failure = yield* Effect.flip(stream.write(bytes("secret\n")))
      assert.isFalse(failure.ambiguous)
      assert.match(failure.reason, /TLS|connect/)
      assert.notInclude(peer.received[0]!, "secret")
    })
  )

  /** Stops reading the first connection. */
  const stall = (socket: Socket, index: number): void => void (index === 0 && socket.pause())
  /** More than a kernel takes from one side while the other does not read. */
  const tooMuch = bytes("x".repeat(16_000_000))

  const givesUp = (stream: Stream.Stream, peer: Peer) =>
    Effect.gen(function* () {
      const given = yield* Effect.exit(Effect.timeoutOption(stream.write(tooMuch), "300 millis"))
      assert.deepStrictEqual(given, Exit.succeed(Option.none()))
      yield* stream.write(bytes("whole\n"))
      yield* until(() => peer.received[1] === "whole\n")
      yield* stream.abandon
      yield* stream.write(bytes("again\n"))
      yield* until(() => peer.received[2] === "again\n")
    })

  it.scopedLive("gives a Unix socket up with the write on it, and begins the next one on a new one", () =>
    Effect.gen(function* () {
      const path = join(yield* inFolder, "socket")
      const peer = yield* listen(stall, path)
      yield* givesUp(yield* Stream.make({ address: { path } }), peer)
    })
  )

  it.scopedLive("writes through TLS to whom it can verify, and gives that connection up like any other", () =>
    Effect.gen(function* () {
      const { cert, key } = certificate
      const peer = yield* listen(stall, 0, (onConnection) => createTlsServer({ cert, key }, onConnection))
      const tls = { ca: cert, servername: "localhost" }
      yield* givesUp(yield* Stream.make({ address: { ...to(peer.port), tls } }), peer)
    })
  )
})
