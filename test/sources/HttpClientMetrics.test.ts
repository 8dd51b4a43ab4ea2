import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Schedule, TestClock } from "effect"
import { HttpClientMetrics, InfluxDb, Metrics } from "effect-metrics"
import { FaultySink, TestMetrics } from "effect-metrics/testing"
import { serve } from "../transport/server.js"
import { inFlight, lines } from "./server.js"

const keys = ["method", "host", "route", "status", "outcome"]
const told = Effect.all({
  requests: lines("http.client.requests", keys),
  inFlight: inFlight("http.client.in_flight"),
  refused: TestMetrics.refused
})

/** A client that answers by itself. */
const answering = (
  answer: (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<Response, never>
): HttpClient.HttpClient =>
  HttpClient.make((request) => Effect.map(answer(request), (response) => HttpClientResponse.fromWeb(request, response)))

const ok = answering(() => Effect.succeed(new Response("hello", { headers: { "content-length": "5" } })))
const clients = { fetch: FetchHttpClient.layer, node: NodeHttpClient.layer, undici: NodeHttpClient.layerUndici }

for (const [name, client] of Object.entries(clients)) {
  describe(`over ${name}`, () => {
    it.scopedLive("counts each request by method, host, route and status, however it ends", () =>
      Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const server = yield* serve(({ url }, response) => {
          if (url === "/never") return void Effect.runFork(Deferred.succeed(reached, undefined))
          if (url === "/breaks") return void response.destroy()
          response.writeHead(url === "/down" ? 503 : 200, { "content-length": 5 }).end("hello")
        })
        const host = server.url.slice("http://".length)
        yield* Effect.gen(function* () {
          const user = yield* HttpClient.get(`${server.url}/users/1?q=1`).pipe(
            HttpClientMetrics.withRoute("/users/:id")
          )
          assert.strictEqual(yield* user.text, "hello")
          yield* Effect.flatMap(HttpClient.post(`${server.url}/users`, { body: HttpBody.text("abc") }), (r) => r.text)
          yield* Effect.flatMap(HttpClient.get(`${server.url}/down`), (r) => r.text)
          yield* Effect.flip(HttpClient.get(`${server.url}/breaks`))
          const fiber = yield* Effect.fork(HttpClient.get(`${server.url}/never`))
          yield* Deferred.await(reached)
          yield* Fiber.interrupt(fiber)
        }).pipe(Effect.provide(HttpClientMetrics.layer().pipe(Layer.provide(client))))
        assert.deepStrictEqual(yield* told, {
          requests: [
            `GET ${host} /users/:id 200 success`,
            `POST ${host} - 200 success`,
            `GET ${host} - 503 success`,
            `GET ${host} - - failure`,
            `GET ${host} - - interrupt`
          ],
          inFlight: [1, 0, 1, 0, 1, 0, 1, 0, 1, 0],
          refused: {}
        })
        assert.deepStrictEqual(yield* TestMetrics.timings("http.client.request.size"), [0, 3, 0, 0, 0])
        assert.deepStrictEqual(yield* TestMetrics.timings("http.client.response.size"), [5, 5, 5])
        assert.strictEqual((yield* TestMetrics.timings("http.client.duration")).length, 5)
      }).pipe(Effect.provide(TestMetrics.layer))
    )
  })
}

describe("a measured client", () => {
  it.effect("times until the head of the response is there", () =>
    Effect.gen(function* () {
      const slow = answering(() => Effect.delay(Effect.succeed(new Response()), "2 seconds"))
      const fiber = yield* Effect.fork(HttpClientMetrics.instrument()(slow).get("http://a/"))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* TestMetrics.timings("http.client.duration"), [2])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("counts each try of what retries above it, and one request for what retries below", () =>
    Effect.gen(function* () {
      let tries = 0
      const flaky = answering(() => Effect.sync(() => new Response(null, { status: ++tries % 3 === 0 ? 200 : 503 })))
      const retrying = (client: HttpClient.HttpClient) =>
        client.pipe(HttpClient.filterStatusOk, HttpClient.retry({ times: 5 }))
      yield* retrying(HttpClientMetrics.instrument()(flaky)).get("http://a/")
      assert.deepStrictEqual(yield* lines("http.client.requests", ["status", "outcome"]), [
        "503 success",
        "503 success",
        "200 success"
      ])
      const below = HttpClientMetrics.instrument({ prefix: "below" })(retrying(flaky) as HttpClient.HttpClient)
      yield* below.get("http://a/")
      assert.deepStrictEqual(yield* lines("below.requests", ["status", "outcome"]), ["200 success"])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("has the status of a response that something below it made an error", () =>
    Effect.gen(function* () {
      const gone = answering(() => Effect.succeed(new Response(null, { status: 410 })))
      const client = gone.pipe(HttpClient.filterStatusOk, HttpClientMetrics.instrument())
      yield* Effect.flip(client.get("http://a/"))
      yield* Effect.exit(HttpClientMetrics.instrument()(answering(() => Effect.die("no"))).get("http://a/"))
      assert.deepStrictEqual(yield* lines("http.client.requests", ["status", "outcome"]), ["410 failure", "- defect"])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("names a host without credentials, case and the scheme's own port", () =>
    Effect.gen(function* () {
      const client = HttpClientMetrics.instrument()(ok)
      const urls = [
        "http://user:secret@A.Example:80/x@y",
        "https://a.example:443/",
        "https://a.example:8443?q=@b",
        "http://[::1]:8080/",
        "/relative"
      ]
      for (const url of urls) yield* Effect.ignore(client.get(url))
      const hosts = yield* lines("http.client.requests", ["host"])
      assert.deepStrictEqual(hosts, ["a.example", "a.example", "a.example:8443", "[::1]:8080", "unknown"])
      const any = HttpClientMetrics.instrument({ prefix: "any", host: (host) => host.split(".").slice(-2).join(".") })(
        ok
      )
      for (const url of ["http://a.b.c/", "http://x.b.c/", "http://a.b.c/"]) yield* any.get(url)
      assert.deepStrictEqual(yield* lines("any.requests", ["host"]), ["b.c", "b.c", "b.c"])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("leaves a request alone whose host cannot be renamed", () =>
    Effect.gen(function* () {
      const rename = (): string => {
        throw new Error("no name")
      }
      const response = yield* HttpClientMetrics.instrument({ host: rename })(ok).get("http://a.example/")
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(yield* lines("http.client.requests", ["host"]), ["unknown"])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("has tags of the request's own, a level, and the instruments it is told to have", () =>
    Effect.gen(function* () {
      const client = HttpClientMetrics.instrument({
        instruments: ["requests"],
        level: "debug",
        tags: ({ method }, status) => {
          if (method === "PUT") throw new Error("no")
          return { kind: `${method.toLowerCase()}-${status}` }
        }
      })(ok)
      yield* client.get("http://a/")
      yield* client.put("http://a/")
      const all = yield* TestMetrics.all
      assert.deepStrictEqual(
        all.map(({ level, name, tags }) => [name, level, tags["kind"]]),
        [["http.client.requests", "debug", "get-200"]]
      )
      assert.deepStrictEqual(yield* TestMetrics.refused, { threw: 1 })
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("has OpenTelemetry's names and attributes by option", () =>
    Effect.gen(function* () {
      const otel = HttpClientMetrics.instrument({ semantics: "opentelemetry" })
      yield* otel(ok).get("https://api.example/users/1").pipe(HttpClientMetrics.withRoute("/users/:id"))
      yield* otel(answering(() => Effect.succeed(new Response(null, { status: 499 })))).get("http://a:8080/")
      yield* Effect.exit(otel(answering(() => Effect.die("no"))).get("http://a/"))
      const all = yield* TestMetrics.all
      assert.sameMembers(Array.from(new Set(all.map(({ name }) => name))), [
        "http.client.active_requests",
        "http.client.request.duration",
        "http.client.request.body.size",
        "http.client.response.body.size"
      ])
      assert.deepStrictEqual(
        all.filter(({ name }) => name === "http.client.request.duration").map(({ tags }) => tags),
        [
          {
            "http.request.method": "GET",
            "http.response.status_code": "200",
            "server.address": "api.example",
            "server.port": "443",
            "url.template": "/users/:id"
          },
          {
            "error.type": "499",
            "http.request.method": "GET",
            "http.response.status_code": "499",
            "server.address": "a",
            "server.port": "8080"
          },
          { "error.type": "defect", "http.request.method": "GET", "server.address": "a", "server.port": "80" }
        ]
      )
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("records into the hub of whoever asks, and into none where there is none", () =>
    Effect.gen(function* () {
      const client = HttpClientMetrics.instrument()(ok)
      yield* client.get("http://a/")
      const count = Effect.zipRight(client.get("http://a/"), TestMetrics.counterValue("http.client.requests"))
      const twice = Effect.provide(Effect.zipRight(count, count), TestMetrics.layer)
      assert.deepStrictEqual(yield* Effect.all([twice, Effect.provide(count, TestMetrics.layer), twice]), [2, 1, 2])
    })
  )
})

describe("a sink that sends through a measured client", () => {
  it.scopedLive("is not measured: what delivers measurements makes no more of them", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => void response.writeHead(204).end())
      const measured = HttpClientMetrics.layer().pipe(Layer.provide(FetchHttpClient.layer))
      const sink = FaultySink.make()
      const sinks = Layer.merge(
        sink.layer,
        InfluxDb.layer({ url: server.url, database: "app", schedule: Schedule.spaced("5 millis") })
      )
      yield* Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        yield* client.get(`${server.url}/app`)
        for (let i = 0; i < 5; i++) {
          yield* Metrics.increment(Metrics.counter("own"))
          yield* Effect.sleep(Duration.millis(10))
          yield* Metrics.flush
        }
      }).pipe(Effect.provide(Layer.provideMerge(sinks, measured)))
      const requests = sink.received().filter(({ series }) => series.name === "http.client.requests")
      assert.deepStrictEqual(
        requests.map((one) => (one._tag === "count" ? one.value : 0)),
        [1]
      )
      const writes = server.asked.filter(({ url }) => url.startsWith("/write"))
      assert.isAtLeast(writes.length, 5)
      const counts = writes
        .flatMap(({ body }) => body.split("\n"))
        .filter((line) => line.startsWith("http.client.requests"))
      assert.strictEqual(counts.length, 1, counts.join())
    })
  )
})
