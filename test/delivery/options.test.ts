/**
 * Every option does what it says from the layer of a sink on: one row each, so that an option which is resolved and then
 * forgotten on the way to the lane is noticed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schedule, TestClock } from "effect"
import type { Ledger } from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import * as Sink from "../../src/Sink.js"
import { settle } from "./harness.js"

const hits = Metrics.counter("hits")
const depth = Metrics.gauge("depth")

interface World {
  /** The measurements of each write, by name and tags. */
  readonly writes: ReadonlyArray<ReadonlyArray<string>>
  readonly batches: ReadonlyArray<Sink.Batch<unknown>>
  readonly ledger: () => Ledger
  readonly lanes: () => ReadonlyArray<string>
}

type Answer = Effect.Effect<void, Sink.SinkError>

const label = ({ series }: Sink.Measurement): string =>
  `${series.name}{${series.tags.map((tag) => tag.join("=")).join()}}`

/** What `observe` sees of a lane with these options. `answer` is what the backend does. */
const within = <A>(
  options: Sink.DeliveryOptions,
  observe: (world: World) => Effect.Effect<A>,
  answer: Answer = Effect.void
): Effect.Effect<{ readonly seen: A; readonly world: World }> =>
  Effect.suspend(() => {
    const batches: Array<Sink.Batch<unknown>> = []
    const writes: Array<ReadonlyArray<string>> = []
    const layer = Sink.layerWith({
      sink: "sink",
      make: Effect.succeed<Sink.Sink<number>>({
        // Ten bytes each.
        encode: (measurements, maxBytes) => {
          const taken = Math.max(1, Math.min(measurements.length, Math.floor(maxBytes / 10)))
          return { payload: taken, taken, bytes: taken * 10, refused: [] }
        },
        write: (batch) =>
          Effect.suspend(() => {
            batches.push(batch)
            writes.push(batch.measurements.map(label))
            return answer
          })
      }),
      defaults: { batchSize: 1000, ambiguous: "retry", retry: { jitter: "none" }, shutdownTimeout: "10 seconds" },
      delivery: options
    })
    return Effect.gen(function* () {
      const hub = yield* Metrics.Metrics
      const all = () => Metrics.ledgersOf(hub)
      const world: World = {
        writes,
        batches,
        ledger: () => all()[0]!.ledger,
        lanes: () => all().map(({ name }) => name)
      }
      return { seen: yield* observe(world), world }
    }).pipe(Effect.provide(layer), Effect.orDie)
  })

const emit = (count: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let i = 0; i < count; i++) yield* Metrics.emit("p", { i })
  })

/** For lanes whose close has nothing to wait for but its deadline; the others have all the time that a busy machine may take. */
const short: Sink.DeliveryOptions = { shutdownTimeout: "20 millis" }

const sizes = ({ batches }: World): ReadonlyArray<number> => batches.map(({ measurements }) => measurements.length)

const down: Answer = Effect.suspend(() => new Sink.Unavailable({ sink: "sink", reason: "down" }))
const lost: Answer = Effect.suspend(() => new Sink.Unavailable({ sink: "sink", reason: "lost", ambiguous: true }))

const renamed = (name: string) => () => Option.some({ name, tags: {} })

/** Names written of a counter and a point. */
const names = (options: Sink.DeliveryOptions): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    within(options, () => Effect.all([Metrics.increment(hits), emit(1)])),
    ({ world }) => world.writes.flat()
  )

const table: Record<keyof Sink.DeliveryOptions, Effect.Effect<void>> = {
  name: Effect.gen(function* () {
    const { seen } = yield* within({ name: "other" }, (world) => Effect.sync(world.lanes))
    assert.deepStrictEqual(seen, ["other"])
  }),
  enabled: Effect.gen(function* () {
    const { seen, world } = yield* within({ enabled: false }, (world) => Effect.as(emit(1), world.lanes()))
    assert.deepStrictEqual(seen, [])
    assert.deepStrictEqual(world.writes, [])
  }),
  schedule: Effect.gen(function* () {
    const { seen } = yield* within({ schedule: Schedule.spaced("3 seconds") }, (world) =>
      Effect.gen(function* () {
        yield* emit(1)
        yield* TestClock.adjust("2999 millis")
        const before = world.writes.length
        yield* TestClock.adjust("1 millis")
        return [before, world.writes.length]
      })
    )
    assert.deepStrictEqual(seen, [0, 1])
  }),
  triggerSize: Effect.gen(function* () {
    const { seen } = yield* within({ triggerSize: 3 }, (world) =>
      Effect.zipRight(emit(3), Effect.as(settle, world)).pipe(Effect.map(sizes))
    )
    assert.deepStrictEqual(seen, [3])
  }),
  batchSize: Effect.gen(function* () {
    const { world } = yield* within({ batchSize: 2 }, () => emit(5))
    assert.deepStrictEqual(sizes(world), [2, 2, 1])
  }),
  batchBytes: Effect.gen(function* () {
    const { world } = yield* within({ batchBytes: 30 }, () => emit(7))
    assert.deepStrictEqual(sizes(world), [3, 3, 1])
  }),
  capacity: Effect.gen(function* () {
    const { seen } = yield* within({ capacity: 4 }, (world) => Effect.map(emit(6), world.ledger))
    assert.deepStrictEqual(seen.dropped, { queue_full: 2 })
  }),
  capacityBytes: Effect.gen(function* () {
    const { seen } = yield* within({ capacityBytes: 1 }, (world) => Effect.map(emit(6), world.ledger))
    assert.deepStrictEqual(seen.dropped, { queue_bytes: 6 })
  }),
  overflow: Effect.gen(function* () {
    const last = (overflow: "drop-oldest" | "drop-newest") =>
      Effect.map(
        within({ overflow, capacity: 1 }, () => emit(3)),
        ({ world }) =>
          world.batches.flatMap(({ measurements }) =>
            measurements.map((one) => one._tag === "point" && one.fieldValues[0])
          )
      )
    assert.deepStrictEqual(yield* last("drop-oldest"), [2])
    assert.deepStrictEqual(yield* last("drop-newest"), [0])
  }),
  concurrency: Effect.gen(function* () {
    const { seen } = yield* within(
      { concurrency: 3, batchSize: 1, ...short },
      (world) => Effect.zipRight(emit(5), Effect.as(settle, world)).pipe(Effect.map(({ writes }) => writes.length)),
      Effect.never
    )
    assert.strictEqual(seen, 3)
  }),
  retry: Effect.gen(function* () {
    const { seen } = yield* within(
      { retry: { initial: "2 seconds", max: "3 seconds", jitter: "none" }, batchSize: 1, ...short },
      (world) =>
        Effect.gen(function* () {
          yield* emit(1)
          yield* settle
          const seen: Array<number> = []
          for (let second = 0; second < 8; second++) {
            seen.push(world.writes.length)
            yield* TestClock.adjust("1 second")
          }
          return seen
        }),
      down
    )
    assert.deepStrictEqual(seen, [1, 1, 2, 2, 2, 3, 3, 3])
  }),
  maxAge: Effect.gen(function* () {
    const { seen } = yield* within(
      { maxAge: "30 seconds" },
      (world) => Effect.zipRight(emit(2), TestClock.adjust("1 minute")).pipe(Effect.map(world.ledger)),
      down
    )
    assert.deepStrictEqual(seen.dropped, { expired: 2 })
  }),
  rateLimit: Effect.gen(function* () {
    const { seen } = yield* within({ rateLimit: 10, triggerSize: 1, ...short }, (world) =>
      Effect.zipRight(emit(30), TestClock.adjust("1 second")).pipe(Effect.map(world.ledger))
    )
    assert.isAtLeast(seen.delivered, 9)
    assert.isAtMost(seen.delivered, 12)
  }),
  sampleRate: Effect.gen(function* () {
    const { seen } = yield* within({ sampleRate: 0 }, (world) => Effect.map(emit(9), world.ledger))
    assert.strictEqual(seen.recorded, 0)
  }),
  levels: Effect.gen(function* () {
    const { world } = yield* within({ levels: ["crit"] }, () =>
      Effect.all([
        Metrics.emit("a", { n: 1 }, { level: "crit" }),
        Metrics.emit("b", { n: 1 }, { level: "debug" }),
        emit(1)
      ])
    )
    assert.deepStrictEqual(world.writes.flat(), ["a{}"])
  }),
  view: Effect.gen(function* () {
    assert.deepStrictEqual(yield* names({ view: renamed("seen") }), ["seen{}", "p{}"])
  }),
  viewPoint: Effect.gen(function* () {
    assert.deepStrictEqual(yield* names({ viewPoint: renamed("seen") }), ["hits{}", "seen{}"])
  }),
  prefix: Effect.gen(function* () {
    assert.deepStrictEqual(yield* names({ prefix: "app." }), ["app.hits{}", "app.p{}"])
  }),
  tags: Effect.gen(function* () {
    assert.deepStrictEqual(yield* names({ tags: { a: "1" } }), ["hits{a=1}", "p{a=1}"])
  }),
  hostTag: Effect.gen(function* () {
    assert.deepStrictEqual(yield* names({ hostTag: { key: "on", value: "h" } }), ["hits{on=h}", "p{on=h}"])
  }),
  maxSeries: Effect.gen(function* () {
    const { world } = yield* within({ maxSeries: 2 }, () =>
      Effect.forEach(["1", "2", "3", "4"], (n) => Metrics.increment(hits, { tags: { n } }))
    )
    assert.deepStrictEqual(world.writes.flat().sort(), ["hits{n=1}", "hits{n=2}", "hits{overflow=true}"])
  }),
  expireAfter: Effect.gen(function* () {
    const { world } = yield* within({ expireAfter: "30 seconds", maxSeries: 1 }, () =>
      Effect.gen(function* () {
        yield* Metrics.increment(hits, { tags: { n: "1" } })
        yield* TestClock.adjust("2 minutes")
        yield* Metrics.increment(hits, { tags: { n: "2" } })
      })
    )
    assert.deepStrictEqual(world.writes.flat(), ["hits{n=1}", "hits{n=2}"])
  }),
  aggregate: Effect.gen(function* () {
    const { world } = yield* within({ aggregate: false }, () => Effect.replicateEffect(Metrics.increment(hits), 3))
    assert.deepStrictEqual(world.writes.flat(), ["hits{}", "hits{}", "hits{}"])
  }),
  resend: Effect.gen(function* () {
    const writes = (resend: "always" | "changed") =>
      Effect.map(
        within({ resend }, (world) =>
          Effect.gen(function* () {
            yield* Metrics.set(depth, 1)
            yield* TestClock.adjust("30 seconds")
            return world.writes.length
          })
        ),
        ({ seen }) => seen
      )
    assert.deepStrictEqual([yield* writes("always"), yield* writes("changed")], [3, 1])
  }),
  ambiguous: Effect.gen(function* () {
    const fate = (ambiguous: "retry" | "drop") =>
      Effect.map(
        within(
          { ambiguous, triggerSize: 1, ...short },
          (world) => Effect.zipRight(emit(1), settle).pipe(Effect.map(world.ledger)),
          lost
        ),
        ({ seen }) => [seen.dropped.ambiguous ?? 0, seen.buffered.inFlight]
      )
    assert.deepStrictEqual(
      [yield* fate("drop"), yield* fate("retry")],
      [
        [1, 0],
        [0, 1]
      ]
    )
  }),
  shutdownTimeout: Effect.gen(function* () {
    const ends = (shutdownTimeout: "0 millis" | "10 seconds") =>
      Effect.map(
        within(
          { shutdownTimeout },
          () => emit(1),
          Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
        ),
        ({ world }) => world.ledger().delivered
      )
    assert.deepStrictEqual([yield* ends("0 millis"), yield* ends("10 seconds")], [0, 1])
  }),
  requestTimeout: Effect.gen(function* () {
    const { seen } = yield* within(
      { requestTimeout: "3 seconds", triggerSize: 1, ...short },
      (world) =>
        Effect.gen(function* () {
          yield* emit(1)
          yield* TestClock.adjust("2999 millis")
          const before = world.ledger().ambiguous
          yield* TestClock.adjust("1 millis")
          return [before, world.ledger().ambiguous]
        }),
      Effect.never
    )
    assert.deepStrictEqual(seen, [0, 1])
  }),
  selfMetrics: Effect.gen(function* () {
    const { world } = yield* within({ selfMetrics: true }, () =>
      Effect.zipRight(emit(1), TestClock.adjust("10 seconds"))
    )
    assert.include(world.writes.flat(), "effect_metrics.lane.recorded{lane=sink}")
  })
}

describe("the option of a lane", () => {
  for (const [option, works] of Object.entries(table)) it.effect(`${option} does what it says`, () => works)
})
