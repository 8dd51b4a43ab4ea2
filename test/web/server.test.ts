/** What the service answers to whom: by the bytes of requests, as no client would send them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Logger, Option, Redacted, Scope } from "effect"
import { connect, type Socket } from "node:net"
import { hostname } from "node:os"
import { gunzipSync } from "node:zlib"
import { listen, type ListenOptions } from "../../src/web/listen.js"
import type { Source } from "../../src/web/model.js"
import * as Server from "../../src/web/server.js"

const long = `# ${"x".repeat(10_000)}\n`

const source: Source = {
  snapshot: Effect.succeed({ source: "host", title: "t", millis: 1, processes: [], series: [], points: [] }),
  series: (key) =>
    Effect.succeed(key === 'a{b="/ &"}' ? Option.some({ millis: 1, key, processes: [] }) : Option.none()),
  stats: Effect.succeed('{"stats":{},"timestamp":1.0}'),
  metrics: Effect.succeed(long)
}

interface Options extends Partial<Server.ServerOptions>, Partial<ListenOptions> {
  readonly source?: Source
}

const serve = (options: Options = {}) =>
  Effect.gen(function* () {
    const { assets, hosts = [], notFound = 404, path = "/stats", token } = options
    const app = yield* Server.make(options.source ?? source, { path, token, hosts, notFound, assets })
    const { maxConnections = 256, shutdownTimeout = "2 seconds", stallMillis } = options
    return yield* listen(app, { host: "127.0.0.1", port: 0, maxConnections, shutdownTimeout, stallMillis })
  })

interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

const read = (bytes: Buffer): Answer => {
  const end = bytes.indexOf("\r\n\r\n")
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n")
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    })
  )
  return { status: Number(first.split(" ")[1]), headers, body: bytes.subarray(end + 4) }
}

/** Sends just these bytes, and takes what comes until the end. */
const raw = (port: number, request: string): Effect.Effect<Answer> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    const socket = connect(port, "127.0.0.1", () => socket.write(request, "latin1"))
    socket.on("data", (chunk) => chunks.push(chunk))
    socket.on("error", () => undefined)
    socket.on("close", () => resume(Effect.succeed(read(Buffer.concat(chunks)))))
    return Effect.sync(() => socket.destroy())
  })

const ask = (
  { port }: { readonly port: number },
  target: string,
  {
    headers = {},
    method = "GET"
  }: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {}
): Effect.Effect<Answer> => {
  const all = { host: `127.0.0.1:${port}`, connection: "close", ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return raw(port, `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`)
}

const json = ({ body }: Answer): unknown => JSON.parse(body.toString())

describe("the web service", () => {
  it.scopedLive("answers each path with its type, kept nowhere, and under a strict policy", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const paths = [
        ["/stats", "application/json; charset=utf-8"],
        ["/stats?x=1", "application/json; charset=utf-8"],
        ["/metrics", "text/plain; version=0.0.4; charset=utf-8"],
        ["/api/snapshot", "application/json; charset=utf-8"],
        [`/api/series?key=${encodeURIComponent('a{b="/ &"}')}`, "application/json; charset=utf-8"]
      ] as const
      for (const [path, type] of paths) {
        const { headers, status } = yield* ask(server, path)
        assert.strictEqual(status, 200, path)
        assert.strictEqual(headers.get("content-type"), type)
        assert.strictEqual(headers.get("cache-control"), "no-store")
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.strictEqual(headers.get("referrer-policy"), "no-referrer")
        assert.isFalse([...headers.keys()].some((name) => name.startsWith("access-control-")))
        const policy = headers.get("content-security-policy")!.split("; ")
        for (const one of ["default-src", "script-src", "style-src", "connect-src", "img-src"])
          assert.include(policy, `${one} 'self'`)
        for (const one of ["object-src", "base-uri", "frame-ancestors"]) assert.include(policy, `${one} 'none'`)
      }
    })
  )

  it.scopedLive("serves the page, and says when it has not changed", () =>
    Effect.gen(function* () {
      const server = yield* serve({ token: Redacted.make("secret") })
      const page = yield* ask(server, "/")
      assert.strictEqual(page.status, 200)
      assert.match(page.headers.get("content-type")!, /^text\/html/)
      assert.include(page.body.toString(), "<!doctype html>")
      const again = yield* ask(server, "/", { headers: { "if-none-match": page.headers.get("etag")! } })
      assert.strictEqual(again.status, 304)
      assert.strictEqual(again.body.length, 0)
    })
  )

  it.scopedLive("compresses what is long for who takes it", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const accepted of ["gzip", "br, GZIP;q=0.5", "*"]) {
        const { body, headers } = yield* ask(server, "/metrics", { headers: { "accept-encoding": accepted } })
        assert.strictEqual(headers.get("content-encoding"), "gzip", accepted)
        assert.strictEqual(gunzipSync(body).toString(), long)
      }
      for (const accepted of ["", "br", "gzip;q=0", "*;q=0", "identity"]) {
        const { body, headers } = yield* ask(server, "/metrics", { headers: { "accept-encoding": accepted } })
        assert.isFalse(headers.has("content-encoding"), accepted)
        assert.strictEqual(body.toString(), long)
      }
      const short = yield* ask(server, "/stats", { headers: { "accept-encoding": "gzip" } })
      assert.isFalse(short.headers.has("content-encoding"))
    })
  )

  it.scopedLive("answers HEAD as GET, without the body", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const path of ["/stats", "/metrics", "/", "/none"]) {
        const [get, head] = [yield* ask(server, path), yield* ask(server, path, { method: "HEAD" })]
        assert.strictEqual(head.status, get.status)
        assert.strictEqual(head.headers.get("content-length"), get.headers.get("content-length"))
        assert.strictEqual(head.body.length, 0)
      }
    })
  )

  it.scopedLive("can only be read", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]) {
        const { headers, status } = yield* ask(server, "/stats", { method, headers: { origin: "null" } })
        assert.strictEqual(status, 405, method)
        assert.strictEqual(headers.get("allow"), "GET, HEAD")
        assert.isFalse(headers.has("access-control-allow-origin"))
      }
    })
  )

  it.scopedLive("has what it has, by its exact path and nothing else", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const paths = [
        "/stats/",
        "//stats",
        "/%73tats",
        "/STATS",
        "/stats%00",
        "/stats%2f",
        "/./stats",
        "/../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/package.json",
        "/page/index.html",
        "/index.html",
        "/main.js/",
        "/main.js%00",
        "/\\..\\x",
        "/api",
        "/__proto__",
        "/constructor",
        "http://127.0.0.1/stats",
        "/<script>alert(1)</script>"
      ]
      for (const path of paths) {
        const answer = yield* ask(server, `${path}?y=2`)
        assert.strictEqual(answer.status, 404, path)
        assert.deepStrictEqual(json(answer), { message: "The requested resource was not found", path })
        assert.match(answer.headers.get("content-type")!, /^application\/json/)
      }
    })
  )

  it.scopedLive(
    "says 400 for what is not there where statvent's clients need it, and has its JSON where it is told",
    () =>
      Effect.gen(function* () {
        const server = yield* serve({ notFound: 400, path: "/my/numbers" })
        assert.strictEqual((yield* ask(server, "/my/numbers")).status, 200)
        const answer = yield* ask(server, "/stats?y=2")
        assert.strictEqual(answer.status, 400)
        assert.deepStrictEqual(json(answer), { message: "The requested resource was not found", path: "/stats" })
      })
  )

  it.scopedLive("says why there is no page where a bundler has left its files behind", () =>
    Effect.gen(function* () {
      const server = yield* serve({ assets: [{ path: "/", contentType: "text/html", file: "missing.html" }] })
      const answer = yield* ask(server, "/")
      assert.strictEqual(answer.status, 404)
      assert.match(answer.body.toString(), /The page's files are not there: bundlers /)
    })
  )

  it.scopedLive("is served under names of its own only", () =>
    Effect.gen(function* () {
      const server = yield* serve({ hosts: ["Metrics.Example.org"] })
      const own = [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1",
        "[::1]:7828",
        "10.1.2.3",
        "metrics.example.org:443",
        "app.localhost",
        "localhost.",
        hostname()
      ]
      for (const host of own)
        assert.strictEqual((yield* ask(server, "/stats", { headers: { host } })).status, 200, host)
      const others = [
        "evil.com",
        "evil.com:7828",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "example.org",
        "1.2.3.4.5",
        "",
        "a b",
        "user@localhost",
        "localhost:x"
      ]
      for (const host of others) {
        for (const path of ["/stats", "/metrics", "/api/snapshot", "/", "/none"]) {
          assert.strictEqual((yield* ask(server, path, { headers: { host } })).status, 421, host)
        }
      }
      assert.strictEqual((yield* raw(server.port, "GET /stats HTTP/1.0\r\n\r\n")).status, 421)
    })
  )

  it.scopedLive("gives data to who has the token, the page to all", () =>
    Effect.gen(function* () {
      const server = yield* serve({ token: Redacted.make("s3cret") })
      for (const path of ["/stats", "/metrics", "/api/snapshot", "/api/series?key=a"]) {
        for (const authorization of [
          "",
          "Bearer",
          "Bearer ",
          "Bearer s3cre",
          "Bearer s3cret1",
          "Bearer S3CRET",
          "Basic s3cret",
          "s3cret",
          "Bearer \xff"
        ]) {
          const answer = yield* ask(server, path, { headers: { authorization } })
          assert.strictEqual(answer.status, 401, authorization)
          assert.match(answer.headers.get("www-authenticate")!, /^Bearer /)
          assert.notInclude(answer.body.toString(), "s3cret")
        }
      }
      assert.strictEqual((yield* ask(server, "/stats", { headers: { authorization: "Bearer s3cret" } })).status, 200)
      assert.strictEqual((yield* ask(server, "/stats", { headers: { authorization: "bearer  s3cret" } })).status, 200)
      assert.strictEqual((yield* ask(server, "/?token=s3cret")).status, 200)
      assert.strictEqual((yield* ask(server, "/stats?token=s3cret")).status, 401)
    })
  )

  it.scopedLive("reads no body, however it is announced", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const headers of [{ "content-length": "1000000000" }, { "transfer-encoding": "chunked" }] as const) {
        assert.strictEqual((yield* ask(server, "/stats", { headers })).status, 413)
      }
    })
  )

  it.scopedLive("refuses headers that are too long, and requests that are none", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      assert.strictEqual((yield* ask(server, "/stats", { headers: { "x-long": "x".repeat(20_000) } })).status, 431)
      assert.strictEqual((yield* ask(server, `/stats?${"x".repeat(20_000)}`)).status, 431)
      assert.strictEqual((yield* raw(server.port, "\x16\x03\x01 nonsense\r\n\r\n")).status, 400)
      assert.strictEqual((yield* ask(server, "/stats")).status, 200)
    })
  )

  it.scopedLive("answers a request that offers an upgrade as any other", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      for (const upgrade of ["h2c", "websocket"]) {
        const { status } = yield* ask(server, "/stats", { headers: { connection: "Upgrade, close", upgrade } })
        assert.strictEqual(status, 200, upgrade)
      }
    })
  )

  it.scopedLive("says 500, and no more, where a source has a defect", () =>
    Effect.gen(function* () {
      const server = yield* serve({ source: { ...source, stats: Effect.die(new Error("the inside")) } })
      const answer = yield* ask(server, "/stats")
      assert.strictEqual(answer.status, 500)
      assert.deepStrictEqual(json(answer), { message: "This could not be answered" })
      assert.strictEqual((yield* ask(server, "/metrics")).status, 200)
    })
  )
})

/** A connection that says only this much. */
const silent = (port: number, words = ""): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1", () => {
        if (words !== "") socket.write(words)
        resume(Effect.succeed(socket))
      })
      socket.on("error", () => undefined)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("a client that only connects", () => {
  it.scopedLive("takes no place from who asks: however many there are, the oldest silent one goes", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxConnections: 50 })
      let ended = 0
      for (let i = 0; i < 500; i++) {
        const socket = yield* silent(server.port, i % 2 === 0 ? "" : "GET /stats HTTP/1.1\r\nHost: loc")
        socket.on("close", () => ended++)
        socket.resume()
        if (i % 100 === 0) assert.strictEqual((yield* ask(server, "/stats")).status, 200)
      }
      assert.strictEqual((yield* ask(server, "/stats")).status, 200)
      yield* Effect.repeat(
        Effect.delay(
          Effect.sync(() => ended),
          "10 millis"
        ),
        { until: (all) => all >= 450 }
      )
    })
  )

  it.scopedLive("and goes while it is being answered is no defect", () => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
    return Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const stats = Effect.zipRight(Deferred.succeed(asked, undefined), Effect.interruptible(Effect.never)).pipe(
        Effect.ensuring(Deferred.succeed(ended, undefined))
      )
      const server = yield* serve({ source: { ...source, stats } })
      const client = yield* silent(server.port, "GET /stats HTTP/1.1\r\nhost: localhost\r\n\r\n")
      yield* Deferred.await(asked)
      client.destroy()
      yield* Deferred.await(ended)
      // Another's whole answer: what there was to say of the first has been said.
      yield* ask(server, "/metrics")
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.scopedLive("does not cut off one that is being answered", () =>
    Effect.gen(function* () {
      const [asked, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const waiting = Effect.succeed(asked).pipe(
        Effect.tap((one) => Deferred.succeed(one, undefined)),
        Effect.zipRight(Deferred.await(go)),
        Effect.zipRight(source.stats)
      )
      const server = yield* serve({ maxConnections: 3, source: { ...source, stats: waiting } })
      const answer = yield* Effect.fork(ask(server, "/stats"))
      yield* Deferred.await(asked)
      for (let i = 0; i < 20; i++) yield* silent(server.port)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* answer).status, 200)
    })
  )

  it.scopedLive(
    "keeps no place by asking for much and taking nothing of it, as one does whose answer is not there yet",
    () =>
      Effect.gen(function* () {
        const [asked, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const later = Deferred.succeed(asked, undefined).pipe(
          Effect.zipRight(Deferred.await(go)),
          Effect.as('{"stats":{},"timestamp":1.0}')
        )
        const large = Effect.succeed("x".repeat(64 * 1024 * 1024))
        const server = yield* serve({
          maxConnections: 3,
          stallMillis: 100,
          source: { ...source, stats: later, metrics: large }
        })
        const answer = yield* Effect.fork(ask(server, "/stats"))
        yield* Deferred.await(asked)
        const request = `GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
        for (let i = 0; i < 2; i++) {
          const socket = yield* silent(server.port, request)
          yield* Effect.async<void>((resume) => {
            socket.once("data", () => {
              socket.pause()
              resume(Effect.void)
            })
          })
        }
        const another = Effect.delay(ask(server, "/"), "10 millis")
        yield* Effect.repeat(another, { until: ({ status }) => status === 200 })
        yield* Deferred.succeed(go, undefined)
        assert.strictEqual((yield* answer).status, 200)
      })
  )

  it.live("does not keep the scope from closing, nor does a connection that is kept for later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(serve({ shutdownTimeout: "1 minute" }), scope)
      yield* silent(server.port)
      const kept = yield* silent(server.port, `GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      yield* Effect.async<void>((resume) => void kept.once("data", () => resume(Effect.void)))
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("10 seconds"))
      const refused = yield* Effect.exit(Effect.tryPromise(() => fetch(`${server.url}/stats`)))
      assert.isTrue(Exit.isFailure(refused))
    }).pipe(Effect.scoped)
  )

  it.live("is waited for while it is answered, and no longer than that or the limit", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const stats = Deferred.succeed(asked, undefined).pipe(
        Effect.zipRight(Deferred.await(go)),
        Effect.zipRight(source.stats)
      )
      const slow = { ...source, stats, metrics: Effect.never }
      const scope = yield* Scope.make()
      const server = yield* Scope.extend(serve({ source: slow, shutdownTimeout: "1 minute" }), scope)
      const answer = yield* Effect.fork(ask(server, "/stats", { headers: { connection: "keep-alive" } }))
      yield* Deferred.await(asked)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual((yield* answer).status, 200)
      yield* closing

      const second = yield* Scope.make()
      const other = yield* Scope.extend(serve({ source: slow, shutdownTimeout: "50 millis" }), second)
      yield* silent(other.port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* Scope.close(second, Exit.void).pipe(Effect.timeout("10 seconds"))
    }).pipe(Effect.scoped)
  )
})

describe("a port", () => {
  it.scopedLive("that is in use is told in words", () =>
    Effect.gen(function* () {
      const { port } = yield* serve()
      const app = yield* Server.make(source, { path: "/stats", token: undefined, hosts: [], notFound: 404 })
      const at = (host: string, wanted: number) =>
        listen(app, { host, port: wanted, maxConnections: 1, shutdownTimeout: 0 }).pipe(Effect.flip)
      assert.strictEqual(
        (yield* at("127.0.0.1", port)).message,
        `port ${port} of 127.0.0.1 is in use (EADDRINUSE): another process serves there`
      )
      assert.strictEqual((yield* at("192.0.2.1", 0)).message, "192.0.2.1 is no address of this machine (EADDRNOTAVAIL)")
    })
  )
})
