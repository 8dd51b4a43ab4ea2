import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Logger, Metric, Scope, TestClock } from "effect"
import { EffectMetrics, Metrics, Sink } from "../../src/index.js"
import * as Ledger from "../../src/Ledger.js"
import { TestMetrics } from "../../src/testing/index.js"

const requests = Metrics.counter("requests")
const active = Metrics.gauge("active")
const size = Metrics.distribution("size", { boundaries: [10, 100] })

/** Builds a sink that is read around the body, and gives it what there is to read. */
const withTotals = <A, E, R>(
  definition: Omit<Sink.ReadDefinition<never, never>, "sink" | "make" | "options"> & {
    readonly options?: Sink.ReadOptions
  },
  body: (totals: Sink.Totals) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const opened = yield* Deferred.make<Sink.Totals>()
    return yield* Effect.flatMap(Deferred.await(opened), body).pipe(
      Effect.provide(
        Sink.layerRead({
          sink: "read",
          options: {},
          ...definition,
          make: (totals) => Effect.asVoid(Deferred.succeed(opened, totals))
        })
      )
    )
  })

const told = (totals: Sink.Totals) =>
  Array.from(totals.series(), (total) => [
    total.series.name,
    total._tag === "distribution" ? total.histogram.count : total.value
  ])

describe("a sink that is read", () => {
  it.effect("sees totals since the start, however often it reads", () =>
    withTotals({}, (totals) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(told(totals), [])
        yield* Metrics.incrementBy(requests, 3)
        assert.deepStrictEqual(told(totals), [["requests", 3]])
        yield* Metrics.increment(requests)
        yield* Metrics.set(active, 7)
        yield* Metrics.increment(active)
        yield* Metrics.record(size, 5)
        yield* Metrics.record(size, 50)
        const expected = [
          ["requests", 4],
          ["active", 8],
          ["size", 2]
        ]
        assert.deepStrictEqual(told(totals), expected)
        assert.deepStrictEqual(told(totals), expected)
      })
    )
  )

  it.effect("sees fixed buckets and the last values of a distribution, oldest first", () =>
    withTotals({ samples: 3 }, (totals) =>
      Effect.gen(function* () {
        for (const value of [1, 10, 11, 1000]) yield* Metrics.record(size, value)
        const [total] = Array.from(totals.series())
        assert(total?._tag === "distribution")
        assert.deepStrictEqual(total.recent, [10, 11, 1000])
        assert.deepStrictEqual(total.buckets, [2, 1, 1])
        assert.strictEqual(total.histogram.sum, 1022)
        yield* Metrics.record(size, 2)
        const [later] = Array.from(totals.series())
        assert(later?._tag === "distribution")
        assert.deepStrictEqual(later.recent, [11, 1000, 2])
      })
    )
  )

  it.effect("keeps instruments that make each recording a point as totals all the same", () =>
    withTotals({}, (totals) =>
      Effect.gen(function* () {
        yield* Metrics.incrementBy(Metrics.counter("raw", { aggregate: false }), 2)
        assert.deepStrictEqual(told(totals), [["raw", 2]])
      })
    )
  )

  it.effect("does not tell series of which everything was refused", () =>
    withTotals({}, (totals) =>
      Effect.gen(function* () {
        const handle = yield* Metrics.bind(active)
        handle.set(NaN)
        assert.deepStrictEqual(told(totals), [])
        handle.set(1)
        assert.deepStrictEqual(told(totals), [["active", 1]])
      })
    )
  )

  it.effect("keeps the last points, and counts points as dropped where it keeps none", () =>
    Effect.gen(function* () {
      yield* withTotals({ maxPoints: 2 }, (totals) =>
        Effect.gen(function* () {
          for (const n of [1, 2, 3]) yield* Metrics.emit("login", { n })
          assert.deepStrictEqual(
            totals.points().map(({ fieldValues }) => fieldValues),
            [[2], [3]]
          )
          // Each would fit by itself, but not both.
          for (const text of ["a", "b"]) yield* Metrics.emit("large", { text: text.repeat(400_000) })
          assert.deepStrictEqual(
            totals.points().map(({ fieldValues }) => String(fieldValues[0]).charAt(0)),
            ["b"]
          )
        })
      )
      yield* withTotals({}, (totals) =>
        Effect.gen(function* () {
          yield* Metrics.emit("login", { n: 1 })
          assert.deepStrictEqual(totals.points(), [])
          const [{ ledger } = assert.fail()] = yield* Metrics.ledgers
          assert.deepStrictEqual([ledger.recorded, ledger.dropped], [1, { unsupported: 1 }])
        })
      )
    })
  )

  it.effect("has a ledger that balances, in which what can be read is delivered", () =>
    withTotals({ maxPoints: 1, options: { name: "page", maxSeries: 1 } }, () =>
      Effect.gen(function* () {
        for (const route of ["/a", "/b"]) yield* Metrics.increment(requests, { tags: { route } })
        yield* Metrics.emit("login", { n: 1 })
        yield* Metrics.emit("login", { n: 2 })
        yield* Metrics.set(active, NaN)
        const [{ ledger, name } = assert.fail()] = yield* Metrics.ledgers
        assert.strictEqual(name, "page")
        assert.strictEqual(Ledger.imbalance(ledger), 0)
        assert.deepStrictEqual([ledger.recorded, ledger.delivered, Ledger.refused(ledger)], [4, 4, 1])
        yield* Metrics.flush
      })
    )
  )

  it.effect("leaves out what its sink cannot tell, counts it as dropped, and says why once", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      yield* withTotals({ options: { name: "page" } }, (totals) =>
        Effect.gen(function* () {
          const bad = Metrics.counter("bad")
          yield* Metrics.increment(bad)
          totals.leaveOut(({ name }) => (name === "bad" ? "its name is bad" : undefined))
          yield* Metrics.increment(requests)
          yield* Metrics.incrementBy(bad, 7)
          assert.deepStrictEqual(told(totals), [["requests", 1]])
          assert.deepStrictEqual(told(totals), [["requests", 1]])
          const [{ ledger } = assert.fail()] = yield* Metrics.ledgers
          assert.deepStrictEqual([ledger.recorded, ledger.delivered, ledger.dropped], [3, 1, { invalid: 2 }])
          assert.strictEqual(Ledger.imbalance(ledger), 0)
          yield* Effect.yieldNow()
        })
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.deepStrictEqual(lines, ['page: "bad" is left out: its name is bad'])
    })
  )

  it.effect("counts as dropped what has become too large to be told, and says so once", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      yield* withTotals({ options: { name: "page" } }, (totals) =>
        Effect.gen(function* () {
          const whole = Metrics.counter("whole", { valueType: "int" })
          yield* Metrics.increment(requests)
          yield* Metrics.incrementBy(whole, Number.MAX_SAFE_INTEGER)
          yield* Metrics.increment(whole)
          assert.deepStrictEqual(told(totals), [["requests", 1]])
          const [{ ledger } = assert.fail()] = yield* Metrics.ledgers
          assert.deepStrictEqual([ledger.recorded, ledger.delivered, ledger.dropped], [3, 1, { invalid: 2 }])
          assert.strictEqual(Ledger.imbalance(ledger), 0)
          yield* Effect.yieldNow()
        })
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.deepStrictEqual(lines, ['page: "whole" is left out: a sum grew too large'])
    })
  )

  it.effect("asks of no series that was not recorded whether it can be told", () =>
    withTotals({}, (totals) =>
      Effect.gen(function* () {
        const asked = new Set<string>()
        totals.leaveOut(({ name }) => void asked.add(name))
        yield* Metrics.set(active, NaN)
        yield* Metrics.increment(requests)
        yield* Metrics.ledgers
        assert.deepStrictEqual([...asked], ["requests"])
      })
    )
  )

  it.effect("takes names, tags, levels and views as every lane does", () =>
    withTotals({ options: { prefix: "app.", tags: { host: "a" }, levels: ["info"] } }, (totals) =>
      Effect.gen(function* () {
        yield* Metrics.increment(requests)
        yield* Metrics.increment(requests, { level: "info" })
        const [total = assert.fail()] = Array.from(totals.series())
        assert.deepStrictEqual([total.series.name, total.series.tags], ["app.requests", [["host", "a"]]])
      })
    )
  )

  it.effect("has sources read before it reads", () =>
    Effect.gen(function* () {
      // Effect counts for a whole process, in which these tests may have run before.
      const name = `told.to.effect.${Math.random()}`
      const counted = Metric.counter(name)
      const opened = yield* Deferred.make<Sink.Totals>()
      const sink = Sink.layerRead({
        sink: "read",
        options: {},
        make: (totals) => Effect.asVoid(Deferred.succeed(opened, totals))
      })
      yield* Effect.gen(function* () {
        const totals = yield* Deferred.await(opened)
        yield* totals.refresh
        yield* Metric.incrementBy(counted, 5)
        yield* TestClock.adjust("1 second")
        yield* totals.refresh
        assert.deepInclude(told(totals), [name, 5])
      }).pipe(Effect.provide(Layer.mergeAll(sink, EffectMetrics.layer())))
    })
  )

  it.effect("closes what is read before its lane, and refuses what comes later", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const scope = yield* Scope.make()
      const layer = Sink.layerRead({
        sink: "read",
        options: {},
        make: (totals) => Effect.addFinalizer(() => Effect.sync(() => seen.push(...told(totals))))
      })
      const context = yield* Layer.buildWithScope(layer, scope)
      yield* Metrics.increment(requests).pipe(Effect.provide(context))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(seen, [["requests", 1]])
      yield* Metrics.increment(requests).pipe(Effect.provide(context))
      const [{ ledger } = assert.fail()] = yield* Metrics.ledgers.pipe(Effect.provide(context))
      assert.deepStrictEqual([ledger.recorded, ledger.refused], [1, { closed: 1 }])
    })
  )

  it.effect("is attached once, not made in a sealed hub, and left out where it is not enabled", () =>
    Effect.gen(function* () {
      let made = 0
      const layer = (options: Sink.ReadOptions) =>
        Sink.layerRead({ sink: "read", options, make: () => Effect.sync(() => void made++) })
      const twice = layer({})
      yield* Effect.void.pipe(Effect.provide(twice), Effect.provide(twice))
      assert.strictEqual(made, 1)
      yield* Effect.void.pipe(Effect.provide(layer({})), Effect.provide(TestMetrics.layer))
      yield* Effect.void.pipe(Effect.provide(layer({ enabled: false })))
      assert.strictEqual(made, 1)
      const exit = yield* Effect.exit(Effect.void.pipe(Effect.provide(layer({ maxSeries: 0 }))))
      assert.isTrue(Exit.isFailure(exit))
    })
  )

  it.effect("says once what it refuses, in the log", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => void lines.push(message))
      yield* withTotals({ options: { name: "page" } }, () =>
        Effect.gen(function* () {
          yield* Metrics.set(active, NaN)
          yield* Metrics.set(active, NaN)
          yield* Effect.yieldNow()
        })
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.strictEqual(lines.length, 1)
      assert.include(String(lines[0]), 'page: "active": recordings are refused: not_finite')
    })
  )
})
