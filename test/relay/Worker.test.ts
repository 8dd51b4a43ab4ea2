import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule, TestClock } from "effect"
import * as Ledger from "../../src/Ledger.js"
import type { Measurement } from "../../src/recording/measurement.js"
import * as Worker from "../../src/relay/Worker.js"
import * as Sink from "../../src/Sink.js"
import { countOf, gaugeAt, millis, nativeFrames, seriesOf, sizes, withWorker } from "./feed.js"
import { type Backend, backend, ofApps, totals } from "./harness.js"

describe("a worker", () => {
  it.live("sums Zibrato's counters by source and name (ZV11, ZV14), and sends none twice (ZV13)", () =>
    withWorker(({ backend, flush, give }) =>
      Effect.gen(function* () {
        give(
          "info|Counter|hits|1|1357682401|web-1",
          "info|Counter|hits|4|1357682402|web-1",
          "info|Counter|hits|2|1357682403|web-2"
        )
        yield* flush
        assert.deepStrictEqual(totals(backend.measurements), {
          "info hits source=web-1": 5,
          "info hits source=web-2": 2
        })
        const { length } = ofApps(backend.measurements)
        yield* flush
        assert.lengthOf(ofApps(backend.measurements), length)
      })
    )
  )

  it.live("keeps each of Zibrato's gauges with its own time, and takes its timers for seconds (ZV12, ZV6, ZV10)", () =>
    withWorker(({ backend, flush, give }) =>
      Effect.gen(function* () {
        give(
          "info|Gauge|temp|123|1357682402|not_specified",
          "info|Gauge|temp|0|1357682401|not_specified",
          "debug|Timer|t|0.25|1357682403|my prog"
        )
        yield* flush
        const all = ofApps(backend.measurements)
        assert.deepStrictEqual(
          all.flatMap((one) => (one._tag === "point" ? [[one.series.kind, one.fieldValues[0], one.millis]] : [])),
          [
            ["gauge", 123, 1_357_682_402_000],
            ["gauge", 0, 1_357_682_401_000]
          ]
        )
        const timer = all.find(({ series }) => series.kind === "timer")
        assert(timer?._tag === "distribution")
        assert.deepStrictEqual([timer.histogram.sum, timer.series.unit], [0.25, "s"])
        assert.deepStrictEqual(timer.series.tags, [["source", "my prog"]])
        assert.strictEqual(timer.series.level, "debug")
      })
    )
  )

  it.live("sends Zibrato's timers one by one, at their times, where a sink asks for that", () =>
    withWorker(
      ({ backend, flush, give }) =>
        Effect.gen(function* () {
          give("debug|Timer|t|0.25|1357682403|p", "debug|Timer|t|0.5|1357682404|p")
          yield* flush
          assert.deepStrictEqual(
            ofApps(backend.measurements).flatMap((one) =>
              one._tag === "point" ? [[one.fieldValues[0], one.millis]] : []
            ),
            [
              [0.25, 1_357_682_403_000],
              [0.5, 1_357_682_404_000]
            ]
          )
        }),
      {},
      backend({ aggregate: { timer: false } })
    )
  )

  it.live("merges what publishers gathered, and keeps of gauges what is latest by their clocks", () =>
    withWorker(({ account, backend, flush, give }) =>
      Effect.gen(function* () {
        give(
          nativeFrames([countOf(3), sizes([1, 2]), gaugeAt(10, millis + 5)]),
          nativeFrames([countOf(4), sizes([-5]), gaugeAt(20, millis + 9)]),
          nativeFrames([gaugeAt(30, millis + 7)])
        )
        const [ledger] = yield* flush
        assert.deepStrictEqual(totals(backend.measurements), { "info c": 7, "info d": 3, "info g": 20 })
        assert.strictEqual((yield* account).stale, 1)
        assert.strictEqual(Ledger.imbalance(ledger!.ledger), 0)
      })
    )
  )

  it.live("records no message twice", () =>
    withWorker(({ account, backend, flush, give }) =>
      Effect.gen(function* () {
        const message = nativeFrames([countOf(3)], "the same")
        give(message, message)
        yield* flush
        assert.deepStrictEqual(totals(backend.measurements), { "info c": 3 })
        assert.deepStrictEqual([(yield* account).duplicates, (yield* account).measurements], [1, 1])
      })
    )
  )

  it.live("counts what it cannot read, logs the first and every doubling, and goes on", () =>
    withWorker(
      ({ account, backend, flush, give, logs }) =>
        Effect.gen(function* () {
          const [topic, body] = nativeFrames([countOf(3)]) as [Uint8Array, Uint8Array]
          const other = body.slice()
          other[2] = 99
          give([topic, other], [topic, new Uint8Array(5000)], [topic, body.slice(0, -1)], [topic, body, body], [])
          give("nonsense", "info|Counter|hits|NaN|1|s", `info|Counter|${"x".repeat(9000)}|1|1|s`)
          give([topic, body])
          const { measurements, messages, unreadable } = yield* account
          assert.deepStrictEqual([messages, measurements], [9, 1])
          assert.deepStrictEqual(unreadable, { malformed: 6, version: 1, too_large: 1 })
          yield* flush
          assert.deepStrictEqual(totals(backend.measurements), { "info c": 3 })
          const own = backend.measurements.filter(({ series }) => series.name === "effect_metrics.worker.unreadable")
          assert.deepStrictEqual(
            Object.fromEntries(own.map((one) => [one.series.tags[0]![1], one._tag === "count" ? one.value : NaN])),
            { malformed: 6, version: 1, too_large: 1 }
          )
          yield* Effect.repeat(Effect.sleep(5), { until: () => logs.length >= 4 })
          assert.lengthOf(logs, 4)
          assert.match(logs[0]!, /so far: 1; the last one: it is of version 99, and only 1 is known/)
        }),
      { maxMessageBytes: 4000 }
    )
  )

  it.scoped("believes no clock that is more than a minute ahead, as its gauges would silence all others'", () =>
    withWorker(({ account, backend, flush, give }) =>
      Effect.gen(function* () {
        give(nativeFrames([gaugeAt(1, 100 * 365 * 86_400_000)]))
        yield* TestClock.adjust("61 seconds")
        give(nativeFrames([gaugeAt(2, 60_500)]))
        yield* flush
        assert.deepStrictEqual(totals(backend.measurements), { "info g": 2 })
        assert.strictEqual((yield* account).stale, 0)
      })
    )
  )

  it.scoped("keeps no more of long ids, descriptions and names of fields than there is room for", () => {
    const into = backend({ capacityBytes: 200_000 })
    return withWorker(
      ({ account, flush, give }) =>
        Effect.gen(function* () {
          for (const id of ["a", "b", "a"]) {
            give(nativeFrames([countOf(1, { description: "x".repeat(2000), unit: "B" })], id.repeat(3_000_000)))
          }
          assert.deepStrictEqual([(yield* account).duplicates, (yield* account).measurements], [0, 3])
          const field = (i: number): Measurement => ({
            _tag: "point",
            series: seriesOf("p", "point"),
            weight: 1,
            millis,
            nanos: 0,
            fieldNames: [`${i}`.repeat(60_000)],
            fieldValues: [1],
            sampleRate: 1
          })
          for (let i = 0; i < 5; i++) give(nativeFrames([field(i)]))
          const [lane] = yield* flush
          assert.deepStrictEqual(lane?.ledger.dropped, { queue_bytes: 4 })
          const [count] = ofApps(into.measurements)
          assert.deepStrictEqual([count?.series.description, count?.series.unit], [undefined, "B"])
        }),
      {},
      into
    )
  })

  it.scoped("has what it merged written on time where nothing comes any more", () =>
    Effect.gen(function* () {
      const into = backend({ schedule: Schedule.fixed("10 seconds") })
      yield* withWorker(
        ({ give }) =>
          Effect.gen(function* () {
            give("info|Counter|hits|5|1357682401|web-1")
            yield* TestClock.adjust("9 seconds")
            assert.deepStrictEqual(totals(into.measurements), {})
            yield* TestClock.adjust("2 seconds")
            assert.deepStrictEqual(totals(into.measurements), { "info hits source=web-1": 5 })
          }),
        {},
        into
      )
    })
  )

  it.scoped("acknowledges a message when the backend has what it carried, and not before", () =>
    Effect.gen(function* () {
      const backends = { isUp: false }
      const measurements: Array<Sink.Measurement> = []
      const into: Backend = {
        measurements,
        layer: Sink.layer({
          name: "flaky",
          retry: { initial: "1 second", max: "1 second", jitter: "none" },
          make: Effect.succeed({
            write: (batch) =>
              Effect.suspend(() =>
                backends.isUp
                  ? Effect.sync(() => void measurements.push(...batch.measurements))
                  : Effect.fail(new Sink.Unavailable({ sink: "flaky", reason: "down" }))
              )
          })
        })
      }
      yield* withWorker(
        ({ acknowledged, give }) =>
          Effect.gen(function* () {
            give("info|Counter|hits|5|1357682401|s", "nonsense", nativeFrames([countOf(1)]))
            yield* TestClock.adjust("30 seconds")
            assert.deepStrictEqual(acknowledged, [])
            backends.isUp = true
            yield* TestClock.adjust("5 seconds")
            assert.deepStrictEqual(acknowledged, [0, 1, 2])
            give("info|Counter|hits|1|1357682401|s")
          }),
        {},
        into,
        true
      )
    })
  )

  it.live("acknowledges at its end what was written by then", () =>
    Effect.gen(function* () {
      let given: ReadonlyArray<number> = []
      yield* withWorker(
        ({ acknowledged, give }) =>
          Effect.sync(() => {
            give("info|Counter|hits|1|1357682401|s")
            given = acknowledged
          }),
        {},
        backend(),
        true
      )
      assert.deepStrictEqual(given, [0])
    })
  )

  it.live("asks for just its levels, in both formats", () =>
    Effect.gen(function* () {
      yield* withWorker(
        ({ topics }) => Effect.sync(() => assert.deepStrictEqual(topics, ["info\0", "info|", "\0", "|"])),
        {
          levels: ["info", ""]
        }
      )
      yield* withWorker(({ topics }) => Effect.sync(() => assert.deepStrictEqual(topics, [""])))
    })
  )

  it.effect("says what is wrong with an option, and where metrics are missing", () =>
    Effect.gen(function* () {
      const failureOf = (options: Worker.Options) =>
        Effect.map(Effect.flip(Worker.run(options).pipe(Effect.provide(backend().layer))), (error) =>
          error instanceof Error ? error.message : ""
        )
      assert.strictEqual(yield* failureOf({ port: 0 }), "option port: 0 is not a whole number from 1 to 65535")
      assert.strictEqual(
        yield* failureOf({ host: "tcp://x" }),
        'option host: "tcp://x" is not a host\'s name or address, without scheme and port'
      )
      assert.strictEqual(
        yield* failureOf({ levels: ["a|b"] }),
        'option levels: ["a|b"] is not a list of at least one level, without | and NUL'
      )
      assert.match(yield* failureOf({ levels: [] }), /^option levels/)
      const error = yield* Effect.flip(Worker.run())
      assert.strictEqual(error._tag, "MetricsNotProvided")
    })
  )
})
