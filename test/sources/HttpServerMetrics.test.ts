import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Stream } from "effect"
import { HttpServerMetrics } from "effect-metrics"
import { TestMetrics } from "effect-metrics/testing"
import { counted, eventually, inFlight, lines, serving } from "./server.js"

const text = HttpServerResponse.text("hello")

/** Done when the server has seen that the client is gone. */
const clientIsGone = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
  Effect.async<void>((resume) => {
    NodeHttpServerRequest.toServerResponse(request).on("close", () => resume(Effect.void))
  })
)
const bytes = (length: number) => new Uint8Array(length)

/** What requests come to, one by one. */
const told = Effect.all({
  requests: lines(),
  inFlight: inFlight(),
  refused: TestMetrics.refused
})

/** Where a middleware may stand: the server sends inside of the one that it is given, and outside of one around an app. */
const places = {
  "given to the server": <E, R>(app: HttpApp.Default<E, R>, options?: HttpServerMetrics.Options) =>
    HttpServer.serve(app, HttpServerMetrics.middleware(options)),
  "around the app": <E, R>(app: HttpApp.Default<E, R>, options?: HttpServerMetrics.Options) =>
    HttpServer.serve(HttpServerMetrics.middleware(options)(app)),
  "around the app and given to the server": <E, R>(app: HttpApp.Default<E, R>, options?: HttpServerMetrics.Options) =>
    HttpServer.serve(HttpServerMetrics.middleware(options)(app), HttpServerMetrics.middleware(options))
}

for (const [place, serve] of Object.entries(places)) {
  describe(`a middleware ${place}`, () => {
    it.scopedLive("counts each request once, by method, template, status and outcome", () =>
      Effect.gen(function* () {
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/users/:id", text),
          HttpRouter.post("/users", HttpServerResponse.empty({ status: 201 })),
          HttpRouter.get("/fails", Effect.fail("no")),
          HttpRouter.get("/dies", Effect.die(new Error("no"))),
          HttpRouter.get("/refuses", Effect.fail(HttpServerResponse.empty({ status: 403 }))),
          HttpRouter.get("/interrupts", Effect.interrupt)
        )
        const { ask } = yield* serving(serve(app))
        for (const path of ["/users/1", "/users/2?x=1", "/fails", "/dies", "/refuses", "/interrupts", "/nowhere/1"]) {
          yield* ask(path)
        }
        yield* ask("/users", { method: "POST", body: "abc" })
        yield* ask("/users", { method: "PROPFIND" })
        yield* counted(9)
        const { requests, ...rest } = yield* told
        assert.deepStrictEqual(requests, [
          "GET /users/:id 200 success",
          "GET /users/:id 200 success",
          "GET /fails 500 failure",
          "GET /dies 500 defect",
          "GET /refuses 403 failure",
          "GET /interrupts 503 interrupt",
          "GET unmatched 404 failure",
          "POST /users 201 success",
          "_OTHER unmatched 404 failure"
        ])
        assert.deepStrictEqual(rest, { inFlight: Array.from({ length: 18 }, (_, i) => (i + 1) % 2), refused: {} })
        assert.deepStrictEqual(yield* lines("http.server.duration"), requests, "the duration has the same tags")
      }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive("sizes bodies: by their length, as nothing where none is sent", () =>
      Effect.gen(function* () {
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/text", text),
          HttpRouter.get("/bytes", HttpServerResponse.uint8Array(bytes(100_000))),
          HttpRouter.get("/none", HttpServerResponse.empty({ status: 204 })),
          HttpRouter.get(
            "/same",
            HttpServerResponse.empty({ status: 304, headers: { "content-length": "9" } as never })
          ),
          HttpRouter.post(
            "/sum",
            Effect.map(HttpServerRequest.HttpServerRequest.pipe(Effect.flatMap((r) => r.text)), (t) =>
              HttpServerResponse.text(t)
            )
          )
        )
        const { ask } = yield* serving(serve(app))
        yield* ask("/text")
        yield* ask("/text", { method: "HEAD" })
        yield* ask("/bytes")
        yield* ask("/none")
        yield* ask("/same")
        yield* ask("/sum", { method: "POST", body: "abcd", headers: { "content-length": "4" } })
        yield* ask("/sum", { method: "POST", body: "abcde", headers: { "transfer-encoding": "chunked" } })
        yield* counted(7)
        assert.deepStrictEqual(yield* TestMetrics.timings("http.server.response.size"), [5, 0, 100_000, 0, 0, 4, 5])
        assert.deepStrictEqual(
          yield* TestMetrics.timings("http.server.request.size"),
          [0, 0, 0, 0, 0, 4],
          "nobody knows the size of chunks but their reader"
        )
        assert.deepStrictEqual((yield* lines())[1], "HEAD /text 200 success")
      }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive("a stream's request ends with its last byte, and its size is what went through", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const isReturned = yield* Deferred.make<void>()
        const stream = Stream.make(bytes(10), bytes(20)).pipe(
          Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(gate), bytes(3))))
        )
        const app = HttpRouter.empty.pipe(
          HttpRouter.get(
            "/stream",
            Effect.as(Deferred.succeed(isReturned, undefined), HttpServerResponse.stream(stream))
          )
        )
        const { ask } = yield* serving(serve(app))
        const answer = yield* Effect.fork(ask("/stream"))
        yield* Deferred.await(isReturned)
        const start = performance.now()
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* told, { requests: [], inFlight: [1], refused: {} })
        // Timers are not exact.
        const waitedSeconds = (performance.now() - start) / 1000
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* answer).body.length, 33)
        yield* counted(1)
        assert.deepStrictEqual(yield* told, {
          requests: ["GET /stream 200 success"],
          inFlight: [1, 0],
          refused: {}
        })
        assert.deepStrictEqual(yield* TestMetrics.timings("http.server.response.size"), [33])
        assert.isAtLeast((yield* TestMetrics.timings("http.server.duration"))[0]!, waitedSeconds)
      }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive("a stream that fails or dies in the middle is told so, with the status that was sent", () =>
      Effect.gen(function* () {
        const first = Stream.make(bytes(10))
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/fails", HttpServerResponse.stream(Stream.concat(first, Stream.fail("no")))),
          HttpRouter.get("/dies", HttpServerResponse.stream(Stream.concat(first, Stream.die("no")))),
          HttpRouter.head("/fails", HttpServerResponse.stream(Stream.fail("no")))
        )
        const { ask } = yield* serving(serve(app))
        yield* ask("/fails")
        yield* ask("/dies")
        yield* ask("/fails", { method: "HEAD" })
        yield* counted(3)
        assert.deepStrictEqual(yield* told, {
          requests: ["GET /fails 200 failure", "GET /dies 200 defect", "HEAD /fails 200 success"],
          inFlight: [1, 0, 1, 0, 1, 0],
          refused: {}
        })
        assert.deepStrictEqual(yield* TestMetrics.timings("http.server.response.size"), [10, 10, 0])
      }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive(
      "a client that goes away is an interrupt: in the handler, in a stream, where none may interrupt",
      () =>
        Effect.gen(function* () {
          const reached = yield* Deferred.make<void>()
          const streaming = yield* Deferred.make<void>()
          const held = yield* Deferred.make<void>()
          const endless = Stream.make(bytes(7)).pipe(
            Stream.concat(Stream.fromEffect(Effect.zipRight(Deferred.succeed(streaming, undefined), Effect.never)))
          )
          const app = HttpRouter.empty.pipe(
            HttpRouter.get("/never", Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)),
            HttpRouter.get("/stream", HttpServerResponse.stream(endless)),
            HttpRouter.get(
              "/held",
              Deferred.succeed(held, undefined).pipe(Effect.zipRight(clientIsGone), Effect.zipRight(text)),
              { uninterruptible: true }
            )
          )
          const { begin } = yield* serving(serve(app))
          const one = yield* begin("/never")
          yield* Deferred.await(reached)
          one.destroy()
          yield* counted(1)
          const two = yield* begin("/stream")
          yield* Deferred.await(streaming)
          two.destroy()
          yield* counted(2)
          const three = yield* begin("/held")
          yield* Deferred.await(held)
          assert.strictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 1)
          three.destroy()
          yield* counted(3)
          assert.deepStrictEqual(yield* told, {
            requests: ["GET /never 499 interrupt", "GET /stream 200 interrupt", "GET /held 499 interrupt"],
            inFlight: [1, 0, 1, 0, 1, 0],
            refused: {}
          })
          assert.deepStrictEqual((yield* TestMetrics.timings("http.server.response.size"))[1], 7)
        }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive("a client that leaves while a large body is sent does not stay in flight", () =>
      Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const large = HttpServerResponse.uint8Array(bytes(30_000_000))
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/large", Effect.as(Deferred.succeed(reached, undefined), large))
        )
        const { begin } = yield* serving(serve(app))
        const socket = (yield* begin("/large")).pause()
        yield* Deferred.await(reached)
        yield* Effect.sleep("30 millis")
        socket.destroy()
        yield* counted(1)
        assert.strictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 0)
      }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive("those that wait behind another on a connection that breaks do not stay in flight", () =>
      Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/never", Effect.never),
          HttpRouter.get("/answered", text),
          HttpRouter.get("/sent", HttpServerResponse.stream(Stream.repeatValue(bytes(100_000)))),
          HttpRouter.get("/last", Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never))
        )
        const { begin } = yield* serving(serve(app))
        const socket = yield* begin("/never")
        const rest = ["/answered", "/sent", "/last"].map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
        socket.write(rest.join(""))
        yield* Deferred.await(reached)
        socket.destroy()
        yield* counted(4)
        const { requests } = yield* told
        assert.sameMembers(Array.from(requests), [
          "GET /answered 499 interrupt",
          "GET /last 499 interrupt",
          "GET /never 499 interrupt",
          "GET /sent 499 interrupt"
        ])
        assert.strictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 0)
        // No part of an answer has left.
        assert.deepStrictEqual(yield* TestMetrics.timings("http.server.response.size"), [0, 0, 0, 0])
      }).pipe(Effect.provide(TestMetrics.layer))
    )

    it.scopedLive("many at once, ending in every way, come out even", () =>
      Effect.gen(function* () {
        const entered = new Set<string>()
        const enter = Effect.map(HttpRouter.params, ({ n }) => void entered.add(n!))
        const chunks = Stream.tick("1 millis").pipe(Stream.map(() => bytes(4)))
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/ok/:n", Effect.delay(text, "1 millis")),
          HttpRouter.get("/fails/:n", Effect.delay(Effect.fail("no"), "1 millis")),
          HttpRouter.get("/never/:n", Effect.zipRight(enter, Effect.never)),
          HttpRouter.get("/held/:n", enter.pipe(Effect.zipRight(clientIsGone), Effect.zipRight(text)), {
            uninterruptible: true
          }),
          HttpRouter.get("/stream/:n", HttpServerResponse.stream(Stream.take(chunks, 3))),
          HttpRouter.get(
            "/endless/:n",
            Effect.map(HttpRouter.params, ({ n }) =>
              HttpServerResponse.stream(Stream.tap(chunks, () => Effect.sync(() => entered.add(n!))))
            )
          )
        )
        const { ask, begin } = yield* serving(serve(app))
        const leaving = (path: string, n: number) =>
          Effect.scoped(Effect.zipRight(begin(path), eventually(Effect.sync(() => entered.has(String(n))))))
        yield* Effect.all(
          Array.from({ length: 60 }, (_, n) => {
            const kind = ["ok", "fails", "never", "held", "stream", "endless", "nowhere"][n % 7]!
            const path = `/${kind}/${n}`
            return ["never", "held", "endless"].includes(kind) ? leaving(path, n) : Effect.asVoid(ask(path))
          }),
          { concurrency: 20 }
        )
        yield* counted(60)
        const { requests } = yield* told
        assert.strictEqual(requests.length, 60)
        assert.strictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 0)
        assert.deepStrictEqual(Array.from(new Set(requests)).sort(), [
          "GET /endless/:n 200 interrupt",
          "GET /fails/:n 500 failure",
          "GET /held/:n 499 interrupt",
          "GET /never/:n 499 interrupt",
          "GET /ok/:n 200 success",
          "GET /stream/:n 200 success",
          "GET unmatched 404 failure"
        ])
      }).pipe(Effect.provide(TestMetrics.layer))
    )
  })
}
