import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Redacted } from "effect"
import { readFileSync } from "node:fs"
import * as Metrics from "../../src/Metrics.js"
import * as Otlp from "../../src/sinks/Otlp.js"
import { version } from "../../src/sinks/otlp/options.js"
import { attributesOf, dataOf } from "../encoding/otlp.js"
import type { Answer } from "../transport/server.js"
import { script, serve, status } from "../transport/server.js"
import { metrics, requestOf, run } from "./otlp/harness.js"

const hits = Metrics.counter("hits", { valueType: "int" })
const one = Metrics.increment(hits)
const took = Metrics.distribution("took")
const points = (count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, i) => Metrics.emit("p", { i }, { tags: { i: String(i) } }), {
    discard: true
  })

/** What each request says of `hits`. */
const hitsIn = (server: Parameters<typeof metrics>[0]) =>
  metrics(server)
    .filter(({ name }) => name === "hits")
    .map((metric) => Number(dataOf(metric).dataPoints[0]!.asInt))

/** Of the answers' two formats, the one that the request has. */
const partial =
  (rejected: number, errorMessage: string): Answer =>
  (asked, response) => {
    if (asked.headers["content-type"] === "application/json") {
      const body = JSON.stringify({ partialSuccess: { rejectedDataPoints: String(rejected), errorMessage } })
      return status(200, body, { "content-type": "application/json" })(asked, response)
    }
    const text = Buffer.from(errorMessage)
    const inner = [0x08, (rejected % 128) | 128, rejected >> 7, 0x12, text.length, ...text]
    const body = Uint8Array.from([0x0a, inner.length, ...inner])
    return status(200, body, { "content-type": "application/x-protobuf" })(asked, response)
  }

describe("Otlp", () => {
  describe("requests", () => {
    it.scopedLive("go to /v1/metrics in protobuf, say who is measured, and are gzipped from a size on", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(one, points(100))
        const { ledger, server } = yield* run(status(200), program, (url) => ({
          url: `${url}/collector/`,
          headers: { "X-Scope": "s", "api-key": Redacted.make("k") },
          resource: { "service.name": "shop", "service.version": "1.2", "host.name": undefined, shard: 3 }
        }))
        const [asked] = server.asked
        assert.lengthOf(server.asked, 1)
        assert.deepStrictEqual([asked!.method, asked!.url], ["POST", "/collector/v1/metrics"])
        const { headers } = asked!
        assert.deepStrictEqual(
          [headers["content-type"], headers["content-encoding"], headers["x-scope"], headers["api-key"]],
          ["application/x-protobuf", "gzip", "s", "k"]
        )
        const [{ resource, scopeMetrics }] = requestOf(asked!).resourceMetrics as [
          ReturnType<typeof requestOf>["resourceMetrics"][number]
        ]
        const { "service.instance.id": id, ...attributes } = attributesOf(resource.attributes)
        assert.match(id!, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
        assert.deepStrictEqual(attributes, {
          "service.name": "shop",
          "service.version": "1.2",
          shard: "3",
          "telemetry.sdk.name": "effect-metrics",
          "telemetry.sdk.language": "nodejs",
          "telemetry.sdk.version": version
        })
        assert.deepStrictEqual(
          scopeMetrics.map(({ scope }) => ({ ...scope })),
          [{ name: "effect-metrics", version }]
        )
        assert.strictEqual(ledger.delivered, 101)
      })
    )

    it.scopedLive("are JSON where that is asked for, at the path that is", () =>
      Effect.gen(function* () {
        const { server } = yield* run(status(200, "{}"), one, { format: "json", path: "/otlp", gzip: Infinity })
        const [asked] = server.asked
        assert.deepStrictEqual([asked!.url, asked!.headers["content-type"]], ["/otlp", "application/json"])
        assert.strictEqual(asked!.headers["content-encoding"], undefined)
        assert.deepStrictEqual(hitsIn(server), [1])
      })
    )

    it.scopedLive("are bounded by bytes and by measurements", () =>
      Effect.gen(function* () {
        const bytes = yield* run(status(200), points(300), { batchBytes: 3000 })
        for (const { bytes: body } of bytes.server.asked) assert.isAtMost(body.length, 3000)
        assert.strictEqual(bytes.ledger.delivered, 300)
        const { server } = yield* run(status(200), points(300), { batchSize: 100 })
        assert.lengthOf(server.asked, 3)
      })
    )

    it("tell the version that package.json has", () => {
      const path = new URL("../../package.json", import.meta.url)
      assert.strictEqual(version, (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version)
    })
  })

  describe("measurements", () => {
    it.scopedLive("arrive as the table says", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(hits, 3)
          yield* Metrics.incrementBy(Metrics.counter("level", { monotonic: false }), -1)
          yield* Metrics.set(Metrics.gauge("g", { unit: "By", description: "Room" }), 1.5)
          yield* Metrics.record(Metrics.distribution("d", { boundaries: [1, 2] }), 2)
          yield* Metrics.record(Metrics.timer("t"), 0.25)
          yield* Metrics.record(Metrics.timer("raw", { aggregate: false }), 1.5)
          yield* Metrics.emit("p", { value: 1, other: 5n, text: "x" }, { tags: { a: "" } })
        })
        const { ledger, server } = yield* run(status(200), program)
        const said = metrics(server).map((metric) => {
          const { aggregationTemporality, dataPoints, isMonotonic } = dataOf(metric)
          const { name, unit } = metric
          const { asDouble, asInt, count, explicitBounds } = dataPoints[0]!
          const kind = Object.keys(metric).find((key) => /^(gauge|sum|histogram|exponentialHistogram)$/.test(key))
          return [name, unit, kind, aggregationTemporality, isMonotonic, asDouble ?? asInt ?? count, explicitBounds]
        })
        const not = undefined
        assert.sameDeepMembers(said, [
          ["hits", not, "sum", 2, true, "3", not],
          ["level", not, "sum", 2, not, -1, not],
          ["g", "By", "gauge", not, not, 1.5, not],
          ["d", not, "histogram", 2, not, "1", [1, 2]],
          ["t", "s", "exponentialHistogram", 2, not, "1", not],
          ["raw", "s", "gauge", not, not, 1.5, not],
          ["p", not, "gauge", not, not, 1, not],
          ["p.other", not, "gauge", not, not, "5", not]
        ])
        assert.deepStrictEqual([ledger.delivered, ledger.refused.unsupported_field], [7, 1])
      })
    )

    it.scopedLive("are totals since the series began, or what came since the last time, without a gap", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          for (const value of [0.5, 4]) {
            yield* Metrics.incrementBy(hits, 2)
            yield* Metrics.record(took, value)
            yield* Metrics.flush
          }
        })
        const total = yield* run(status(200), program)
        assert.deepStrictEqual(hitsIn(total.server), [2, 4])
        const [first, second] = metrics(total.server).filter(({ name }) => name === "took")
        const [a, b] = [dataOf(first!).dataPoints[0]!, dataOf(second!).dataPoints[0]!]
        assert.deepStrictEqual([a.count, b.count, b.sum, b.min, b.max], ["1", "2", 4.5, 0.5, 4])
        assert.strictEqual(a.startTimeUnixNano, b.startTimeUnixNano)
        assert.isTrue(BigInt(a.timeUnixNano) < BigInt(b.timeUnixNano))

        const delta = yield* run(status(200), program, { temporality: "delta" })
        assert.deepStrictEqual(hitsIn(delta.server), [2, 2])
        const [c, d] = metrics(delta.server).filter(({ name }) => name === "took")
        assert.strictEqual(dataOf(d!).dataPoints[0]!.startTimeUnixNano, dataOf(c!).dataPoints[0]!.timeUnixNano)
        assert.strictEqual(dataOf(d!).dataPoints[0]!.count, "1")
        assert.strictEqual(dataOf(d!).aggregationTemporality, 1)

        const wide = Effect.forEach([1.01, 1e9], (value) => Effect.zipRight(Metrics.record(took, value), Metrics.flush))
        const explicit = yield* run(status(200), wide, { histograms: "explicit", boundaries: [1, 1.02, 10] })
        const buckets = metrics(explicit.server).map((metric) => dataOf(metric).dataPoints[0]!.bucketCounts)
        assert.deepStrictEqual(buckets, [
          ["0", "1", "0", "0"],
          ["0", "1", "0", "1"]
        ])
      })
    )
  })

  describe("failures", () => {
    it.scopedLive("that stored nothing lose nothing and repeat nothing", () =>
      Effect.gen(function* () {
        for (const temporality of ["delta", "cumulative"] as const) {
          const answers = script(status(503), status(429, "", { "retry-after": "0" }), status(200))
          const { ledger, server } = yield* run(answers, Effect.repeatN(one, 9), { temporality })
          assert.deepStrictEqual(hitsIn(server), [10, 10, 10])
          assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [10, 0])
        }
      })
    )

    it.scopedLive("without an answer are repeated byte for byte, or cost an increase that is counted", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(one, Metrics.flush).pipe(Effect.zipRight(one))
        const lost = (...others: ReadonlyArray<Answer>) =>
          script((asked) => asked.socket.destroy(), ...others, status(200))
        const total = yield* run(lost(status(504), status(502)), program)
        assert.deepStrictEqual(hitsIn(total.server), [1, 1, 1, 1, 2])
        const bodies = total.server.asked.slice(0, 4).map(({ bytes }) => Buffer.from(bytes).toString("hex"))
        assert.strictEqual(new Set(bodies).size, 1)
        assert.deepStrictEqual([total.ledger.delivered, total.ledger.ambiguous], [2, 1])

        for (const answers of [lost(), script(status(504), status(200)), script(status(500), status(200))]) {
          const delta = yield* run(answers, program, { temporality: "delta" })
          assert.deepStrictEqual(hitsIn(delta.server), [1, 1])
          const { ambiguous, delivered, dropped } = delta.ledger
          assert.deepStrictEqual([delivered, ambiguous, dropped], [1, 1, { ambiguous: 1 }])
        }
      })
    )

    it.scopedLive("are made good by the next total where they may have been stored, and by none where not", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(one, Metrics.record(took, 1)).pipe(
          Effect.zipRight(Metrics.flush),
          Effect.repeatN(2)
        )
        const counts = (server: Parameters<typeof metrics>[0]) =>
          metrics(server)
            .filter(({ name }) => name === "took")
            .map((metric) => dataOf(metric).dataPoints[0]!.count)
        // Not to be sent again, and perhaps stored.
        const refused = yield* run(script(status(200), status(500, "no"), status(200)), program)
        assert.deepStrictEqual(
          [hitsIn(refused.server), counts(refused.server)],
          [
            [1, 2, 3],
            ["1", "2", "3"]
          ]
        )
        assert.deepStrictEqual(refused.ledger.dropped, { rejected: 2 })
        assert.match(refused.logged, /500: no/)
        // Its fate is unknown, and it is dropped.
        const options = { ambiguous: "drop" } as const
        const lost = yield* run(
          script(status(200), (asked) => asked.socket.destroy(), status(200)),
          program,
          options
        )
        assert.deepStrictEqual(
          [hitsIn(lost.server), counts(lost.server)],
          [
            [1, 2, 3],
            ["1", "2", "3"]
          ]
        )
        assert.deepStrictEqual(lost.ledger.dropped, { ambiguous: 2 })
        // Known not to be stored: bisected, and dropped one by one.
        const bad = yield* run(script(status(200), status(400), status(400), status(400), status(200)), program)
        assert.deepStrictEqual(hitsIn(bad.server).slice(-1), [2])
        assert.deepStrictEqual(counts(bad.server).slice(-1), ["2"])
        assert.deepStrictEqual(bad.ledger.dropped, { rejected: 2 })
      })
    )

    it.scopedLive("of one measurement in a thousand cost that one alone, in few requests", () =>
      Effect.gen(function* () {
        const picky: Answer = (asked, response) =>
          status(asked.body.includes(`"637"`) ? 400 : 200, JSON.stringify({ code: 3, message: "bad 637" }))(
            asked,
            response
          )
        const { ledger, logged, server } = yield* run(picky, points(1000), { format: "json" })
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [999, { rejected: 1 }])
        assert.isAtMost(server.asked.length, 2 * Math.log2(1000) + 2)
        assert.match(logged, /400: bad 637/)
      })
    )

    it.scopedLive("of size halve the request until it fits", () =>
      Effect.gen(function* () {
        const small: Answer = (asked, response) => status(asked.bytes.length > 4000 ? 413 : 200)(asked, response)
        const { ledger, server } = yield* run(small, points(300))
        assert.strictEqual(ledger.delivered, 300)
        const taken = server.asked.filter(({ bytes }) => bytes.length <= 4000)
        const ids = taken.flatMap((one) =>
          requestOf(one).resourceMetrics[0]!.scopeMetrics[0]!.metrics!.flatMap((metric) =>
            dataOf(metric).dataPoints.map(({ attributes }) => attributesOf(attributes)["i"])
          )
        )
        assert.deepStrictEqual([ids.length, new Set(ids).size], [300, 300])
      })
    )

    it.scopedLive("of some data points are counted, not repeated, and told once", () =>
      Effect.gen(function* () {
        for (const format of ["protobuf", "json"] as const) {
          const program = Effect.gen(function* () {
            yield* Metrics.emit("named", { value: 1 })
            yield* points(300)
          })
          const answers = script(partial(131, "named: out of order"), status(200))
          const { ledger, logged, server } = yield* run(answers, program, { format })
          assert.lengthOf(server.asked, 1)
          assert.deepStrictEqual([ledger.delivered, ledger.dropped, ledger.retried], [170, { rejected: 131 }, 0])
          assert.match(logged, /named: out of order/)
        }
      })
    )

    it.scopedLive("that are none but a warning are logged, and not each time", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(one, Metrics.flush).pipe(Effect.repeatN(9))
        const { ledger, logged } = yield* run(partial(0, "use höher"), program)
        assert.strictEqual(ledger.delivered, 10)
        assert.lengthOf(logged.match(/warns \(\d+ so far\): use höher/g)!, 4)
      })
    )

    it.scopedLive("of credentials keep everything until they are right, and tell no secret", () =>
      Effect.gen(function* () {
        const echo =
          (code: number): Answer =>
          (asked, response) =>
            status(code, JSON.stringify({ message: `no ${JSON.stringify(asked.headers)}` }))(asked, response)
        const headers = { "api-key": Redacted.make("canary") }
        const answers = script(...[401, 403, 404, 415, 503, 302].map(echo), status(200))
        const { ledger, logged, server } = yield* run(answers, points(20), { headers })
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, server.asked.length], [20, 0, 7])
        assert.match(logged, /401: no .*<redacted>/)
        assert.notMatch(logged, /canary/)
      })
    )
  })

  describe("check", () => {
    const checked = (answer: Answer, options: Partial<Otlp.Options> = {}) =>
      Effect.gen(function* () {
        const server = yield* serve(answer)
        const result = yield* Effect.either(
          Otlp.check({ url: server.url, ...options }).pipe(Effect.provide(FetchHttpClient.layer))
        )
        return { outcome: result._tag === "Right" ? "fine" : result.left._tag, server }
      })

    it.scopedLive("asks for a write of nothing, and fails as a write would", () =>
      Effect.gen(function* () {
        for (const format of ["protobuf", "json"] as const) {
          const { outcome, server } = yield* checked(status(200), { format })
          assert.strictEqual(outcome, "fine")
          assert.lengthOf(metrics(server), 0)
        }
        assert.strictEqual((yield* checked(status(400, "empty"))).outcome, "fine")
        assert.strictEqual((yield* checked(status(401))).outcome, "Unauthorized")
        assert.strictEqual((yield* checked(status(404))).outcome, "Misconfigured")
        assert.strictEqual((yield* checked(status(500))).outcome, "Unavailable")
        assert.strictEqual((yield* checked(status(503))).outcome, "Throttled")
        assert.strictEqual((yield* checked(status(200, "<html>log in</html>"))).outcome, "Misconfigured")
        assert.strictEqual((yield* checked((asked) => asked.socket.destroy())).outcome, "Unavailable")
        assert.strictEqual((yield* checked(() => {}, { requestTimeout: "20 millis" })).outcome, "Unavailable")
      })
    )

    it.scopedLive("is done before the app starts by layerChecked", () =>
      Effect.gen(function* () {
        const server = yield* serve(status(403))
        const started = yield* Deferred.make<void>()
        const error = yield* Deferred.succeed(started, void 0).pipe(
          Effect.provide(Otlp.layerChecked({ url: server.url })),
          Effect.provide(FetchHttpClient.layer),
          Effect.flip
        )
        assert.strictEqual(error._tag, "Unauthorized")
        assert.isFalse(yield* Deferred.isDone(started))
      })
    )
  })
})
