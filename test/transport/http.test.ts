import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Fiber, Layer, Redacted, Tracer } from "effect"
import * as Http from "../../src/transport/http.js"
import { freePort } from "../servers/harness.js"
import { serve, status } from "./server.js"

const post = (url: string, more: Partial<Http.Request> = {}): Http.Request => ({
  method: "POST",
  url,
  headers: {},
  body: { bytes: new TextEncoder().encode("m v=1"), contentType: "text/plain; charset=utf-8" },
  ...more
})

const client = Effect.map(HttpClient.HttpClient, Http.prepare)
const send = (request: Http.Request) => Effect.flatMap(client, (client) => Http.send(client, request))

/** A client that fails as it is told to. */
const failing = (cause: unknown) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) => Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause })))
  )

const errorOf = (properties: object, message = "fetch failed", cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), properties)

const failureOf = (cause: unknown) =>
  send(post("http://user:pw@host:1/write?p=secret")).pipe(Effect.flip, Effect.provide(failing(cause)))

const clients = {
  fetch: FetchHttpClient.layer,
  "node:http": NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici
}

for (const [name, layer] of Object.entries(clients)) {
  describe(`http over ${name}`, () => {
    it.scopedLive("brings the body there and the answer back", () =>
      Effect.gen(function* () {
        const server = yield* serve((asked, response) => {
          if (asked.body === "") response.writeHead(204).end()
          else response.writeHead(400, { "X-Note": "n", "content-length": asked.bodyBytes }).end(asked.body)
        })
        const one = yield* client
        const first = yield* Http.send(
          one,
          post(`${server.url}/write?db=a%20b`, { headers: { "x-key": Redacted.make("k") } })
        )
        assert.deepStrictEqual([first.status, first.headers["x-note"], first.body], [400, "n", "m v=1"])
        const second = yield* Http.send(one, { method: "GET", url: server.url, headers: {} })
        assert.deepStrictEqual([second.status, second.body], [204, ""])
        const bytes = Uint8Array.of(0, 0x7f, 0xc3, 0xbc, 0xe2, 0x82, 0xff)
        const echo = yield* serve((asked, response) => {
          const length = asked.url === "/long" ? {} : { "content-length": asked.bodyBytes }
          response.writeHead(200, length).end(asked.bytes)
        })
        for (const path of ["/short", "/long"]) {
          const body = { bytes, contentType: "application/octet-stream" }
          const raw = yield* Http.send(one, post(echo.url + path, { body, answer: "bytes" }))
          assert.deepStrictEqual([...Buffer.from(raw.body, "latin1")], [...bytes], path)
        }
        const [asked, later] = server.asked
        assert.deepStrictEqual([asked!.method, asked!.url, asked!.headers["x-key"]], ["POST", "/write?db=a%20b", "k"])
        assert.strictEqual(asked!.headers["content-type"], "text/plain; charset=utf-8")
        assert.strictEqual(asked!.headers["content-length"], "5")
        assert.deepStrictEqual([later!.method, later!.body], ["GET", ""])
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("knows that a refused connection stored nothing", () =>
      Effect.gen(function* () {
        const url = `http://127.0.0.1:${yield* Effect.promise(freePort)}`
        const failure = yield* Effect.flip(send(post(`${url}/write?p=secret`)))
        assert.isFalse(failure.ambiguous)
        assert.strictEqual(failure.reason, `connection refused (ECONNREFUSED) at ${url}/write`)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("does not know what became of a request whose connection broke", () =>
      Effect.gen(function* () {
        const server = yield* serve((asked) => asked.socket.destroy())
        const failure = yield* Effect.flip(send(post(server.url)))
        assert.isTrue(failure.ambiguous)
        assert.match(failure.reason, /the connection broke/)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("knows that a server without TLS got nothing", () =>
      Effect.gen(function* () {
        const server = yield* serve(status(204))
        const failure = yield* Effect.flip(send(post(server.url.replace("http:", "https:"))))
        assert.deepStrictEqual([failure.ambiguous, server.asked.length], [false, 0], failure.reason)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("takes an answer by its status when its body breaks off", () =>
      Effect.gen(function* () {
        const server = yield* serve(({ socket }, response) => {
          response.writeHead(500, { "content-length": "1000" })
          response.write("timeou", () => socket.destroy())
        })
        const answer = yield* send(post(server.url))
        assert.strictEqual(answer.status, 500)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("reads an endless body up to its limit and hangs up", () =>
      Effect.gen(function* () {
        const closed = yield* Deferred.make<void>()
        const server = yield* serve(({ socket }, response) => {
          socket.on("close", () => Deferred.unsafeDone(closed, Effect.void))
          response.writeHead(500)
          const more = (): void => {
            if (!socket.destroyed) response.write("x".repeat(10_000), more)
          }
          more()
        })
        const answer = yield* send(post(server.url))
        assert.strictEqual(answer.body, "x".repeat(Http.maxBodyBytes))
        yield* Deferred.await(closed)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("follows no redirect", () =>
      Effect.gen(function* () {
        const other = yield* serve(status(204))
        for (const code of [301, 302, 303, 307, 308]) {
          const server = yield* serve(status(code, "", { location: `${other.url}/write` }))
          const answer = yield* send(post(server.url, { headers: { authorization: Redacted.make("Token t") } }))
          assert.deepStrictEqual([answer.status, answer.headers["location"]], [code, `${other.url}/write`])
        }
        assert.lengthOf(other.asked, 0)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("aborts the request when it is interrupted", () =>
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const server = yield* serve(({ socket }) => {
          socket.on("close", () => Deferred.unsafeDone(closed, Effect.void))
          Deferred.unsafeDone(arrived, Effect.void)
        })
        const fiber = yield* Effect.fork(send(post(server.url)))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(closed)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("makes no span and sends no trace", () =>
      Effect.gen(function* () {
        const server = yield* serve(status(204))
        let spans = 0
        const tracer = yield* Effect.tracer
        const counting = Tracer.make({
          context: tracer.context,
          span: (...args) => {
            spans++
            return tracer.span(...args)
          }
        })
        yield* send(post(server.url)).pipe(Effect.withSpan("app"), Effect.withTracer(counting))
        assert.strictEqual(spans, 1)
        assert.notMatch(Object.keys(server.asked[0]!.headers).join(), /trace|b3/)
      }).pipe(Effect.provide(layer))
    )
  })
}

// What node:http does is up to its agent, which closes connections unless told otherwise.
for (const [name, layer] of [
  ["fetch", clients.fetch],
  ["undici", clients.undici]
] as const) {
  describe(`connections of ${name}`, () => {
    it.scopedLive("are kept, whether an answer has a body or not", () =>
      Effect.gen(function* () {
        const server = yield* serve((asked, response) => {
          if (asked.url === "/") response.writeHead(204).end()
          else response.writeHead(400, { "content-length": 2 }).end("no")
        })
        const one = yield* client
        for (let i = 0; i < 10; i++) yield* Http.send(one, post(i % 2 === 0 ? server.url : `${server.url}/bad`))
        assert.isAtMost(new Set(server.asked.map(({ socket }) => socket)).size, 3)
      }).pipe(Effect.provide(layer))
    )
  })
}

describe("http", () => {
  it.effect("says what failed and where, and no secret", () =>
    Effect.gen(function* () {
      const leaky = errorOf({ code: "ECONNRESET" }, "http://user:pw@host/?p=secret Token abc")
      const failure = yield* failureOf(leaky)
      assert.strictEqual(
        failure.reason,
        "the connection broke before an answer came (ECONNRESET) at http://host:1/write"
      )
      assert.notMatch(JSON.stringify(failure) + Cause.pretty(Cause.fail(failure)), /pw|secret|abc/)
    })
  )

  it.effect("knows what does not speak HTTP", () =>
    Effect.gen(function* () {
      const failure = yield* failureOf(errorOf({}, "fetch failed", errorOf({ code: "HPE_INVALID_CONSTANT" })))
      const reason = "what answers does not speak HTTP (HPE_INVALID_CONSTANT) at http://host:1/write"
      assert.deepStrictEqual([failure.reason, failure.ambiguous], [reason, true])
    })
  )

  it.effect("counts as not stored only what never reached the server", () =>
    Effect.gen(function* () {
      const dead = [
        errorOf({ code: "ENOTFOUND", syscall: "getaddrinfo" }),
        errorOf({ code: "EAI_AGAIN" }),
        errorOf({}, "fetch failed", errorOf({ code: "ECONNREFUSED" })),
        errorOf(
          {},
          "fetch failed",
          errorOf({ code: "ETIMEDOUT", errors: [errorOf({ code: "ETIMEDOUT", syscall: "connect" })] })
        ),
        errorOf({ code: "EHOSTUNREACH", syscall: "connect" }),
        errorOf({}, "fetch failed", errorOf({ code: "UND_ERR_CONNECT_TIMEOUT" })),
        errorOf({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
        errorOf({ code: "CERT_HAS_EXPIRED" }),
        errorOf({ code: "ERR_TLS_CERT_ALTNAME_INVALID" }),
        errorOf({}, "fetch failed", errorOf({}, "bad port"))
      ]
      for (const cause of dead) assert.isFalse((yield* failureOf(cause)).ambiguous, String(cause.cause))
      const circular = errorOf({})
      circular.cause = circular
      const unknown = [
        errorOf({ code: "ECONNRESET", syscall: "read" }),
        errorOf({ code: "EHOSTUNREACH", syscall: "write" }),
        errorOf({}, "fetch failed", errorOf({ code: "UND_ERR_SOCKET" }, "other side closed")),
        errorOf({ code: "EPIPE", syscall: "write" }),
        errorOf({}, "terminated"),
        circular,
        "text",
        undefined
      ]
      for (const cause of unknown) assert.isTrue((yield* failureOf(cause)).ambiguous, String(cause))
    })
  )

  it.scopedLive("keeps what else the app has told fetch", () =>
    Effect.gen(function* () {
      const inits: Array<RequestInit> = []
      const fake: typeof globalThis.fetch = (_, init) => {
        inits.push(init!)
        return Promise.resolve(new Response(null, { status: 204 }))
      }
      const layer = FetchHttpClient.layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { credentials: "omit" })),
        Layer.provideMerge(Layer.succeed(FetchHttpClient.Fetch, fake))
      )
      yield* send(post("http://host/write")).pipe(Effect.provide(layer))
      assert.deepStrictEqual([inits[0]!.credentials, inits[0]!.redirect], ["omit", "manual"])
    })
  )

  it.scopedLive("reads the answer also of a client that fails on a status", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(401, "who?"))
      const strict = Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk)
      const answer = yield* Effect.flatMap(strict, (client) => Http.send(Http.prepare(client), post(server.url)))
      assert.deepStrictEqual([answer.status, answer.body], [401, "who?"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it("prints addresses without what may be secret", () => {
    assert.strictEqual(Http.printUrl("https://u:p@host:8086/write?u=a&p=b#f"), "https://host:8086/write")
    assert.notMatch(Http.printUrl("not an address u:p"), /u:p/)
  })

  it("understands Retry-After as seconds or as a date, and ignores what makes no sense", () => {
    const now = Date.parse("Fri, 01 Mar 2024 00:00:00 GMT")
    assert.strictEqual(Http.retryAfter("120", now), 120_000)
    assert.strictEqual(Http.retryAfter(" 1.5 ", now), 1500)
    assert.strictEqual(Http.retryAfter("Fri, 01 Mar 2024 00:00:30 GMT", now), 30_000)
    assert.strictEqual(Http.retryAfter("Friday, 01-Mar-24 00:00:30 GMT", now), 30_000)
    for (const nonsense of [
      undefined,
      "",
      "0",
      "-5",
      "soon",
      "1e999",
      "Infinity",
      "NaN",
      "Thu, 29 Feb 2024 00:00:00 GMT",
      "Sun, 99"
    ]) {
      assert.strictEqual(Http.retryAfter(nonsense, now), undefined, nonsense)
    }
  })
})
