import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, FiberId, Option, TestClock } from "effect"
import * as fc from "fast-check"
import * as Metrics from "../src/Metrics.js"
import type * as Measurement from "../src/Measurement.js"
import { FaultySink, TestMetrics } from "../src/testing/index.js"

const calls = Metrics.counter("calls")
const duration = Metrics.timer("duration")
const active = Metrics.gauge("active")
const size = Metrics.distribution("size")

/** Effects that end in every way, also by interrupting themselves. */
const anyEffect: fc.Arbitrary<Effect.Effect<number, string>> = fc.letrec<{ effect: Effect.Effect<number, string> }>(
  (tie) => ({
    effect: fc.oneof(
      { maxDepth: 4 },
      fc.nat().map(Effect.succeed),
      fc.string().map(Effect.fail),
      fc.string().map((message) => Effect.die(new Error(message))),
      fc.constant(Effect.interrupt),
      fc.constant(Effect.failCause(Cause.parallel(Cause.fail("a"), Cause.die("b")))),
      fc.constant(Effect.failCause(Cause.sequential(Cause.fail("a"), Cause.interrupt(FiberId.none)))),
      tie("effect").map((self) => Effect.zipRight(Effect.yieldNow(), self)),
      tie("effect").map(Effect.uninterruptible),
      fc.tuple(tie("effect"), tie("effect")).map(([a, b]) => Effect.orElse(a, () => b)),
      fc.tuple(tie("effect"), tie("effect")).map(([a, b]) => Effect.ensuring(a, Effect.ignore(b)))
    )
  })
).effect

const combinators = {
  trackCount: Metrics.trackCount(calls, { outcome: true }),
  trackDuration: Metrics.trackDuration(duration, { outcome: true }),
  trackInFlight: Metrics.trackInFlight(active),
  track: Metrics.track("all")
}

const anonymous = (exit: unknown): string => String(exit).replace(/"(id|startTimeMillis)": \d+/g, "")

type Combinator = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

describe("combinators", () => {
  const names = Object.keys(combinators) as Array<keyof typeof combinators>

  it("give the exit of what they wrap, cause and all, with a hub and without", async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(anyEffect, fc.constantFrom(...names), async (effect, name) => {
        runs++
        const combinator: Combinator = combinators[name]
        const plain = await Effect.runPromiseExit(effect)
        const tracked = combinator(effect)
        const inHub = await Effect.runPromiseExit(tracked.pipe(Effect.provide(TestMetrics.layer)))
        const without = await Effect.runPromiseExit(tracked)
        for (const exit of [inHub, without]) {
          // The ids of the fibers that interrupted themselves differ from run to run.
          assert.strictEqual(anonymous(exit), anonymous(plain))
        }
      }),
      { numRuns: 300 }
    )
    assert.strictEqual(runs, 300)
  })

  it("record every exit once, under its outcome", async () => {
    await fc.assert(
      fc.asyncProperty(anyEffect, async (effect) => {
        const seen = await Effect.runPromise(
          Effect.gen(function* () {
            const exit = yield* Effect.exit(Metrics.track("all")(effect)).pipe(
              Effect.forkDaemon,
              Effect.flatMap(Fiber.join)
            )
            const all = yield* TestMetrics.all
            return { exit, all, inFlight: yield* TestMetrics.gaugeValue("all.in_flight") }
          }).pipe(Effect.provide(TestMetrics.layer))
        )
        const expected = Exit.isSuccess(seen.exit)
          ? "success"
          : Cause.isInterruptedOnly(seen.exit.cause)
            ? "interrupt"
            : Cause.isFailure(seen.exit.cause)
              ? "failure"
              : "defect"
        const outcomesOf = (name: string) => seen.all.filter((r) => r.name === name).map((r) => r.tags["outcome"])
        assert.deepStrictEqual(outcomesOf("all.calls"), [expected])
        assert.deepStrictEqual(outcomesOf("all.duration"), [expected])
        assert.strictEqual(seen.inFlight, 0)
      }),
      { numRuns: 200 }
    )
  })

  it("leave interruptible and uninterruptible regions as they are", async () => {
    for (const name of names) {
      const combinator: Combinator = combinators[name]
      const flag = Effect.checkInterruptible((interruptible) => Effect.succeed(interruptible))
      const seen = await Effect.runPromise(
        Effect.all([
          combinator(flag),
          Effect.uninterruptible(combinator(flag)),
          Effect.uninterruptible(Effect.interruptible(combinator(flag)))
        ]).pipe(Effect.provide(TestMetrics.layer))
      )
      assert.deepStrictEqual(seen, [true, false, true], name)
    }
  })

  it.effect("see an interruption from outside at every point where it can come", () =>
    Effect.gen(function* () {
      for (let yields = 0; yields < 40; yields++) {
        const [all, inFlight] = yield* Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Effect.yieldNow().pipe(Effect.repeatN(10), Effect.zipRight(Effect.never), Metrics.track("all"))
          )
          for (let i = 0; i < yields; i++) yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
          return [yield* TestMetrics.all, yield* TestMetrics.gaugeValue("all.in_flight")] as const
        }).pipe(Effect.provide(TestMetrics.layer))
        // Interrupted before it began, it is no call.
        assert.include([0, 1], all.filter((r) => r.name === "all.calls").length)
        assert.include([undefined, 0], inFlight)
        const durations = all.filter((r) => r.name === "all.duration").map((r) => r.tags["outcome"])
        assert.include(["", "interrupt"], durations.join())
        if (yields > 5) assert.strictEqual(durations.length, 1)
      }
    })
  )

  it.effect("measure seconds by Effect's clock", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.sleep("1500 millis").pipe(Metrics.trackDuration(duration)))
      yield* TestClock.adjust("1500 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* TestMetrics.timings(duration), [1.5])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("count up while the effect runs, and down after it", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Deferred.await(gate).pipe(Metrics.trackInFlight(active, { tags: { pool: "a" } }))
      )
      yield* Effect.yieldNow()
      assert.strictEqual(yield* TestMetrics.gaugeValue(active, { pool: "a" }), 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* TestMetrics.gaugeValue(active), 0)
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("`when` chooses among exits", () =>
    Effect.gen(function* () {
      const [yes, no] = [Metrics.counter("yes"), Metrics.counter("no")]
      for (const effect of [Effect.void, Effect.fail("x"), Effect.die("x"), Effect.interrupt]) {
        yield* Effect.exit(
          effect.pipe(Metrics.trackCount(yes, { when: "success" }), Metrics.trackCount(no, { when: "failure" }))
        ).pipe(Effect.fork, Effect.flatMap(Fiber.join), Effect.exit)
      }
      assert.strictEqual(yield* TestMetrics.counterValue(yes), 1)
      assert.strictEqual(yield* TestMetrics.counterValue(no), 3)
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("tags may depend on the exit, with its types", () =>
    Effect.gen(function* () {
      const byStatus = Metrics.counter("by_status", { tagKeys: ["status"] })
      const tracked = <E, R>(self: Effect.Effect<{ readonly status: number }, E, R>) =>
        self.pipe(
          Metrics.trackCount(byStatus, {
            tags: (exit: Exit.Exit<{ readonly status: number }, E>) =>
              Exit.isSuccess(exit) ? { status: String(exit.value.status) } : { status: "none" }
          })
        )
      yield* tracked(Effect.succeed({ status: 200 }))
      yield* Effect.exit(tracked(Effect.fail("x")))
      assert.strictEqual(yield* TestMetrics.counterValue(byStatus, { status: "200" }), 1)
      assert.strictEqual(yield* TestMetrics.counterValue(byStatus, { status: "none" }), 1)
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("functions of the user's that throw, or give no number, are refused and change nothing", () =>
    Effect.gen(function* () {
      const thrower = () => {
        throw new Error("no")
      }
      const result = yield* Effect.succeed(7).pipe(
        Metrics.trackCount(calls, { tags: thrower }),
        Metrics.trackSuccessWith(size, thrower),
        Metrics.trackSuccessWith(size, () => NaN)
      )
      assert.strictEqual(result, 7)
      assert.deepStrictEqual(yield* TestMetrics.refused, { threw: 2, not_finite: 1 })
      assert.deepStrictEqual(yield* TestMetrics.all, [])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("trackSuccessWith records a value of the result, and nothing of a failure", () =>
    Effect.gen(function* () {
      const tracked = Metrics.trackSuccessWith(size, (rows: ReadonlyArray<number>) => rows.length)
      yield* tracked(Effect.succeed([1, 2, 3]))
      yield* Effect.exit(tracked(Effect.fail("x")))
      assert.deepStrictEqual(yield* TestMetrics.timings(size), [3])
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("a combinator that is stored serves several hubs and regions, each with its own", () =>
    Effect.gen(function* () {
      const counted = Metrics.trackCount(calls, { tags: { a: "b" } })
      const [one, two] = [FaultySink.make(), FaultySink.make()]
      const effect = counted(Effect.void)
      yield* effect.pipe(Effect.provide(one.layer))
      yield* effect.pipe(Effect.tagMetrics("region", "eu"), Effect.provide(two.layer))
      const tags = (sink: FaultySink.FaultySink) => sink.received().map(({ series }) => series.tags)
      assert.deepStrictEqual(tags(one), [[["a", "b"]]])
      assert.deepStrictEqual(tags(two), [
        [
          ["a", "b"],
          ["region", "eu"]
        ]
      ])
    })
  )
})

describe("direct recording", () => {
  it.effect("each kind records, and readers find it by instrument or name, and by tags", () =>
    Effect.gen(function* () {
      yield* Metrics.increment(calls, { tags: { route: "/a" } })
      yield* Metrics.incrementBy(calls, 4, { tags: { route: "/b" } })
      yield* Metrics.set(active, 3)
      yield* Metrics.incrementBy(active, -1)
      yield* Metrics.record(duration, Duration.millis(250))
      yield* Metrics.record(duration, 2)
      yield* Metrics.record(size, -5)
      assert.strictEqual(yield* TestMetrics.counterValue(calls), 5)
      assert.strictEqual(yield* TestMetrics.counterValue("calls", { route: "/b" }), 4)
      assert.strictEqual(yield* TestMetrics.gaugeValue(active), 2)
      assert.deepStrictEqual(yield* TestMetrics.timings(duration), [0.25, 2])
      assert.deepStrictEqual(yield* TestMetrics.timings(size), [-5])
      assert.isUndefined(yield* TestMetrics.gaugeValue("never"))
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("regions of Effect.tagMetrics tag what is recorded in them, and the call's own tags win", () =>
    Effect.gen(function* () {
      const inc = Metrics.increment(calls, { tags: { b: "call" } })
      yield* inc.pipe(Effect.tagMetrics({ a: "region", b: "region" }))
      yield* inc
      const all = yield* TestMetrics.all
      assert.deepStrictEqual(
        all.map(({ tags }) => ({ ...tags })),
        [{ a: "region", b: "call" }, { b: "call" }]
      )
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("a point keeps its fields, tags, level and time as they were when it was emitted", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5000)
      const fields: Record<string, Measurement.FieldValue> = { n: 1.5, i: 3n, ok: true, s: "text" }
      const tags: Record<string, string> = { a: "1" }
      yield* Metrics.emit("p", fields, { tags, level: "info" })
      fields["n"] = 99
      tags["a"] = "99"
      yield* Metrics.emit("p", { n: 2 }, { timestamp: new Date(123) })
      yield* Metrics.emit("p", { n: 3 }, { timestamp: 1_000_000_000_123_456_789n })
      yield* Metrics.emit("p", { n: 4 }, { timestamp: -0.5 })
      const points = yield* TestMetrics.points("p")
      assert.deepStrictEqual(
        points.map(({ fields, level, millis, tags }) => [{ ...fields }, { ...tags }, level, millis]),
        [
          [{ n: 1.5, i: 3n, ok: true, s: "text" }, { a: "1" }, "info", 5000],
          [{ n: 2 }, {}, undefined, 123],
          [{ n: 3 }, {}, undefined, 1_000_000_000_123],
          [{ n: 4 }, {}, undefined, -1]
        ]
      )
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("a point loses only the fields that cannot be, and is none without a field or with no time", () =>
    Effect.gen(function* () {
      const bad = { nan: NaN, inf: Infinity, fn: () => 1, nothing: undefined, obj: {} } as unknown as Metrics.Fields
      yield* Metrics.emit("p", { ...bad, good: 1 })
      yield* Metrics.emit("p", bad)
      yield* Metrics.emit("p", {})
      yield* Metrics.emit("p", { n: 1 }, { timestamp: NaN })
      yield* Metrics.emit("p", { n: 1 }, { timestamp: new Date("never") })
      yield* Metrics.emit("p", null as unknown as Metrics.Fields)
      yield* Metrics.emit("", { n: 1 })
      const points = yield* TestMetrics.all
      assert.deepStrictEqual(
        points.map(({ fields }) => Object.keys(fields)),
        [["good"]]
      )
      assert.deepStrictEqual(yield* TestMetrics.refused, {
        not_finite: 4,
        invalid_field: 4,
        no_fields: 1,
        invalid_timestamp: 2,
        threw: 1,
        invalid_name: 1
      })
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("what callers without types give is refused, and nothing throws", () =>
    Effect.gen(function* () {
      yield* Metrics.increment(Metrics.counter(undefined as unknown as string))
      yield* Metrics.emit(undefined as unknown as string, { v: 1 })
      yield* Metrics.emit(
        "p",
        { v: 1 },
        {
          get tags(): Record<string, string> {
            throw new Error("no")
          }
        }
      )
      assert.deepStrictEqual(yield* TestMetrics.refused, { invalid_name: 2, threw: 1 })
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("a handle records without a fiber, and one with tags that cannot be refuses each time", () =>
    Effect.gen(function* () {
      const counter = yield* Metrics.bind(calls, { a: "1" })
      const gauge = yield* Metrics.bind(active)
      const timer = yield* Metrics.bind(duration)
      counter.increment()
      counter.incrementBy(2)
      gauge.set(5)
      gauge.increment()
      timer.record(0.5)
      const bad = yield* Metrics.bind(calls, { a: 1 as unknown as string })
      bad.increment()
      bad.increment()
      assert.strictEqual(yield* TestMetrics.counterValue(calls), 3)
      assert.strictEqual(yield* TestMetrics.gaugeValue(active), 6)
      assert.deepStrictEqual(yield* TestMetrics.timings(duration), [0.5])
      assert.deepStrictEqual(yield* TestMetrics.refused, { invalid_tags: 3 })
    }).pipe(Effect.provide(TestMetrics.layer))
  )

  it.effect("a level given with the call is the recording's, and lanes choose by it", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make({ levels: ["crit"] })
      yield* Effect.all([
        Metrics.increment(calls),
        Metrics.increment(calls, { level: "crit" }),
        Metrics.increment(Metrics.counter("declared", { level: "crit" })),
        Metrics.emit("p", { n: 1 }, { level: "critical" })
      ]).pipe(Effect.provide(sink.layer))
      assert.deepStrictEqual(
        sink.received().map(({ series }) => [series.name, series.level]),
        [
          ["calls", "crit"],
          ["declared", "crit"]
        ]
      )
    })
  )
})

describe("flush and ledgers", () => {
  it("flush waits until what is buffered is delivered, through all hubs on the way", async () => {
    const [inner, outer] = [FaultySink.make(), FaultySink.make()]
    const ledgers = await Effect.runPromise(
      Effect.gen(function* () {
        yield* Metrics.increment(calls)
        return [yield* Metrics.flush, inner.received().length, outer.received().length] as const
      }).pipe(Effect.provide(inner.layer), Effect.provide(outer.layer))
    )
    assert.deepStrictEqual(ledgers.slice(1), [1, 1])
    assert.deepStrictEqual(
      ledgers[0].map(({ ledger, name }) => [name, ledger.recorded, ledger.delivered]),
      [
        ["faulty", 1, 1],
        ["faulty", 1, 1]
      ]
    )
  })

  it("flush ends at its deadline and says what is still buffered", async () => {
    const sink = FaultySink.make({ shutdownTimeout: 0 })
    sink.answer("hang")
    const [ledger] = await Effect.runPromise(
      Metrics.increment(calls).pipe(Effect.zipRight(Metrics.flushWithin("20 millis")), Effect.provide(sink.layer))
    )
    assert.deepStrictEqual(ledger?.ledger.buffered, { queued: 0, open: 0, inFlight: 1 })
  })

  it("a lane reports itself if asked to, through itself", async () => {
    const sink = FaultySink.make({ selfMetrics: true, name: "main" })
    await Effect.runPromise(
      Effect.gen(function* () {
        yield* Metrics.increment(calls)
        yield* Metrics.flush
        yield* Metrics.flush
      }).pipe(Effect.provide(sink.layer))
    )
    const delivered = sink
      .received()
      .filter(({ series }) => series.name === "effect_metrics.lane.delivered")
      .map((m) => (m._tag === "gauge" ? [m.value, m.series.tags] : []))
    assert.deepStrictEqual(delivered[0], [0, [["lane", "main"]]])
    assert.isAtLeast(Number(delivered[1]?.[0]), 8)
  })

  it("reading from a hub that is no TestMetrics dies with a sentence", async () => {
    const exit = await Effect.runPromiseExit(TestMetrics.all)
    assert.include(String(Option.getOrThrow(Exit.causeOption(exit))), "TestMetrics.layer is not provided")
  })
})
