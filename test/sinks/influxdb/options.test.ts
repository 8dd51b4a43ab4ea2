import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import type { Effect as EffectType } from "effect"
import { Config, ConfigProvider, Effect, Layer, Logger, Redacted } from "effect"
import * as Metrics from "../../../src/Metrics.js"
import * as InfluxDb from "../../../src/sinks/InfluxDb.js"
import { TestMetrics } from "../../../src/testing/index.js"
import { serve, status } from "../../transport/server.js"

const url = "http://localhost:8086"
const hits = Metrics.counter("hits")

/** What building the layer ends with. */
const built = <E>(layer: Layer.Layer<Metrics.Metrics, E>) => Effect.either(Effect.scoped(Layer.build(layer)))

const refusalOf = (options: Partial<InfluxDb.Options>) =>
  Effect.gen(function* () {
    const result = yield* built(InfluxDb.layerFetch({ url, database: "app", ...options }))
    if (result._tag === "Right") return "none"
    return `${result.left.option}: ${result.left.value}`
  })

describe("options of InfluxDb", () => {
  // What callers without types can give, as well.
  const wrong: ReadonlyArray<readonly [options: Record<string, unknown>, refusal: RegExp]> = [
    [{ url: "file:///etc/passwd" }, /^url: file:/],
    [{ url: "localhost:8086" }, /^url: /],
    [{ url: "not an address" }, /^url: /],
    [{ url: "" }, /^url: /],
    [{ url: "http://host:70000" }, /^url: /],
    [{ url: "http://host:0" }, /^url: /],
    [{ url: "http://user:canary@host" }, /^url: http:\/\/host\/$/],
    [{ url: "http://host/write?u=a&p=canary" }, /^url: http:\/\/host\/write$/],
    [{ url: "http://host/#canary" }, /^url: http:\/\/host\/$/],
    [{ version: 4 }, /^version: 4/],
    [{ precision: "m" }, /^precision: "m"/],
    [{ consistency: "most" }, /^consistency: "most"/],
    [{ uint: "yes" }, /^uint: "yes"/],
    [{ database: undefined }, /^database: nothing/],
    [{ database: "" }, /^database: ""/],
    [{ database: "a\nb" }, /^database: /],
    [{ bucket: "b" }, /^bucket: /],
    [{ version: 2 }, /^database: /],
    [{ version: 2, database: undefined }, /^bucket: nothing/],
    [{ version: 2, database: undefined, bucket: "b", retentionPolicy: "r" }, /^retentionPolicy: /],
    [{ version: 3, org: "o" }, /^org: /],
    [{ version: 3, createDatabase: true }, /^createDatabase: /],
    [{ gzip: -1 }, /^gzip: -1/],
    [{ gzip: NaN }, /^gzip: /],
    [{ quantiles: [0.5, 99] }, /^quantiles: 99/],
    [{ headers: { "a b": "x" } }, /^headers: "a b"/],
    [{ headers: { a: "canary\r\nb: c" } }, /^headers.a: the text given/],
    [{ headers: { a: Redacted.make("canary\n") } }, /^headers.a: the text given/],
    [{ token: Redacted.make("canary\r\nx") }, /^token: <redacted>/],
    [{ token: Redacted.make("") }, /^token: <redacted>/],
    [{ token: Redacted.make("t"), username: "u", password: Redacted.make("p") }, /^token: <redacted>/],
    [{ username: "u" }, /^password: undefined/],
    [{ password: Redacted.make("p") }, /^username: undefined/],
    [{ username: "a:b", password: Redacted.make("p") }, /^username: "a:b"/],
    [{ batchSize: 0 }, /^batchSize: 0/]
  ]
  for (const [options, refusal] of wrong) {
    it.effect(`refuse ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const refused = yield* refusalOf(options)
        assert.match(refused, refusal)
        assert.notMatch(refused, /canary/)
      })
    )
  }

  it.effect("are taken where they make sense", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusalOf({ url: new URL("https://host:1/influx") }), "none")
      assert.strictEqual(yield* refusalOf({ gzip: 0, quantiles: [], uint: "supported", consistency: "any" }), "none")
      assert.strictEqual(yield* refusalOf({ database: () => "x", token: Effect.succeed(Redacted.make("t")) }), "none")
    })
  )

  it.effect("that send credentials in clear over a network are warned of", () =>
    Effect.gen(function* () {
      const warned: Array<string> = []
      const logger = Logger.make(({ message }) => void warned.push(String(message)))
      const build = (url: string) =>
        built(InfluxDb.layerFetch({ url, database: "app", username: "u", password: Redacted.make("p") })).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
      for (const safe of ["http://localhost", "http://127.0.0.1:8086", "http://[::1]", "https://far"])
        yield* build(safe)
      assert.deepStrictEqual(warned, [])
      yield* build("http://far")
      assert.match(warned.join(), /in clear/)
    })
  )
})

const environment = (variables: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

/** The first request of an app that takes its settings from there, and how the layer ended. */
const asked = (
  variables: Readonly<Record<string, string>>,
  overrides: Partial<InfluxDb.Options> = {},
  program: EffectType.Effect<unknown> = Metrics.increment(hits)
) =>
  Effect.gen(function* () {
    const server = yield* serve(status(204))
    const { hostname, port } = new URL(server.url)
    const layer = InfluxDb.layerEnv(overrides).pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(
        environment({ INFLUXDB_HOST: hostname, INFLUXDB_PORT: port, INFLUXDB_DATABASE: "app", ...variables })
      )
    )
    yield* program.pipe(Effect.provide(layer))
    return server.asked
  })

describe("layerEnv", () => {
  it.scopedLive("writes where and how the variables say", () =>
    Effect.gen(function* () {
      const variables = { INFLUXDB_USER: "u", INFLUXDB_PASSWORD: "p", ENVIRONMENT: "dev" }
      const [request] = yield* asked(variables)
      assert.strictEqual(request!.url, "/write?db=app&precision=ns")
      assert.strictEqual(request!.headers["authorization"], "Basic dTpw")
      assert.match(request!.body, /^hits,environment=dev,hostname=[^, ]+ value=1 /)
    })
  )

  it.scopedLive("needs both user and password, and takes empty ones for none", () =>
    Effect.gen(function* () {
      for (const variables of [
        { INFLUXDB_USER: "u" },
        { INFLUXDB_PASSWORD: "p" },
        { INFLUXDB_USER: "u", INFLUXDB_PASSWORD: "" }
      ]) {
        const [request] = yield* asked(variables)
        assert.isUndefined(request!.headers["authorization"])
      }
    })
  )

  it.scopedLive("is off by any of the words for it, and then asks for nothing else", () =>
    Effect.gen(function* () {
      for (const word of ["false", "False", "0", "no", "off", ""]) {
        assert.lengthOf(yield* asked({ INFLUXDB_ENABLED: word, INFLUXDB_DATABASE: "", INFLUXDB_PORT: "?" }), 0)
      }
      for (const word of ["true", "True", "1", "yes", "ON"])
        assert.lengthOf(yield* asked({ INFLUXDB_ENABLED: word }), 1)
      assert.lengthOf(yield* asked({ INFLUXDB_ENABLED: "true" }, { enabled: false }), 0)
      assert.lengthOf(yield* asked({ INFLUXDB_ENABLED: "false" }, { enabled: true }), 1)
    })
  )

  it.scopedLive("tags with the host name unless told not to", () =>
    Effect.gen(function* () {
      const [request] = yield* asked({ INFLUXDB_TAG_HOSTNAME: "false" }, { tags: { service: "s" } })
      assert.match(request!.body, /^hits,service=s value=1 /)
    })
  )

  it.scopedLive("honours batch size, buffer size and sample probability", () =>
    Effect.gen(function* () {
      const points = Effect.repeatN(Metrics.emit("p", { v: 1 }), 99)
      const batches = yield* asked({ INFLUXDB_MAX_BATCH_SIZE: "25" }, {}, points)
      assert.deepStrictEqual(
        batches.map(({ body }) => body.split("\n").length),
        [25, 25, 25, 25]
      )
      const kept = yield* asked({ INFLUXDB_MAX_BUFFER_SIZE: "3" }, {}, points)
      // A full buffer is written at once, so what is lost depends on how fast the server is; what is held does not.
      const held = kept.map(({ body }) => body.split("\n").length)
      assert.strictEqual(Math.max(...held), 3)
      assert.lengthOf(yield* asked({ INFLUXDB_SAMPLE_PROBABILITY: "0" }, {}, points), 0)
    })
  )

  it.scopedLive("lets what is given win", () =>
    Effect.gen(function* () {
      const variables = {
        INFLUXDB_USER: "u",
        INFLUXDB_PASSWORD: "p",
        INFLUXDB_MAX_BATCH_SIZE: "nonsense",
        ENVIRONMENT: "dev"
      }
      const overrides = {
        batchSize: 10,
        database: "other",
        token: Redacted.make("t"),
        precision: "ms",
        tags: { environment: "live" },
        hostTag: "none"
      } as const
      const [request] = yield* asked(variables, overrides)
      assert.strictEqual(request!.url, "/write?db=other&precision=ms")
      assert.strictEqual(request!.headers["authorization"], "Bearer t")
      assert.match(request!.body, /^hits,environment=live value=1 /)
    })
  )

  const wrong: ReadonlyArray<readonly [name: string, value: string]> = [
    ["INFLUXDB_SCHEME", "ftp"],
    ["INFLUXDB_HOST", "http://host"],
    ["INFLUXDB_HOST", "user:pw@host"],
    ["INFLUXDB_PORT", "0"],
    ["INFLUXDB_PORT", "8086x"],
    ["INFLUXDB_ENABLED", "maybe"],
    ["INFLUXDB_INTERVAL", "0"],
    ["INFLUXDB_INTERVAL", "-1"],
    ["INFLUXDB_MAX_BATCH_SIZE", "1.5"],
    ["INFLUXDB_MAX_BUFFER_SIZE", "many"],
    ["INFLUXDB_TRIGGER_SIZE", "0"],
    ["INFLUXDB_SAMPLE_PROBABILITY", "1.1"],
    ["INFLUXDB_TAG_HOSTNAME", "perhaps"],
    ["INFLUXDB_DATABASE", ""]
  ]
  for (const [name, value] of wrong) {
    it.effect(`names ${name} when it is ${JSON.stringify(value)}`, () =>
      Effect.gen(function* () {
        const layer = InfluxDb.layerEnv().pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(environment({ INFLUXDB_DATABASE: "app", [name]: value }))
        )
        const result = yield* built(layer)
        assert.strictEqual(result._tag, "Left")
        assert.match(String(result._tag === "Left" && result.left), new RegExp(name))
      })
    )
  }
})

describe("layerConfig", () => {
  const layer = InfluxDb.layerConfig({
    url: Config.string("URL"),
    database: Config.succeed("app"),
    schedule: Config.succeed(Metrics.aligned("1 hour"))
  }).pipe(Layer.provide(FetchHttpClient.layer))

  it.scopedLive("takes each option from a Config, and is one sink however often it is provided", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(204))
      yield* Metrics.increment(hits).pipe(
        Effect.provide(layer),
        Effect.provide(layer),
        Effect.provide(environment({ URL: server.url }))
      )
      assert.lengthOf(server.asked, 1)
    })
  )

  it.effect("names what is missing", () =>
    Effect.gen(function* () {
      const result = yield* built(layer.pipe(Layer.provide(environment({}))))
      assert.match(String(result._tag === "Left" && result.left), /URL/)
    })
  )

  it.effect("asks for nothing where tests keep sinks from being made", () =>
    Effect.gen(function* () {
      const count = yield* Metrics.increment(hits).pipe(
        Effect.provide(layer),
        Effect.zipRight(TestMetrics.counterValue(hits)),
        Effect.provide(TestMetrics.layer),
        Effect.provide(environment({}))
      )
      assert.strictEqual(count, 1)
    })
  )
})

describe("layerChecked", () => {
  it.scopedLive("fails at start where metrics cannot be written, and asks nothing where the sink is not made", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(401))
      const layer = InfluxDb.layerChecked({ url: server.url, database: "app" }).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
      const result = yield* built(layer)
      assert.strictEqual(result._tag === "Left" && result.left._tag, "Unauthorized")
      yield* Effect.void.pipe(Effect.provide(layer), Effect.provide(TestMetrics.layer))
      assert.lengthOf(server.asked, 1)
    })
  )
})
