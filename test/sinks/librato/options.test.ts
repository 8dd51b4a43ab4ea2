import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { InvalidOption } from "../../../src/Sink.js"
import { fromEnvironment } from "../../../src/sinks/librato/environment.js"
import type { Options } from "../../../src/sinks/librato/options.js"
import { resolveTarget } from "../../../src/sinks/librato/options.js"
import * as Librato from "../../../src/sinks/Librato.js"

const token = Redacted.make("canary")
const account = { email: "ops@example.org", token }
const appoptics = { service: "appoptics", token } as const

describe("the options of Librato", () => {
  it.effect("come to an address and an endpoint for each service", () =>
    Effect.gen(function* () {
      const urlOf = (options: Options) => Effect.map(resolveTarget(options), ({ url }) => url)
      assert.strictEqual(yield* urlOf(account), "https://metrics-api.librato.com/v1/metrics")
      assert.strictEqual(
        yield* urlOf({ ...account, api: "measurements" }),
        "https://metrics-api.librato.com/v1/measurements"
      )
      assert.strictEqual(yield* urlOf(appoptics), "https://api.appoptics.com/v1/measurements")
      assert.strictEqual(
        yield* urlOf({ ...appoptics, url: new URL("http://localhost:1/x/") }),
        "http://localhost:1/x/v1/measurements"
      )
    })
  )

  it.effect("say when credentials would go over the network in clear", () =>
    Effect.gen(function* () {
      const isInClear = (url: string) => Effect.map(resolveTarget({ ...account, url }), (target) => target.isInClear)
      assert.isTrue(yield* isInClear("http://example.org"))
      for (const url of ["https://example.org", "http://localhost", "http://127.0.0.1:80", "http://[::1]:1"]) {
        assert.isFalse(yield* isInClear(url))
      }
    })
  )

  // Options come from untyped code too.
  const bad: ReadonlyArray<readonly [string, unknown]> = [
    ["service", { ...account, service: "datadog" }],
    ["api", { ...account, api: "v2" }],
    ["api", { ...appoptics, api: "metrics" }],
    ["url", { ...account, url: "metrics-api.librato.com" }],
    ["url", { ...account, url: "ftp://example.org" }],
    ["url", { ...account, url: "https://u:canary@example.org" }],
    ["url", { ...account, url: "https://example.org?token=canary" }],
    ["url", { ...account, url: "https://example.org:0" }],
    ["email", { token }],
    ["email", { ...account, email: "" }],
    ["email", { ...account, email: "a:b" }],
    ["email", { ...account, email: "a\nb" }],
    ["email", { ...appoptics, email: "a@b" }],
    ["token", { email: "a@b" }],
    ["token", { ...account, token: Redacted.make("") }],
    ["token", { ...account, token: Redacted.make("canary\n") }],
    ["naming", { ...account, naming: "dotted" }],
    ["naming", { ...appoptics, naming: "bare" }],
    ["sourceTags", { ...account, sourceTags: [""] }],
    ["sourceTags", { ...account, sourceTags: "host" }],
    ["sourceTags", { ...appoptics, sourceTags: ["host"] }],
    ["sanitise", { ...account, sanitise: "_" }],
    ["period", { ...account, period: 0 }],
    ["period", { ...account, period: 1.5 }],
    ["quantiles", { ...account, quantiles: [95] }],
    ["quantiles", { ...account, quantiles: 0.5 }],
    ["gzip", { ...account, gzip: NaN }],
    ["headers", { ...account, headers: { "a b": "c" } }],
    ["headers.x", { ...account, headers: { x: Redacted.make("canary\r\ny: z") } }],
    ["batchSize", { ...account, batchSize: 0 }],
    ["capacity", { ...account, capacity: -1 }]
  ]
  for (const [option, options] of bad) {
    it.scoped(`are refused with the name of what is wrong: ${option} of ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        // See above.
        const built = Layer.build(Librato.layer(options as Options).pipe(Layer.provide(FetchHttpClient.layer)))
        const error = yield* Effect.flip(built)
        assert.instanceOf(error, InvalidOption)
        assert.strictEqual(error.option, option)
        assert.notInclude(`${error.message} ${JSON.stringify(error)}`, "canary")
      })
    )
  }
})

describe("the environment of Librato", () => {
  const read = (variables: Readonly<Record<string, string>>, overrides: Partial<Options> = {}) =>
    fromEnvironment(overrides).pipe(
      // Where it is off, it has none.
      Effect.map((options) => options!),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
    )

  it.effect("gives account, source and prefix", () =>
    Effect.gen(function* () {
      const { token, ...options } = yield* read({
        LIBRATO_USER: "a@b",
        LIBRATO_TOKEN: "t",
        LIBRATO_SOURCE: "web-1",
        LIBRATO_PREFIX: "app"
      })
      assert.isTrue(Redacted.isRedacted(token) && Redacted.value(token) === "t")
      assert.deepStrictEqual(options, {
        service: "librato",
        email: "a@b",
        prefix: "app.",
        tags: { source: "web-1" }
      })
    })
  )

  it.effect("gives tags, and with them the endpoint that has some", () =>
    Effect.gen(function* () {
      const { api, tags } = yield* read({
        LIBRATO_USER: "a@b",
        LIBRATO_TOKEN: "t",
        LIBRATO_TAGS: "host=web1, environment=a b"
      })
      assert.deepStrictEqual([api, tags], ["measurements", { host: "web1", environment: "a b" }])
    })
  )

  it.effect("means AppOptics where that has a token, unless an account is given", () =>
    Effect.gen(function* () {
      const variables = { APPOPTICS_TOKEN: "t", APPOPTICS_PREFIX: "p", LIBRATO_PREFIX: "q", LIBRATO_TOKEN: "l" }
      const { email, prefix, service } = yield* read(variables)
      assert.deepStrictEqual([service, email, prefix], ["appoptics", undefined, "p."])
      const given = yield* read(variables, { email: "a@b" })
      assert.deepStrictEqual([given.service, given.email, given.prefix], ["librato", "a@b", "q."])
    })
  )

  it.effect("gives way to what is given", () =>
    Effect.gen(function* () {
      const options = yield* read({ LIBRATO_SOURCE: "web-1" }, { ...account, prefix: "x", tags: { source: "other" } })
      assert.deepStrictEqual(options, { service: "librato", ...account, prefix: "x", tags: { source: "other" } })
    })
  )

  it.scoped("is not read where the sink is off", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* read({}, { enabled: false }))
      yield* Layer.build(Librato.layerEnv({ enabled: false })).pipe(Effect.provide(FetchHttpClient.layer))
    })
  )

  const bad: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
    ["LIBRATO_USER", {}],
    ["LIBRATO_USER", { LIBRATO_USER: "", LIBRATO_TOKEN: "t" }],
    ["LIBRATO_TOKEN", { LIBRATO_USER: "a@b" }],
    ["LIBRATO_TAGS", { LIBRATO_USER: "a@b", LIBRATO_TOKEN: "t", LIBRATO_TAGS: "host" }],
    ["LIBRATO_TAGS", { LIBRATO_USER: "a@b", LIBRATO_TOKEN: "t", LIBRATO_TAGS: "a=b", LIBRATO_SOURCE: "s" }]
  ]
  for (const [name, variables] of bad) {
    it.effect(
      `is an error that names ${name} where that is missing or makes no sense: ${JSON.stringify(variables)}`,
      () =>
        Effect.gen(function* () {
          assert.include(String(yield* Effect.flip(read(variables))), name)
        })
    )
  }
})
