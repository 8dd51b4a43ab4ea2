/** The tables of how layers of sinks compose, and of where an app's recordings arrive. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, LogLevel, ManagedRuntime, Scope } from "effect"
import * as Metrics from "../src/Metrics.js"
import * as Sink from "../src/Sink.js"
import { forgetWiring } from "../src/delivery/service.js"
import { FaultySink, TestMetrics } from "../src/testing/index.js"

interface Backend {
  readonly layer: Layer.Layer<Metrics.Metrics, Sink.InvalidOption>
  /** The names it received, in order. */
  readonly names: () => ReadonlyArray<string>
}

const backend = (): Backend => {
  const sink = FaultySink.make()
  return { layer: sink.layer, names: () => sink.received().map(({ series }) => series.name) }
}

const record = (name: string): Effect.Effect<void> => Metrics.emit(name, { value: 1 })

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

/** What is logged at Warning or above, and at Debug. */
const logs = () => {
  const warnings: Array<string> = []
  const debugs: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ logLevel, message }) => {
      if (logLevel.ordinal >= 30_000) warnings.push(String(message))
      if (logLevel._tag === "Debug") debugs.push(String(message))
    })
  )
  return { warnings, debugs, layer }
}

describe("layers of sinks", () => {
  it("merged, both get what is recorded, through one hub", async () => {
    const [a, b] = [backend(), backend()]
    const lanes = await run(
      Effect.gen(function* () {
        yield* record("x")
        return (yield* Metrics.ledgers).length
      }).pipe(Effect.provide(Layer.mergeAll(a.layer, b.layer)))
    )
    assert.deepStrictEqual([a.names(), b.names(), lanes], [["x"], ["x"], 2])
  })

  it("provided one after the other, both get it", async () => {
    const [a, b] = [backend(), backend()]
    await run(record("x").pipe(Effect.provide(a.layer), Effect.provide(b.layer)))
    assert.deepStrictEqual([a.names(), b.names()], [["x"], ["x"]])
  })

  it("the same value provided twice, by a service and by main, gets it once", async () => {
    const a = backend()
    await run(record("x").pipe(Effect.provide(a.layer), Effect.provide(a.layer)))
    assert.deepStrictEqual(a.names(), ["x"])
  })

  it("siblings under an outer one see their own, and the outer one sees all", async () => {
    const [a, b, o] = [backend(), backend(), backend()]
    await run(
      Effect.gen(function* () {
        yield* record("o1")
        yield* record("a1").pipe(Effect.provide(a.layer))
        yield* record("b1").pipe(Effect.provide(b.layer))
      }).pipe(Effect.provide(o.layer))
    )
    assert.deepStrictEqual([a.names(), b.names(), o.names()], [["a1"], ["b1"], ["o1", "a1", "b1"]])
  })

  it("siblings that run at the same time see only their own", async () => {
    const [a, b] = [backend(), backend()]
    await run(
      Effect.all([record("a1").pipe(Effect.provide(a.layer)), record("b1").pipe(Effect.provide(b.layer))], {
        concurrency: 2
      })
    )
    assert.deepStrictEqual([a.names(), b.names()], [["a1"], ["b1"]])
  })

  it("inside a test hub, the app's own sinks are not made and the test sees it", async () => {
    const a = backend()
    let made = false
    const spying = Sink.layer({ name: "spy", make: Effect.sync(() => ((made = true), { write: () => Effect.void })) })
    const seen = await run(
      Effect.gen(function* () {
        yield* record("x").pipe(Effect.provide(Layer.mergeAll(a.layer, spying)))
        return yield* TestMetrics.all
      }).pipe(Effect.provide(TestMetrics.layer))
    )
    assert.deepStrictEqual([seen.map(({ name }) => name), a.names(), made], [["x"], [], false])
  })

  it("one over a test hub and one over none, built together in either order, do not mix", async () => {
    const over = (flip: boolean) =>
      Effect.gen(function* () {
        const [a, b] = [backend(), backend()]
        const tested = record("a1").pipe(Effect.provide(a.layer), Effect.provide(TestMetrics.layer))
        const real = record("b1").pipe(Effect.provide(b.layer))
        yield* Effect.all(flip ? [real, tested] : [tested, real], { concurrency: "unbounded" })
        // The same layer value, once over each.
        const c = backend()
        yield* Effect.provide(Effect.provide(record("t"), c.layer), TestMetrics.layer)
        yield* Effect.provide(record("r"), c.layer)
        return [a.names(), b.names(), c.names()]
      })
    assert.deepStrictEqual(await run(over(false)), [[], ["b1"], ["r"]])
    assert.deepStrictEqual(await run(over(true)), [[], ["b1"], ["r"]])
  })

  it("a runtime of its own does not join the sinks around its use", async () => {
    const [a, b] = [backend(), backend()]
    const runtime = ManagedRuntime.make(a.layer)
    await run(Effect.promise(() => runtime.runPromise(record("x"))).pipe(Effect.provide(b.layer)))
    await runtime.dispose()
    assert.deepStrictEqual([a.names(), b.names()], [["x"], []])
  })

  it("a sink provided inside a runtime's effect joins the runtime's", async () => {
    const [a, b] = [backend(), backend()]
    const runtime = ManagedRuntime.make(b.layer)
    await runtime.runPromise(record("x").pipe(Effect.provide(a.layer)))
    await runtime.dispose()
    assert.deepStrictEqual([a.names(), b.names()], [["x"], ["x"]])
  })

  it("two runtimes that share a memo map share the sink", async () => {
    const a = backend()
    const memo = await run(Layer.makeMemoMap)
    const [one, two] = [ManagedRuntime.make(a.layer, memo), ManagedRuntime.make(a.layer, memo)]
    await one.runPromise(record("x"))
    await two.runPromise(record("y"))
    await one.dispose()
    await two.dispose()
    assert.deepStrictEqual(a.names(), ["x", "y"])
  })

  it("a sink that comes while a gauge is up never sees it below zero", async () => {
    const sink = FaultySink.make()
    const gauge = Metrics.gauge("busy")
    const key = await run(
      Effect.gen(function* () {
        const hub = yield* Metrics.Metrics
        const scope = yield* Scope.make()
        yield* Effect.gen(function* () {
          // Attached to this very hub, in the middle of what is tracked.
          const late = yield* Layer.buildWithScope(sink.layer, scope)
          for (const lane of (late.unsafeMap.get(Metrics.Metrics.key) as Metrics.Service).lanes) hub.attach({}, lane)
        }).pipe(Metrics.trackInFlight(gauge))
        yield* Metrics.incrementBy(gauge, 0)
        yield* Scope.close(scope, Exit.void)
      }).pipe(Effect.provide(Metrics.layer))
    )
    assert.isUndefined(key)
    const values = sink.received().map((m) => (m._tag === "gauge" ? m.value : -1))
    assert.deepStrictEqual(values, [0])
  })

  it("a sink that comes while a handle is held never sees the gauge below zero, and a second release is none", async () => {
    const sink = FaultySink.make()
    const gauge = Metrics.gauge("busy")
    await run(
      Effect.gen(function* () {
        const hub = yield* Metrics.Metrics
        const scope = yield* Scope.make()
        const handle = yield* Metrics.bind(gauge)
        const early = handle.hold()
        const late = yield* Layer.buildWithScope(sink.layer, scope)
        // Attached to this very hub, in the middle of what is held.
        for (const lane of (late.unsafeMap.get(Metrics.Metrics.key) as Metrics.Service).lanes) hub.attach({}, lane)
        const second = handle.hold()
        early()
        second()
        second()
        yield* Scope.close(scope, Exit.void)
      }).pipe(Effect.provide(Metrics.layer))
    )
    assert.deepStrictEqual(
      sink.received().map((m) => (m._tag === "gauge" ? m.value : -1)),
      [0]
    )
  })

  it("a daemon that outlives the scope is refused as closed, and counted", async () => {
    const a = backend()
    const [before, after] = await run(
      Effect.gen(function* () {
        const { handle, hub } = yield* Effect.gen(function* () {
          yield* record("x")
          return { hub: yield* Metrics.Metrics, handle: yield* Metrics.bind(Metrics.counter("c")) }
        }).pipe(Effect.provide(a.layer))
        const closed = () => Metrics.ledgersOf(hub)[0]!.ledger.refused.closed ?? 0
        const first = closed()
        handle.increment()
        yield* record("y").pipe(Effect.provideService(Metrics.Metrics, hub))
        return [first, closed()] as const
      })
    )
    assert.deepStrictEqual([a.names(), before, after], [["x"], 0, 2])
  })

  it("a sink that is closed and built again on a hub that lives on is attached again", async () => {
    const [a, b] = [backend(), backend()]
    await run(
      Effect.gen(function* () {
        const memo = yield* Layer.makeMemoMap
        const whole = yield* Scope.make()
        yield* Layer.buildWithMemoMap(b.layer, memo, whole)
        for (const name of ["one", "two", "three"]) {
          const scope = yield* Scope.make()
          const context = yield* Layer.buildWithMemoMap(a.layer, memo, scope)
          yield* record(name).pipe(Effect.provide(context))
          yield* Scope.close(scope, Exit.void)
        }
        yield* Scope.close(whole, Exit.void)
      })
    )
    assert.deepStrictEqual(
      [a.names(), b.names()],
      [
        ["one", "two", "three"],
        ["one", "two", "three"]
      ]
    )
  })

  it("enabled: false is a hub without the sink", async () => {
    let made = false
    const layer = Sink.layer({
      name: "off",
      enabled: false,
      make: Effect.sync(() => ((made = true), { write: () => Effect.void }))
    })
    const lanes = await run(Metrics.required.pipe(Effect.zipRight(Metrics.ledgers), Effect.provide(layer)))
    assert.deepStrictEqual([lanes, made], [[], false])
  })

  it("an option that cannot work fails the layer, by name", async () => {
    const exit = await Effect.runPromiseExit(record("x").pipe(Effect.provide(FaultySink.make({ capacity: -1 }).layer)))
    assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("capacity"))
  })
})

describe("where an app records", () => {
  class App extends Effect.Service<App>()("App", {
    scoped: Effect.gen(function* () {
      yield* record("build")
      yield* Effect.addFinalizer(() => record("finalizer"))
      return { call: record("call") }
    })
  }) {}

  const main = Effect.flatMap(App, ({ call }) => call)

  const outcome = async (wire: (m: Backend["layer"]) => Effect.Effect<void, Sink.InvalidOption>) => {
    const m = backend()
    const seen = logs()
    forgetWiring()
    await run(wire(m.layer).pipe(Effect.provide(seen.layer)))
    const lost = ["build", "finalizer", "call"].filter((name) => !m.names().includes(name))
    return { lost, warnings: seen.warnings }
  }

  it("App.pipe(Layer.provideMerge(M)) delivers everything", async () => {
    assert.deepStrictEqual(
      (await outcome((m) => main.pipe(Effect.provide(App.Default.pipe(Layer.provideMerge(m)))))).lost,
      []
    )
  })

  it("provide(App), then provide(M) around it, delivers everything", async () => {
    assert.deepStrictEqual((await outcome((m) => main.pipe(Effect.provide(App.Default), Effect.provide(m)))).lost, [])
  })

  it("App.pipe(Layer.provide(M)) loses what its methods record when called from elsewhere, and one Warning says so", async () => {
    const { lost, warnings } = await outcome((m) => main.pipe(Effect.provide(App.Default.pipe(Layer.provide(m)))))
    assert.deepStrictEqual(lost, ["call"])
    assert.strictEqual(warnings.length, 1)
    assert.include(warnings[0], '"call"')
    assert.include(warnings[0], "provideMerge")
  })

  it("mergeAll(App, M) in either order loses what App records while it is built and closed", async () => {
    for (const wire of [
      (m: Backend["layer"]) => main.pipe(Effect.provide(Layer.mergeAll(App.Default, m))),
      (m: Backend["layer"]) => main.pipe(Effect.provide(Layer.mergeAll(m, App.Default))),
      (m: Backend["layer"]) => main.pipe(Effect.provide([App.Default, m]))
    ]) {
      const { lost, warnings } = await outcome(wire)
      assert.deepStrictEqual(lost, ["build", "finalizer"])
      assert.strictEqual(warnings.length, 1)
    }
  })

  it("provide(M), then provide(App) around it, loses them too", async () => {
    const { lost, warnings } = await outcome((m) => main.pipe(Effect.provide(m), Effect.provide(App.Default)))
    assert.deepStrictEqual(lost, ["build", "finalizer"])
    assert.isAtLeast(warnings.length, 1)
  })

  it("finalizers of a scope around the sink find it closed, and that is counted", async () => {
    const m = backend()
    const refused = await run(
      Effect.gen(function* () {
        let hub: Metrics.Service | undefined
        yield* Effect.scoped(
          Effect.gen(function* () {
            hub = yield* Metrics.Metrics
            yield* record("call")
            yield* Effect.addFinalizer(() => record("finalizer"))
          }).pipe(Effect.provide(m.layer))
        )
        return Metrics.ledgersOf(hub!)[0]!.ledger.refused
      })
    )
    assert.deepStrictEqual([m.names(), refused], [["call"], { closed: 1 }])
  })
})

describe("without a hub", () => {
  it("recordings cost one Debug line in a process that has none, and one Warning where there is one elsewhere", async () => {
    forgetWiring()
    const seen = logs()
    const program = Effect.gen(function* () {
      yield* record("early")
      yield* record("early")
      yield* Effect.void.pipe(Effect.provide(Metrics.layer))
      yield* record("late")
      yield* Effect.void.pipe(Metrics.track("later"))
      yield* Metrics.increment(Metrics.counter("latest"))
    })
    await run(program.pipe(Effect.provide(seen.layer), Logger.withMinimumLogLevel(LogLevel.All)))
    assert.strictEqual(seen.debugs.filter((line) => line.includes("early")).length, 1)
    assert.strictEqual(seen.warnings.length, 1)
    assert.include(seen.warnings[0], '"early"')
  })

  it("Metrics.required fails with a typed error, and gives the hub where there is one", async () => {
    const error = await run(Effect.flip(Metrics.required))
    assert.strictEqual(error._tag, "MetricsNotProvided")
    assert.isDefined(await run(Metrics.required.pipe(Effect.provide(Metrics.layer))))
  })

  it("layerNoop takes everything and keeps sinks from being made", async () => {
    const a = backend()
    await run(record("x").pipe(Effect.provide(a.layer), Effect.provide(Metrics.layerNoop)))
    assert.deepStrictEqual(a.names(), [])
  })
})
