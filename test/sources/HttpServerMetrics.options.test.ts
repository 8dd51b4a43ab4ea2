import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Socket from "@effect/platform/Socket"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, flow, Stream } from "effect"
import { HttpClientMetrics, HttpServerMetrics, Measurement } from "effect-metrics"
import { FaultySink, TestMetrics } from "effect-metrics/testing"
import { createServer } from "node:https"
import { connect } from "node:tls"
import { cert, key } from "../transport/certificate.js"
import { counted, eventually, inFlight, lines, serving } from "./server.js"

const text = HttpServerResponse.text("hello")

const app = HttpRouter.empty.pipe(
  HttpRouter.get("/users/:id", text),
  HttpRouter.get("/health", text),
  HttpRouter.get("/internal/:what", text),
  HttpRouter.get("/dies", Effect.die("no")),
  HttpRouter.get("/stream", HttpServerResponse.stream(Stream.make(new Uint8Array(12)))),
  HttpRouter.get(
    "/said",
    Effect.gen(function* () {
      yield* HttpServerMetrics.annotate({ tags: { plan: "free" }, fields: { rows: Measurement.int(1) } })
      const child = yield* Effect.fork(HttpServerMetrics.annotate({ tags: { plan: "paid", handler: "said" } }))
      yield* Fiber.join(child)
      return text
    })
  )
)

const handshake = { "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version": "13" }

const served = (options: HttpServerMetrics.Options) =>
  serving(HttpServer.serve(app, HttpServerMetrics.middleware(options)))

const names = Effect.map(TestMetrics.all, (all) => Array.from(new Set(all.map(({ name }) => name))).sort())

describe("options", () => {
  it("that cannot work are thrown when a middleware is made, for programs without types", () => {
    const bad: ReadonlyArray<readonly [options: object, message: string]> = [
      [{ semantics: "otel" }, 'option semantics: "otel" is not one of default, opentelemetry'],
      [{ instruments: ["request"] }, 'option instruments: ["request"] is not a list of requests, duration'],
      [{ prefix: 5 }, "option prefix: 5 is not a string"],
      [{ level: false }, "option level: false is not a string"]
    ]
    for (const [options, message] of bad) {
      for (const make of [HttpServerMetrics.middleware, HttpClientMetrics.instrument]) {
        assert.throws(() => make(options), message)
      }
    }
    const point = { remoteIp: "label" as never }
    assert.throws(
      () => HttpServerMetrics.middleware({ point }),
      'option point.remoteIp: "label" is not one of tag, field, none'
    )
  })

  it.live("choose instruments, their prefix and level", () =>
    Effect.gen(function* () {
      const { ask } = yield* served({ prefix: "web", instruments: ["requests", "duration"], level: "debug" })
      yield* ask("/users/1")
      yield* counted(1, "web.requests")
      assert.deepStrictEqual(yield* names, ["web.duration", "web.requests"])
      assert.deepStrictEqual((yield* TestMetrics.all)[0]?.level, "debug")
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("exclude routes: fixed ones as if they were not measured, others when they are known", () =>
    Effect.gen(function* () {
      const { ask } = yield* served({ exclude: ["/health", "/internal/:what"] })
      for (const path of ["/health?probe", "/internal/a", "/users/1"]) yield* ask(path)
      yield* counted(1)
      assert.deepStrictEqual(yield* lines(), ["GET /users/:id 200 success"])
      assert.deepStrictEqual(yield* inFlight(), [1, 0, 1, 0])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("add tags by the request; where they throw, what is recorded is refused and the request is answered", () =>
    Effect.gen(function* () {
      const { ask } = yield* served({
        tags: ({ headers }, status) => ({ tenant: headers["tenant"]!.toLowerCase(), ok: String(status < 400) })
      })
      assert.strictEqual((yield* ask("/users/1", { headers: { tenant: "A" } })).status, 200)
      assert.strictEqual((yield* ask("/users/1")).status, 200)
      yield* ask("/nowhere", { headers: { tenant: "B" } })
      yield* counted(2)
      assert.deepStrictEqual(yield* lines("http.server.requests", ["tenant", "ok", "route"]), [
        "a true /users/:id",
        "b false unmatched"
      ])
      assert.deepStrictEqual(yield* TestMetrics.refused, { threw: 4 })
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("leave only the points where no instruments are wanted", () =>
    Effect.gen(function* () {
      const { ask } = yield* served({ instruments: [], point: {} })
      yield* ask("/users/1")
      yield* eventually(Effect.map(TestMetrics.points("request"), ({ length }) => length === 1))
      assert.deepStrictEqual(yield* names, ["request"])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("see what a middleware inside answers by itself, and what handlers of the response make of it", () =>
    Effect.gen(function* () {
      const teapot = HttpApp.appendPreResponseHandler((_, response) =>
        Effect.succeed(HttpServerResponse.setStatus(response, 418))
      )
      const inside = HttpRouter.empty.pipe(HttpRouter.get("/tea", Effect.zipRight(teapot, text)))
      const both = flow(HttpMiddleware.cors(), HttpServerMetrics.middleware())
      const { ask } = yield* serving(HttpServer.serve(inside, both))
      yield* ask("/tea", { method: "OPTIONS" })
      yield* ask("/tea")
      yield* counted(2)
      assert.deepStrictEqual(yield* lines(), ["OPTIONS unmatched 204 success", "GET /tea 418 success"])
      assert.deepStrictEqual(yield* inFlight(), [1, 0, 1, 0])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("of two middlewares that record different things each records its own", () =>
    Effect.gen(function* () {
      const both = HttpServer.serve(
        HttpServerMetrics.middleware({ semantics: "opentelemetry", prefix: "otel" })(app),
        HttpServerMetrics.middleware()
      )
      const { ask } = yield* serving(both)
      yield* ask("/said")
      yield* counted(1)
      assert.deepStrictEqual(yield* lines("http.server.requests", ["route", "plan"]), ["/said paid"])
      assert.deepStrictEqual(yield* lines("otel.request.duration", ["http.route", "plan"]), ["/said paid"])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})

describe("a handler", () => {
  it.live("adds tags to its own request alone, and what it says outside of one is nothing", () =>
    Effect.gen(function* () {
      yield* HttpServerMetrics.annotate({ tags: { plan: "none" } })
      const { ask } = yield* served({})
      yield* ask("/said")
      yield* ask("/users/1")
      yield* counted(2)
      for (const name of ["requests", "duration", "request.size", "response.size"]) {
        const seen = yield* lines(`http.server.${name}`, ["route", "plan"])
        assert.deepStrictEqual(seen, ["/said paid", "/users/:id -"])
      }
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("has its own status where a client offers HTTP/2 or a websocket in vain", () =>
    Effect.gen(function* () {
      const { ask } = yield* served({})
      yield* ask("/users/1", { headers: { connection: "Upgrade", upgrade: "h2c" } })
      yield* ask("/users/1", { headers: { connection: "Upgrade", upgrade: "websocket", ...handshake } })
      yield* counted(2)
      assert.deepStrictEqual(yield* lines("http.server.requests", ["status"]), ["200", "200"])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("answers although its tags cannot be read, and what is recorded with them is refused", () =>
    Effect.gen(function* () {
      const tags = Object.defineProperty({}, "plan", {
        enumerable: true,
        get: () => {
          throw new Error("no plan")
        }
      })
      const app = Effect.zipRight(HttpServerMetrics.annotate({ tags }), HttpServerResponse.text("fine"))
      const around = HttpServerMetrics.middleware({ instruments: ["requests"], point: {} })(app)
      const { ask } = yield* serving(HttpServer.serve(around))
      const { status } = yield* ask("/")
      assert.strictEqual(status, 200)
      while (((yield* TestMetrics.refused).threw ?? 0) < 2) yield* Effect.yieldNow()
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("adds them from its stream too", () =>
    Effect.gen(function* () {
      const stream = Stream.fromEffect(
        Effect.as(HttpServerMetrics.annotate({ tags: { plan: "late" } }), new Uint8Array(1))
      )
      const around = HttpServerMetrics.middleware()(HttpServerResponse.stream(stream))
      const { ask } = yield* serving(HttpServer.serve(around))
      yield* ask("/")
      yield* counted(1)
      assert.deepStrictEqual(yield* lines("http.server.requests", ["plan"]), ["late"])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})

describe("a point for each request", () => {
  it.live("has the tags and fields of sprockets-influxdb, at the time of the request's start", () =>
    Effect.gen(function* () {
      const { ask } = yield* served({ point: { handler: "api" } })
      const before = Date.now()
      yield* ask("/users/1")
      yield* ask("/said")
      yield* ask("/stream")
      yield* ask("/nowhere/1")
      yield* counted(4)
      const points = yield* TestMetrics.points("request")
      assert.deepStrictEqual(
        points.map(({ tags }) => tags),
        [
          ["api", "/users/:id", "200"],
          ["said", "/said", "200"],
          ["api", "/stream", "200"],
          ["api", "unmatched", "404"]
        ].map(([handler, endpoint, status]) => ({
          endpoint: endpoint!,
          handler: handler!,
          method: "GET",
          ...(handler === "said" ? { plan: "paid" } : undefined),
          remote_ip: "127.0.0.1",
          status_code: status!
        }))
      )
      const lengths = points.map(({ fields }) => fields["content_length"])
      assert.deepStrictEqual(
        lengths,
        [5, 5, 12, 0].map((n) => Measurement.int(n))
      )
      assert.deepStrictEqual(points[1]!.fields["rows"], Measurement.int(1))
      for (const { fields, millis } of points) {
        assert.isAtLeast(Number(fields["duration"]), 0)
        assert.isAtLeast(millis, before)
        assert.isAtMost(millis + Number(fields["duration"]) * 1000, Date.now() + 1)
      }
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("has another name, and the client's address as a field or not at all, by option", () =>
    Effect.gen(function* () {
      const one = yield* served({ point: { name: "one", remoteIp: "field" } })
      const two = yield* served({ point: { name: "two", remoteIp: "none" } })
      yield* one.ask("/users/1")
      yield* two.ask("/users/1")
      yield* counted(2)
      const [field] = yield* TestMetrics.points("one")
      assert.strictEqual(field?.fields["remote_ip"], "127.0.0.1")
      assert.notProperty(field?.tags, "remote_ip")
      assert.notProperty(field?.tags, "handler")
      const [none] = yield* TestMetrics.points("two")
      assert.notProperty({ ...none?.fields, ...none?.tags }, "remote_ip")
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("has the address of a client that has left, also where no tracer has asked for it before", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const never = Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)
      const measured = HttpServer.serve(
        HttpRouter.empty.pipe(HttpRouter.get("/", never)),
        HttpServerMetrics.middleware({ point: {} })
      )
      const { begin } = yield* serving(HttpMiddleware.withTracerDisabledWhen(measured, () => true))
      const socket = yield* begin("/")
      yield* Deferred.await(reached)
      socket.destroy()
      yield* counted(1)
      const [point] = yield* TestMetrics.points("request")
      assert.strictEqual(point?.tags["remote_ip"], "127.0.0.1")
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})

describe("OpenTelemetry's semantics", () => {
  it.live("have its names, attributes and advised boundaries", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make()
      yield* Effect.gen(function* () {
        const { ask } = yield* served({ semantics: "opentelemetry" })
        yield* ask("/users/1", { headers: { "x-forwarded-proto": "https" } })
        yield* ask("/dies")
        yield* ask("/nowhere/1")
        yield* eventually(Effect.sync(() => true))
      }).pipe(Effect.scoped, Effect.provide(sink.layer))
      const received = sink.received()
      const told = received.map(({ series }) => [series.name, series.unit, Object.fromEntries(series.tags)] as const)
      const of = (name: string) => told.filter((one) => one[0] === name)
      assert.sameDeepMembers(of("http.server.request.duration"), [
        [
          "http.server.request.duration",
          "s",
          {
            "http.request.method": "GET",
            "http.response.status_code": "200",
            "http.route": "/users/:id",
            "url.scheme": "https"
          }
        ],
        [
          "http.server.request.duration",
          "s",
          {
            "error.type": "500",
            "http.request.method": "GET",
            "http.response.status_code": "500",
            "http.route": "/dies",
            "url.scheme": "http"
          }
        ],
        [
          "http.server.request.duration",
          "s",
          { "http.request.method": "GET", "http.response.status_code": "404", "url.scheme": "http" }
        ]
      ])
      assert.deepInclude(of("http.server.active_requests")[0]?.[2], { "http.request.method": "GET" })
      assert.strictEqual(of("http.server.request.body.size")[0]?.[1], "By")
      assert.strictEqual(of("http.server.response.body.size")[0]?.[1], "By")
      assert.isEmpty(of("http.server.requests"))
      const duration = received.find(({ series }) => series.name === "http.server.request.duration")
      assert.deepStrictEqual(
        duration?.series.boundaries,
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
      )
    })
  )

  it.live("have the scheme of the connection, and that of a proxy's before it", () =>
    Effect.gen(function* () {
      const app = HttpServer.serve(text, HttpServerMetrics.middleware({ semantics: "opentelemetry" }))
      const { port } = yield* serving(app, () => createServer({ key, cert }))
      const socket = connect({ port, host: "127.0.0.1", ca: cert, checkServerIdentity: () => undefined })
      socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nx-forwarded-proto: http\r\n\r\n")
      const name = "http.server.request.duration"
      yield* eventually(Effect.map(TestMetrics.all, (all) => all.filter((one) => one.name === name).length === 2))
      socket.destroy()
      assert.deepStrictEqual(yield* lines(name, ["url.scheme"]), ["https", "http"])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("say how a request failed that had no error status", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const failing = HttpRouter.empty.pipe(
        HttpRouter.get("/never", Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)),
        HttpRouter.get("/fails", HttpServerResponse.stream(Stream.fail("no")))
      )
      const { ask, begin } = yield* serving(
        HttpServer.serve(
          failing,
          HttpServerMetrics.middleware({ semantics: "opentelemetry", instruments: ["requests"] })
        )
      )
      yield* ask("/fails")
      const socket = yield* begin("/never")
      yield* Deferred.await(reached)
      socket.destroy()
      yield* counted(2)
      assert.deepStrictEqual(
        yield* lines("http.server.requests", ["http.route", "http.response.status_code", "error.type"]),
        ["/fails 200 failure", "/never 499 interrupt"]
      )
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})

const hangUp = Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
  NodeHttpServerRequest.toIncomingMessage(request).socket.end()
})

describe("a websocket", () => {
  it.live("is one request for as long as it is open, with the status that upgraded it", () =>
    Effect.gen(function* () {
      const upgraded = Effect.flatMap(HttpServerRequest.upgrade, (socket) =>
        Effect.gen(function* () {
          const write = yield* socket.writer
          yield* socket.run((data) => write(data))
          return HttpServerResponse.empty()
        })
      ).pipe(Effect.scoped, Effect.orDie)
      const echo = HttpRouter.empty.pipe(
        HttpRouter.get("/echo", upgraded),
        HttpRouter.get("/fails", Effect.zipRight(upgraded, Effect.fail("no"))),
        // As a handshake that the server refuses, which leaves its handler waiting.
        HttpRouter.get("/hangs-up", Effect.zipRight(hangUp, Effect.never)),
        HttpRouter.get("/refuses", HttpServerResponse.empty({ status: 401 }))
      )
      const app = HttpRouter.empty.pipe(HttpRouter.mount("/in", echo), HttpRouter.concat(echo))
      const { ask, port } = yield* serving(HttpServer.serve(app, HttpServerMetrics.middleware()))
      const open = yield* Deferred.make<void>()
      const talk = (path: string) =>
        Effect.gen(function* () {
          const socket = yield* Socket.makeWebSocket(`ws://127.0.0.1:${port}${path}`)
          const write = yield* socket.writer
          const echoed = yield* Effect.fork(socket.run(() => Deferred.succeed(open, undefined)))
          yield* write("hi")
          yield* Deferred.await(open)
          assert.strictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 1)
          yield* write(new Socket.CloseEvent(1000))
          yield* Effect.ignore(Fiber.join(echoed))
        }).pipe(Effect.scoped, Effect.provide(NodeSocket.layerWebSocketConstructor))
      const paths = ["/echo", "/in/echo", "/fails"]
      for (const [index, path] of paths.entries()) {
        yield* talk(path)
        yield* counted(index + 1)
      }
      const websocket = { connection: "upgrade", upgrade: "websocket" }
      yield* ask("/refuses", { headers: { ...websocket, ...handshake } })
      yield* counted(4)
      yield* Effect.exit(ask("/hangs-up", { headers: websocket }))
      yield* counted(5)
      assert.deepStrictEqual(yield* lines(), [
        "GET /echo 101 success",
        "GET /in/echo 101 success",
        "GET /fails 101 failure",
        "GET /refuses 401 success",
        "GET /hangs-up 499 interrupt"
      ])
      assert.deepStrictEqual(yield* inFlight(), [1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})
