import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as PrometheusRemoteWrite from "../../src/sinks/PrometheusRemoteWrite.js"
import { received } from "../encoding/remoteWrite.js"
import { type Answer, script, serve, status } from "../transport/server.js"
import { run, taken, toldIn } from "./prometheusRemoteWrite/harness.js"

const hits = Metrics.counter("hits")
const one = Metrics.increment(hits)
const took = Metrics.distribution("took", { boundaries: [1] })

/** The values of a name in each request. */
const valuesOf = (server: Parameters<typeof toldIn>[0], name: string) =>
  toldIn(server).map((all) => all.filter((told) => told.name === name).map(({ value }) => value))

const older = status(204)

describe("PrometheusRemoteWrite", () => {
  describe("requests", () => {
    it.scopedLive("are compressed, say which version they are of, and carry credentials and a tenant", () =>
      Effect.gen(function* () {
        const { ledger, logged, server } = yield* run(taken, one, {
          headers: { "X-Scope-OrgID": "tenant" },
          username: "shop",
          password: Redacted.make("canary"),
          tags: { job: "shop" }
        })
        const [{ headers, method, url }] = server.asked as [(typeof server.asked)[number]]
        assert.deepStrictEqual([method, url], ["POST", "/api/v1/write"])
        assert.deepStrictEqual(
          [
            headers["content-type"],
            headers["content-encoding"],
            headers["x-prometheus-remote-write-version"],
            headers["x-scope-orgid"],
            headers["authorization"],
            headers["user-agent"]
          ],
          [
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            "snappy",
            "2.0.0",
            "tenant",
            `Basic ${btoa("shop:canary")}`,
            "effect-metrics"
          ]
        )
        const [[told]] = toldIn(server) as [[ReturnType<typeof toldIn>[number][number]]]
        assert.deepStrictEqual([told.name, told.labels, told.value], ["hits_total", { instance: "i", job: "shop" }, 1])
        assert.strictEqual(ledger.delivered, 1)
        assert.notInclude(logged, "canary")
      })
    )

    it.scopedLive("of 1.0 say so, and are what is asked for where that is", () =>
      Effect.gen(function* () {
        const { server } = yield* run(older, one, { version: "1.0", token: Redacted.make("t"), path: "/push" })
        const [{ headers, url }] = server.asked as [(typeof server.asked)[number]]
        assert.deepStrictEqual(
          [url, headers["content-type"], headers["x-prometheus-remote-write-version"], headers["authorization"]],
          ["/push", "application/x-protobuf", "0.1.0", "Bearer t"]
        )
        assert.deepStrictEqual(valuesOf(server, "hits_total"), [[1]])
      })
    )

    it.scopedLive("have at most so many samples", () =>
      Effect.gen(function* () {
        const many = Effect.forEach(Array.from({ length: 25 }), (_, i) =>
          Metrics.increment(hits, { tags: { i: String(i) } })
        )
        const { ledger, server } = yield* run(taken, many, { batchSize: 10 })
        assert.deepStrictEqual(
          toldIn(server).map(({ length }) => length),
          [10, 10, 5]
        )
        assert.strictEqual(ledger.delivered, 25)
      })
    )
  })

  describe("a receiver that knows 1.0 alone", () => {
    const ways: ReadonlyArray<readonly [how: string, answer: Answer]> = [
      ["takes 2.0 for an empty request", older],
      ["refuses it as unsupported", status(415, "unsupported")],
      ["cannot read it", status(400, "proto: wrong wireType")]
    ]
    for (const [how, refusal] of ways) {
      it.scopedLive(`that ${how} is written 1.0 from then on, which is logged once`, () =>
        Effect.gen(function* () {
          const program = Effect.zipRight(Effect.zipRight(one, Metrics.flush), Effect.zipRight(one, Metrics.flush))
          const answer: Answer = (asked, response) =>
            (asked.headers["x-prometheus-remote-write-version"] === "0.1.0" ? older : refusal)(asked, response)
          const { ledger, logged, server } = yield* run(answer, program)
          const versions = server.asked.map(({ headers }) => headers["x-prometheus-remote-write-version"])
          assert.deepStrictEqual(versions.slice(0, 3), ["2.0.0", "0.1.0", "0.1.0"])
          assert.deepStrictEqual(valuesOf(server, "hits_total").slice(0, 3), [[1], [1], [2]])
          assert.strictEqual(logged.split("1.0 alone").length, 2)
          assert.strictEqual(ledger.delivered, 2)
        })
      )
    }
  })

  describe("measurements", () => {
    it.scopedLive("are told as totals with each flush, also unchanged ones, and with the sample's own time", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(hits, 2)
          yield* Metrics.record(took, 3)
          yield* Metrics.set(Metrics.gauge("level"), 5)
          yield* Metrics.flush
          yield* Metrics.incrementBy(hits, 1)
          yield* Metrics.flush
        })
        const { ledger, server } = yield* run(taken, program)
        const [first, second] = toldIn(server)
        const read = (all: typeof first) =>
          Object.fromEntries(all!.map(({ labels, name, value }) => [name + (labels["le"] ?? ""), value]))
        const unchanged = { "took_bucket1.0": 0, "took_bucket+Inf": 1, took_sum: 3, took_count: 1, level: 5 }
        assert.deepStrictEqual(read(first), { hits_total: 2, ...unchanged })
        assert.deepStrictEqual(read(second), { hits_total: 3, ...unchanged })
        const timesOf = (all: typeof first) =>
          new Map(all!.map(({ labels, millis, name }) => [name + labels["le"], millis]))
        for (const [key, millis] of timesOf(second)) assert.isAbove(millis, timesOf(first).get(key)!)
        assert.deepStrictEqual([ledger.recorded, ledger.delivered], [4, 4])
      })
    )

    it.scopedLive("have a label that no other process has, unless they have it already", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(one, Metrics.increment(hits, { tags: { instance: "own" } }))
        const instances = Effect.map(run(taken, program, { hostTag: undefined }), ({ server }) =>
          toldIn(server)[0]!
            .map(({ labels }) => labels["instance"]!)
            .sort()
        )
        const [first, second] = [yield* instances, yield* instances]
        assert.include(first, "own")
        assert.lengthOf(new Set([...first, ...second]), 3)
      })
    )

    it.scopedLive("are told when they change alone, where that is asked for", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(Effect.zipRight(one, Metrics.flush), Metrics.flush)
        const { server } = yield* run(taken, program, { resend: "changed" })
        assert.deepStrictEqual(valuesOf(server, "hits_total"), [[1]])
      })
    )

    it.scopedLive("with tags that come to the same label are one series", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.increment(hits, { tags: { "a.b": "1" } })
          yield* Metrics.increment(hits, { tags: { a_b: "1" } })
        })
        const { server } = yield* run(taken, program)
        assert.deepStrictEqual(valuesOf(server, "hits_total"), [[2]])
      })
    )

    it.scopedLive("are said to have ended by the close, where that is asked for", () =>
      Effect.gen(function* () {
        const { server } = yield* run(taken, Effect.zipRight(one, Metrics.record(took, 1)), { staleMarkers: true })
        const [first, last] = toldIn(server)
        assert.lengthOf(server.asked, 2)
        assert.sameMembers(
          last!.map(({ name }) => name),
          first!.map(({ name }) => name)
        )
        for (const { millis, value } of last!) {
          assert.isNaN(value)
          assert.isAbove(millis, first![0]!.millis)
        }
        const none = yield* run(taken, one)
        assert.lengthOf(none.server.asked, 1)
      })
    )
  })

  describe("failures", () => {
    it.scopedLive("without an answer are repeated byte for byte, and lose and repeat nothing", () =>
      Effect.gen(function* () {
        const broken: Answer = ({ socket }) => void socket.destroy()
        const { ledger, server } = yield* run(
          script(broken, status(500), status(503), taken),
          Effect.zipRight(one, one)
        )
        const [first, ...others] = server.asked.map(({ bytes }) => Buffer.from(bytes).toString("hex"))
        assert.deepStrictEqual(others, [first, first, first])
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [2, 2])
      })
    )

    it.scopedLive("without an answer are over when the repeated one is out of order, as what was stored is", () =>
      Effect.gen(function* () {
        const broken: Answer = ({ socket }) => void socket.destroy()
        const raw = Metrics.distribution("raw", { aggregate: false })
        const program = Effect.gen(function* () {
          yield* one
          yield* Metrics.flush
          yield* Effect.forEach([1, 2, 3], (value) => Metrics.record(raw, value))
        })
        const answer = script(taken, broken, status(400, "out of order sample"))
        const { ledger, server } = yield* run(answer, program, { resend: "changed" })
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, server.asked.length], [4, 3, 3])
      })
    )

    it.scopedLive("of one sample cost that one alone", () =>
      Effect.gen(function* () {
        const answer: Answer = (asked, response) => {
          const isBad = received(asked.headers, asked.bytes).some(({ name }) => name === "bad_total")
          return (isBad ? status(400, "out of order sample") : taken)(asked, response)
        }
        const program = Effect.zipRight(
          Effect.zipRight(one, Metrics.flush),
          Effect.forEach(["a", "bad", "c", "d"], (name) => Metrics.increment(Metrics.counter(name)))
        )
        const { ledger, server } = yield* run(answer, program, { resend: "changed" })
        assert.deepStrictEqual([ledger.delivered, ledger.dropped.rejected], [4, 1])
        assert.isTrue(server.asked.every(({ headers }) => headers["x-prometheus-remote-write-version"] === "2.0.0"))
      })
    )

    it.scopedLive("of the address are said as they are, without what the other side repeats of a secret", () =>
      Effect.gen(function* () {
        const answer = script(status(404, "no receiver for canary"), taken)
        const { ledger, logged } = yield* run(answer, one, { token: Redacted.make("canary") })
        assert.match(logged, /404: no receiver for <redacted>/)
        assert.notInclude(logged, "canary")
        assert.strictEqual(ledger.delivered, 1)
      })
    )
  })

  it.scopedLive("closes also where nobody answers that series have ended", () =>
    Effect.gen(function* () {
      const answer = script(taken, () => {})
      const { ledger, logged } = yield* run(answer, Effect.zipRight(one, Metrics.flush), {
        resend: "changed",
        requestTimeout: "200 millis",
        staleMarkers: true
      })
      assert.match(logged, /that series have ended was not told: no answer/)
      assert.strictEqual(ledger.delivered, 1)
    })
  )

  describe("check", () => {
    const check = (answer: Answer) =>
      Effect.gen(function* () {
        const server = yield* serve(answer)
        const result = yield* Effect.either(PrometheusRemoteWrite.check({ url: server.url }))
        return { server, said: result._tag === "Right" ? "fine" : result.left._tag }
      }).pipe(Effect.provide(FetchHttpClient.layer))

    it.scopedLive("asks for a write of nothing, in the version that is known, and fails as a write would", () =>
      Effect.gen(function* () {
        const fine = yield* check(taken)
        assert.deepStrictEqual([fine.said, toldIn(fine.server)], ["fine", [[]]])
        const old = yield* check(older)
        assert.deepStrictEqual([old.said, old.server.asked.length], ["fine", 2])
        assert.strictEqual((yield* check(status(401))).said, "Unauthorized")
        assert.strictEqual((yield* check(status(400, "unsupported path requested"))).said, "Rejected")
        assert.strictEqual((yield* check(status(404))).said, "Misconfigured")
        assert.strictEqual((yield* check(status(200, "<html>", { "content-type": "text/html" }))).said, "Misconfigured")
        assert.strictEqual((yield* check(status(500))).said, "Unavailable")
      })
    )
  })
})
