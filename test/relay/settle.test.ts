import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Scope, TestClock } from "effect"
import type { Measurement } from "../../src/recording/measurement.js"
import * as Worker from "../../src/relay/Worker.js"
import * as Sink from "../../src/Sink.js"
import { countOf, feedOf, millis, nativeFrames, seriesOf, sizes, withWorker, type World } from "./feed.js"
import { type Backend, backend, ofApps, totals } from "./harness.js"

const pointAt = (at: number, value: number): Measurement => ({
  _tag: "point",
  series: seriesOf("p", "point"),
  weight: 1,
  millis: at,
  nanos: 0,
  fieldNames: ["value"],
  fieldValues: [value],
  sampleRate: 1
})

const points = (count: number, from = 0): ReadonlyArray<Measurement> =>
  Array.from({ length: count }, (_, i) => pointAt(millis, from + i))

type Write = Sink.Sink<unknown>["write"]

/** Without what the worker says of itself. */
const ofWorkers: Sink.DeliveryOptions["view"] = ({ name, tags }) =>
  name.startsWith("effect_metrics.") ? Option.none() : Option.some({ name, tags })

/** A backend whose answer can change. */
const answering = (options: Omit<Sink.DeliveryOptions, "name"> = {}) => {
  const world: { write: Write } = { write: () => Effect.void }
  const measurements: Array<Sink.Measurement> = []
  const layer = Sink.layer({
    name: "answering",
    overwrites: "ns",
    retry: { initial: "1 second", max: "1 second", jitter: "none" },
    view: ofWorkers,
    ...options,
    make: Effect.succeed({
      write: (batch) =>
        Effect.tap(
          Effect.suspend(() => world.write(batch)),
          Effect.sync(() => void measurements.push(...batch.measurements))
        )
    })
  })
  return Object.assign(world, { measurements, layer } satisfies Backend)
}

const down: Write = () => Effect.fail(new Sink.Unavailable({ sink: "answering", reason: "down" }))
const silent: Write = () => Effect.fail(new Sink.Unavailable({ sink: "answering", reason: "late", ambiguous: true }))

const working = <A, E>(into: Backend, use: (world: World) => Effect.Effect<A, E>, options: Worker.Options = {}) =>
  withWorker(use, options, into, true)

const reasons = ({ released }: World): ReadonlyArray<readonly [number, string]> =>
  [...released].sort(([a], [b]) => a - b)

describe("a message", () => {
  it.scoped("is delivered again, and recorded then, if it found no room in a sink's queue", () => {
    const into = answering({ capacity: 4 })
    const large = nativeFrames(points(6))
    return working(into, (world) =>
      Effect.gen(function* () {
        world.give(large)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(reasons(world), [[0, "queue_full"]])
        assert.deepStrictEqual(world.acknowledged, [])
        assert.match(world.logs.join("\n"), /to be delivered again so far: 1, .*queue_full/)
        world.give(large, nativeFrames([countOf(1)]))
        yield* TestClock.adjust("2 seconds")
        // It is not taken for one that has been recorded. The other message had lost nothing.
        assert.strictEqual((yield* world.account).duplicates, 0)
        assert.deepStrictEqual(
          world.released.map(([at]) => at),
          [0, 1]
        )
        assert.deepStrictEqual(world.acknowledged, [2])
      })
    )
  })

  it.scoped(
    "shares the fate of the one that it repeats: neither is acknowledged if that was not recorded whole",
    () => {
      const into = answering({ capacity: 4, batchSize: 4, concurrency: 2 })
      const answers = Effect.unsafeMakeLatch(false)
      into.write = ({ measurements: [first] }) => (first?.series.name === "c" ? answers.await : Effect.void)
      const large = nativeFrames(points(6))
      return working(into, (world) =>
        Effect.gen(function* () {
          world.give(nativeFrames([countOf(1)]))
          yield* TestClock.adjust("2 seconds")
          // While that is being written: one that loses, and, as after a connection that was cut, the same again.
          world.give(large)
          yield* TestClock.adjust("2 seconds")
          world.give(large)
          assert.strictEqual((yield* world.account).duplicates, 1)
          yield* answers.open
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(world.acknowledged, [0])
          assert.deepStrictEqual(reasons(world), [
            [1, "queue_full"],
            [2, "queue_full"]
          ])
        })
      )
    }
  )

  it.scoped("is delivered again if what it carried grew too old in a sink", () => {
    const into = answering({ maxAge: "10 seconds" })
    into.write = silent
    return working(into, (world) =>
      Effect.gen(function* () {
        world.give(nativeFrames([countOf(1)]), nativeFrames(points(1)))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(reasons(world), [
          [0, "expired"],
          [1, "expired"]
        ])
        into.write = () => Effect.void
        world.give(nativeFrames([countOf(2)]))
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(world.acknowledged, [2])
      })
    )
  })

  it.scoped("is delivered again if a sink closed without having it", () => {
    const into = answering({ shutdownTimeout: 1 })
    into.write = down
    const feed = feedOf(true)
    return Effect.gen(function* () {
      const [sinks, workers] = [yield* Scope.make(), yield* Scope.make()]
      const context = yield* Layer.buildWithScope(into.layer, sinks)
      yield* Layer.buildWithScope(Worker.layer({ transport: feed.transport }), workers).pipe(Effect.provide(context))
      yield* feed.subscribed
      feed.give(nativeFrames([countOf(1)]))
      yield* TestClock.adjust("2 seconds")
      yield* Scope.close(sinks, Exit.void)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(feed.released, [[0, "shutdown_deadline"]])
      assert.deepStrictEqual(feed.acknowledged, [])
      yield* Scope.close(workers, Exit.void)
    })
  })

  it.scoped("is delivered again if it comes when all sinks have closed", () => {
    const into = answering()
    const feed = feedOf(true)
    return Effect.gen(function* () {
      const [sinks, workers] = [yield* Scope.make(), yield* Scope.make()]
      const context = yield* Layer.buildWithScope(into.layer, sinks)
      yield* Layer.buildWithScope(Worker.layer({ transport: feed.transport }), workers).pipe(Effect.provide(context))
      yield* feed.subscribed
      yield* Scope.close(sinks, Exit.void)
      feed.give(nativeFrames([countOf(1)]))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(feed.acknowledged, [])
      assert.lengthOf(feed.released, 1)
      yield* Scope.close(workers, Exit.void)
    })
  })

  it.scoped("whose transport dies of its acknowledgement keeps no other from being acknowledged", () => {
    const feed = feedOf(true)
    let isFirst = true
    const transport: Worker.Options["transport"] = Effect.map(feed.transport, ({ subscribe }) => ({
      subscribe: (topics, take) =>
        subscribe(topics, (message) => {
          take(isFirst ? { ...message, acknowledge: Effect.die(new TypeError("broken")) } : message)
          isFirst = false
        })
    }))
    return Effect.gen(function* () {
      yield* feed.subscribed
      feed.give(nativeFrames([countOf(1)]), nativeFrames([countOf(1)]))
      yield* TestClock.adjust("2 seconds")
      feed.give(nativeFrames([countOf(1)]))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(feed.acknowledged, [1, 2])
    }).pipe(Effect.provide(Worker.layer({ transport }).pipe(Layer.provide(answering().layer))))
  })

  const finals: ReadonlyArray<readonly [why: string, drop: string, write: Write | undefined, layer?: Backend]> = [
    ["the backend refuses it", "rejected", () => Effect.succeed({ rejected: [{ index: 0, reason: "no" }] })],
    ["it is too large", "too_large", () => Effect.fail(new Sink.TooLarge({ sink: "answering", reason: "no" }))],
    ["the wire cannot carry it", "invalid", undefined, encoding("invalid")],
    ["the wire has nothing like it", "unsupported", undefined, encoding("unsupported")]
  ]
  for (const [why, drop, write, layer] of finals) {
    it.scoped(`is not delivered again if ${why}: it is counted, and would be refused again`, () => {
      const into = layer ?? answering()
      if (write !== undefined) Object.assign(into, { write })
      return working(into, (world) =>
        Effect.gen(function* () {
          world.give(nativeFrames([countOf(3)]))
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual([world.acknowledged, world.released], [[0], []])
          const [lane] = yield* world.flush
          assert.deepStrictEqual(lane?.ledger.dropped, { [drop]: 3 })
        })
      )
    })
  }

  it.scoped("waits unrecorded while sinks have little room, and nothing of it is dropped", () => {
    const into = answering({ capacity: 10 })
    into.write = down
    return working(into, (world) =>
      Effect.gen(function* () {
        world.give(...Array.from({ length: 5 }, (_, i) => nativeFrames(points(6, 10 * i))))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* world.account).messages, 1)
        into.write = () => Effect.void
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(world.acknowledged, [0, 1, 2, 3, 4])
        assert.deepStrictEqual(world.released, [])
        assert.lengthOf(ofApps(into.measurements), 30)
      })
    )
  })

  it.scoped("that still waits when the worker ends is given back", () => {
    const into = answering({ capacity: 10 })
    into.write = down
    let released: ReadonlyArray<readonly [number, string]> = []
    return Effect.gen(function* () {
      yield* working(into, (world) =>
        Effect.sync(() => {
          released = world.released
          world.give(nativeFrames(points(6)), nativeFrames(points(6)))
          into.write = () => Effect.void
        })
      )
      assert.deepStrictEqual(released, [[1, "the worker ends"]])
    })
  })
})

function encoding(drop: "invalid" | "unsupported"): Backend {
  const measurements: Array<Sink.Measurement> = []
  const layer = Sink.layer({
    name: "encoding",
    make: Effect.succeed({
      encode: (all: ReadonlyArray<Sink.Measurement>): Sink.Encoded<undefined> => ({
        payload: undefined,
        taken: all.length,
        bytes: 0,
        refused: all.flatMap(({ series }, index) => (series.name === "c" ? [{ index, drop, reason: "no" }] : []))
      }),
      write: () => Effect.void
    })
  })
  return { layer, measurements }
}

describe("a worker that keeps windows", () => {
  const two = { ...countOf(2), millis: millis + 5, nanos: 7 }
  const sent = nativeFrames([countOf(1), two, sizes([1, 2]), ...points(3)])
  const written = (into: Backend) =>
    ofApps(into.measurements).map((one) => [
      one.series.name,
      one.millis,
      one.nanos,
      one._tag === "distribution" ? one.histogram.count : one._tag === "point" ? one.fieldValues[0] : one.value
    ])

  const all = [
    ["c", millis, 0, 1],
    ["c", millis + 5, 7, 2],
    ["d", millis, 0, 2],
    ["p", millis, 0, 0],
    ["p", millis, 0, 1],
    ["p", millis, 0, 2]
  ]

  it.scoped("writes each as its publisher sealed it, and twice alike if it comes twice", () => {
    const into = answering()
    return working(
      into,
      (world) =>
        Effect.gen(function* () {
          world.give(sent)
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(written(into), all)
          assert.deepStrictEqual(world.acknowledged, [0])
          // As another worker would have it, which does not know of the first time.
          into.measurements.length = 0
          world.give(nativeFrames([countOf(1), two, sizes([1, 2]), ...points(3)]))
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(written(into), all)
        }),
      { windows: "keep" }
    )
  })

  it.scoped("writes them again as they are, after a backend that was down, and keeps its ledger", () => {
    const into = answering()
    into.write = down
    return working(
      into,
      (world) =>
        Effect.gen(function* () {
          world.give(sent)
          yield* TestClock.adjust("20 seconds")
          into.write = () => Effect.void
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual(written(into), all)
          const [lane] = yield* world.flush
          const { delivered, dropped, recorded } = lane!.ledger
          assert.deepStrictEqual([recorded - delivered, dropped], [0, {}])
        }),
      { windows: "keep" }
    )
  })

  it.scoped("merges what goes to an overflow series, as the times of several would be one", () => {
    const into = backend({ maxSeries: 3, view: ofWorkers })
    const tagged = (value: number, id: string): Measurement => countOf(value, { tags: [["id", id]] })
    return withWorker(
      ({ backend, flush, give }) =>
        Effect.gen(function* () {
          give(nativeFrames(["a", "b", "c", "d", "e"].map((id) => tagged(1, id))))
          yield* flush
          assert.deepStrictEqual(totals(backend.measurements), {
            "info c id=a": 1,
            "info c id=b": 1,
            "info c id=c": 1,
            "info c overflow=true": 2
          })
        }),
      { windows: "keep" },
      into
    )
  })

  it("is told what else there is", () => {
    // As from a program that is not checked.
    const bad = { windows: "sum" } as unknown as Worker.Options
    return Effect.runPromise(
      Effect.map(Effect.flip(Worker.run(bad).pipe(Effect.provide(backend().layer))), (error) => {
        assert.include(String(error), 'option windows: "sum" is not "merge" or "keep"')
      })
    )
  })
})
