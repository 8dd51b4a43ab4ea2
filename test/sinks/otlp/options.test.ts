import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import * as Metrics from "../../../src/Metrics.js"
import * as Otlp from "../../../src/sinks/Otlp.js"
import { fromEnvironment } from "../../../src/sinks/otlp/environment.js"
import { resolveTarget } from "../../../src/sinks/otlp/options.js"
import { attributesOf } from "../../encoding/otlp.js"
import { serve, status } from "../../transport/server.js"
import { requestOf } from "./harness.js"

const url = "http://localhost:4318"

/** What building the layer ends with. */
const built = <E>(layer: Layer.Layer<Metrics.Metrics, E>) => Effect.either(Effect.scoped(Layer.build(layer)))

describe("options of Otlp", () => {
  // What callers without types can give, as well.
  const wrong: ReadonlyArray<readonly [options: Record<string, unknown>, refusal: RegExp]> = [
    [{ url: "localhost:4318" }, /^url: /],
    [{ url: "" }, /^url: /],
    [{ url: "http://user:canary@host" }, /^url: http:\/\/host\/$/],
    [{ url: "http://host/?key=canary" }, /^url: http:\/\/host\/$/],
    [{ path: "v1/metrics" }, /^path: "v1\/metrics"/],
    [{ path: "/v1?x=1" }, /^path: /],
    [{ format: "grpc" }, /^format: "grpc"/],
    [{ temporality: "lowmemory" }, /^temporality: "lowmemory"/],
    [{ histograms: "none" }, /^histograms: "none"/],
    [{ names: "loose" }, /^names: "loose"/],
    [{ boundaries: [] }, /^boundaries: \[\]/],
    [{ boundaries: [1, 1] }, /^boundaries: \[1,1\]/],
    [{ boundaries: [1, NaN] }, /^boundaries: /],
    [{ resource: { a: { b: 1 } } }, /^resource\.a: /],
    [{ resource: { a: Infinity } }, /^resource\.a: Infinity/],
    [{ resource: { "": "x" } }, /^resource\.: "x"/],
    [{ scope: { name: 5 } }, /^scope: /],
    [{ gzip: -1 }, /^gzip: -1/],
    [{ headers: { a: Redacted.make("canary\n") } }, /^headers.a: the text given/],
    [{ batchSize: 0 }, /^batchSize: 0/]
  ]
  for (const [options, refusal] of wrong) {
    it.effect(`refuse ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const result = yield* built(Otlp.layerFetch({ url, ...options }))
        const said = result._tag === "Right" ? "none" : `${result.left.option}: ${result.left.value}`
        assert.match(said, refusal)
        assert.notMatch(said, /canary/)
      })
    )
  }

  it.effect("come to an address", () =>
    Effect.gen(function* () {
      const addressOf = (options: Otlp.Options) => Effect.map(resolveTarget(options), ({ url }) => url)
      for (const path of ["", "/", "/v1/metrics", "/v1/metrics/"]) {
        assert.strictEqual(yield* addressOf({ url: url + path }), `${url}/v1/metrics`)
      }
      assert.strictEqual(yield* addressOf({ url: `${url}/api/v1/otlp` }), `${url}/api/v1/otlp/v1/metrics`)
      assert.strictEqual(yield* addressOf({ url, path: "/" }), `${url}/`)
    })
  )

  it.effect("have bounds by unit", () =>
    Effect.gen(function* () {
      const usual = yield* resolveTarget({ url })
      assert.deepStrictEqual([usual.boundaries("s")[0], usual.boundaries(undefined)[1]], [0.005, 5])
      const own = yield* resolveTarget({ url, boundaries: [1, 2] })
      assert.deepStrictEqual(own.boundaries("s"), [1, 2])
    })
  )

  it.effect("tell two processes apart", () =>
    Effect.gen(function* () {
      const idOf = Effect.map(resolveTarget({ url }), ({ resource }) => new Map(resource).get("service.instance.id"))
      assert.notStrictEqual(yield* idOf, yield* idOf)
    })
  )
})

const withVariables = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const environment = (variables: Readonly<Record<string, string>>, overrides: Partial<Otlp.Options> = {}) =>
  fromEnvironment(overrides).pipe(withVariables(variables))

describe("the environment of Otlp", () => {
  it.effect("has the specification's defaults", () =>
    Effect.gen(function* () {
      const { schedule, ...options } = (yield* environment({ OTEL_EXPORTER_OTLP_ENDPOINT: " " }))!
      assert.isDefined(schedule)
      assert.deepStrictEqual(options, {
        url,
        format: undefined,
        headers: {},
        gzip: Infinity,
        requestTimeout: 10_000,
        temporality: undefined,
        histograms: undefined,
        resource: {}
      })
    })
  )

  it.effect("is read, and what is for metrics alone wins", () =>
    Effect.gen(function* () {
      const variables = {
        OTEL_EXPORTER_OTLP_ENDPOINT: "https://all.example.org/x",
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%2Cb%20c, x = y;p=1,",
        OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
        OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "500",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "Delta",
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: "explicit_bucket_histogram",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=from-attributes,team=a%3Db,empty=",
        OTEL_SERVICE_NAME: "shop"
      }
      const options = (yield* environment(variables, { resource: { team: "own" }, batchSize: 7 }))!
      const { headers, schedule: _, ...others } = options
      assert.deepStrictEqual(others, {
        url: "https://all.example.org/x",
        format: "json",
        gzip: 0,
        requestTimeout: 500,
        temporality: "delta",
        histograms: "explicit",
        batchSize: 7,
        resource: { "service.name": "shop", team: "own", empty: "" }
      })
      // All of them are.
      const secrets = Object.entries(headers!).map(([key, value]) => [key, Redacted.value(value as Redacted.Redacted)])
      assert.deepStrictEqual(secrets, [
        ["api-key", "a,b c"],
        ["x", "y"]
      ])
      const own = (yield* environment({ ...variables, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "HTTP://M.example.org" }))!
      assert.deepStrictEqual([own.url, own.path], ["http://m.example.org", "/"])
      const given = (yield* environment(variables, { url, format: "protobuf", headers: {}, gzip: 5 }))!
      assert.deepStrictEqual([given.url, given.format, given.headers, given.gzip], [url, "protobuf", {}, 5])
    })
  )

  it.effect("turns it off", () =>
    Effect.gen(function* () {
      const bad = { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }
      assert.isUndefined(yield* environment({ OTEL_SDK_DISABLED: "TRUE", ...bad }))
      assert.isUndefined(yield* environment({ OTEL_METRICS_EXPORTER: "none", ...bad }))
      assert.isUndefined(yield* environment({ OTEL_METRICS_EXPORTER: "prometheus", ...bad }))
      assert.isUndefined(yield* environment(bad, { enabled: false }))
      assert.isDefined(yield* environment({ OTEL_METRICS_EXPORTER: "prometheus, otlp" }))
      assert.isDefined(yield* environment({ OTEL_SDK_DISABLED: "true" }, { enabled: true }))
    })
  )

  const wrong: ReadonlyArray<readonly [name: string, value: string, message: RegExp]> = [
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", /http\/protobuf, http\/json.*gRPC is not spoken here/],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", /gzip, none/],
    ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "10s", /milliseconds/],
    ["OTEL_EXPORTER_OTLP_HEADERS", "canary", /key=value/],
    ["OTEL_EXPORTER_OTLP_HEADERS", "k=%canary", /percent-encoded value of k/],
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both", /cumulative, delta, lowmemory/],
    ["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "drop", /explicit_bucket_histogram/],
    ["OTEL_METRIC_EXPORT_INTERVAL", "0", /milliseconds/],
    ["OTEL_RESOURCE_ATTRIBUTES", "=x", /key=value/],
    ["OTEL_SDK_DISABLED", "maybe", /true, false/]
  ]
  for (const [name, value, message] of wrong) {
    it.effect(`refuses ${name}=${value}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(environment({ [name]: value }))
        assert.match(String(error), new RegExp(name))
        assert.match(String(error), message)
        assert.notMatch(String(error), /canary/)
      })
    )
  }

  it.scopedLive("makes a sink, as a configuration does", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(200))
      const one = Metrics.increment(Metrics.counter("hits"))
      yield* one.pipe(
        Effect.provide(Otlp.layerEnv({ batchSize: 10 })),
        withVariables({
          OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${server.url}/own`,
          OTEL_EXPORTER_OTLP_HEADERS: "api-key=k",
          OTEL_SERVICE_NAME: "shop"
        }),
        Effect.provide(FetchHttpClient.layer)
      )
      yield* one.pipe(
        Effect.provide(
          Otlp.layerConfig({ url: Config.string("METRICS_URL"), format: Config.succeed("json" as const) })
        ),
        withVariables({ METRICS_URL: server.url }),
        Effect.provide(FetchHttpClient.layer)
      )
      const [first, second] = server.asked
      assert.deepStrictEqual([first!.url, first!.headers["api-key"], second!.url], ["/own", "k", "/v1/metrics"])
      const { attributes } = requestOf(first!).resourceMetrics[0]!.resource
      assert.strictEqual(attributesOf(attributes)["service.name"], "shop")
      yield* one.pipe(
        Effect.provide(Otlp.layerEnv()),
        withVariables({ OTEL_SDK_DISABLED: "true" }),
        Effect.provide(FetchHttpClient.layer)
      )
      assert.lengthOf(server.asked, 2)
    })
  )
})
