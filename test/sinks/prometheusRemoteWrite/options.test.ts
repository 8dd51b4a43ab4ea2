import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import * as Metrics from "../../../src/Metrics.js"
import * as PrometheusRemoteWrite from "../../../src/sinks/PrometheusRemoteWrite.js"
import { resolveTarget } from "../../../src/sinks/prometheusRemoteWrite/options.js"
import { serve, status } from "../../transport/server.js"

const url = "http://localhost:9090"

describe("options of PrometheusRemoteWrite", () => {
  // What callers without types can give, as well.
  const wrong: ReadonlyArray<readonly [options: Record<string, unknown>, refusal: RegExp]> = [
    [{ url: "localhost:9090" }, /^url: /],
    [{ url: "http://user:canary@host" }, /^url: http:\/\/host\/$/],
    [{ path: "api" }, /^path: "api"/],
    [{ version: "3.0" }, /^version: "3.0"/],
    [{ histograms: "none" }, /^histograms: "none"/],
    [{ names: "dots" }, /^names: "dots"/],
    [{ boundaries: [1, 1] }, /^boundaries: \[1,1\]/],
    [{ staleMarkers: "yes" }, /^staleMarkers: "yes"/],
    [{ token: Redacted.make("canary\n") }, /^token: <redacted>/],
    [{ token: Redacted.make("a"), username: "u", password: Redacted.make("canary") }, /^token: <redacted>/],
    [{ username: "u" }, /^password: undefined/],
    [{ password: Redacted.make("canary") }, /^username: undefined/],
    [{ username: "a:b", password: Redacted.make("canary") }, /^username: "a:b"/],
    [{ headers: { a: Redacted.make("canary\n") } }, /^headers.a: the text given/],
    [{ batchSize: 0 }, /^batchSize: 0/]
  ]
  for (const [options, refusal] of wrong) {
    it.effect(`refuse ${JSON.stringify(options)}`, () =>
      Effect.gen(function* () {
        const layer = PrometheusRemoteWrite.layerFetch({ url, ...options })
        const result = yield* Effect.either(Effect.scoped(Layer.build(layer)))
        const said = result._tag === "Right" ? "none" : `${result.left.option}: ${result.left.value}`
        assert.match(said, refusal)
        assert.notMatch(said, /canary/)
      })
    )
  }

  it.effect("come to an address", () =>
    Effect.gen(function* () {
      const addressOf = (options: PrometheusRemoteWrite.Options) =>
        Effect.map(resolveTarget(options), (target) => target.url)
      for (const path of ["", "/", "/api/v1/write"])
        assert.strictEqual(yield* addressOf({ url: url + path }), `${url}/api/v1/write`)
      assert.strictEqual(yield* addressOf({ url: `${url}/tenant/`, path: "/push" }), `${url}/tenant/push`)
    })
  )

  it.scopedLive("may come from a configuration, and a check may come first", () =>
    Effect.gen(function* () {
      const server = yield* serve(status(401))
      const checked = PrometheusRemoteWrite.layerChecked({ url: server.url })
      const failure = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(checked, FetchHttpClient.layer))))
      assert.strictEqual(failure._tag, "Unauthorized")
      const configured = PrometheusRemoteWrite.layerConfig({ url: Config.string("URL") })
      yield* Metrics.increment(Metrics.counter("a")).pipe(
        Effect.provide(Layer.provide(configured, FetchHttpClient.layer)),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["URL", `${server.url}/conf`]]))),
        Effect.timeoutOption("1 second")
      )
      assert.include(
        server.asked.map((asked) => asked.url),
        "/conf/api/v1/write"
      )
    })
  )
})
