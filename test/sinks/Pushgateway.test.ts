import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import * as Metrics from "../../src/Metrics.js"
import { judge } from "../../src/sinks/pushgateway/answers.js"
import * as Pushgateway from "../../src/sinks/Pushgateway.js"
import { type Answer, script, serve, status } from "../transport/server.js"
import * as Posting from "./posting.js"

const hits = Metrics.counter("hits")
const one = Metrics.increment(hits)

const run = <E>(answer: Answer, program: Effect.Effect<unknown, E>, options: Partial<Pushgateway.Options> = {}) =>
  Effect.map(
    Posting.run(answer, program, (url) => Pushgateway.layer({ url, job: "backup", ...Posting.quick, ...options })),
    ({ server, ...rest }) => ({ asked: server.asked, ...rest })
  )

const url = "http://localhost:9091"

describe("Pushgateway", () => {
  describe("pushes", () => {
    it.scopedLive("have all there is each time, in the group's place", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(hits, 2)
          yield* Metrics.record(Metrics.timer("took", { boundaries: [1] }), 0.5)
          yield* Metrics.flush
          yield* one
        })
        const { asked, ledger } = yield* run(status(200), program, {
          grouping: { instance: "a/b" },
          username: "shop",
          password: Redacted.make("canary")
        })
        const [first, second] = asked
        assert.lengthOf(asked, 2)
        assert.deepStrictEqual([first!.method, first!.url], ["PUT", "/metrics/job/backup/instance@base64/YS9i"])
        assert.strictEqual(first!.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        assert.strictEqual(first!.headers["authorization"], `Basic ${btoa("shop:canary")}`)
        const took = [
          "# TYPE took_seconds histogram",
          'took_seconds_bucket{le="1"} 1',
          'took_seconds_bucket{le="+Inf"} 1',
          "took_seconds_sum 0.5",
          "took_seconds_count 1",
          ""
        ].join("\n")
        assert.strictEqual(first!.body, `# TYPE hits_total counter\nhits_total 2\n${took}`)
        assert.strictEqual(second!.body, `# TYPE hits_total counter\nhits_total 3\n${took}`)
        assert.strictEqual(ledger.delivered, 3)
      })
    )

    it.scopedLive("may replace the metrics with the same names alone, and remove the group when all is done", () =>
      Effect.gen(function* () {
        const { asked } = yield* run(status(202), one, { replaces: "metrics", onClose: "delete" })
        assert.deepStrictEqual(
          asked.map(({ method, url }) => [method, url]),
          [
            ["POST", "/metrics/job/backup"],
            ["DELETE", "/metrics/job/backup"]
          ]
        )
      })
    )

    it.scopedLive("leave the tag job to the group", () =>
      Effect.gen(function* () {
        const { asked } = yield* run(status(200), Metrics.increment(hits, { tags: { job: "own" } }))
        assert.include(asked[0]!.body, 'hits_total{exported_job="own"} 1')
      })
    )
  })

  describe("failures", () => {
    it.scopedLive("of the connection and the gateway are repeated, which leaves what one push would", () =>
      Effect.gen(function* () {
        const broken: Answer = ({ socket }) => void socket.destroy()
        const { asked, ledger } = yield* run(script(broken, status(500), status(429), status(200)), one)
        assert.deepStrictEqual(
          new Set(asked.map(({ body }) => body)),
          new Set(["# TYPE hits_total counter\nhits_total 1\n"])
        )
        assert.strictEqual(ledger.delivered, 1)
      })
    )

    it.scopedLive("of one metric cost that one alone, and are told", () =>
      Effect.gen(function* () {
        const words = "pushed metrics are invalid or inconsistent with existing metrics"
        const answer: Answer = (asked, response) =>
          (asked.body.includes("bad_total") ? status(400, words) : status(200))(asked, response)
        const program = Effect.forEach(["a", "bad", "c"], (name) => Metrics.increment(Metrics.counter(name)))
        const { asked, ledger, logged } = yield* run(answer, program, { resend: "changed" })
        assert.deepStrictEqual([ledger.delivered, ledger.dropped.rejected], [2, 1])
        const last = asked.filter(({ body }) => !body.includes("bad_total")).at(-1)!.body
        assert.include(last, "a_total 1")
        assert.include(last, "c_total 1")
        assert.include(logged, words)
      })
    )

    it.scopedLive("to remove the group are logged", () =>
      Effect.gen(function* () {
        const { logged } = yield* run(script(status(200), status(500, "no")), one, { onClose: "delete" })
        assert.match(logged, /the group could not be deleted: 500: no/)
      })
    )

    it.scopedLive("to answer when the group is removed hold up no close", () =>
      Effect.gen(function* () {
        const answer: Answer = (asked, response) => {
          if (asked.method !== "DELETE") status(200)(asked, response)
        }
        const { logged } = yield* run(answer, one, { onClose: "delete", requestTimeout: "200 millis" })
        assert.match(logged, /the group could not be deleted: no answer/)
      })
    )

    it("mean what the table says", () => {
      const named = (code: number, body = "", headers: Readonly<Record<string, string>> = {}): string => {
        const error = judge({ status: code, body, headers }, { sink: "s", nowMillis: 0 })
        return error === undefined ? "Written" : `${error._tag}${error.ambiguous ? "?" : ""}`
      }
      const said = (codes: ReadonlyArray<number>) => new Set(codes.map((code) => named(code)))
      assert.deepStrictEqual(said([200, 202]), new Set(["Written"]))
      assert.strictEqual(named(200, "<html>"), "Misconfigured")
      assert.strictEqual(named(200, "x", { "content-type": "text/html" }), "Misconfigured")
      assert.deepStrictEqual(said([400, 422]), new Set(["Rejected"]))
      assert.deepStrictEqual(said([401, 403]), new Set(["Unauthorized"]))
      assert.deepStrictEqual(said([413]), new Set(["TooLarge"]))
      assert.deepStrictEqual(said([429]), new Set(["Throttled"]))
      assert.deepStrictEqual(said([503]), new Set(["Throttled?"]))
      assert.deepStrictEqual(said([408, 425, 500, 502, 504]), new Set(["Unavailable?"]))
      assert.deepStrictEqual(said([0, 301, 404, 405, 501, 505]), new Set(["Misconfigured"]))
    })
  })

  describe("options", () => {
    // What callers without types can give, as well.
    const wrong: ReadonlyArray<readonly [options: Record<string, unknown>, refusal: RegExp]> = [
      [{ url: "localhost:9091" }, /^url: /],
      [{ job: "" }, /^job: ""/],
      [{ job: undefined }, /^job: undefined/],
      [{ grouping: { job: "x" } }, /^grouping.job: "x"/],
      [{ grouping: { "a-b": "x" } }, /^grouping.a-b: "x"/],
      [{ grouping: { __a: "x" } }, /^grouping.__a: "x"/],
      [{ grouping: { a: 1 } }, /^grouping.a: 1/],
      [{ replaces: "all" }, /^replaces: "all"/],
      [{ onClose: "leave" }, /^onClose: "leave"/],
      [{ boundaries: [] }, /^boundaries: \[\]/],
      [{ concurrency: 2 }, /^concurrency: 2/],
      [{ gzip: -1 }, /^gzip: -1/],
      [{ token: Redacted.make("canary\n") }, /^token: <redacted>/],
      [{ username: "u" }, /^password: undefined/],
      [{ expireAfter: -1 }, /^expireAfter: -1/]
    ]
    for (const [options, refusal] of wrong) {
      it.effect(`refuse ${JSON.stringify(options)}`, () =>
        Effect.gen(function* () {
          const layer = Pushgateway.layerFetch({ url, job: "j", ...options })
          const result = yield* Effect.either(Effect.scoped(Layer.build(layer)))
          const said = result._tag === "Right" ? "none" : `${result.left.option}: ${result.left.value}`
          assert.match(said, refusal)
          assert.notMatch(said, /canary/)
        })
      )
    }

    it.scopedLive("may come from a configuration, and a check may come first", () =>
      Effect.gen(function* () {
        const server = yield* serve(script(status(200), status(503), status(200)))
        const checked = Pushgateway.layerChecked({ url: `${server.url}/gate`, job: "metrics/job" })
        const built = Effect.either(Effect.scoped(Layer.build(Layer.provide(checked, FetchHttpClient.layer))))
        assert.strictEqual((yield* built)._tag, "Right")
        assert.strictEqual((yield* built)._tag, "Left")
        assert.deepStrictEqual(
          server.asked.map(({ method, url }) => `${method} ${url}`),
          ["GET /gate/-/ready", "GET /gate/-/ready"]
        )
        const configured = Pushgateway.layerConfig({ url: Config.string("URL"), job: Config.succeed("conf") })
        yield* one.pipe(
          Effect.provide(Layer.provide(configured, FetchHttpClient.layer)),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["URL", server.url]])))
        )
        assert.strictEqual(server.asked.at(-1)!.url, "/metrics/job/conf")
      })
    )
  })
})
