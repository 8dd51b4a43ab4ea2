/** What a scraper gets of an app, over a real socket. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, LogLevel, Option, Redacted, TestClock } from "effect"
import { get, request, type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import { connect, type Socket } from "node:net"
import { gunzipSync } from "node:zlib"
import * as Metrics from "../../src/Metrics.js"
import type * as Sink from "../../src/Sink.js"
import * as RuntimeMetrics from "../../src/sources/RuntimeMetrics.js"
import { TestMetrics } from "../../src/testing/index.js"
import { listen } from "../../src/web/listen.js"
import * as Prometheus from "../../src/web/Prometheus.js"
import * as Handler from "../../src/web/prometheus/handler.js"
import { negotiate } from "../../src/web/prometheus/negotiate.js"
import { read } from "../encoding/prometheus.js"
import { readOpenMetrics } from "../encoding/openMetrics.js"

const requests = Metrics.counter("http.requests", { description: "Requests served.", tagKeys: ["route"] })
const memory = Metrics.gauge("memory", { unit: "By" })
const duration = Metrics.timer("http.duration")
const size = Metrics.distribution("upload.size", { unit: "By", boundaries: [100, 1000] })

const openMetrics = { accept: "application/openmetrics-text;version=1.0.0" }

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const bodyOf = (message: IncomingMessage): Promise<Buffer> =>
  message.toArray().then((chunks: ReadonlyArray<Buffer>) => Buffer.concat(chunks))

const ask = (url: string, headers: Record<string, string> = {}, method = "GET"): Effect.Effect<Answer> =>
  Effect.async((resume) => {
    const sent = request(url, { method, headers, agent: false }, (message) => {
      void bodyOf(message).then((body) =>
        resume(Effect.succeed({ status: message.statusCode ?? 0, headers: message.headers, body }))
      )
    })
    sent.on("error", (error) => resume(Effect.die(error)))
    sent.end()
    return Effect.sync(() => sent.destroy())
  })

const text = (url: string, headers: Record<string, string> = {}) =>
  Effect.map(ask(url, headers), ({ body }) => body.toString())

const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(
    ({ logLevel, message }) => void lines.push(`${logLevel.label} ${String(message)}`)
  )
  return {
    lines,
    layer: Layer.mergeAll(Logger.replace(Logger.defaultLogger, logger), Logger.minimumLogLevel(LogLevel.Info)),
    url: () => /http:\/\/\S+/.exec(lines.join("\n"))?.[0] ?? ""
  }
}

/** Runs it under the sink, with its address. */
const within = <A, E>(
  options: Prometheus.Options,
  use: (url: string, lines: ReadonlyArray<string>) => Effect.Effect<A, E>
) => {
  const log = logged()
  return Effect.suspend(() => use(log.url(), log.lines)).pipe(
    Effect.provide(Prometheus.layer({ port: 0, ...options })),
    Effect.provide(log.layer)
  )
}

const record = Effect.gen(function* () {
  yield* Metrics.incrementBy(requests, 3, { tags: { route: '/"a"\\\n' } })
  yield* Metrics.set(memory, 2.5)
  for (const seconds of [0.004, 0.3, 20]) yield* Metrics.record(duration, seconds)
  for (const bytes of [50, 500, 5000]) yield* Metrics.record(size, bytes)
})

const plain = [
  "# HELP http_requests_total Requests served.",
  "# TYPE http_requests_total counter",
  'http_requests_total{route="/\\"a\\"\\\\\\n"} 3',
  "# TYPE memory_bytes gauge",
  "memory_bytes 2.5",
  "# TYPE http_duration_seconds histogram",
  ...[
    [0.005, 1],
    [0.01, 1],
    [0.025, 1],
    [0.05, 1],
    [0.1, 1],
    [0.25, 1],
    [0.5, 2],
    [1, 2],
    [2.5, 2],
    [5, 2],
    [10, 2],
    ["+Inf", 3]
  ].map(([bound, count]) => `http_duration_seconds_bucket{le="${bound}"} ${count}`),
  "http_duration_seconds_sum 20.304",
  "http_duration_seconds_count 3",
  "# TYPE upload_size_bytes histogram",
  'upload_size_bytes_bucket{le="100"} 1',
  'upload_size_bytes_bucket{le="1000"} 2',
  'upload_size_bytes_bucket{le="+Inf"} 3',
  "upload_size_bytes_sum 5550",
  "upload_size_bytes_count 3",
  ""
].join("\n")

describe("Prometheus", () => {
  it.live("tells everything that was recorded, as it is then, and logs where", () =>
    within({}, (url, lines) =>
      Effect.gen(function* () {
        yield* record
        const { body, headers, status } = yield* ask(url)
        assert.strictEqual(status, 200)
        assert.strictEqual(body.toString(), plain)
        assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.strictEqual(headers["vary"], "accept, accept-encoding")
        yield* Metrics.increment(memory)
        assert.include(yield* text(url), "\nmemory_bytes 3.5\n")
        assert.deepStrictEqual(lines, [`INFO prometheus: ${url}`])
        assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
      })
    )
  )

  it.live("tells OpenMetrics since when each series is counted", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        const before = Date.now() / 1000
        yield* record
        const { body, headers } = yield* ask(url, openMetrics)
        assert.strictEqual(headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        const families = readOpenMetrics(body.toString())
        assert.deepStrictEqual(
          families.map(({ help, name, type, unit }) => [name, type, unit, help]),
          [
            ["http_requests", "counter", undefined, "Requests served."],
            ["memory_bytes", "gauge", "bytes", undefined],
            ["http_duration_seconds", "histogram", "seconds", undefined],
            ["upload_size_bytes", "histogram", "bytes", undefined]
          ]
        )
        for (const { samples, type } of families.filter(({ type }) => type !== "gauge")) {
          const created = samples.find(({ name }) => name.endsWith("_created"))!.value
          assert.isTrue(created >= before - 0.002 && created <= Date.now() / 1000, type)
        }
        assert.include(body.toString(), 'http_duration_seconds_bucket{le="1.0"} 2\n')
        // The numbers are those of the text.
        const numbers = (all: ReadonlyArray<{ readonly samples: ReadonlyArray<{ name: string; value: number }> }>) =>
          all.flatMap(({ samples }) => samples.flatMap(({ name, value }) => (name.endsWith("_created") ? [] : [value])))
        assert.sameMembers(numbers(families), numbers(read(plain)))
      })
    )
  )

  it.live("tells names as they are to who asks for that, where it may", () =>
    Effect.gen(function* () {
      const accept =
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2"
      const asked = (names: "negotiated" | undefined) =>
        within({ names }, (url) =>
          Effect.gen(function* () {
            yield* Metrics.increment(requests, { tags: { route: "/" } })
            return yield* ask(url, { accept })
          })
        )
      const both = [yield* asked(undefined), yield* asked("negotiated")]
      assert.deepStrictEqual(
        both.map(({ headers }) => headers["content-type"]?.split("; ").at(-1)),
        ["escaping=underscores", "escaping=allow-utf-8"]
      )
      assert.include(both[0]!.body.toString(), 'http_requests_total{route="/"} 1\n')
      assert.include(both[1]!.body.toString(), '# TYPE "http.requests" counter\n')
      assert.include(both[1]!.body.toString(), '{"http.requests_total",route="/"} 1\n')
    })
  )

  it("takes no weight that is none for one", () => {
    for (const weight of [".", "1.5", "", "x", "-1"]) {
      const accept = `text/plain;version=0.0.4;q=${weight},application/openmetrics-text;q=0.1`
      assert.strictEqual(negotiate(accept, "underscores").format, "openmetrics", weight)
    }
    for (const weight of [".5", "0.50", "1", "1.000"]) {
      const accept = `text/plain;version=0.0.4;q=0.3, application/openmetrics-text; version = "1.0.0" ; Q=${weight}`
      assert.strictEqual(negotiate(accept, "underscores").format, "openmetrics", weight)
    }
  })

  it.live("tells quantiles of the last values where it is asked to, but of what declares boundaries", () =>
    within({ distributions: "summary", quantiles: [0.5, 1, 0.5], window: 4 }, (url) =>
      Effect.gen(function* () {
        for (let i = 1; i <= 10; i++) yield* Metrics.record(duration, i)
        yield* Metrics.record(size, 1)
        const all = yield* text(url)
        assert.include(
          all,
          'http_duration_seconds{quantile="0.5"} 8\nhttp_duration_seconds{quantile="1"} 10\n' +
            "http_duration_seconds_sum 55\nhttp_duration_seconds_count 10\n"
        )
        assert.include(all, "# TYPE upload_size_bytes histogram\n")
        assert.include(yield* text(url, openMetrics), 'http_duration_seconds{quantile="1.0"} 10\n')
      })
    )
  )

  it.live("has the boundaries that it is given, for what declares none", () =>
    within({ boundaries: [1, 2] }, (url) =>
      Effect.gen(function* () {
        for (const seconds of [1, 1.5, 3]) yield* Metrics.record(duration, seconds)
        assert.include(
          yield* text(url),
          'bucket{le="1"} 1\nhttp_duration_seconds_bucket{le="2"} 2\nhttp_duration_seconds_bucket{le="+Inf"} 3\n'
        )
      })
    )
  )

  it.live("tells what may be stepped down as a gauge: a fall would be taken for a restart", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        const open = Metrics.counter("connections", { monotonic: false })
        yield* Metrics.incrementBy(open, 3)
        yield* Metrics.incrementBy(open, -5)
        assert.strictEqual(yield* text(url), "# TYPE connections gauge\nconnections -2\n")
      })
    )
  )

  it.live("leaves nothing out for its name, and keeps apart what is spelled alike", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        const names = ["a.b", "a_b", "a-b", "a_b_total", "#\n# TYPE x gauge", "日本", "1", "__name__", "a_b_created"]
        for (const name of names)
          yield* Metrics.increment(Metrics.counter(name), { tags: { le: "1", "a.b": "2", a_b: "3" } })
        yield* Metrics.record(Metrics.distribution("h"), 1, { tags: { le: "x" } })
        yield* Metrics.set(Metrics.gauge("h_created"), 1)
        const families = readOpenMetrics(yield* text(url, openMetrics))
        assert.lengthOf(families, names.length + 2)
        assert.strictEqual(families.filter(({ name }) => name === "a_b").length, 1)
        // They are called the same in both, and later, and when others come.
        const told = (all: ReturnType<typeof read>) => all.map(({ name }) => name.replace(/_total$/, ""))
        assert.deepStrictEqual(told(read(yield* text(url))), told(families))
        yield* Metrics.increment(Metrics.counter("another"))
        assert.deepStrictEqual(told(read(yield* text(url))), [...told(families), "another"])
      })
    )
  )

  it.live("adds up what Prometheus takes for one series", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        for (const route of ["\ud800", "\udbff", "\ufffd"]) yield* Metrics.increment(requests, { tags: { route } })
        yield* Metrics.increment(requests, { tags: { route: "" } })
        yield* Metrics.increment(requests)
        assert.include(yield* text(url), 'http_requests_total{route="\ufffd"} 3\nhttp_requests_total 2\n')
      })
    )
  )

  it.live("takes names, tags, levels and views as every sink does, and drops points", () =>
    within(
      {
        name: "prom",
        prefix: "app.",
        tags: { service: "shop" },
        levels: ["info"],
        view: ({ name, tags }) => Option.some({ name: name.toUpperCase(), tags })
      },
      (url) =>
        Effect.gen(function* () {
          yield* Metrics.increment(requests)
          yield* Metrics.increment(requests, { level: "info" })
          yield* Metrics.emit("order", { amount: 1 }, { level: "info" })
          assert.include(yield* text(url), 'app_HTTP_REQUESTS_total{service="shop"} 1\n')
          const [lane] = yield* Metrics.ledgers
          assert.strictEqual(lane!.name, "prom")
          assert.deepInclude(lane!.ledger, { recorded: 2, delivered: 1, dropped: { unsupported: 1 } })
        })
    )
  )

  it.live("compresses for who takes it", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        for (let i = 0; i < 50; i++) yield* Metrics.increment(requests, { tags: { route: `/${i}` } })
        const { body, headers } = yield* ask(url, { "accept-encoding": "gzip" })
        assert.strictEqual(headers["content-encoding"], "gzip")
        assert.strictEqual(gunzipSync(body).toString(), yield* text(url))
      })
    )
  )

  it.live("is read alone: by GET and HEAD, at its path, without a body, under own names", () =>
    within({ path: "/prom/metrics", hosts: ["proxy"] }, (url) =>
      Effect.gen(function* () {
        yield* Metrics.increment(requests)
        const [got, head] = [yield* ask(url), yield* ask(url, {}, "HEAD")]
        assert.deepStrictEqual([head.status, head.headers["content-length"]], [200, got.headers["content-length"]])
        assert.strictEqual(head.body.length, 0)
        const status = (path: string, headers: Record<string, string>, method: string) =>
          Effect.map(ask(new URL(path, url).href, headers, method), (answer) => answer.status)
        assert.strictEqual(yield* status("/prom/metrics?x=1", {}, "GET"), 200)
        assert.strictEqual(yield* status("/prom/metrics", {}, "POST"), 405)
        assert.strictEqual(yield* status("/prom/metrics", { "content-length": "1" }, "POST"), 413)
        for (const path of ["/", "/metrics", "/prom/metrics/", "/prom/%6detrics"]) {
          assert.strictEqual(yield* status(path, {}, "GET"), 404, path)
        }
        assert.strictEqual(yield* status("/prom/metrics", { host: "evil.example" }, "GET"), 421)
        for (const host of ["proxy", "localhost:1", "10.0.0.1"]) {
          assert.strictEqual(yield* status("/prom/metrics", { host }, "GET"), 200, host)
        }
      })
    )
  )

  it.live("is read by who has the token, or the name and password, whatever name it is asked for", () =>
    Effect.gen(function* () {
      const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
      const statuses = (options: Prometheus.Options, ...given: ReadonlyArray<string>) =>
        within(options, (url, lines) =>
          Effect.gen(function* () {
            const { headers, status } = yield* ask(url)
            assert.strictEqual(status, 401)
            const found: Array<number> = []
            for (const authorization of given) {
              found.push((yield* ask(url, { authorization, host: "shop.example" })).status)
            }
            assert.notInclude(lines.join("\n"), "s3cret")
            return [headers["www-authenticate"]?.split(" ")[0], ...found]
          })
        )
      assert.deepStrictEqual(
        yield* statuses(
          { token: Redacted.make("s3cret") },
          "Bearer s3cret",
          "bearer s3cret",
          "Bearer s3cre",
          basic("a:s3cret")
        ),
        ["Bearer", 200, 200, 401, 401]
      )
      const password = Redacted.make("s3crét:x")
      assert.deepStrictEqual(
        yield* statuses(
          { username: "ada", password },
          basic("ada:s3crét:x"),
          basic("ada:s3crét"),
          basic("eve:s3crét:x"),
          basic("ada:s3crét:x").replace("Basic", "Bearer")
        ),
        ["Basic", 200, 401, 401, 401]
      )
    })
  )

  it.live("has sources read at each scrape", () => {
    const log = logged()
    return Effect.suspend(() => Effect.map(text(log.url()), (all) => assert.match(all, /^runtime_cpu_\S+ \d/m))).pipe(
      Effect.provide(Layer.mergeAll(Prometheus.layer({ port: 0 }), RuntimeMetrics.layer({ groups: ["cpu"] }))),
      Effect.provide(log.layer)
    )
  })

  it.live("gives each of many scrapes at once a whole text of one moment, and goes on recording", () =>
    within({ maxSeries: 3000, tags: { padding: "x".repeat(100) } }, (url) =>
      Effect.gen(function* () {
        const twins = [Metrics.counter("first"), Metrics.counter("last")] as const
        for (let i = 0; i < 1000; i++) {
          yield* Metrics.increment(twins[0], { tags: { i: String(i) } })
          yield* Metrics.increment(twins[1], { tags: { i: String(i) } })
        }
        const recording = yield* Effect.fork(
          Effect.forever(
            Effect.zipRight(
              Metrics.increment(twins[0], { tags: { i: "0" } }),
              Effect.zipRight(Metrics.increment(twins[1], { tags: { i: "999" } }), Effect.yieldNow())
            )
          )
        )
        const all = yield* Effect.all(
          Array.from({ length: 12 }, (_, i) => text(url, i % 2 === 0 ? {} : openMetrics)),
          { concurrency: "unbounded" }
        )
        yield* Fiber.interrupt(recording)
        for (const one of all) {
          const families = one.endsWith("# EOF\n") ? readOpenMetrics(one) : read(one)
          const of = (name: string, i: string) =>
            families
              .flatMap(({ samples }) => samples)
              .find((sample) => sample.name === `${name}_total` && sample.labels.get("i") === i)!.value
          assert.strictEqual(
            families.flatMap(({ samples }) => samples).filter(({ name }) => name.endsWith("_total")).length,
            2000
          )
          // One is incremented right after the other.
          assert.isAtMost(of("first", "0") - of("last", "999"), 1)
          assert.isAtLeast(of("first", "0"), of("last", "999"))
        }
      })
    )
  )

  it.scopedLive("holds answers of a bounded size for who reads slowly, and none for who has gone", () =>
    Effect.gen(function* () {
      const large = new Uint8Array(30_000_000).fill(10)
      const access = { scheme: "bearer", secret: undefined } as const
      const made = yield* Handler.make(() => Effect.succeed(large), { quantiles: [], names: "underscores", access })
      const { port, url } = yield* listen(made.handler, {
        host: "127.0.0.1",
        port: 0,
        maxConnections: 10,
        shutdownTimeout: 0
      })
      const slow = Effect.async<Socket>((resume) => {
        const socket = connect(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"))
        socket.on("error", () => undefined)
        socket.once("readable", () => resume(Effect.succeed(socket)))
      })
      const sockets = [yield* slow, yield* slow]
      const full = yield* ask(url)
      assert.deepStrictEqual([full.status, full.headers["retry-after"]], [503, "1"])
      sockets[0]!.destroy()
      const { body } = yield* Effect.repeat(ask(url), { until: ({ status }) => status === 200 })
      assert.strictEqual(body.length, large.length)
      sockets[1]!.destroy()
    })
  )

  it.effect("forgets what was silent for so long, and counts it as delivered", () =>
    Effect.gen(function* () {
      const { expose } = yield* Prometheus.Exposer
      const told = Effect.map(expose(), ({ body }) => new TextDecoder().decode(body))
      const handle = yield* Metrics.bind(requests, { route: "/b" })
      yield* Metrics.increment(requests, { tags: { route: "/a" } })
      yield* Metrics.increment(memory)
      handle.increment()
      assert.include(yield* told, 'route="/a"')
      yield* TestClock.adjust("40 seconds")
      yield* Metrics.increment(requests, { tags: { route: "/a" } })
      assert.include(yield* told, 'route="/b"')
      yield* TestClock.adjust("40 seconds")
      const left = yield* told
      assert.include(left, 'http_requests_total{route="/a"} 2')
      assert.notInclude(left, "/b")
      // What came about by steps is not forgotten while it is off zero.
      assert.include(left, "memory_bytes 1")
      handle.increment()
      yield* Metrics.increment(requests, { tags: { route: "/b" } })
      assert.include(yield* told, 'http_requests_total{route="/b"} 2')
      const [lane] = yield* Metrics.ledgers
      assert.deepInclude(lane!.ledger, { recorded: 6, delivered: 6, dropped: {} })
    }).pipe(Effect.provide(Prometheus.layerHandler({ expireAfter: "1 minute" })))
  )

  it.scopedLive("is a route of the app's own server", () =>
    Effect.gen(function* () {
      const app = HttpRouter.empty.pipe(
        HttpRouter.get(
          "/",
          Effect.as(Metrics.increment(requests, { tags: { route: "/" } }), HttpServerResponse.empty())
        ),
        HttpRouter.get("/metrics", Prometheus.handler)
      )
      const context = yield* Layer.build(
        HttpServer.serve(app).pipe(
          Layer.provide(Prometheus.layerHandler({ token: Redacted.make("t") })),
          Layer.provideMerge(NodeHttpServer.layerTest)
        )
      )
      const client = Context.get(context, HttpClient.HttpClient)
      yield* client.get("/")
      assert.strictEqual((yield* client.get("/metrics")).status, 401)
      const answer = yield* client.get("/metrics", { headers: { authorization: "Bearer t", ...openMetrics } })
      assert.include(yield* answer.text, 'http_requests_total{route="/"} 1\n')
    })
  )

  it.live("is a text for any other server", () =>
    Effect.gen(function* () {
      yield* Metrics.increment(requests)
      const { expose } = yield* Prometheus.Exposer
      const { body, contentType } = yield* expose("application/openmetrics-text")
      assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/)
      assert.isTrue(new TextDecoder().decode(body).endsWith("# EOF\n"))
    }).pipe(Effect.provide(Prometheus.layerHandler()))
  )

  it.live("has nothing to tell in tests and where it is turned off", () =>
    Effect.gen(function* () {
      const nothing = Effect.flatMap(Prometheus.Exposer, ({ expose }) => expose(openMetrics.accept))
      const inTests = yield* nothing.pipe(Effect.provide(Prometheus.layerHandler()), Effect.provide(TestMetrics.layer))
      const off = yield* nothing.pipe(Effect.provide(Prometheus.layerHandler({ enabled: false, window: -1 })))
      for (const { body } of [inTests, off]) assert.strictEqual(new TextDecoder().decode(body), "# EOF\n")
    })
  )

  it.live("ends with its scope", () =>
    Effect.gen(function* () {
      const url = yield* within({}, (url) => Effect.as(ask(url), url))
      const gone = yield* Effect.async<string>((resume) => {
        get(url, () => resume(Effect.succeed("answered"))).on("error", (error) =>
          resume(Effect.succeed("code" in error ? String(error.code) : error.message))
        )
      })
      assert.strictEqual(gone, "ECONNREFUSED")
    })
  )

  it.live("says what is wrong with an option, or with the port, when it is built", () =>
    Effect.gen(function* () {
      const failure = (options: Prometheus.Options) => Effect.flip(within(options, () => Effect.void))
      const bad: ReadonlyArray<readonly [option: string, Prometheus.Options]> = [
        ["port", { port: 65_536 }],
        ["path", { path: "metrics" }],
        ["token", { host: "0.0.0.0" }],
        ["token", { token: Redacted.make("a b") }],
        ["token", { token: Redacted.make("a"), username: "a", password: Redacted.make("b") }],
        ["username", { username: "a:b", password: Redacted.make("b") }],
        ["username", { password: Redacted.make("b") }],
        ["password", { username: "a" }],
        ["boundaries", { boundaries: [2, 1] }],
        ["boundaries", { boundaries: [1, Infinity] }],
        ["boundaries", { boundaries: [] }],
        ["quantiles", { quantiles: [2] }],
        ["window", { distributions: "summary", window: 0 }],
        ["shutdownTimeout", { shutdownTimeout: -1 }],
        ["expireAfter", { expireAfter: -1 }],
        // What a program without types may give.
        ["names", { names: "dots" as "underscores" }],
        ["distributions", { distributions: "native" as "summary" }],
        ["quantiles", JSON.parse('{ "quantiles": 0.5 }') as Prometheus.Options]
      ]
      for (const [option, options] of bad) {
        const error = yield* failure(options)
        assert.strictEqual((error as Sink.InvalidOption).option, option)
      }
      const taken = yield* within({}, (url) => failure({ port: Number(new URL(url).port) }))
      assert.strictEqual(taken._tag, "WebError")
      assert.match(taken.message, /^port \d+ of 127\.0\.0\.1 is in use \(EADDRINUSE\)/)
    })
  )
})
