/** What users of potsdb rely on, call by call, and what becomes of it here. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { hostname } from "node:os"
import * as Ledger from "../../../src/Ledger.js"
import type { FieldValue } from "../../../src/recording/measurement.js"
import * as Metrics from "../../../src/Metrics.js"
import * as OpenTsdb from "../../../src/sinks/OpenTsdb.js"
import { run, until } from "./harness.js"
import { serve } from "./server.js"

interface Call {
  readonly name: string
  readonly value: FieldValue
  readonly seconds: number
  readonly tags?: Readonly<Record<string, string>>
}

const log = ({ name, seconds, tags = {}, value }: Call) =>
  Metrics.emit(name, { value }, { tags, timestamp: new Date(seconds * 1000) })

const tester = { hostTag: { value: "tester" }, tags: {} } as const
const untagged = { hostTag: "none", tags: {} } as const

describe("potsdb's calls", () => {
  const rows: ReadonlyArray<readonly [Call, Partial<OpenTsdb.Options>, line: string]> = [
    [{ name: "test.metric7", value: 100, seconds: 1234567890 }, tester, "put test.metric7 1234567890 100 host=tester"],
    [
      { name: "test.metric8", value: 0.48569, seconds: 1234567890 },
      tester,
      "put test.metric8 1234567890 0.48569 host=tester"
    ],
    [
      { name: "test.metric10", value: 100, seconds: 1234567890, tags: { tag1: "value" } },
      untagged,
      "put test.metric10 1234567890 100 tag1=value"
    ],
    [
      { name: "m5", value: 5, seconds: 1, tags: { extratag1: "tagvalue", extratag2: "v2" } },
      tester,
      "put m5 1 5 extratag1=tagvalue extratag2=v2 host=tester"
    ],
    [{ name: "m6", value: 34, seconds: 1, tags: { host: "app1.local" } }, tester, "put m6 1 34 host=app1.local"],
    [{ name: "m2", value: 12, seconds: 1234567890.9 }, tester, "put m2 1234567890 12 host=tester"],
    [{ name: "m3", value: 1e-7, seconds: 1234567890 }, tester, "put m3 1234567890 1e-7 host=tester"],
    [{ name: "m", value: true, seconds: 1 }, tester, "put m 1 1 host=tester"],
    [{ name: "a/b_c-d.e", value: 1, seconds: 1 }, tester, "put a/b_c-d.e 1 1 host=tester"]
  ]
  for (const [call, options, line] of rows) {
    it.scopedLive(`put the same line: ${line}`, () =>
      Effect.gen(function* () {
        const { ledger, tsd } = yield* run(log(call), options)
        assert.deepStrictEqual(tsd.lines, [line])
        assert.deepStrictEqual([tsd.complaints, ledger.delivered], [[], 1])
      })
    )
  }

  it.scopedLive("with a name that cannot be are dropped, with the reason in the log", () =>
    Effect.gen(function* () {
      const { ledger, logged, tsd } = yield* run(
        log({ name: "test.metric2 roflcopter!", value: 1, seconds: 1 }),
        tester
      )
      assert.deepStrictEqual([tsd.lines, ledger.dropped], [[], { invalid: 1 }])
      assert.match(logged, /test\.metric2 roflcopter!.* contains/)
    })
  )

  it.scopedLive("without a tag are dropped, with the reason in the log", () =>
    Effect.gen(function* () {
      const { ledger, logged, tsd } = yield* run(log({ name: "m", value: 1, seconds: 1 }), untagged)
      assert.deepStrictEqual([tsd.lines, ledger.dropped], [[], { invalid: 1 }])
      assert.match(logged, /it has no tags, and OpenTSDB wants at least one/)
    })
  )

  it.scopedLive("of one second, ten times: one is put, the last of them, and nine are counted", () =>
    Effect.gen(function* () {
      const ten = Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (value) => log({ name: "m", value, seconds: 1 }))
      const { ledger, tsd } = yield* run(ten, { ...tester, duplicates: "last" })
      assert.deepStrictEqual(tsd.lines, ["put m 1 9 host=tester"])
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { same_timestamp: 9 }])
    })
  )

  it.scopedLive("of one second, ten times, unless told otherwise: one more is moved to the next second", () =>
    Effect.gen(function* () {
      const ten = Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (value) => log({ name: "m", value, seconds: 1 }))
      const { ledger, tsd } = yield* run(ten, tester)
      assert.deepStrictEqual(tsd.lines, ["put m 1 0 host=tester", "put m 2 1 host=tester"])
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, { same_timestamp: 8 }])
    })
  )

  it.scopedLive("while the server is down push the oldest out of a full queue, where that is asked for", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run(
        (tsd) =>
          Effect.gen(function* () {
            yield* Effect.promise(tsd.stop)
            yield* log({ name: "held", value: 1, seconds: 1 })
            const flushing = yield* Effect.fork(Metrics.flush)
            yield* until(() => tsd.open() === 0)
            yield* Effect.sleep("20 millis")
            for (let i = 0; i < 5; i++) yield* log({ name: `q${i}`, value: i, seconds: 1 })
            yield* Effect.promise(tsd.start)
            yield* flushing.await
          }),
        { ...tester, capacity: 2, triggerSize: 2, overflow: "drop-oldest", batchSize: 1 }
      )
      const { delivered, dropped } = ledger
      assert.deepStrictEqual(
        tsd.stored.slice(-2).map(({ metric }) => metric),
        ["q3", "q4"]
      )
      assert.strictEqual(delivered + (dropped.queue_full ?? 0), 6)
    })
  )

  it.scopedLive("with decreasing times of their own are put, all hundred", () =>
    Effect.gen(function* () {
      const hundred = Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => log({ name: "m", value: i, seconds: 1_234_567_890 - i })
      )
      for (const duplicates of ["spread", "last"] as const) {
        const { ledger, tsd } = yield* run(hundred, { ...tester, duplicates })
        assert.strictEqual(new Set(tsd.stored.map(({ timestamp }) => timestamp)).size, 100)
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [100, {}])
      }
    })
  )

  it.scopedLive("fail at the start where nobody listens, if that is asked for", () =>
    Effect.gen(function* () {
      const { port, stop } = yield* serve
      yield* Effect.promise(stop)
      const app = log({ name: "m", value: 1, seconds: 1 })
      const result = yield* Effect.either(Effect.provide(app, OpenTsdb.layerChecked({ host: "127.0.0.1", port })))
      assert.match(Either.isLeft(result) ? result.left.message : "", /connection refused/)
    })
  )

  it.scopedLive("of values that are no numbers are refused, and counted", () =>
    Effect.gen(function* () {
      const values: ReadonlyArray<FieldValue> = [Number.NaN, Number.POSITIVE_INFINITY, "abc"]
      const all = Effect.forEach(values, (value) => log({ name: "m", value, seconds: 1 }))
      const { ledger, tsd } = yield* run(all, tester)
      assert.deepStrictEqual(tsd.lines, [])
      assert.deepStrictEqual([ledger.refused, ledger.dropped], [{ not_finite: 2 }, { unsupported: 1 }])
    })
  )
})

describe("potsdb's options", () => {
  it.scopedLive("host_tag: the system's name, unless told otherwise", () =>
    Effect.gen(function* () {
      const { tsd } = yield* run(log({ name: "m", value: 1, seconds: 1 }), { hostTag: undefined, tags: undefined })
      assert.deepStrictEqual(tsd.lines, [`put m 1 1 host=${hostname()}`])
    })
  )

  it.scopedLive("mps: so many measurements a second, evenly spread", () =>
    Effect.gen(function* () {
      const four = Effect.forEach([1, 2, 3, 4], (seconds) => log({ name: "m", value: 1, seconds }))
      const { ledger, tsd } = yield* run(Effect.zipRight(four, Metrics.flush), { ...tester, rateLimit: 20 })
      assert.deepStrictEqual(
        tsd.stored.map(({ timestamp }) => timestamp),
        [1, 2, 3, 4]
      )
      // A tenth of a second at once.
      assert.strictEqual(ledger.sent.writes, 2)
    })
  )

  it.scopedLive("wait: until all is sent, or a deadline", () =>
    Effect.gen(function* () {
      const { ledger } = yield* run((tsd) =>
        Effect.gen(function* () {
          yield* Effect.promise(tsd.stop)
          yield* log({ name: "m", value: 1, seconds: 1 })
          const late = yield* Metrics.flushWithin("30 millis")
          assert.strictEqual(Ledger.buffered(late[0]!.ledger), 1)
          yield* Effect.promise(tsd.start)
          const [{ ledger } = { ledger: undefined }] = yield* Metrics.flush
          assert.strictEqual(ledger?.delivered, 1)
        })
      )
      assert.strictEqual(ledger.delivered, 1)
    })
  )

  it.scopedLive("close: what is recorded later is refused, and counted", () =>
    Effect.gen(function* () {
      const { port } = yield* serve
      const layer = OpenTsdb.layer({ host: "127.0.0.1", port })
      const hub = yield* Effect.provide(Metrics.Metrics, layer)
      yield* Effect.provideService(log({ name: "m", value: 1, seconds: 1 }), Metrics.Metrics, hub)
      assert.deepStrictEqual(Metrics.ledgersOf(hub)[0]!.ledger.refused, { closed: 1 })
    })
  )
})
