import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Ref } from "effect"
import * as Ledger from "../../src/Ledger.js"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import type { Answer } from "../transport/server.js"
import { script, status } from "../transport/server.js"
import { linesOf, run } from "./influxdb/harness.js"

const hits = Metrics.counter("hits")
const one = Metrics.increment(hits)
const points = (count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, i) => Metrics.emit("p", { i }, { tags: { i: String(i) } }), {
    discard: true
  })

const error = (text: string): string => `${JSON.stringify({ error: text })}\n`

describe("InfluxDb", () => {
  it.scopedLive("makes one of series that differ in tags without a value, so that none overwrites the other", () =>
    Effect.gen(function* () {
      const hits = Metrics.counter("hits")
      const program = Effect.zipRight(Metrics.increment(hits), Metrics.incrementBy(hits, 2, { tags: { route: "" } }))
      const { ledger, server } = yield* run(status(204), program)
      assert.deepStrictEqual(
        linesOf(server).map((line) => line.replace(/ \d+$/, "")),
        ["hits,host=h value=3"]
      )
      assert.strictEqual(ledger.delivered, 2)
    })
  )

  describe("requests", () => {
    it.scopedLive("go to /write of version 1, with what else it may be told", () =>
      Effect.gen(function* () {
        const { ledger, server } = yield* run(status(204), one, {
          database: "my db&x",
          retentionPolicy: "a week",
          consistency: "all",
          precision: "us",
          username: "ü",
          password: Redacted.make("p:w")
        })
        const [asked] = server.asked
        assert.lengthOf(server.asked, 1)
        assert.strictEqual(asked!.method, "POST")
        assert.strictEqual(asked!.url, "/write?db=my+db%26x&rp=a+week&consistency=all&precision=u")
        assert.strictEqual(asked!.headers["content-type"], "text/plain; charset=utf-8")
        assert.strictEqual(asked!.headers["authorization"], `Basic ${Buffer.from("ü:p:w").toString("base64")}`)
        assert.match(asked!.body, /^hits,host=h value=1 \d{16}$/)
        assert.strictEqual(ledger.delivered, 1)
      })
    )

    it.scopedLive("go to /api/v2/write of version 2", () =>
      Effect.gen(function* () {
        const options = { version: 2, org: "o", bucket: "b/c", precision: "s", token: Redacted.make("t") } as const
        const { server } = yield* run(status(204), one, options)
        assert.strictEqual(server.asked[0]!.url, "/api/v2/write?bucket=b%2Fc&org=o&precision=s")
        assert.strictEqual(server.asked[0]!.headers["authorization"], "Token t")
        assert.match(server.asked[0]!.body, / \d{10}$/)
      })
    )

    it.scopedLive("go to /api/v3/write_lp of version 3, which takes good lines beside bad ones", () =>
      Effect.gen(function* () {
        const options = { version: 3, precision: "ms", token: Redacted.make("t"), tags: { t: "a\\b" } } as const
        const { server } = yield* run(status(204), one, options)
        assert.strictEqual(server.asked[0]!.url, "/api/v3/write_lp?db=app&accept_partial=true&precision=millisecond")
        assert.strictEqual(server.asked[0]!.headers["authorization"], "Bearer t")
        assert.match(server.asked[0]!.body, /^hits,t=a\\\\b value=1 \d{13}$/)
      })
    )

    it.scopedLive("keep the address's path, and take the endpoint's own as well", () =>
      Effect.gen(function* () {
        for (const path of ["/influx", "/influx/", "/influx/write"]) {
          const { server } = yield* run(status(204), one, (url) => ({ url: `${url}${path}` }))
          assert.strictEqual(server.asked[0]!.url, "/influx/write?db=app&precision=ns")
        }
      })
    )

    it.scopedLive("are gzipped from a size on", () =>
      Effect.gen(function* () {
        const { server } = yield* run(status(204), points(200))
        assert.strictEqual(server.asked[0]!.headers["content-encoding"], "gzip")
        assert.isBelow(server.asked[0]!.bodyBytes, server.asked[0]!.body.length / 2)
        assert.lengthOf(linesOf(server), 200)
        const plain = yield* run(status(204), points(200), { gzip: Infinity })
        assert.strictEqual(plain.server.asked[0]!.headers["content-encoding"], undefined)
        assert.lengthOf(linesOf(plain.server), 200)
      })
    )

    it.scopedLive("carry the headers that they are given", () =>
      Effect.gen(function* () {
        const { server } = yield* run(status(204), one, { headers: { "X-Scope": "s", "X-Key": Redacted.make("k") } })
        const { headers } = server.asked[0]!
        assert.deepStrictEqual(
          [headers["x-scope"], headers["x-key"], headers["user-agent"]],
          ["s", "k", "effect-metrics"]
        )
      })
    )

    it.scopedLive("are not made where there is nothing to write", () =>
      Effect.gen(function* () {
        const { server } = yield* run(status(204), Metrics.flush)
        assert.lengthOf(server.asked, 0)
      })
    )

    it.scopedLive("are bounded by bytes and by lines", () =>
      Effect.gen(function* () {
        const bytes = yield* run(status(204), points(500), { batchBytes: 1000 })
        for (const { body } of bytes.server.asked) assert.isAtMost(body.length, 1000)
        assert.lengthOf(linesOf(bytes.server), 500)
        const lines = yield* run(status(204), points(500), { batchSize: 50 })
        assert.lengthOf(lines.server.asked, 10)
      })
    )
  })

  describe("measurements", () => {
    it.scopedLive("arrive as the table says", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(Metrics.counter("c", { valueType: "int" }), 3)
          yield* Metrics.set(Metrics.gauge("g"), 1.5)
          yield* Metrics.record(Metrics.distribution("d", { boundaries: [1, 2] }), 2)
          yield* Metrics.record(Metrics.timer("raw", { aggregate: false }), 1.5)
          const fields = { f: 1, b: true, s: "x y", i: 5n, j: Measurement.int(6) }
          yield* Metrics.emit("p", fields)
        })
        const { ledger, server } = yield* run(status(204), program)
        assert.deepStrictEqual([...linesOf(server)].map((line) => line.replace(/ \d+$/, "")).sort(), [
          "c,host=h value=3i",
          "d,host=h count=1i,le_1=0i,le_2=1i,le_inf=1i,max=2,mean=2,min=2,p50=2,p95=2,p99=2,sum=2",
          "g,host=h value=1.5",
          'p,host=h b=T,f=1,i=5i,j=6i,s="x y"',
          "raw,host=h value=1.5"
        ])
        assert.strictEqual(ledger.delivered, 5)
      })
    )

    it.scopedLive("that line protocol cannot carry are dropped by themselves", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.emit("good", { v: 1 })
          yield* Metrics.emit("_bad", { v: 1 })
          yield* Metrics.emit("u", { v: Measurement.uint(1) })
        })
        const { ledger, server } = yield* run(status(204), program)
        assert.lengthOf(linesOf(server), 1)
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { invalid: 1, unsupported: 1 }])
      })
    )
  })

  describe("failures", () => {
    it.scopedLive("without an answer are retried byte for byte", () =>
      Effect.gen(function* () {
        const answers = script((asked) => asked.socket.destroy(), status(500, error("timeout")), status(204))
        const { ledger, server } = yield* run(answers, Effect.zipRight(one, points(50)))
        assert.lengthOf(server.asked, 3)
        assert.strictEqual(new Set(server.asked.map(({ body }) => body)).size, 1)
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, ledger.retried], [51, 51, 102])
      })
    )

    it.scopedLive("that stored nothing lose nothing and repeat nothing", () =>
      Effect.gen(function* () {
        const answers = script(status(503), status(429, "", { "retry-after": "0" }), status(204))
        const { ledger, server } = yield* run(answers, Effect.repeatN(one, 9))
        assert.match(server.asked.at(-1)!.body, / value=10 /)
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [10, 0])
      })
    )

    it.scopedLive("of one line in a thousand cost that line alone, in few requests", () =>
      Effect.gen(function* () {
        const picky: Answer = (asked, response) =>
          asked.body.includes("i=637 ")
            ? status(400, JSON.stringify({ code: "invalid", message: "unable to parse '...': bad" }))(asked, response)
            : status(204)(asked, response)
        const { ledger, logged, server } = yield* run(picky, points(1000), { version: 2, bucket: "b" })
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [999, { rejected: 1 }])
        assert.isAtMost(server.asked.length, 2 * Math.log2(1000) + 2)
        assert.match(logged, /unable to parse/)
      })
    )

    it.scopedLive("of lines that version 3 names cost those lines, in one request", () =>
      Effect.gen(function* () {
        const data = [{ original_line: "p,", line_number: 2, error_message: "bad" }]
        const answers = status(400, JSON.stringify({ error: "partial write of line protocol occurred", data }))
        const { ledger, server } = yield* run(answers, points(3), { version: 3 })
        assert.lengthOf(server.asked, 1)
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, { rejected: 1 }])
      })
    )

    it.scopedLive("of size halve the write until it fits", () =>
      Effect.gen(function* () {
        const small: Answer = (asked, response) => status(asked.body.length > 2000 ? 413 : 204)(asked, response)
        const { ledger, server } = yield* run(small, points(300))
        assert.strictEqual(ledger.delivered, 300)
        const written = server.asked.filter(({ body }) => body.length <= 2000)
        assert.strictEqual(new Set(written.flatMap(({ body }) => body.split("\n"))).size, 300)
      })
    )

    it.scopedLive("of credentials keep everything until they are right, and read them anew each time", () =>
      Effect.gen(function* () {
        const reads = yield* Ref.make(0)
        const token = Effect.map(
          Ref.updateAndGet(reads, (n) => n + 1),
          (n) => Redacted.make(n < 4 ? "stale-canary" : "fresh-canary")
        )
        const guarded: Answer = (asked, response) =>
          status(
            asked.headers["authorization"] === "Token fresh-canary" ? 204 : 401,
            `no ${asked.headers["authorization"]}`
          )(asked, response)
        const { ledger, logged, server } = yield* run(guarded, points(20), { version: 2, bucket: "b", token })
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, server.asked.length], [20, 0, 4])
        assert.notMatch(logged, /canary/)
        assert.match(logged, /401: no Token <redacted>/)
      })
    )

    it.scopedLive("to get credentials keep everything too, and do not tell why", () =>
      Effect.gen(function* () {
        const reads = yield* Ref.make(0)
        const token = Effect.flatMap(
          Ref.updateAndGet(reads, (n) => n + 1),
          (n) =>
            n === 1
              ? Effect.fail("canary")
              : n === 2
                ? Effect.die("canary")
                : Effect.succeed(Redacted.make(n === 3 ? "a\r\nb" : "t"))
        )
        const { ledger, logged, server } = yield* run(status(204), one, { version: 2, bucket: "b", token })
        assert.deepStrictEqual([ledger.delivered, server.asked.length], [1, 1])
        assert.match(logged, /the token could not be had/)
        assert.notMatch(logged, /canary/)
      })
    )

    it.scopedLive("by redirect are not followed", () =>
      Effect.gen(function* () {
        const other = yield* run(status(204), Effect.void)
        const answers = script(status(307, "", { location: `${other.server.url}/write` }), status(204))
        const { ledger, logged } = yield* run(answers, one, { username: "u", password: Redacted.make("canary") })
        assert.strictEqual(ledger.delivered, 1)
        assert.lengthOf(other.server.asked, 0)
        assert.match(logged, /it redirects to/)
      })
    )

    it.scopedLive("for want of a database are no more once it may be created", () =>
      Effect.gen(function* () {
        let exists = false
        const answers: Answer = (asked, response) => {
          if (asked.url === "/query") exists = true
          status(asked.url === "/query" ? 200 : exists ? 204 : 404, exists ? "" : error('database not found: "x"'))(
            asked,
            response
          )
        }
        const { ledger, server } = yield* run(answers, one, { database: 'a"b\\c', createDatabase: true })
        assert.deepStrictEqual(
          server.asked.map(({ url }) => url.split("?")[0]),
          ["/write", "/query", "/write"]
        )
        assert.strictEqual(new URLSearchParams(server.asked[1]!.body).get("q"), 'CREATE DATABASE "a\\"b\\\\c"')
        assert.strictEqual(ledger.delivered, 1)
      })
    )

    it.scopedLive("of one database hold back no other", () =>
      Effect.gen(function* () {
        const answers: Answer = (asked, response) => {
          const database = new URLSearchParams(asked.url.split("?")[1]).get("db")!
          const answer = database === "bad" ? status(404, error('database not found: "bad"')) : status(204)
          answer(asked, response)
        }
        const program = Effect.gen(function* () {
          for (const db of ["bad", "a", "b"]) yield* Metrics.increment(hits, { tags: { db } })
          yield* Effect.fork(Metrics.flush)
          yield* Effect.repeat(Effect.delay(Metrics.ledgers, "2 millis"), {
            until: (lanes) => lanes.filter(({ ledger }) => ledger.delivered === 1).length === 2
          })
        })
        const { ledgers } = yield* run(answers, program, {
          database: ({ tags }) => tags["db"] ?? "app",
          shutdownTimeout: "500 millis"
        })
        assert.strictEqual(ledgers["influxdb/a"]!.delivered, 1)
        assert.strictEqual(ledgers["influxdb/b"]!.delivered, 1)
        assert.deepStrictEqual(ledgers["influxdb/bad"]!.dropped, { shutdown_deadline: 1 })
        assert.strictEqual(Ledger.buffered(ledgers["influxdb"]!), 0)
      })
    )

    it.scopedLive("never tell secrets, whatever the server does with them", () =>
      Effect.gen(function* () {
        const echo =
          (code: number): Answer =>
          (asked, response) =>
            status(code, JSON.stringify({ error: `partial write: ${JSON.stringify(asked.headers)} ${asked.url}` }))(
              asked,
              response
            )
        const answers = script(
          ...[400, 401, 403, 404, 422, 429, 500, 503, 200].map(echo),
          (asked) => asked.socket.destroy(),
          status(204)
        )
        const { ledger, logged } = yield* run(answers, one, { username: "user", password: Redacted.make("canary") })
        assert.strictEqual(ledger.recorded, 1)
        const basic = Buffer.from("user:canary").toString("base64")
        assert.notMatch(logged, new RegExp(`canary|${basic}`))
      })
    )
  })

  describe("check", () => {
    const checked = (answer: Answer, options: Partial<InfluxDb.Options> = {}) =>
      Effect.gen(function* () {
        const { server } = yield* run(answer, Effect.void)
        const result = yield* Effect.either(
          InfluxDb.check({ url: server.url, database: "app", ...options }).pipe(Effect.provide(FetchHttpClient.layer))
        )
        return { outcome: result._tag === "Right" ? "fine" : result.left._tag, server }
      })

    it.scopedLive("asks for a write that stores nothing", () =>
      Effect.gen(function* () {
        const { outcome, server } = yield* checked(status(204))
        assert.strictEqual(outcome, "fine")
        assert.deepStrictEqual(
          server.asked.map(({ method }) => method),
          ["POST"]
        )
        assert.match(server.asked[0]!.body, /^#[^\n]*$/)
      })
    )

    it.scopedLive("fails as a write would, and takes a complaint about the lines for success", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* checked(status(400, error("unable to parse '#'")))).outcome, "fine")
        assert.strictEqual((yield* checked(status(400, error("database is required")))).outcome, "Misconfigured")
        assert.strictEqual((yield* checked(status(401))).outcome, "Unauthorized")
        assert.strictEqual((yield* checked(status(404, error('database not found: "app"')))).outcome, "Misconfigured")
        assert.strictEqual((yield* checked((asked) => asked.socket.destroy())).outcome, "Unavailable")
        assert.strictEqual((yield* checked(() => {}, { requestTimeout: "20 millis" })).outcome, "Unavailable")
      })
    )

    it.scopedLive("asks only for a sign of life where a function chooses the database", () =>
      Effect.gen(function* () {
        const { outcome, server } = yield* checked(status(204), { database: () => "any" })
        assert.strictEqual(outcome, "fine")
        assert.deepStrictEqual(
          server.asked.map(({ method, url }) => [method, url]),
          [["GET", "/ping"]]
        )
      })
    )
  })
})
