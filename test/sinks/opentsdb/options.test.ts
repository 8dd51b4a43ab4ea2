import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Logger, Redacted } from "effect"
import * as Metrics from "../../../src/Metrics.js"
import * as OpenTsdb from "../../../src/sinks/OpenTsdb.js"
import { TestMetrics } from "../../../src/testing/index.js"
import { until } from "./harness.js"
import { serve } from "./server.js"

const hits = Metrics.counter("hits")

/** What building the layer ends with. */
const refusalOf = <E extends { readonly option: string; readonly value: string }>(
  layer: Layer.Layer<Metrics.Metrics, E>
) =>
  Effect.map(Effect.either(Effect.scoped(Layer.build(layer))), (result) =>
    result._tag === "Right" ? "none" : `${result.left.option}: ${result.left.value}`
  )

const pem = "-----BEGIN CERTIFICATE-----"

// What callers without types can give, as well.
const common: ReadonlyArray<readonly [options: Record<string, unknown>, refusal: RegExp]> = [
  [{ resolution: "us" }, /^resolution: "us"/],
  [{ duplicates: "first" }, /^duplicates: "first"/],
  [{ counters: "rate" }, /^counters: "rate"/],
  [{ maxTags: 0 }, /^maxTags: 0/],
  [{ maxTags: 1.5 }, /^maxTags: 1.5/],
  [{ sanitise: "" }, /^sanitise: ""/],
  [{ sanitise: " " }, /^sanitise: " "/],
  [{ sanitise: "\n" }, /^sanitise: /],
  [{ sanitise: "é" }, /^sanitise: /],
  [{ sanitise: 1 }, /^sanitise: 1/],
  [{ quantiles: [2] }, /^quantiles: 2$/],
  [{ quantiles: "0.5" }, /^quantiles: /],
  [{ batchSize: 0 }, /^batchSize: 0/]
]

describe("options of OpenTsdb over TCP", () => {
  const wrong: typeof common = [
    ...common,
    [{ host: "" }, /^host: ""/],
    [{ host: undefined }, /^host: undefined/],
    [{ host: "http://host" }, /^host: /],
    [{ host: "host:4242" }, /^host: /],
    [{ host: "a b" }, /^host: /],
    [{ host: "cafe:4242" }, /^host: "cafe:4242"/],
    [{ host: "ada:canary@host" }, /^host: the text given/],
    [{ tls: "yes" }, /^tls: "yes"/],
    [{ tls: { ca: "file.pem" } }, /^tls.ca: /],
    [{ tls: { cert: pem } }, /^tls.key: undefined/],
    [{ tls: { cert: pem, key: pem } }, /^tls.key: the text given/],
    [{ tls: { cert: pem, key: Redacted.make("canary") } }, /^tls.key: the text given/],
    [{ tls: { servername: 1 } }, /^tls.servername: 1/],
    [{ port: 0 }, /^port: 0/],
    [{ port: 70_000 }, /^port: 70000/],
    [{ port: "4242" }, /^port: "4242"/],
    [{ acknowledge: "stored" }, /^acknowledge: "stored"/]
  ]
  for (const [options, refusal] of wrong) {
    it.effect(`refuse ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        assert.match(yield* refusalOf(OpenTsdb.layer({ host: "localhost", ...options })), refusal)
      })
    )
  }

  it.effect("are taken where they make sense", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "10.0.0.1", "::1", "fe80::1%eth0", "tsd.example.org", "tsd_1"]) {
        assert.strictEqual(yield* refusalOf(OpenTsdb.layer({ host })), "none")
      }
      const layer = OpenTsdb.layer({
        host: "h",
        port: 1,
        tls: { ca: pem, cert: pem, key: Redacted.make(pem), servername: "tsd" },
        sanitise: "-",
        maxTags: 16,
        quantiles: [],
        duplicates: "last"
      })
      assert.strictEqual(yield* refusalOf(layer), "none")
    })
  )

  it.scopedLive("can come from a configuration", () =>
    Effect.gen(function* () {
      const tsd = yield* serve
      const layer = OpenTsdb.layerConfig({
        host: Config.string("HOST"),
        port: Config.port("PORT"),
        hostTag: Config.succeed("none" as const),
        tags: Config.succeed({ host: "h" })
      })
      const provider = ConfigProvider.fromMap(
        new Map([
          ["HOST", "127.0.0.1"],
          ["PORT", String(tsd.port)]
        ])
      )
      yield* Metrics.increment(hits).pipe(Effect.provide(layer), Effect.withConfigProvider(provider))
      yield* until(() => tsd.stored.length === 1)
      const missing = yield* Effect.either(Effect.provide(Metrics.increment(hits), layer))
      assert.strictEqual(missing._tag, "Left")
    })
  )

  it.effect("are not asked for inside TestMetrics", () =>
    Effect.gen(function* () {
      yield* Effect.provide(Metrics.increment(hits), OpenTsdb.layer({ host: "no host" }))
      assert.strictEqual(yield* TestMetrics.counterValue(hits), 1)
    }).pipe(Effect.provide(TestMetrics.layer))
  )
})

describe("options of OpenTsdb over HTTP", () => {
  const wrong: typeof common = [
    ...common,
    [{ url: "localhost:4242" }, /^url: /],
    [{ url: "ftp://host" }, /^url: /],
    [{ url: "http://u:canary@host" }, /^url: http:\/\/host\/$/],
    [{ url: "http://host/?t=canary" }, /^url: http:\/\/host\/$/],
    [{ gzip: -1 }, /^gzip: -1/],
    [{ acknowledge: "version" }, /^acknowledge: "version"/],
    [{ username: "u" }, /^password: undefined/],
    [{ password: Redacted.make("canary") }, /^username: undefined/],
    [{ username: "a:b", password: Redacted.make("canary") }, /^username: "a:b"/],
    [{ headers: { "a b": "x" } }, /^headers: "a b"/],
    [{ headers: { a: Redacted.make("canary\n") } }, /^headers.a: the text given/]
  ]
  for (const [options, refusal] of wrong) {
    it.effect(`refuse ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const refused = yield* refusalOf(OpenTsdb.layerHttpFetch({ url: "http://localhost:4242", ...options }))
        assert.match(refused, refusal)
        assert.notMatch(refused, /canary/)
      })
    )
  }

  it.scopedLive("ask the server for an answer of its storage before the request times out, or at some time", () =>
    Effect.gen(function* () {
      for (const [requestTimeout, sync] of [
        ["5 seconds", 4500],
        ["Infinity", 1_932_735_282]
      ] as const) {
        const { asked, url } = yield* serve
        yield* OpenTsdb.checkHttp({
          url,
          acknowledge: "stored",
          requestTimeout: requestTimeout === "Infinity" ? Infinity : requestTimeout
        }).pipe(Effect.provide(FetchHttpClient.layer))
        assert.match(asked[0]!.url, new RegExp(`&sync_timeout=${sync}$`))
      }
    })
  )

  it.scopedLive("keep the address's path, and take the endpoint's own as well", () =>
    Effect.gen(function* () {
      const { asked, behaviour, url } = yield* serve
      behaviour.answers = (_, response) => {
        response.writeHead(204).end()
        return true
      }
      for (const path of ["", "/", "/tsd", "/tsd/", "/tsd/api/put"]) {
        yield* OpenTsdb.checkHttp({ url: `${url}${path}` }).pipe(Effect.provide(FetchHttpClient.layer))
      }
      const paths = ["/api/put", "/api/put", "/tsd/api/put", "/tsd/api/put", "/tsd/api/put"]
      assert.deepStrictEqual(
        asked.map(({ url }) => url),
        paths.map((path) => `${path}?details`)
      )
    })
  )

  it.scopedLive("can come from a configuration", () =>
    Effect.gen(function* () {
      const { stored, url } = yield* serve
      const layer = OpenTsdb.layerHttpConfig({ url: Config.string("TSD_URL") }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const provider = ConfigProvider.fromMap(new Map([["TSD_URL", url]]))
      yield* Metrics.increment(hits).pipe(Effect.provide(layer), Effect.withConfigProvider(provider))
      assert.lengthOf(stored, 1)
    })
  )

  it.effect("that send credentials in clear over a network are warned of", () =>
    Effect.gen(function* () {
      const warned: Array<string> = []
      const logger = Logger.make(({ message }) => void warned.push(String(message)))
      const build = (url: string) =>
        refusalOf(OpenTsdb.layerHttpFetch({ url, username: "u", password: Redacted.make("p") })).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
      for (const safe of ["http://localhost", "http://127.0.0.1:4242", "http://[::1]", "https://far"])
        yield* build(safe)
      assert.deepStrictEqual(warned, [])
      yield* build("http://far")
      assert.match(warned.join(), /in clear/)
    })
  )
})
