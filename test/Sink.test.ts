import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Option, Random, Schedule, TestClock } from "effect"
import * as Metrics from "../src/Metrics.js"
import * as Sink from "../src/Sink.js"
import * as Ledger from "../src/Ledger.js"
import { FaultySink } from "../src/testing/index.js"

const hits = Metrics.counter("hits")

const labels = (measurements: ReadonlyArray<Sink.Measurement>): ReadonlyArray<string> =>
  measurements.map(({ series }) => `${series.name}{${series.tags.map((tag) => tag.join("=")).join()}}`)

const warningsOf = (layer: FaultySink.FaultySink["layer"] | ReturnType<typeof partitioned>["layer"]) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel.ordinal >= 30_000) lines.push(String(message))
    })
    yield* Effect.void.pipe(Effect.provide(layer), Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
    return lines
  })

/** Destinations by the tag `db`, where `bad` never takes anything. */
const partitioned = (delivery: Sink.DeliveryOptions = {}) => {
  const received = new Map<string, Array<Sink.Measurement>>()
  const layer = Sink.layerPartitioned({
    sink: "dbs",
    partition: ({ tags }) => {
      if (tags["db"] === "throw") throw new Error("no")
      return tags["db"] ?? "main"
    },
    make: Effect.succeed((database): Sink.Sink => ({
      write: ({ measurements }) =>
        Effect.suspend(() => {
          if (database === "bad")
            return Effect.fail(new Sink.Misconfigured({ sink: "dbs", reason: "no such database" }))
          received.set(database, [...(received.get(database) ?? []), ...measurements])
          return Effect.void
        })
    })),
    defaults: { batchSize: 10, ambiguous: "retry" },
    delivery
  })
  return { layer, received }
}

describe("layerPartitioned", () => {
  it.live("gives each destination a lane and a ledger of its own, and one that fails holds back no other", () =>
    Effect.gen(function* () {
      const sink = partitioned({ shutdownTimeout: "1 second" })
      const hub = yield* Effect.gen(function* () {
        for (let i = 0; i < 30; i++) {
          yield* Metrics.increment(hits, { tags: { db: i % 3 === 0 ? "bad" : "good" } })
          yield* Metrics.emit("p", { i }, { tags: { db: i % 3 === 0 ? "bad" : "other" } })
        }
        yield* Metrics.increment(hits)
        yield* Metrics.increment(hits, { tags: { db: "throw" } })
        return yield* Metrics.Metrics
      }).pipe(Effect.provide(sink.layer))
      const ledgers = Object.fromEntries(Metrics.ledgersOf(hub).map(({ ledger, name }) => [name, ledger]))
      assert.deepStrictEqual(
        Object.entries(ledgers).map(([name, ledger]) => [
          name,
          ledger.recorded,
          ledger.delivered,
          Ledger.dropped(ledger)
        ]),
        [
          ["dbs", 0, 0, 0],
          ["dbs/bad", 20, 0, 20],
          ["dbs/good", 20, 20, 0],
          ["dbs/other", 20, 20, 0],
          ["dbs/main", 1, 1, 0]
        ]
      )
      assert.deepStrictEqual(ledgers["dbs/bad"]?.dropped, { shutdown_deadline: 20 })
      assert.deepStrictEqual(ledgers["dbs"]?.refused, { threw: 1 })
      assert.deepStrictEqual([...sink.received.keys()].sort(), ["good", "main", "other"])
      for (const ledger of Object.values(ledgers)) assert.strictEqual(Ledger.imbalance(ledger), 0)
    })
  )

  it.live("has at most a hundred destinations, and refuses further ones", () =>
    Effect.gen(function* () {
      const sink = partitioned()
      const hub = yield* Effect.gen(function* () {
        for (let i = 0; i < 150; i++) yield* Metrics.increment(hits, { tags: { db: `db${i}` } })
        return yield* Metrics.Metrics
      }).pipe(Effect.provide(sink.layer))
      assert.strictEqual(sink.received.size, 100)
      assert.deepStrictEqual(Metrics.ledgersOf(hub)[0]?.ledger.refused, { series_limit: 50 })
    })
  )

  it.live("closes all destinations side by side, within one deadline", () =>
    Effect.gen(function* () {
      let begun = 0
      /** Writes that had begun when a destination gave up. */
      const begunAtLoss: Array<number> = []
      const logger = Logger.make(({ message }) => {
        if (String(message).includes("lost 1 (shutdown_deadline 1)")) begunAtLoss.push(begun)
      })
      const layer = Sink.layerPartitioned({
        sink: "dbs",
        partition: ({ tags }) => tags["db"] ?? "main",
        make: Effect.succeed((): Sink.Sink => ({
          write: () => Effect.suspend(() => (begun++, Effect.never))
        })),
        defaults: { batchSize: 10, ambiguous: "retry" },
        delivery: { shutdownTimeout: "200 millis" }
      })
      yield* Effect.forEach(["a", "b", "c", "d", "e"], (db) => Metrics.increment(hits, { tags: { db } })).pipe(
        Effect.provide(layer),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.deepStrictEqual(begunAtLoss, [5, 5, 5, 5, 5])
    })
  )
})

describe("destinations that cannot be had", () => {
  it.live("a make that throws for one costs only the recordings that go there, and never the app", () =>
    Effect.gen(function* () {
      const layer = Sink.layerPartitioned({
        sink: "dbs",
        partition: ({ tags }) => tags["db"] ?? "main",
        make: Effect.succeed((name): Sink.Sink => {
          if (name === "bad") throw new Error("no")
          return { write: () => Effect.void }
        }),
        defaults: { batchSize: 10, ambiguous: "retry" },
        delivery: { selfMetrics: true }
      })
      const ledgers = yield* Effect.gen(function* () {
        const handle = yield* Metrics.bind(hits, { db: "bad" })
        for (let i = 0; i < 3; i++) handle.increment()
        yield* Metrics.increment(hits)
        return yield* Metrics.flush
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        ledgers.map(({ ledger, name }) => [name, ledger.delivered, ledger.refused, Ledger.imbalance(ledger)]),
        [
          ["dbs", 0, { threw: 3 }, 0],
          ["dbs/main", 8, {}, 0]
        ]
      )
    })
  )
})

describe("layer", () => {
  it.effect("the lane's tags, host, prefix and view are on what the sink gets", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make({
        prefix: "app.",
        tags: { env: "test" },
        hostTag: { value: "h1" },
        view: (series) => (series.name === "hidden" ? Option.none() : Option.some(series))
      })
      yield* Effect.all([
        Metrics.increment(hits, { tags: { env: "call" } }),
        Metrics.increment(Metrics.counter("hidden"))
      ]).pipe(Effect.provide(sink.layer))
      assert.deepStrictEqual(labels(sink.received()), ["app.hits{env=call,host=h1}"])
    })
  )

  it.live("hostTag auto asks the system", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make({ hostTag: "auto" })
      yield* Metrics.increment(hits).pipe(Effect.provide(sink.layer))
      const { hostname } = yield* Effect.promise(() => import("node:os"))
      assert.deepStrictEqual(labels(sink.received()), [`hits{host=${hostname()}}`])
    })
  )

  it.effect("a lane to a backend that overwrites warns at start when nothing says which process it is", () =>
    Effect.gen(function* () {
      const overwriting = (delivery: Omit<Sink.DeliveryOptions, "name">) =>
        Sink.layer({ name: "tsdb", overwrites: "ms", make: Effect.succeed({ write: () => Effect.void }), ...delivery })
      assert.strictEqual((yield* warningsOf(overwriting({}))).length, 1)
      assert.strictEqual((yield* warningsOf(overwriting({ tags: { instance: "1" } }))).length, 0)
      assert.strictEqual((yield* warningsOf(overwriting({ hostTag: { value: "h" } }))).length, 0)
      assert.strictEqual((yield* warningsOf(overwriting({ hostTag: { key: "node", value: "h" } }))).length, 0)
    })
  )

  it.effect("two lanes with equal tags do not give their windows the same nanosecond", () =>
    Effect.gen(function* () {
      const stamps = yield* Effect.forEach(["one", "two"], (seed) =>
        Effect.gen(function* () {
          const seen: Array<number> = []
          const layer = Sink.layer({
            name: "tsdb",
            overwrites: "ns",
            hostTag: { value: "h" },
            make: Effect.succeed({
              write: ({ measurements }: Sink.Batch) =>
                Effect.sync(() => void seen.push(...measurements.map((m) => m.nanos)))
            })
          })
          yield* Metrics.increment(hits).pipe(Effect.provide(layer), Effect.withRandom(Random.make(seed)))
          return seen[0]
        })
      )
      assert.notStrictEqual(stamps[0], stamps[1])
      for (const nanos of stamps) assert.isTrue(Number(nanos) >= 0 && Number(nanos) < 1_000_000)
    })
  )

  it.effect("writes by the schedule, first after one recurrence", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make({ schedule: Schedule.fixed("10 seconds") })
      yield* Effect.gen(function* () {
        yield* Metrics.increment(hits)
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(sink.writes(), 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(sink.writes(), 1)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(sink.writes(), 1)
        yield* Metrics.increment(hits)
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(sink.writes(), 2)
      }).pipe(Effect.provide(sink.layer))
    })
  )

  it.effect("a schedule that ends leaves one warning; a flush and the close still write", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => lines.push(String(message)))
      )
      const sink = FaultySink.make({ schedule: Schedule.recurs(2) })
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("1 minute")
        yield* Metrics.increment(hits)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(sink.writes(), 0)
        yield* Metrics.flush
        assert.strictEqual(sink.writes(), 1)
        yield* Metrics.increment(hits)
      }).pipe(Effect.provide(sink.layer), Effect.provide(logger))
      assert.strictEqual(sink.writes(), 2)
      assert.strictEqual(lines.filter((line) => line.includes("schedule has ended")).length, 1)
    })
  )

  it.effect("a sink that records while it writes does not measure itself", () =>
    Effect.gen(function* () {
      const names: Array<string> = []
      const layer = Sink.layer({
        name: "self",
        make: Effect.succeed({
          write: ({ measurements }: Sink.Batch) =>
            Effect.sync(() => void names.push(...measurements.map(({ series }) => series.name))).pipe(
              Metrics.track("writing"),
              Effect.zipRight(Metrics.increment(Metrics.counter("written")))
            )
        })
      })
      yield* Metrics.increment(hits).pipe(Effect.zipRight(Metrics.flush), Effect.provide(layer))
      assert.deepStrictEqual(names, ["hits"])
    })
  )
})
