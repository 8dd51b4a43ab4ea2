import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { type Context, Deferred, Effect, Layer, Option, Schema, Stream, Tracer } from "effect"
import { HttpServerMetrics, Metrics } from "effect-metrics"
import { TestMetrics } from "effect-metrics/testing"
import { counted, inFlight, lines, serving } from "./server.js"

const text = HttpServerResponse.text("hello")
const users = HttpRouter.empty.pipe(HttpRouter.get("/", text), HttpRouter.get("/users/:id", text))

/** The routes that requests for these paths are counted under. */
const routesOf = (app: Layer.Layer<never, never, HttpServer.HttpServer>, paths: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { ask } = yield* serving(app)
    for (const path of paths) yield* ask(path)
    yield* counted(paths.length)
    return yield* lines("http.server.requests", ["route", "status"])
  }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))

const measured = HttpServerMetrics.middleware()

describe("the template of a route", () => {
  it.live("is the whole one of a router under a prefix, however deep", () =>
    Effect.gen(function* () {
      const app = HttpRouter.empty.pipe(
        HttpRouter.mount("/flat", users),
        HttpRouter.mount("/flat/in", HttpRouter.empty.pipe(HttpRouter.mount("/flat", users))),
        HttpRouter.mountApp("/app", users),
        HttpRouter.mountApp("/deep", HttpRouter.empty.pipe(HttpRouter.mountApp("/er", users))),
        HttpRouter.mountApp("/kept", HttpRouter.empty.pipe(HttpRouter.get("/kept/:name", text)), {
          includePrefix: true
        }),
        HttpRouter.all("/any/*", HttpRouter.empty.pipe(HttpRouter.get("/any/users/:id", text)))
      )
      const seen = yield* routesOf(HttpServer.serve(app, measured), [
        "/flat/users/1",
        "/flat/in/flat/users/1",
        "/app/users/1?a=b",
        "/app",
        "/deep/er/users/1",
        "/kept/it",
        "/any/users/1",
        "/app/else"
      ])
      assert.deepStrictEqual(seen, [
        "/flat/users/:id 200",
        "/flat/in/flat/users/:id 200",
        "/app/users/:id 200",
        "/app/ 200",
        "/deep/er/users/:id 200",
        "/kept/:name 200",
        "/any/users/:id 200",
        "unmatched 404"
      ])
    })
  )

  it.live("never has anything of the path in it, where something rewrites that", () =>
    Effect.gen(function* () {
      const rewriting = HttpMiddleware.make((app) =>
        Effect.updateService(app, HttpServerRequest.HttpServerRequest, (request) =>
          request.modify({ url: request.url.replace(/^\/tenants\/\w+/, "") })
        )
      )
      const seen = yield* routesOf(HttpServer.serve(measured(rewriting(users))), [
        "/tenants/a/users/1",
        "/tenants/b/users/1"
      ])
      assert.deepStrictEqual(seen, ["/users/:id 200", "/users/:id 200"])
    })
  )

  it.live("is one of a mounted app without routes if the middleware is around that too, or if the app says it", () =>
    Effect.gen(function* () {
      const app = HttpRouter.empty.pipe(
        HttpRouter.mountApp("/files", measured(text)),
        HttpRouter.mountApp("/docs", Effect.zipRight(HttpServerMetrics.annotate({ route: "/docs/:page" }), text)),
        HttpRouter.mountApp("/plain", text)
      )
      const paths = ["/files/a.txt", "/docs/a", "/plain/a"]
      const seen = yield* routesOf(HttpServer.serve(app, measured), paths)
      assert.deepStrictEqual(seen, ["/files/* 200", "/docs/:page 200", "unmatched 200"])
    })
  )

  it.live("is known to a middleware inside of the router", () =>
    Effect.gen(function* () {
      const app = users.pipe(HttpRouter.use(measured), HttpRouter.mount("/in", HttpRouter.use(users, measured)))
      const seen = yield* routesOf(HttpServer.serve(app), ["/users/1", "/in/users/2"])
      assert.deepStrictEqual(seen, ["/users/:id 200", "/in/users/:id 200"])
    })
  )
})

class Missing extends Schema.TaggedError<Missing>()("Missing", {}) {}

const api = HttpApi.make("api").add(
  HttpApiGroup.make("users")
    .add(
      HttpApiEndpoint.get("user", "/users/:id")
        .setPath(Schema.Struct({ id: Schema.NumberFromString }))
        .addSuccess(Schema.String)
        .addError(Missing, { status: 404 })
    )
    .prefix("/v1")
)
const apiLive = HttpApiBuilder.api(api).pipe(
  Layer.provide(
    HttpApiBuilder.group(api, "users", (handlers) =>
      handlers.handle("user", ({ path }) => (path.id === 1 ? Effect.succeed("one") : new Missing()))
    )
  )
)
const apiPaths = ["/v1/users/1", "/v1/users/2", "/v1/users/x", "/v2"]
const apiRoutes = ["/v1/users/:id 200", "/v1/users/:id 404", "/v1/users/:id 400", "unmatched 404"]

describe("an HttpApi", () => {
  it.live("is measured by the middleware of its server", () =>
    Effect.gen(function* () {
      const app = HttpApiBuilder.serve(measured).pipe(
        Layer.provide(apiLive),
        Layer.provide(NodeHttpServer.layerContext)
      )
      assert.deepStrictEqual(yield* routesOf(app, apiPaths), apiRoutes)
    })
  )

  it.live("is measured by a middleware of its own", () =>
    Effect.gen(function* () {
      const app = HttpApiBuilder.serve().pipe(
        Layer.provide(HttpApiBuilder.middleware(measured)),
        Layer.provide(apiLive),
        Layer.provide(NodeHttpServer.layerContext)
      )
      assert.deepStrictEqual(yield* routesOf(app, apiPaths), apiRoutes)
    })
  )

  it.live("is measured with other routes in an HttpLayerRouter", () =>
    Effect.gen(function* () {
      const app = HttpLayerRouter.serve(
        Layer.mergeAll(
          HttpLayerRouter.addHttpApi(api).pipe(
            Layer.provide(
              HttpApiBuilder.group(api, "users", (handlers) =>
                handlers.handle("user", ({ path }) => (path.id === 1 ? Effect.succeed("one") : new Missing()))
              )
            )
          ),
          HttpLayerRouter.add("GET", "/more/:n", text),
          HttpLayerRouter.middleware(measured, { global: true })
        ),
        { disableListenLog: true, disableLogger: true }
      ).pipe(Layer.provide(NodeHttpServer.layerContext))
      const seen = yield* routesOf(app, [...apiPaths, "/more/1"])
      assert.deepStrictEqual(seen, [...apiRoutes, "/more/:n 200"])
    })
  )
})

/** An app as a function from web requests to web responses, in the hub of the test. */
const webHandler = (app: HttpApp.Default<never, never>, middleware?: HttpMiddleware.HttpMiddleware) =>
  Effect.map(Effect.runtime(), (runtime) => {
    const handler = HttpApp.toWebHandlerRuntime(runtime)(app, middleware)
    return (path: string, init?: RequestInit) =>
      Effect.promise(() => handler(new Request(`http://localhost${path}`, init)))
  })

const webPlaces = {
  "given to the handler": (app: HttpApp.Default) => webHandler(app, measured),
  "around the app": (app: HttpApp.Default) => webHandler(measured(app))
}

for (const [place, serve] of Object.entries(webPlaces)) {
  describe(`a web handler, with the middleware ${place}`, () => {
    it.live("has its requests counted when the body is through, is cancelled or fails", () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const chunk = new Uint8Array(10)
        const gated = Stream.concat(Stream.make(chunk), Stream.fromEffect(Effect.as(Deferred.await(gate), chunk)))
        const app = HttpRouter.empty.pipe(
          HttpRouter.get("/text/:n", text),
          HttpRouter.get("/gated", HttpServerResponse.stream(gated)),
          HttpRouter.get("/endless", HttpServerResponse.stream(Stream.forever(gated))),
          HttpRouter.get("/fails", HttpServerResponse.stream(Stream.concat(Stream.make(chunk), Stream.fail("no")))),
          Effect.orDie
        )
        const ask = yield* serve(app)
        assert.strictEqual((yield* ask("/text/1")).status, 200)
        yield* counted(1)
        yield* ask("/gated", { method: "HEAD" })
        yield* counted(2)

        const answer = yield* ask("/gated")
        const reader = (yield* ask("/endless")).body!.getReader()
        const failing = yield* ask("/fails")
        assert.isTrue(
          yield* Effect.promise(() =>
            failing.text().then(
              () => false,
              () => true
            )
          )
        )
        yield* counted(3)
        assert.strictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 2)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual((yield* Effect.promise(() => answer.arrayBuffer())).byteLength, 20)
        yield* counted(4)
        yield* Effect.promise(() => reader.read())
        yield* Effect.promise(() => reader.cancel())
        yield* counted(5)
        assert.deepStrictEqual(yield* lines(), [
          "GET /text/:n 200 success",
          "HEAD /gated 200 success",
          "GET /fails 200 failure",
          "GET /gated 200 success",
          "GET /endless 200 interrupt"
        ])
        assert.deepStrictEqual(yield* TestMetrics.gaugeValue("http.server.in_flight"), 0)
        assert.strictEqual((yield* inFlight()).length, 10)
      }).pipe(Effect.provide(TestMetrics.layer))
    )
  })
}

describe("a handler that asks another app", () => {
  it.live("is a request, and what it asks is one of its own", () =>
    Effect.gen(function* () {
      const inner = Effect.orDie(users)
      const outer = HttpRouter.empty.pipe(
        HttpRouter.get(
          "/outer",
          Effect.flatMap(webHandler(inner, measured), (ask) => Effect.map(ask("/users/1"), HttpServerResponse.fromWeb))
        )
      )
      const { ask } = yield* serving(HttpServer.serve(outer, measured))
      assert.strictEqual((yield* ask("/outer")).body, "hello")
      yield* counted(2)
      assert.deepStrictEqual(yield* lines(), ["GET /users/:id 200 success", "GET /outer 200 success"])
      assert.deepStrictEqual(yield* inFlight(), [1, 2, 1, 0])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})

/** As tracers have them: with fields that no other object may be asked for. */
class Made implements Tracer.Span {
  readonly _tag = "Span"
  readonly attributes = new Map<string, unknown>()
  readonly spanId = "s"
  readonly traceId = "t"
  readonly sampled = true
  readonly status: Tracer.SpanStatus = { _tag: "Started", startTime: 0n }
  readonly #events: Array<string> = []
  constructor(
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Context.Context<never>,
    readonly links: ReadonlyArray<Tracer.SpanLink>,
    readonly kind: Tracer.SpanKind
  ) {}
  get events(): ReadonlyArray<string> {
    return this.#events
  }
  end(): void {}
  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }
  event(name: string): void {
    this.#events.push(name)
  }
  addLinks(): void {}
}

describe("the span that tells the route", () => {
  it.live("is not seen: handlers have the server's own, children hang on that, and it gets the attributes", () =>
    Effect.gen(function* () {
      const made: Array<Made> = []
      const tracer = Tracer.make({
        context: (f) => f(),
        span: (name, parent, context, links, _start, kind) => {
          const span = new Made(name, parent, context, links, kind)
          made.push(span)
          return span
        }
      })
      const app = HttpRouter.empty.pipe(
        HttpRouter.get(
          "/users/:id",
          Effect.flatMap(Effect.currentSpan, (span) => {
            span.event("handled", 0n)
            return HttpServerResponse.json({ name: span.name, isMade: span instanceof Made }).pipe(
              Effect.withSpan("child")
            )
          })
        )
      )
      const { ask } = yield* serving(HttpServer.serve(app, measured)).pipe(Effect.withTracer(tracer))
      assert.strictEqual((yield* ask("/users/1")).body, '{"name":"http.server GET","isMade":true}')
      const [server, child] = made
      assert.strictEqual(server?.attributes.get("http.route"), "/users/:id")
      assert.deepStrictEqual(server?.events, ["handled"])
      assert.strictEqual(Option.getOrUndefined(child!.parent), server)
      yield* counted(1)
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("tells the route too where requests are not traced, and gives spans no parent there", () =>
    Effect.gen(function* () {
      const child = Effect.flatMap(Effect.currentSpan, ({ parent }) => HttpServerResponse.json(Option.isNone(parent)))
      const app = HttpRouter.empty.pipe(HttpRouter.get("/users/:id", Effect.withSpan(child, "child")))
      const untraced = HttpServer.serve(app, measured).pipe(HttpMiddleware.withTracerDisabledWhen(() => true))
      const { ask } = yield* serving(untraced)
      assert.strictEqual((yield* ask("/users/1")).body, "true")
      yield* counted(1)
      assert.deepStrictEqual(yield* lines(), ["GET /users/:id 200 success"])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )
})

describe("the hub", () => {
  it.live("is that of the server: one middleware may serve several", () =>
    Effect.gen(function* () {
      const ask = (times: number) =>
        Effect.gen(function* () {
          const client = yield* serving(HttpServer.serve(users, measured))
          yield* Effect.replicateEffect(client.ask("/users/1"), times)
          yield* counted(times)
          return yield* lines()
        }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
      const [one, two] = yield* Effect.all([ask(3), ask(5)], { concurrency: 2 })
      assert.deepStrictEqual([one.length, two.length], [3, 5])
    })
  )

  it.live("has its region's tags", () =>
    Effect.gen(function* () {
      const { ask } = yield* serving(HttpServer.serve(Effect.tagMetrics(measured(users), "region", "eu")))
      yield* ask("/users/1")
      yield* ask("/users/1")
      yield* counted(2)
      assert.deepStrictEqual(yield* lines("http.server.requests", ["region", "route"]), [
        "eu /users/:id",
        "eu /users/:id"
      ])
    }).pipe(Effect.scoped, Effect.provide(TestMetrics.layer))
  )

  it.live("may be missing, or take nothing: requests are answered all the same", () =>
    Effect.gen(function* () {
      const answered = Effect.scoped(
        Effect.flatMap(serving(HttpServer.serve(users, measured)), ({ ask }) => ask("/users/1"))
      )
      assert.strictEqual((yield* answered).status, 200)
      assert.strictEqual((yield* Effect.provide(answered, Metrics.layerNoop)).status, 200)
    })
  )
})
