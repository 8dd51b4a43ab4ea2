import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted, Ref } from "effect"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import * as Librato from "../../src/sinks/Librato.js"
import type { Answer } from "../transport/server.js"
import { script, serve, status } from "../transport/server.js"
import { account, quick, respond, run } from "./librato/harness.js"
import * as StandIn from "./librato/stand-in.js"

const hits = Metrics.counter("hits")
const one = Metrics.increment(hits)
const points = (count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, i) => Metrics.emit(`p${i}`, { value: i }), { discard: true })

const basicOf = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
const at = (seconds: number) => seconds * 1000

describe("Librato", () => {
  describe("requests", () => {
    it.scopedLive("go to /v1/metrics with the account's address and token", () =>
      Effect.gen(function* () {
        const service = StandIn.make({ authorization: basicOf("ops@example.org:canary") })
        const { ledger, server } = yield* run(service, one, { headers: { "X-Key": Redacted.make("k") } })
        const [asked] = server.asked
        assert.lengthOf(server.asked, 1)
        assert.strictEqual(`${asked!.method} ${asked!.url}`, "POST /v1/metrics")
        assert.deepStrictEqual(
          ["content-type", "user-agent", "x-key"].map((header) => asked!.headers[header]),
          ["application/json", "effect-metrics", "k"]
        )
        assert.match(asked!.body, /^\{"gauges":\[\{"name":"hits","source":"h","measure_time":\d{10},"value":1\}\]\}$/)
        assert.strictEqual(ledger.delivered, 1)
      })
    )

    it.scopedLive("go to /v1/measurements of AppOptics with the token alone", () =>
      Effect.gen(function* () {
        const service = StandIn.make({ authorization: basicOf("canary:") })
        const { ledger, server } = yield* run(service, one, { service: "appoptics", period: 10 })
        assert.strictEqual(server.asked[0]!.url, "/v1/measurements")
        assert.match(
          server.asked[0]!.body,
          /^\{"measurements":\[\{"name":"hits","tags":\{"host":"h"\},"period":10,"time":\d{10},"value":1\}\]\}$/
        )
        assert.strictEqual(ledger.delivered, 1)
      })
    )

    it.scopedLive("keep the address's path, and take the endpoint's own as well", () =>
      Effect.gen(function* () {
        for (const path of ["/proxy", "/proxy/", "/proxy/v1", "/proxy/v1/metrics"]) {
          const { server } = yield* run(status(200), one, (url) => ({ url: `${url}${path}` }))
          assert.strictEqual(server.asked[0]!.url, "/proxy/v1/metrics")
        }
      })
    )

    it.scopedLive("are gzipped only if they are asked to be", () =>
      Effect.gen(function* () {
        const plain = yield* run(StandIn.make(), points(100))
        assert.strictEqual(plain.server.asked[0]!.headers["content-encoding"], undefined)
        const packed = yield* run(StandIn.make(), points(100), { gzip: 1000 })
        assert.strictEqual(packed.server.asked[0]!.headers["content-encoding"], "gzip")
        assert.strictEqual(packed.ledger.delivered, 100)
      })
    )

    it.scopedLive("are not made where there is nothing to write: a second flush asks for nothing", () =>
      Effect.gen(function* () {
        const { server } = yield* run(StandIn.make(), Effect.all([one, Metrics.flush, Metrics.flush]))
        assert.lengthOf(server.asked, 1)
      })
    )

    it.scopedLive("have at most 300 measurements each, and none is torn apart", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const wide = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`f${i}`, i]))
        const program = Effect.zipRight(
          points(301),
          Effect.forEach(Array.from({ length: 100 }), (_, i) => Metrics.emit(`w${i}`, wide), { discard: true })
        )
        const { ledger } = yield* run(service, program)
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [401, {}])
        assert.lengthOf(service.items, 301 + 700)
        for (const { items } of service.bodies) assert.isAtMost(items, 300)
      })
    )

    it.scopedLive("have no room for a point of more fields than that", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const wide = Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`f${i}`, i]))
        const { ledger, logged } = yield* run(service, Effect.zipRight(Metrics.emit("w", wide), one))
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { too_large: 1 }])
        assert.match(logged, /more than 300 numbers/)
      })
    )

    it.scopedLive("are bounded by bytes", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const { ledger } = yield* run(service, points(200), { batchBytes: 1000 })
        for (const { bytes } of service.bodies) assert.isAtMost(bytes, 1000)
        assert.strictEqual(ledger.delivered, 200)
      })
    )
  })

  describe("measurements", () => {
    const everything = Effect.gen(function* () {
      yield* Metrics.incrementBy(Metrics.counter("c", { valueType: "int" }), 3)
      yield* Metrics.set(Metrics.gauge("g"), -1.5)
      const d = Metrics.distribution("d")
      yield* Metrics.record(d, 1)
      yield* Metrics.record(d, 3)
      yield* Metrics.record(Metrics.timer("raw", { aggregate: false }), 1.5)
      const fields = { value: 1, b: true, s: "text", i: 5n, j: Measurement.int(6) }
      yield* Metrics.emit("p", fields, { timestamp: at(1_357_682_402) + 999 })
    })

    const seen = ({ items }: StandIn.StandIn) =>
      items
        .map(({ measure_time, time, ...item }) => {
          assert.match(String(measure_time ?? time), /^\d{10}$/)
          return item
        })
        .sort((a, b) => (a.name < b.name ? -1 : 1))

    it.scopedLive("arrive with a source as the table says", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const { ledger } = yield* run(service, everything, { quantiles: [0.5, 0.99] })
        const source = "h"
        assert.deepStrictEqual(seen(service), [
          { name: "c", source, value: 3 },
          { name: "d", source, count: 2, sum: 4, min: 1, max: 3, sum_squares: 10 },
          { name: "d.p50", source, value: 1 },
          { name: "d.p99", source, value: 1 },
          { name: "g", source, value: -1.5 },
          { name: "p", source, value: 1 },
          { name: "p.b", source, value: 1 },
          { name: "p.i", source, value: 5 },
          { name: "p.j", source, value: 6 },
          { name: "raw", source, value: 1.5 }
        ])
        assert.strictEqual(service.items.find(({ name }) => name === "p")!.measure_time, 1_357_682_402)
        assert.deepStrictEqual([ledger.delivered, ledger.refused], [6, { unsupported_field: 1 }])
      })
    )

    it.scopedLive("arrive with tags as the table says", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const { ledger } = yield* run(service, everything, { api: "measurements", tags: { t: "a b/c" } })
        const tags = { host: "h", t: "a b/c" }
        assert.deepStrictEqual(seen(service), [
          { name: "c", tags, value: 3 },
          { name: "d", tags, count: 2, sum: 4, min: 1, max: 3, stddev: 1 },
          { name: "g", tags, value: -1.5 },
          { name: "p", tags, value: 1 },
          { name: "p.b", tags, value: 1 },
          { name: "p.i", tags, value: 5 },
          { name: "p.j", tags, value: 6 },
          { name: "raw", tags, value: 1.5 }
        ])
        assert.strictEqual(ledger.delivered, 6)
      })
    )

    it.scopedLive("of counters are gauges per source with the time of the flush", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const start = Math.floor(Date.now() / 1000)
        yield* run(
          service,
          Effect.gen(function* () {
            yield* Metrics.incrementBy(hits, 1, { tags: { source: "web-1" } })
            yield* Metrics.incrementBy(hits, 4, { tags: { source: "web-1" } })
            yield* Metrics.incrementBy(hits, 2, { tags: { source: "web-2" } })
          })
        )
        assert.deepStrictEqual(
          service.items.map(({ name, source, value }) => [name, source, value]),
          [
            ["hits", "web-1", 5],
            ["hits", "web-2", 2]
          ]
        )
        const end = Math.ceil(Date.now() / 1000)
        for (const { measure_time: time } of service.items) assert.isTrue(time! >= start && time! <= end)
      })
    )

    it.scopedLive("of gauges and timers that are not aggregated keep each its own time, as an integer", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const program = Effect.gen(function* () {
          const tags = { source: "my prog" }
          yield* Metrics.emit("temp", { value: 123 }, { timestamp: at(1_357_682_402) })
          yield* Metrics.emit("temp", { value: 124 }, { timestamp: at(1_357_682_402) })
          yield* Metrics.emit("t", { value: 0.25 }, { tags, timestamp: at(1_357_682_403) })
        })
        yield* run(service, program, { hostTag: "none", tags: { source: "not_specified" }, sanitise: true })
        assert.deepStrictEqual(service.items, [
          { name: "temp", source: "not_specified", measure_time: 1_357_682_402, value: 123 },
          { name: "temp", source: "not_specified", measure_time: 1_357_682_402, value: 124 },
          { name: "t", source: "my-prog", measure_time: 1_357_682_403, value: 0.25 }
        ])
        assert.deepStrictEqual(service.kept.get("temp|not_specified|1357682402"), {
          count: 2,
          sum: 247,
          min: 123,
          max: 124
        })
      })
    )

    it.scopedLive("that the service would refuse are dropped by themselves, and said once", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const program = Effect.gen(function* () {
          yield* Metrics.emit("good", { value: 0 })
          yield* Metrics.emit("a b", { value: 1 })
          yield* Metrics.emit("huge", { value: 1e127 })
          yield* Metrics.emit("text", { value: "x" })
        })
        const { ledger, logged } = yield* run(service, program)
        assert.deepStrictEqual(
          service.items.map(({ name, value }) => [name, value]),
          [["good", 0]]
        )
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { invalid: 2, unsupported: 1 }])
        assert.match(logged, /its name \\+"a b\\+" contains/)
        assert.deepStrictEqual(service.complaints, [])
      })
    )
  })

  describe("failures", () => {
    it.scopedLive("without an answer are not repeated, as the service would add them up", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        service.misbehave.push({ answer: "none", taken: true })
        const { ledger } = yield* run(service, Effect.all([one, Metrics.flush, one]))
        assert.deepStrictEqual([ledger.delivered, ledger.dropped, ledger.ambiguous], [1, { ambiguous: 1 }, 1])
        assert.strictEqual(
          service.items.reduce((sum, { value }) => sum + value!, 0),
          2
        )
      })
    )

    it.scopedLive("without an answer are repeated where the user says so, and then add up", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        service.misbehave.push({ answer: "none", taken: true })
        const { ledger } = yield* run(service, one, { ambiguous: "retry" })
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [1, 1])
        assert.deepStrictEqual([...service.kept.values()], [{ count: 2, sum: 2, min: 1, max: 1 }])
      })
    )

    it.scopedLive("that stored nothing lose nothing and repeat nothing", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        const limit = { error: "You have hit the API limit for measurements [measure:raw_rate].", request_time: 1 }
        for (const status of [500, 502, 503, 429, 403]) {
          const headers = { "retry-after": "0" }
          service.misbehave.push({ answer: { status, headers, body: status < 500 ? JSON.stringify(limit) : "" } })
        }
        const { ledger, logged } = yield* run(service, Effect.repeatN(one, 9))
        assert.deepStrictEqual([...service.kept.values()], [{ count: 1, sum: 10, min: 10, max: 10 }])
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [10, 0])
        assert.match(logged, /measure:raw_rate|500/)
      })
    )

    it.scopedLive("of one gauge in a thousand cost that gauge alone, in few requests", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        service.unwanted.add("p637")
        const { ledger, logged, server } = yield* run(service, points(1000))
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [999, { rejected: 1 }])
        assert.isAtMost(server.asked.length, 4 + 2 * Math.log2(300) + 2)
        assert.strictEqual(new Set(service.items.map(({ name }) => name)).size, 999)
        assert.lengthOf(service.items, 999)
        assert.match(logged, /is not wanted/)
      })
    )

    it.scopedLive("of measurements beside others cost those alone, in one request", () =>
      Effect.gen(function* () {
        const service = StandIn.make()
        service.unwanted.add("P7").add("w.b")
        const program = Effect.gen(function* () {
          yield* points(10)
          yield* Metrics.emit("P7", { value: 7 })
          yield* Metrics.emit("w", { a: 1, b: 2 })
        })
        const { ledger, server } = yield* run(service, program, { service: "appoptics" })
        assert.lengthOf(server.asked, 1)
        // Both p7 and P7 have the name that it complains about, but one failed.
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [10, { rejected: 2 }])
      })
    )

    it.scopedLive("of a request that is too large halve it until it fits", () =>
      Effect.gen(function* () {
        const service = StandIn.make({ mostItems: 40 })
        const { ledger } = yield* run(service, points(300))
        assert.strictEqual(ledger.delivered, 300)
        assert.lengthOf(service.items, 300)
      })
    )

    it.scopedLive("of credentials keep everything until they are right, and read them anew each time", () =>
      Effect.gen(function* () {
        const reads = yield* Ref.make(0)
        const token = Effect.flatMap(
          Ref.updateAndGet(reads, (n) => n + 1),
          (n) =>
            n === 1
              ? Effect.fail("stale-canary")
              : Effect.succeed(Redacted.make(n === 2 ? "a\r\nb" : n === 3 ? "stale-canary" : "fresh-canary"))
        )
        const service = StandIn.make({ authorization: basicOf("ops@example.org:fresh-canary") })
        const { ledger, logged, server } = yield* run(service, points(20), { token })
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, server.asked.length], [20, 0, 2])
        assert.match(logged, /the token could not be had/)
        assert.notMatch(logged, /canary/)
      })
    )

    it.scopedLive("by redirect are not followed", () =>
      Effect.gen(function* () {
        const other = yield* run(StandIn.make(), Effect.void)
        const answers = script(status(307, "", { location: `${other.server.url}/v1/metrics` }), status(200))
        const { ledger, logged } = yield* run(answers, one)
        assert.strictEqual(ledger.delivered, 1)
        assert.lengthOf(other.server.asked, 0)
        assert.match(logged, /it redirects to/)
      })
    )

    it.scopedLive("never tell secrets, whatever the service does with them", () =>
      Effect.gen(function* () {
        const echo =
          (code: number): Answer =>
          (asked, response) =>
            status(code, JSON.stringify({ errors: { request: [JSON.stringify(asked.headers)] } }))(asked, response)
        const answers = script(...[401, 403, 404, 415, 429, 500, 503, 307].map(echo), status(200))
        const { ledger, logged } = yield* run(answers, one, {
          headers: { "x-key": Redacted.make("canary-of-headers") }
        })
        assert.strictEqual(ledger.delivered, 1)
        const encoded = Buffer.from("ops@example.org:canary").toString("base64")
        assert.notMatch(logged, new RegExp(`canary|${encoded}`))
      })
    )
  })

  describe("check", () => {
    const checked = (answer: Answer, options: Partial<Librato.Options> = {}) =>
      Effect.gen(function* () {
        const server = yield* serve(answer)
        const result = yield* Effect.either(
          Librato.check({ ...account, url: server.url, ...options }).pipe(Effect.provide(FetchHttpClient.layer))
        )
        return { outcome: result._tag === "Right" ? "fine" : result.left._tag, server }
      })

    it.scopedLive("asks for a write of nothing, and takes the complaint about that for success", () =>
      Effect.gen(function* () {
        const service = StandIn.make({ authorization: basicOf("ops@example.org:canary") })
        const { outcome, server } = yield* checked(respond(service))
        assert.strictEqual(outcome, "fine")
        assert.strictEqual(server.asked[0]!.body, `{"gauges":[]}`)
        assert.deepStrictEqual(service.items, [])
        const wrong = { token: Redacted.make("wrong") }
        assert.strictEqual((yield* checked(respond(service), wrong)).outcome, "Unauthorized")
      })
    )

    it.scopedLive("fails as a write would", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* checked(status(404))).outcome, "Misconfigured")
        assert.strictEqual((yield* checked(status(200, "<html>log in</html>"))).outcome, "Misconfigured")
        assert.strictEqual((yield* checked((asked) => asked.socket.destroy())).outcome, "Unavailable")
        assert.strictEqual((yield* checked(() => {}, { requestTimeout: "20 millis" })).outcome, "Unavailable")
      })
    )

    it.scopedLive("runs before an app whose layer is checked", () =>
      Effect.gen(function* () {
        const server = yield* serve(respond(StandIn.make({ authorization: "Basic other" })))
        const program = Effect.provide(
          one,
          Librato.layerChecked({ ...quick, ...account, url: server.url }).pipe(Layer.provide(FetchHttpClient.layer))
        )
        const error = yield* Effect.flip(program)
        assert.strictEqual(error._tag, "Unauthorized")
        assert.lengthOf(server.asked, 1)
      })
    )
  })

  describe("layerEnv", () => {
    it.scopedLive("writes as the variables say", () =>
      Effect.gen(function* () {
        const service = StandIn.make({ authorization: basicOf("a@b:t") })
        const server = yield* serve(respond(service))
        const variables = [
          ["LIBRATO_USER", "a@b"],
          ["LIBRATO_TOKEN", "t"],
          ["LIBRATO_SOURCE", "web-1"],
          ["LIBRATO_PREFIX", "app"]
        ] as const
        yield* one.pipe(
          Effect.provide(
            Librato.layerEnv({ url: server.url, hostTag: quick.hostTag }).pipe(Layer.provide(FetchHttpClient.layer))
          ),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(variables)))
        )
        assert.deepStrictEqual(
          service.items.map(({ name, source }) => [name, source]),
          [["app.hits", "web-1"]]
        )
      })
    )
  })
})
