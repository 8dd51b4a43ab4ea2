/** `check` against what may be at the other end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { createServer as createHttpServer, type RequestListener } from "node:http"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { freePort } from "../servers/harness.js"
import { run } from "./run.js"

const secret = "hush-hush"

const listening = (make: () => Server): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<Socket>()
        const server = make()
        server.on("connection", (socket: Socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
        })
        server.listen(0, "127.0.0.1")
        await once(server, "listening")
        return { server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
          server.close()
        })
    ),
    // It listens over TCP, so it has a port.
    ({ server }) => (server.address() as AddressInfo).port
  )

const http = (answer: RequestListener) => listening(() => createHttpServer(answer))

const answers = (status: number, body = "") => http((_, response) => response.writeHead(status).end(body))

describe("check", () => {
  it.scopedLive("says of each sink in a line whether it is there, in the order in which they are given", () =>
    Effect.gen(function* () {
      const well = yield* answers(204)
      const silent = yield* http(() => {})
      const refusing = yield* answers(401, '{"error":"no"}')
      const without = yield* answers(404, '{"error":"database not found: \\"app\\""}')
      const nobody = yield* Effect.promise(freePort)
      const noise = yield* listening(() => createServer((socket) => socket.write("INFO {}\r\n")))
      const urls = [well, silent, refusing, without, nobody, noise].map((port) => `influxdb://127.0.0.1:${port}/app`)
      const tls = `influxdb+https://127.0.0.1:${well}/app`
      const args = ["check", ...urls, tls, "console:", "--timeout", "3s"]
      const { code, stderr, stdout } = yield* run(args, { environment: { INFLUXDB_TOKEN: secret } })
      assert.deepStrictEqual([code, stderr], [1, ""])
      const lines = stdout.trimEnd().split("\n")
      const expected = [
        ["ok    ", well, "the server takes writes to the database app"],
        ["failed", silent, "no answer within 3s"],
        ["failed", refusing, "credentials are missing or refused: 401: no"],
        ["failed", without, '404: database not found: "app"'],
        ["failed", nobody, "connection refused (ECONNREFUSED)"],
        ["failed", noise, ""],
        ["failed", well, "the server does not speak TLS"]
      ] as const
      expected.forEach(([word, port, words], i) => {
        assert.match(lines[i]!, new RegExp(`^${word}  influxdb(\\+https)?://127\\.0\\.0\\.1:${port}/app  `))
        assert.include(lines[i]!, words)
      })
      assert.strictEqual(lines[7], "ok      console:  standard output")
      assert.strictEqual(lines.length, 8)
      assert.notInclude(stdout, secret)
    })
  )

  it.scopedLive("says what a wire can tell, and what not", () =>
    Effect.gen(function* () {
      const tcp = yield* listening(() => createServer())
      const udp = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const socket = createSocket("udp4")
          socket.bind(0, "127.0.0.1")
          await once(socket, "listening")
          return socket
        }),
        (socket) => Effect.sync(() => socket.close())
      )
      const closed = createSocket("udp4")
      closed.bind(0, "127.0.0.1")
      yield* Effect.promise(() => once(closed, "listening"))
      const { port } = closed.address()
      closed.close()
      for (const [url, code, words] of [
        [`statsd+tcp://127.0.0.1:${tcp}`, 0, "connected; StatsD does not say whether it takes anything"],
        [`graphite://127.0.0.1:${tcp}`, 0, "connected; carbon does not say"],
        [`opentsdb://127.0.0.1:${tcp}`, 0, "whether it is OpenTSDB was not asked"],
        [`statsd://127.0.0.1:${udp.address().port}`, 0, "over UDP nobody says whether anything arrives"],
        [`statsd://127.0.0.1:${port}`, 1, "nobody listens (ECONNREFUSED)"],
        ["unix:/nowhere/sock", 1, "there is no socket (ENOENT)"],
        [`zeromq://127.0.0.1:${tcp}`, 1, "nobody has subscribed"],
        [`nats://127.0.0.1:${yield* Effect.promise(freePort)}`, 1, "no connection: connection refused"]
      ] as const) {
        const ended = yield* run(["check", url])
        assert.deepStrictEqual([ended.code, ended.stderr], [code, ""], ended.stdout)
        assert.include(ended.stdout, words)
      }
    })
  )

  it.scopedLive("writes nothing unless it is told to, and then one gauge", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const port = yield* http((request, response) => {
        let body = ""
        request.setEncoding("utf8")
        request.on("data", (text: string) => (body += text))
        request.on("end", () => {
          if (body !== "") bodies.push(body)
          response.writeHead(204).end()
        })
      })
      const url = `influxdb://127.0.0.1:${port}/app?hostTag=none`
      yield* run(["check", url])
      assert.isTrue(
        bodies.every((body) => body.startsWith("#")),
        bodies.join("\n")
      )
      bodies.length = 0
      const { code, stdout } = yield* run(["check", "--write", url])
      assert.strictEqual(code, 0)
      assert.include(stdout, "takes writes to the database app; effect_metrics.check was written\n")
      assert.match(bodies.filter((body) => !body.startsWith("#")).join("\n"), /^effect_metrics\.check value=1 \d+$/)
    })
  )

  it.scopedLive("tells in the same line what a sink would have logged", () =>
    Effect.gen(function* () {
      const port = yield* listening(() =>
        createServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n")))
      )
      const { code, stderr, stdout } = yield* run(["check", `opentsdb://127.0.0.1:${port}?acknowledge=version`])
      assert.deepStrictEqual([code, stderr], [1, ""])
      assert.match(stdout, /^failed {2}opentsdb:[^\n]+400 Bad Request[^\n]+\n$/)
    })
  )

  for (const [args, words] of [
    [[], "there is no URL to check"],
    [[secret], "not the URL of a sink"],
    [["statsd://h?maxPacketBytes=1"], "maxPacketBytes"],
    [[`influxdb://ann:${secret}@h/db`], "INFLUXDB_PASSWORD"],
    [["console:", "--timeout", "soon"], "is not a duration"],
    [["--nosuch", "console:"], "unknown option --nosuch"]
  ] as const) {
    it.live(`ends with 2 and one line: ${args.join(" ").replace(secret, "...")}`, () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* run(["check", ...args])
        assert.deepStrictEqual([code, stdout], [2, ""], stderr)
        assert.match(stderr, /^effect-metrics: [^\n]+\n$/)
        assert.include(stderr, words)
        assert.notInclude(stderr, secret)
      })
    )
  }
})
