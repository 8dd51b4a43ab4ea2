import { assert, describe, it } from "@effect/vitest"
import {
  Duration,
  Effect,
  Layer,
  Logger,
  LogLevel,
  Metric,
  MetricBoundaries,
  MetricKey,
  type MetricKeyType,
  MetricLabel,
  MetricRegistry,
  Option,
  Schedule,
  TestClock
} from "effect"
import * as Metrics from "../../src/Metrics.js"
import type { Measurement } from "../../src/recording/measurement.js"
import type { InvalidOption } from "../../src/Sink.js"
import * as EffectMetrics from "../../src/sources/EffectMetrics.js"
import { FaultySink, TestMetrics } from "../../src/testing/index.js"

const quiet = { schedule: Schedule.spaced("1 hour") }

const text = ({ series }: Measurement): string =>
  `${series.name}{${series.tags.map(([key, value]) => `${key}=${value}`).join()}}`

const read = (measurement: Measurement): unknown =>
  measurement._tag === "distribution"
    ? [measurement.histogram.count, measurement.histogram.sum, measurement.buckets]
    : measurement._tag === "point"
      ? measurement.fieldValues
      : measurement.value

type Untyped = MetricKey.MetricKey<MetricKeyType.MetricKeyType<unknown, unknown>>

/** A registry of its own, with a sink and what it has received since the last flush. */
const make = (options: EffectMetrics.Options = {}, delivery: Parameters<typeof FaultySink.make>[0] = {}) => {
  const registry = MetricRegistry.make()
  const sink = FaultySink.make({ ...quiet, ...delivery })
  let seen = 0
  return {
    registry,
    sink,
    update: <In>(
      key: MetricKey.MetricKey<MetricKeyType.MetricKeyType<In, unknown>>,
      ...inputs: ReadonlyArray<In>
    ): void => {
      // The registry's own type of a key that it makes a hook for.
      const hook = registry.get(key as Untyped)
      for (const input of inputs) hook.update(input)
    },
    layer: Layer.mergeAll(sink.layer, EffectMetrics.layer({ registry, ...options })),
    flush: Effect.map(Metrics.flush, ([lane]) => {
      const received = sink.received().slice(seen)
      seen += received.length
      return {
        refused: lane!.ledger.refused,
        received,
        values: Object.fromEntries(received.map((m) => [text(m), read(m)]))
      }
    })
  }
}

type World = ReturnType<typeof make>

const run = <E>(world: World, body: Effect.Effect<void, E, Metrics.Metrics>): Effect.Effect<void, E | InvalidOption> =>
  Effect.provide(body, world.layer)

const histogramKey = (name: string, bounds: ReadonlyArray<number>, description?: string) =>
  MetricKey.histogram(name, MetricBoundaries.fromIterable(bounds), description)

const distributionOf = (received: ReadonlyArray<Measurement>) => {
  const [one] = received
  assert(one?._tag === "distribution")
  return one
}

const warnings = () => {
  const all: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      if (logLevel.ordinal >= LogLevel.Warning.ordinal) all.push(String(message))
    })
  )
  return { all, layer }
}

describe("Effect's own metrics", () => {
  it.effect("recorded before the layer, while it is there, and up to the close arrive, each increase once", () =>
    Effect.gen(function* () {
      const world = make()
      const counter = MetricKey.counter("c", { incremental: true })
      world.update(counter, 5)
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "c{}": 5 })
          world.update(counter, 2, 1)
          assert.deepStrictEqual((yield* world.flush).values, { "c{}": 3 })
          assert.deepStrictEqual((yield* world.flush).values, {})
          world.update(counter, 4)
        })
      )
      assert.deepStrictEqual(world.sink.received().map(read), [5, 3, 4])
    })
  )

  it.effect("are read in step with the sink's schedule", () =>
    Effect.gen(function* () {
      const world = make({}, { schedule: Schedule.fixed("10 seconds") })
      yield* run(
        world,
        Effect.gen(function* () {
          world.update(MetricKey.gauge("g"), 7)
          yield* TestClock.adjust("9 seconds")
          assert.deepStrictEqual(world.sink.received(), [])
          yield* TestClock.adjust("1 seconds")
          assert.deepStrictEqual(world.sink.received().map(read), [7])
        })
      )
    })
  )

  it.live("of the process are those that Metric records, also those of its fibers", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make(quiet)
      const counter = Metric.counter("effect_metrics_test_counter", { description: "counts", incremental: true })
      const timer = Metric.timer("effect_metrics_test_timer")
      const all = sink.layer.pipe(Layer.merge(EffectMetrics.layer()))
      yield* Effect.gen(function* () {
        yield* Metric.incrementBy(counter, 3).pipe(Effect.tagMetrics("region", "eu"))
        yield* Metric.update(timer, Duration.millis(1500))
        yield* Effect.all([Effect.sleep(1), Effect.sleep(1)], { concurrency: 2 })
        yield* Metrics.flush
      }).pipe(Effect.provide(all))
      const found = (name: string) => sink.received().find(({ series }) => series.name === name)
      const [count, time] = [found("effect_metrics_test_counter"), found("effect_metrics_test_timer")]
      assert.deepStrictEqual(
        [count && read(count), count?.series.tags, count?.series.description],
        [3, [["region", "eu"]], "counts"]
      )
      assert(time?._tag === "distribution")
      assert.deepStrictEqual([time.series.kind, time.series.unit, time.histogram.sum], ["timer", "s", 1.5])
      assert.isAtLeast(Number(read(found("effect_fiber_started")!)), 2)
      assert.strictEqual(found("effect_fiber_lifetimes")?.series.kind, "timer")
    })
  )

  it.effect("are the same series whatever the order of their tags, and the last of equal keys wins", () =>
    Effect.gen(function* () {
      const world = make()
      const tagged = (...labels: ReadonlyArray<readonly [string, string]>) =>
        MetricKey.taggedWithLabels(
          MetricKey.counter("c"),
          labels.map(([key, value]) => MetricLabel.make(key, value))
        )
      world.update(tagged(["a", "1"], ["b", "2"]), 1)
      world.update(tagged(["b", "2"], ["a", "1"]), 2)
      world.update(tagged(["b", "2"], ["a", "0"], ["a", "1"]), 4)
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "c{a=1,b=2}": 7 })
        })
      )
    })
  )

  it.effect("go where sinks choose them by level, under their prefix and their view's names", () =>
    Effect.gen(function* () {
      const view = ({ kind, name, tags }: EffectMetrics.MetricInfo) =>
        name === "secret" ? Option.none() : Option.some({ name: `${kind}.${name}`, tags: { ...tags, added: "yes" } })
      const world = make({ prefix: "app.", level: "ops", view }, { levels: ["ops"] })
      world.update(MetricKey.counter("c"), 1)
      world.update(MetricKey.counter("secret"), 1)
      yield* run(
        world,
        Effect.gen(function* () {
          yield* Metrics.increment(Metrics.counter("of the app"))
          assert.deepStrictEqual((yield* world.flush).values, { "app.counter.c{added=yes}": 1 })
        })
      )
    })
  )

  it.effect("begin at what was counted when baseline is now, but gauges are what they are", () =>
    Effect.gen(function* () {
      const world = make({ baseline: "now" })
      const [counter, gauge] = [MetricKey.counter("c"), MetricKey.gauge("g")]
      const [histogram, words] = [histogramKey("h", [1, 2]), MetricKey.frequency("f")]
      const update = (): void => {
        world.update(counter, 5)
        world.update(gauge, 2)
        world.update(histogram, 1.5)
        world.update(words, "old")
      }
      update()
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "g{}": 2 })
          update()
          world.update(MetricKey.counter("new"), 1)
          assert.deepStrictEqual((yield* world.flush).values, {
            "c{}": 5,
            "h{}": [1, 1.5, [0, 1, 0]],
            "f{key=old}": 1,
            "new{}": 1
          })
        })
      )
    })
  )

  it.effect("are given to a second source from its own baseline", () =>
    Effect.gen(function* () {
      const world = make()
      const other = FaultySink.make(quiet)
      world.update(MetricKey.counter("c"), 3)
      const second = Layer.mergeAll(other.layer, EffectMetrics.layer({ registry: world.registry }))
      yield* run(world, Effect.asVoid(world.flush))
      yield* Effect.provide(Metrics.flush, second)
      assert.deepStrictEqual([world.sink.received().map(read), other.received().map(read)], [[3], [3]])
    })
  )

  it.effect("leave tests of instrumented code alone", () =>
    Effect.gen(function* () {
      const registry = MetricRegistry.make()
      registry.get(MetricKey.counter("c")).update(1)
      yield* Effect.provide(Metrics.flush, EffectMetrics.layer({ registry }))
      assert.deepStrictEqual(yield* TestMetrics.all, [])
    }).pipe(Effect.provide(TestMetrics.layer))
  )
})

describe("a counter of Effect's", () => {
  it.effect("that is not incremental goes down, and one of bigints counts exactly", () =>
    Effect.gen(function* () {
      const world = make()
      const [counter, big] = [MetricKey.counter("c"), MetricKey.counter("big", { bigint: true })]
      world.update(counter, 5)
      world.update(big, 2n ** 60n)
      yield* run(
        world,
        Effect.gen(function* () {
          yield* world.flush
          world.update(counter, -7)
          world.update(big, 3n)
          assert.deepStrictEqual((yield* world.flush).values, { "c{}": -7, "big{}": 3 })
        })
      )
    })
  )

  it.effect("that is not incremental can be a gauge, as that of active fibers is", () =>
    Effect.gen(function* () {
      for (const [asGauge, expected] of [
        [undefined, { "effect_fiber_active{}": 2, "pool{}": -1, "steps{}": -1 }],
        [
          ({ name }: EffectMetrics.MetricInfo) => name !== "steps",
          { "effect_fiber_active{}": 2, "pool{}": 4, "steps{}": -1 }
        ]
      ] as const) {
        const world = make({ asGauge })
        const keys = ["effect_fiber_active", "pool", "steps"].map((name) => MetricKey.counter(name))
        world.update(MetricKey.counter("up", { incremental: true }), 1)
        for (const key of keys) world.update(key, key.name === "effect_fiber_active" ? 3 : 5)
        yield* run(
          world,
          Effect.gen(function* () {
            assert.deepInclude((yield* world.flush).values, { "up{}": 1 })
            for (const key of keys) world.update(key, -1)
            assert.deepStrictEqual((yield* world.flush).values, expected)
          })
        )
      }
    })
  )

  it.effect("that NaN has poisoned is refused once, and the others go on", () =>
    Effect.gen(function* () {
      const world = make()
      const counter = MetricKey.counter("c")
      world.update(counter, 5)
      yield* run(
        world,
        Effect.gen(function* () {
          yield* world.flush
          world.update(counter, NaN, 1)
          world.update(MetricKey.counter("other"), 1)
          assert.deepStrictEqual((yield* world.flush).values, { "other{}": 1 })
          world.update(counter, 1)
          assert.deepStrictEqual((yield* world.flush).refused, { not_finite: 1 })
        })
      )
    })
  )

  it.effect("of the same name as a gauge does not silence anything but itself", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(MetricKey.gauge("both"), 1)
      world.update(MetricKey.counter("both"), 1)
      world.update(MetricKey.counter("other"), 1)
      yield* run(
        world,
        Effect.gen(function* () {
          const { refused, values } = yield* world.flush
          assert.deepStrictEqual([values, refused], [{ "both{}": 1, "other{}": 1 }, { type_conflict: 1 }])
        })
      )
    })
  )

  it.effect("of the same name and another description adds to the same series", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(MetricKey.counter("c", { description: "one" }), 1)
      world.update(MetricKey.counter("c", { description: "other" }), 2)
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "c{}": 3 })
        })
      )
    })
  )
})

describe("a gauge of Effect's", () => {
  it.effect("is recorded when it has changed", () =>
    Effect.gen(function* () {
      const world = make()
      const gauge = MetricKey.gauge("g")
      world.update(gauge, 3)
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "g{}": 3 })
          assert.deepStrictEqual((yield* world.flush).values, {})
          world.update(gauge, NaN)
          assert.deepStrictEqual((yield* world.flush).refused, { not_finite: 1 })
          world.update(gauge, 4)
          assert.deepStrictEqual((yield* world.flush).values, { "g{}": 4 })
        })
      )
    })
  )

  it.scoped("is recorded also when there is a new sink that does not have it", () =>
    Effect.gen(function* () {
      const world = make()
      const late = FaultySink.make(quiet)
      world.update(MetricKey.gauge("g"), 3)
      const memo = yield* Layer.makeMemoMap
      const scope = yield* Effect.scope
      const context = yield* Layer.buildWithMemoMap(world.layer, memo, scope)
      yield* Effect.provide(world.flush, context)
      yield* Layer.buildWithMemoMap(late.layer, memo, scope)
      yield* Effect.provide(world.flush, context)
      assert.deepStrictEqual(late.received().map(read), [3])
    })
  )
})

describe("a frequency of Effect's", () => {
  it.effect("is a counter for each word that has occurred", () =>
    Effect.gen(function* () {
      const world = make({ frequencyTag: "word" })
      const key = MetricKey.frequency("f", { preregisteredWords: ["never"] })
      world.update(key, "a", "b", "a")
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "f{word=a}": 2, "f{word=b}": 1 })
          world.update(key, "a")
          assert.deepStrictEqual((yield* world.flush).values, { "f{word=a}": 1 })
        })
      )
    })
  )

  it.effect("with more words than there may be series is refused beyond them, and a word of a megabyte always", () =>
    Effect.gen(function* () {
      const world = make({ maxSeries: 3 })
      const key = MetricKey.frequency("f")
      world.update(key, "x".repeat(2 ** 20), "a", "b", "c", "d", "e")
      yield* run(
        world,
        Effect.gen(function* () {
          const { refused, values } = yield* world.flush
          assert.deepStrictEqual(Object.keys(values).length, 3)
          assert.deepStrictEqual(refused, { too_long: 1, series_limit: 2 })
        })
      )
    })
  )
})

describe("a histogram of Effect's", () => {
  it.effect("is a distribution with its boundaries, whose buckets, count and sum are exact in every window", () =>
    Effect.gen(function* () {
      const world = make()
      const key = histogramKey("h", [10, 1, 100], "sizes")
      world.update(key, 0.5, 1, 7, 1000)
      yield* run(
        world,
        Effect.gen(function* () {
          const first = distributionOf((yield* world.flush).received)
          assert.deepStrictEqual(
            [first.series.kind, first.series.boundaries, first.series.description, first.weight],
            ["distribution", [1, 10, 100], "sizes", 4]
          )
          assert.deepStrictEqual([first.histogram.min, first.histogram.max], [0.5, 1000])
          assert.deepStrictEqual(read(first), [4, 1008.5, [2, 1, 0, 1]])
          world.update(key, 50, 60)
          assert.deepStrictEqual((yield* world.flush).values, { "h{}": [2, 110, [0, 0, 2, 0]] })
          world.update(key, 4)
          assert.deepStrictEqual(distributionOf((yield* world.flush).received).histogram.max, 4)
        })
      )
    })
  )

  it.effect("of only negative values, or of none, has no extremes that nobody observed", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(histogramKey("empty", [1]))
      world.update(histogramKey("negative", [0, 1]), -5, -3)
      yield* run(
        world,
        Effect.gen(function* () {
          const { received } = yield* world.flush
          const { histogram } = distributionOf(received)
          assert.deepStrictEqual([received.length, histogram.count, histogram.sum, histogram.min], [1, 2, -8, -5])
          assert.strictEqual(histogram.max, -3)
        })
      )
    })
  )

  it.effect("that NaN or infinity has poisoned goes on with exact buckets and counts", () =>
    Effect.gen(function* () {
      const world = make()
      const key = histogramKey("h", [1, 10])
      world.update(key, NaN, 5)
      yield* run(
        world,
        Effect.gen(function* () {
          const first = yield* world.flush
          assert.deepStrictEqual([first.values, first.refused], [{ "h{}": [1, 5, [0, 1, 0]] }, { not_finite: 1 }])
          world.update(key, 5, Infinity, -Infinity, 20)
          const window = distributionOf((yield* world.flush).received)
          assert.deepStrictEqual([window.histogram.count, window.buckets], [4, [1, 1, 2]])
          assert.isTrue(Number.isFinite(window.histogram.sum))
          assert.isTrue(Number.isFinite(window.histogram.min) && Number.isFinite(window.histogram.max))
        })
      )
    })
  )

  it.effect("of the same name with other boundaries goes into the first one's", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(histogramKey("h", [1, 10]), 5)
      world.update(histogramKey("h", [2, 20]), 15, 1)
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "h{}": [3, 21, [1, 1, 1]] })
        })
      )
    })
  )

  it.effect("is points where recordings are points, one for each bucket, which say how many they stand for", () =>
    Effect.gen(function* () {
      const world = make({ baseline: "zero" }, { aggregate: false })
      world.update(histogramKey("h", [1, 10]), 0.5, 6, 6, 6, 6, 7)
      yield* run(
        world,
        Effect.gen(function* () {
          const { received } = yield* world.flush
          assert.deepStrictEqual(
            received.map((point) => [read(point), point.weight, point._tag === "point" && point.sampleRate]),
            [
              [[0.5], 1, 1],
              [[7], 1, 1],
              [[6], 4, 0.25]
            ]
          )
        })
      )
    })
  )

  it.effect("in milliseconds is a timer in seconds, unless it is to be left as it is", () =>
    Effect.gen(function* () {
      const timer = MetricKey.tagged(histogramKey("t", [10, 500]), "time_unit", "milliseconds")
      for (const [timers, expected] of [
        ["seconds", ["timer", "s", [0.01, 0.5], [], 0.26, [0, 2, 0]]],
        ["as-is", ["distribution", "milliseconds", [10, 500], [["time_unit", "milliseconds"]], 260, [0, 2, 0]]]
      ] as const) {
        const world = make({ timers })
        world.update(timer, 20, 240)
        yield* run(
          world,
          Effect.gen(function* () {
            const { buckets, histogram, series } = distributionOf((yield* world.flush).received)
            assert.deepStrictEqual(
              [series.kind, series.unit, series.boundaries, series.tags, histogram.sum, buckets],
              [...expected]
            )
          })
        )
      }
    })
  )

  it.effect("in milliseconds that a clock which went back made negative loses no count", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(MetricKey.tagged(histogramKey("t", [10, 500]), "time_unit", "milliseconds"), -5, 3, 20)
      yield* run(
        world,
        Effect.gen(function* () {
          const { buckets, histogram } = distributionOf((yield* world.flush).received)
          assert.deepStrictEqual([histogram.count, histogram.min, buckets], [3, 0, [2, 1, 0]])
        })
      )
    })
  )
})

describe("a summary of Effect's", () => {
  const summaryKey = (name: string, maxSize: number, maxAge: Duration.DurationInput = "1 minute") =>
    MetricKey.summary({ name, maxAge, maxSize, error: 0.01, quantiles: [0.5, 0.99] })
  const now = (...values: ReadonlyArray<number>) => values.map((value) => [value, Date.now()] as const)

  it.effect("is a gauge for each quantile, and counters of count and sum", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(summaryKey("s", 10), ...now(1, 2, 3))
      yield* run(
        world,
        Effect.gen(function* () {
          const { values } = yield* world.flush
          assert.containsAllKeys(values, ["s{quantile=0.5}", "s{quantile=0.99}"])
          assert.deepInclude(values, { "s.count{}": 3, "s.sum{}": 6 })
        })
      )
    })
  )

  it.effect("with room for one sample has no quantiles, and the rest of it", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(summaryKey("s", 1), ...now(1, 2))
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "s.count{}": 2, "s.sum{}": 3 })
        })
      )
    })
  )

  it.effect("that has seen NaN, which would spin for ever, has no quantiles any more, and the rest of it", () =>
    Effect.gen(function* () {
      const world = make()
      world.update(summaryKey("s", 10), ...now(1, NaN))
      const before = Date.now
      yield* run(
        world,
        Effect.gen(function* () {
          const { refused, values } = yield* world.flush
          assert.deepStrictEqual([values, refused], [{ "s.count{}": 2 }, { not_finite: 1 }])
        })
      )
      assert.strictEqual(Date.now, before)
    })
  )

  it.effect("without room, or without an end of its samples' age, is not read, and one warning says so", () =>
    Effect.gen(function* () {
      const world = make()
      const { all, layer } = warnings()
      world.update(summaryKey("without room", 0), ...now(1))
      world.update(summaryKey("for ever", 10, Duration.infinity), ...now(NaN))
      world.update(MetricKey.counter("other"), 1)
      yield* run(
        world,
        Effect.gen(function* () {
          assert.deepStrictEqual((yield* world.flush).values, { "other{}": 1 })
          yield* world.flush
        })
      ).pipe(Effect.provide(layer))
      assert.strictEqual(all.length, 2)
      assert.include(all[0], 'EffectMetrics: the summary "without room"')
      assert.include(all[1], 'EffectMetrics: the summary "for ever"')
    })
  )
})

describe("what cannot be", () => {
  it.effect("a view that throws costs only the metric it threw at, and names that are none are refused", () =>
    Effect.gen(function* () {
      const view = ({ name, tags }: EffectMetrics.MetricInfo) => {
        if (name === "bad") throw new Error("no")
        return Option.some({ name: name === "nameless" ? "" : name, tags })
      }
      const world = make({ view })
      for (const name of ["bad", "nameless", "good"]) world.update(MetricKey.counter(name), 1)
      yield* run(
        world,
        Effect.gen(function* () {
          const { refused, values } = yield* world.flush
          assert.deepStrictEqual([values, refused], [{ "good{}": 1 }, { threw: 1, invalid_name: 1 }])
        })
      )
    })
  )

  it.effect("a metric that throws when it is read is left out, with one warning, and those after it are read", () =>
    Effect.gen(function* () {
      for (const baseline of ["zero", "now"] as const) {
        const world = make({ baseline })
        const { all, layer } = warnings()
        // What is not typed is given all the same.
        world.update(MetricKey.gauge("bad"), Symbol("no") as unknown as number)
        world.update(MetricKey.counter("good"), 1)
        yield* run(
          world,
          Effect.gen(function* () {
            yield* world.flush
            world.update(MetricKey.counter("good"), 2)
            assert.deepStrictEqual((yield* world.flush).values, { "good{}": 2 })
          })
        ).pipe(Effect.provide(layer))
        assert.strictEqual(all.length, 1)
        assert.include(all[0], 'EffectMetrics: "bad" cannot be read, and is left out: TypeError')
      }
    })
  )

  it.effect("a registry that shows only snapshots is read by them", () =>
    Effect.gen(function* () {
      const registry = MetricRegistry.make()
      const counter = registry.get(MetricKey.counter("c"))
      const shown = { snapshot: () => registry.snapshot() } as MetricRegistry.MetricRegistry
      const sink = FaultySink.make(quiet)
      yield* Effect.gen(function* () {
        counter.update(2)
        yield* Metrics.flush
        counter.update(3)
      }).pipe(Effect.provide(Layer.mergeAll(sink.layer, EffectMetrics.layer({ registry: shown }))))
      assert.deepStrictEqual(sink.received().map(read), [2, 3])
    })
  )

  it.effect("options that cannot work fail the layer, by name", () =>
    Effect.gen(function* () {
      for (const [options, message] of [
        [{ maxSeries: 0 }, "option maxSeries: 0 is not a whole number of at least 1"],
        [{ frequencyTag: "" }, 'option frequencyTag: "" is not a tag\'s key'],
        [{ baseline: "then" as "now" }, 'option baseline: "then" is not zero or now'],
        [{ timers: "ms" as "seconds" }, 'option timers: "ms" is not seconds or as-is'],
        [{ freshness: -1 }, "option freshness: -1 is not a duration"]
      ] as const) {
        const error = yield* Effect.flip(Effect.provide(Effect.void, EffectMetrics.layer(options)))
        assert.strictEqual(error.message, message)
      }
    })
  )
})
