import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, LogLevel, Schedule, Scope, TestClock } from "effect"
import { layerOf, type Reading } from "../../src/delivery/pull.js"
import { CounterEntry } from "../../src/recording/entry.js"
import { make } from "../../src/recording/instrument.js"
import * as Metrics from "../../src/Metrics.js"
import * as Sink from "../../src/Sink.js"
import { FaultySink, TestMetrics } from "../../src/testing/index.js"

const readings = make("counter", "readings")

/** A source that counts its readings; each is `steps` long, and takes `millis` of real time. */
const source = (
  options: {
    readonly steps?: number
    readonly millis?: number
    readonly freshness?: string
    readonly fail?: boolean
  } = {}
) => {
  let done = 0
  const layer = layerOf({
    name: "Counting",
    freshness: options.freshness as "1 second" | undefined,
    make: (lanes) =>
      Effect.sync((): Reading => {
        const handle = new CounterEntry(lanes, readings, [])
        return function* () {
          for (let step = 1; step < (options.steps ?? 1); step++) {
            const until = performance.now() + (options.millis ?? 0) / options.steps!
            while (performance.now() < until);
            yield
          }
          if (options.fail === true) throw new Error("cannot be read")
          done++
          handle.increment()
        }
      })
  })
  return { layer, done: () => done }
}

const counted = (sink: Pick<FaultySink.FaultySink, "received">): ReadonlyArray<number> =>
  sink.received().map((measurement) => (measurement._tag === "count" ? measurement.value : NaN))

const quiet = { schedule: Schedule.spaced("1 hour") }

/** A sink with one destination, whose lane is not there before something is recorded. */
const partitioned = (delivery: Sink.DeliveryOptions) => {
  const received: Array<Sink.Measurement> = []
  const layer = Sink.layerPartitioned({
    sink: "dbs",
    partition: () => "db",
    make: Effect.succeed((): Sink.Sink => ({
      write: ({ measurements }) => Effect.sync(() => void received.push(...measurements))
    })),
    defaults: { batchSize: 10, ambiguous: "retry" },
    delivery
  })
  return { layer, received: () => received }
}

describe("a source that is read", () => {
  it.effect("is read when a lane's schedule has it write, and what that records goes with it", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make({ schedule: Schedule.fixed("10 seconds") })
      const { layer } = source()
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(counted(sink), [])
        yield* TestClock.adjust("1 seconds")
        assert.deepStrictEqual(counted(sink), [1])
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(counted(sink), [1, 1, 1])
      }).pipe(Effect.provide(Layer.mergeAll(sink.layer, layer)))
    })
  )

  it.effect("is read by every flush, so that it includes what has happened up to it", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make(quiet)
      const { layer } = source()
      yield* Effect.gen(function* () {
        yield* Metrics.flush
        yield* Metrics.flush
        assert.deepStrictEqual(counted(sink), [1, 1])
      }).pipe(Effect.provide(Layer.mergeAll(sink.layer, layer)))
    })
  )

  it.effect("is read once by a flush of several lanes, which leaves nothing of it buffered in any", () =>
    Effect.gen(function* () {
      const [outer, a, b] = [FaultySink.make(quiet), FaultySink.make(quiet), FaultySink.make(quiet)]
      const { layer } = source()
      yield* Effect.gen(function* () {
        for (const { ledger } of yield* Metrics.flush) {
          assert.deepStrictEqual([ledger.delivered, ledger.buffered], [1, { queued: 0, open: 0, inFlight: 0 }])
        }
        assert.deepStrictEqual([outer, a, b].map(counted), [[1], [1], [1]])
      }).pipe(Effect.provide(Layer.mergeAll(a.layer, b.layer, layer)), Effect.provide(outer.layer))
    })
  )

  for (const [title, compose] of [
    ["after the sinks in mergeAll", (sinks, layer) => Layer.mergeAll(sinks, layer)],
    ["before the sinks in mergeAll", (sinks, layer) => Layer.mergeAll(layer, sinks)],
    ["on top of the sinks", (sinks, layer) => Layer.provideMerge(layer, sinks)]
  ] satisfies ReadonlyArray<
    readonly [
      string,
      (
        sinks: FaultySink.FaultySink["layer"],
        layer: FaultySink.FaultySink["layer"]
      ) => Layer.Layer<Metrics.Metrics, unknown>
    ]
  >) {
    it.effect(`${title}, it is read a last time before any of them closes`, () =>
      Effect.gen(function* () {
        const [a, b] = [FaultySink.make(quiet), FaultySink.make(quiet)]
        const { layer } = source()
        const hub = yield* Metrics.Metrics.pipe(Effect.provide(compose(Layer.mergeAll(a.layer, b.layer), layer)))
        assert.isAtLeast(counted(a)[0]!, 1)
        assert.isAtLeast(counted(b)[0]!, 1)
        for (const { ledger } of Metrics.ledgersOf(hub)) assert.deepStrictEqual(ledger.refused, {})
      })
    )
  }

  it.effect("is read once for sinks that write at the same time, and again when that is no longer fresh", () =>
    Effect.gen(function* () {
      const [a, b] = [10, 10].map((seconds) => FaultySink.make({ schedule: Schedule.fixed(`${seconds} seconds`) }))
      const often = FaultySink.make({ schedule: Schedule.fixed("1 second") })
      const { done, layer } = source({ freshness: "5 seconds" })
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(done(), 2)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(done(), 4)
      }).pipe(Effect.provide(Layer.mergeAll(a!.layer, b!.layer, often.layer, layer)))
    })
  )

  it.effect("is read for the sinks around its own too, but not for their other children", () =>
    Effect.gen(function* () {
      const [own, other] = [FaultySink.make(quiet), FaultySink.make(quiet)]
      const outer = FaultySink.make({ schedule: Schedule.fixed("10 seconds") })
      const { done, layer } = source()
      yield* Effect.gen(function* () {
        yield* Effect.gen(function* () {
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual([counted(outer), counted(own)], [[1], []])
        }).pipe(Effect.provide(Layer.mergeAll(own.layer, layer)))
        const before = done()
        yield* Effect.provide(Metrics.flush, other.layer)
        assert.deepStrictEqual([done(), counted(other)], [before, []])
      }).pipe(Effect.provide(outer.layer))
      assert.strictEqual(counted(own)[0], done())
    })
  )

  it.effect("further out is read by a flush further in, whose ledgers are those of the outer sinks too", () =>
    Effect.gen(function* () {
      const [outer, inner] = [FaultySink.make(quiet), FaultySink.make(quiet)]
      const { layer } = source()
      yield* Metrics.flush.pipe(Effect.provide(inner.layer), Effect.provide(Layer.mergeAll(outer.layer, layer)))
      // By the flush, and by the close.
      assert.deepStrictEqual([counted(outer), counted(inner)], [[1, 1], []])
    })
  )

  it.effect("that is provided again further in is still read once", () =>
    Effect.gen(function* () {
      const [outer, inner] = [FaultySink.make(quiet), FaultySink.make(quiet)]
      const { done, layer } = source()
      yield* Metrics.flush.pipe(
        Effect.map(() => assert.strictEqual(done(), 1, "the flushes of the two sinks share it")),
        Effect.provide(Layer.mergeAll(inner.layer, layer)),
        Effect.provide(Layer.mergeAll(outer.layer, layer))
      )
    })
  )

  it.effect("is not made inside a test hub", () =>
    Effect.gen(function* () {
      const { done, layer } = source()
      yield* Effect.provide(Metrics.flush, layer)
      assert.deepStrictEqual([done(), yield* TestMetrics.all], [0, []])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.live("that is long leaves others their turn of the event loop, and flushes at once share a reading", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make(quiet)
      const { done, layer } = source({ steps: 100, millis: 60 })
      yield* Effect.gen(function* () {
        let turns = 0
        const timer = setInterval(() => turns++, 1)
        yield* Effect.all([Metrics.flush, Metrics.flush, Metrics.flush], { concurrency: "unbounded" })
        clearInterval(timer)
        assert.isAtLeast(turns, 3)
        assert.strictEqual(done(), 2, "the one that was under way, and one for all that came meanwhile")
      }).pipe(Effect.provide(Layer.mergeAll(sink.layer, layer)))
    })
  )

  it.effect("is read for a sink with several destinations before the first of them is known", () =>
    Effect.gen(function* () {
      const scheduled = partitioned({ schedule: Schedule.fixed("10 seconds") })
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("30 seconds")
        assert.isNotEmpty(counted(scheduled))
      }).pipe(Effect.provide(Layer.mergeAll(scheduled.layer, source().layer)))

      const flushed = partitioned(quiet)
      yield* Effect.gen(function* () {
        yield* Metrics.flush
        assert.isNotEmpty(counted(flushed))
      }).pipe(Effect.provide(Layer.mergeAll(flushed.layer, source().layer)))
    })
  )

  for (const [title, compose] of [
    ["after", (sink, layer) => Layer.mergeAll(sink, layer)],
    ["before", (sink, layer) => Layer.mergeAll(layer, sink)]
  ] satisfies ReadonlyArray<
    readonly [string, (sink: Layer.Layer<Metrics.Metrics, unknown>, layer: typeof sink) => typeof sink]
  >) {
    it.effect(`${title} a sink with several destinations in mergeAll, it is read a last time before any closes`, () =>
      Effect.gen(function* () {
        const sink = partitioned(quiet)
        const { layer } = source()
        const hub = yield* Metrics.Metrics.pipe(
          Effect.zipLeft(Metrics.increment(Metrics.counter("other"))),
          Effect.provide(compose(sink.layer, layer))
        )
        assert.include(
          sink.received().map(({ series }) => series.name),
          "readings"
        )
        for (const { ledger } of Metrics.ledgersOf(hub)) assert.deepStrictEqual(ledger.refused, {})
      })
    )
  }

  it.live("whose reading is cut off by the deadline of a flush is read again for those who waited for it", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make(quiet)
      const [begun, held, done] = [{ count: 0 }, { value: true }, { count: 0 }]
      const layer = layerOf({
        name: "Held",
        freshness: undefined,
        make: (lanes) =>
          Effect.sync((): Reading => {
            const handle = new CounterEntry(lanes, readings, [])
            return function* () {
              begun.count++
              while (held.value) {
                const until = performance.now() + 6
                while (performance.now() < until);
                yield
              }
              handle.increment()
              held.value = ++done.count < 2
            }
          })
      })
      yield* Effect.gen(function* () {
        const first = yield* Effect.fork(Metrics.flush)
        while (begun.count < 1) yield* Effect.sleep(1)
        const cut = yield* Effect.fork(Metrics.flush)
        yield* Effect.sleep(1)
        const waiting = yield* Effect.fork(Metrics.flush)
        yield* Effect.sleep(1)
        held.value = false
        yield* Fiber.join(first)
        while (begun.count < 2) yield* Effect.sleep(1)
        yield* Fiber.interrupt(cut)
        assert.strictEqual(done.count, 1)
        held.value = false
        yield* Fiber.join(waiting)
        assert.strictEqual(done.count, 2)
        assert.deepStrictEqual(counted(sink), [1, 1])
      }).pipe(
        Effect.ensuring(Effect.sync(() => (held.value = false))),
        Effect.provide(Layer.mergeAll(sink.layer, layer))
      )
    })
  )

  it.live("that is paused while a lane closes records no more there, so that the lane refuses nothing", () =>
    Effect.gen(function* () {
      const [outer, inner] = [FaultySink.make(quiet), FaultySink.make(quiet)]
      const slow = () => source({ steps: 100, millis: 60 }).layer
      const two = Layer.mergeAll(slow(), slow())
      const scope = yield* Scope.make()
      yield* Effect.gen(function* () {
        const sinks = yield* Layer.buildWithScope(inner.layer, scope)
        const built = yield* Layer.buildWithScope(Layer.provide(two, Layer.succeedContext(sinks)), scope)
        const flushes = yield* Effect.fork(
          Effect.forEach(
            Array.from({ length: 15 }, (_, i) => i),
            (i) => Effect.delay(Effect.provide(Metrics.flush, built), i * 20),
            { concurrency: "unbounded" }
          )
        )
        yield* Effect.sleep(150)
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(flushes)
        for (const { ledger } of yield* Effect.provide(Metrics.ledgers, sinks)) {
          assert.deepStrictEqual(ledger.refused, {})
        }
      }).pipe(Effect.provide(outer.layer))
    })
  )

  it.effect("that fails says so once, and the lanes write all the same", () =>
    Effect.gen(function* () {
      const errors: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel._tag === "Error") errors.push(message)
      })
      const sink = FaultySink.make(quiet)
      const other = Metrics.increment(Metrics.counter("other"))
      yield* other.pipe(
        Effect.zipRight(Metrics.flush),
        Effect.zipRight(other),
        Effect.provide(Layer.mergeAll(sink.layer, source({ fail: true }).layer)),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.deepStrictEqual(counted(sink), [1, 1])
      assert.strictEqual(errors.length, 1)
      assert.include(String(errors[0]), "Counting")
    })
  )

  it.effect("without a sink to record to says so, and how to put it right", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        if (logLevel.ordinal >= LogLevel.Warning.ordinal) warnings.push(String(message))
      })
      const sink = FaultySink.make()
      const { layer } = source()
      const beneath = Effect.provide(TestClock.adjust("10 seconds"), sink.layer.pipe(Layer.provideMerge(layer)))
      const beside = Effect.provide(TestClock.adjust("10 seconds"), Layer.mergeAll(source().layer, sink.layer))
      yield* Effect.provide(Effect.zipRight(beneath, beside), Logger.replace(Logger.defaultLogger, logger))
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0], "Counting: there is no sink here")
    })
  )

  it.effect("with a freshness that is none fails the layer, by name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(Effect.void, source({ freshness: "soon" }).layer))
      assert.strictEqual(error.message, 'option freshness: "soon" is not a duration')
    })
  )
})
