import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { existsSync, readFileSync } from "node:fs"
import * as Net from "node:net"
import { gzipSync } from "node:zlib"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"

interface Client {
  readonly socket: Net.Socket
  readonly read: () => string
  /** How the connection ended, once it has: in order, or by an error. */
  readonly ended: () => string | undefined
}

const connect = (port: number): Effect.Effect<Client, NodeJS.ErrnoException, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Client, NodeJS.ErrnoException>((resume) => {
      let text = ""
      let ended: string | undefined
      const socket = Net.connect(port, "127.0.0.1", () =>
        resume(Effect.succeed({ socket, read: () => text, ended: () => ended }))
      )
      socket.on("data", (bytes) => (text += bytes.toString("latin1")))
      socket.on("end", () => (ended ??= "end"))
      socket.on("error", (error: NodeJS.ErrnoException) => {
        ended ??= error.code ?? "error"
        resume(Effect.fail(error))
      })
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** Sends back what it gets, and ends when the other side does. */
const echo: Effect.Effect<number, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<Net.Server>((resume) => {
      const server = Net.createServer((socket) => socket.on("error", () => {}).pipe(socket))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ),
  // It listens on a port.
  (server) => (server.address() as Net.AddressInfo).port
)

const start = Effect.flatMap(echo, (port) => ChaosProxy.make({ port }))

/** Waits until it is so; the test's own limit ends it. */
const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.sync(isSo).pipe(Effect.delay(5), Effect.repeat({ until: (so) => so }), Effect.asVoid)

const bytes = (count: number): string =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(97 + (i % 26))).join("")

describe("ChaosProxy", () => {
  it.scopedLive("passes everything on, in both directions, to the end", () =>
    Effect.gen(function* () {
      const { port } = yield* start
      const { ended, read, socket } = yield* connect(port)
      const text = bytes(3_000_000)
      socket.end(text)
      yield* until(() => ended() !== undefined)
      assert.strictEqual(read().length, text.length)
      assert.isTrue(read() === text)
      assert.strictEqual(ended(), "end")
    })
  )

  it.scopedLive("refuses connections and resets those there are, while down", () =>
    Effect.gen(function* () {
      const proxy = yield* start
      const before = yield* connect(proxy.port)
      before.socket.write("a")
      yield* until(() => before.read() === "a")
      yield* proxy.fault("down")
      yield* until(() => before.ended() !== undefined)
      assert.strictEqual(before.ended(), "ECONNRESET")
      assert.strictEqual((yield* Effect.flip(connect(proxy.port))).code, "ECONNREFUSED")
      yield* proxy.fault("down")
      yield* proxy.fault("none")
      const after = yield* connect(proxy.port)
      after.socket.write("b")
      yield* until(() => after.read() === "b")
    })
  )

  const sockets = "/proc/net/tcp"
  /** The states of those on a port of this machine. */
  const statesOf = (port: number): ReadonlyArray<string> => {
    const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`
    const rows = readFileSync(sockets, "utf8")
      .split("\n")
      .map((row) => row.trim().split(/\s+/))
    return rows.flatMap(([, at, , state = ""]) => (at === local ? [state] : []))
  }

  // Nothing else tells that a port is taken on which nobody listens.
  it.scopedLive.skipIf(!existsSync(sockets))("keeps its port while down, so that nobody else is given it", () =>
    Effect.gen(function* () {
      const [listening, established] = ["0A", "01"]
      const proxy = yield* start
      yield* proxy.fault("down")
      yield* proxy.fault("down")
      assert.deepStrictEqual(statesOf(proxy.port), [established])
      yield* proxy.fault("none")
      assert.deepStrictEqual(statesOf(proxy.port), [listening])
    })
  )

  it.scopedLive("accepts and passes nothing while it hangs, and goes on where it was", () =>
    Effect.gen(function* () {
      const proxy = yield* start
      const before = yield* connect(proxy.port)
      before.socket.write("a")
      yield* until(() => before.read() === "a")
      yield* proxy.fault("hang")
      const during = yield* connect(proxy.port)
      before.socket.write("b")
      during.socket.write("c")
      yield* Effect.sleep(50)
      assert.deepStrictEqual([before.read(), during.read()], ["a", ""])
      yield* proxy.fault("none")
      yield* until(() => before.read() === "ab" && during.read() === "c")
    })
  )

  it.scopedLive("passes a trickle on while it is slow", () =>
    Effect.gen(function* () {
      const proxy = yield* start
      yield* proxy.fault("slow")
      const { ended, read, socket } = yield* connect(proxy.port)
      const text = bytes(1000)
      socket.end(text)
      yield* until(() => read() !== "")
      assert.isBelow(read().length, text.length)
      yield* until(() => ended() !== undefined)
      assert.strictEqual(read(), text)
      assert.strictEqual(ended(), "end")
    })
  )

  it.scopedLive("accepts connections and closes them at once, also those there are", () =>
    Effect.gen(function* () {
      const proxy = yield* start
      const before = yield* connect(proxy.port)
      yield* proxy.fault("close")
      yield* until(() => before.ended() !== undefined)
      const during = yield* connect(proxy.port)
      yield* until(() => during.ended() !== undefined)
      assert.strictEqual(during.ended(), "end")
      yield* proxy.fault("none")
      const after = yield* connect(proxy.port)
      after.socket.write("b")
      yield* until(() => after.read() === "b")
    })
  )

  it.scopedLive("ends all connections with its scope, whatever it plays", () =>
    Effect.gen(function* () {
      for (const fault of ["none", "hang", "slow", "close", "down"] as const) {
        const scope = yield* Scope.make()
        const proxy = yield* Scope.extend(start, scope)
        const client = yield* connect(proxy.port)
        yield* proxy.fault(fault)
        yield* Scope.close(scope, Exit.void)
        yield* until(() => client.ended() !== undefined)
        assert.strictEqual((yield* Effect.flip(connect(proxy.port))).code, "ECONNREFUSED")
      }
    })
  )

  it.scopedLive("closes connections to a backend that is not there", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { port } = yield* Scope.extend(start, scope)
      yield* Scope.close(scope, Exit.void)
      const proxy = yield* ChaosProxy.make({ port })
      const client = yield* connect(proxy.port)
      yield* until(() => client.ended() !== undefined)
    })
  )
})

describe("lineServer", () => {
  it.scopedLive("keeps the lines that came whole, of each connection by itself", () =>
    Effect.gen(function* () {
      const server = yield* ChaosProxy.lineServer
      const one = yield* connect(server.port)
      const other = yield* connect(server.port)
      one.socket.write("a\nb")
      const lines = (count: number) =>
        server.lines.pipe(Effect.delay(5), Effect.repeat({ until: (lines) => lines.length >= count }))
      yield* lines(1)
      other.socket.end("c\nd")
      yield* lines(2)
      one.socket.write("é\n")
      assert.deepStrictEqual(yield* lines(3), ["a", "c", "bé"])
    })
  )
})

describe("httpServer", () => {
  it.scopedLive("keeps requests as they were meant, and answers as it is told", () =>
    Effect.gen(function* () {
      const server = yield* ChaosProxy.httpServer(({ path }) => ({ status: path === "/bad" ? 400 : 200, body: path }))
      const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
        Effect.promise(async () => {
          const response = await fetch(server.url + path, { method: "POST", body, headers })
          return [response.status, await response.text()]
        })
      assert.deepStrictEqual(yield* post("/bad", "é"), [400, "/bad"])
      assert.deepStrictEqual(yield* post("/a?b", new Uint8Array(gzipSync("abc")), { "content-encoding": "gzip" }), [
        200,
        "/a?b"
      ])
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map(({ body, bytes, method, path }) => ({ body, bytes, method, path })),
        [
          { body: "é", bytes: 2, method: "POST", path: "/bad" },
          { body: "abc", bytes: 3, method: "POST", path: "/a?b" }
        ]
      )
      assert.strictEqual(requests[1]!.headers["content-encoding"], "gzip")
    })
  )

  it.scopedLive("answers 204 unless it is told", () =>
    Effect.gen(function* () {
      const { url } = yield* ChaosProxy.httpServer()
      assert.strictEqual((yield* Effect.promise(() => fetch(url))).status, 204)
    })
  )
})
