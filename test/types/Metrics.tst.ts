import { Context, Effect, Exit, Layer } from "effect"
import { describe, expect, it } from "tstyche"
import * as Metrics from "../../src/Metrics.js"
import * as Sink from "../../src/Sink.js"

const routed = Metrics.counter("routed", { tagKeys: ["route", "method"] })
const free = Metrics.counter("free")
const timer = Metrics.timer("timer", { tagKeys: ["route"] })
const gauge = Metrics.gauge("gauge")

class Db extends Context.Tag("Db")<Db, { readonly query: Effect.Effect<number> }>() {}
const effect: Effect.Effect<number, "boom", Db> = Effect.flatMap(Db, ({ query }) => query)

describe("tags", () => {
  it("that an instrument declares are the ones it takes, each of them optional", () => {
    expect(Metrics.increment).type.toBeCallableWith(routed, { tags: { route: "/" } })
    expect(Metrics.increment).type.toBeCallableWith(routed, { tags: {} })
    expect(Metrics.increment).type.toBeCallableWith(routed)
    expect(Metrics.increment).type.not.toBeCallableWith(routed, { tags: { rout: "/" } })
    expect(Metrics.increment).type.not.toBeCallableWith(routed, { tags: { route: 1 } })
    expect(Metrics.trackCount).type.not.toBeCallableWith(routed, { tags: { rout: "/" } })
    expect(Metrics.trackDuration).type.not.toBeCallableWith(timer, { tags: { method: "GET" } })
    expect(Metrics.bind).type.not.toBeCallableWith(routed, { rout: "/" })
  })

  it("are any where none are declared", () => {
    expect(Metrics.increment).type.toBeCallableWith(free, { tags: { anything: "goes" } })
    expect(Metrics.increment).type.not.toBeCallableWith(free, { tags: { anything: 1 } })
  })

  it("are covariant, so that mixed instruments fit one list", () => {
    expect<Metrics.Counter<"a">>().type.toBeAssignableTo<Metrics.Counter>()
    expect<Metrics.Counter<"a">>().type.toBeAssignableTo<Metrics.Counter<"a" | "b">>()
    expect<ReadonlyArray<typeof routed | typeof free>>().type.toBeAssignableTo<ReadonlyArray<Metrics.Counter>>()
  })
})

describe("kinds", () => {
  it("take what they can record and nothing else", () => {
    expect(Metrics.set).type.not.toBeCallableWith(free, 1)
    expect(Metrics.record).type.not.toBeCallableWith(gauge, 1)
    expect(Metrics.trackDuration).type.not.toBeCallableWith(free)
    expect(Metrics.incrementBy).type.toBeCallableWith(gauge, -1)
    expect(Metrics.emit).type.not.toBeCallableWith("p", { a: null })
    expect(Metrics.counter).type.not.toBeCallableWith("c", { boundaries: [1] })
  })

  it("bind to handles with their own methods", () => {
    expect(Metrics.bind(free)).type.toBe<Effect.Effect<Metrics.CounterHandle>>()
    expect(Metrics.bind(gauge)).type.toBe<Effect.Effect<Metrics.GaugeHandle>>()
    expect(Metrics.bind(timer)).type.toBe<Effect.Effect<Metrics.DistributionHandle>>()
  })
})

describe("combinators", () => {
  it("leave the type of what they wrap", () => {
    expect(effect.pipe(Metrics.trackCount(free))).type.toBe<typeof effect>()
    expect(effect.pipe(Metrics.trackDuration(timer, { outcome: true }))).type.toBe<typeof effect>()
    expect(effect.pipe(Metrics.trackInFlight(gauge))).type.toBe<typeof effect>()
    expect(effect.pipe(Metrics.track("x"))).type.toBe<typeof effect>()
    expect(effect.pipe(Metrics.trackSuccessWith(Metrics.distribution("d"), (n) => n))).type.toBe<typeof effect>()
  })

  it("keep it also when they are stored, and with tags of the exit", () => {
    const stored = Metrics.trackCount(routed, { tags: { route: "/" } })
    expect(stored(effect)).type.toBe<typeof effect>()
    expect(stored(Effect.void)).type.toBe<Effect.Effect<void>>()
    const tagged = effect.pipe(
      Metrics.trackCount(routed, {
        tags: (exit: Exit.Exit<number, "boom">) => ({ route: Exit.isSuccess(exit) ? "a" : "b" })
      })
    )
    expect(tagged).type.toBe<typeof effect>()
    const inferred = effect.pipe(
      Metrics.trackCount(routed, { tags: (exit) => ({ route: Exit.isSuccess(exit) ? exit.value.toFixed() : "b" }) })
    )
    expect(inferred).type.toBe<typeof effect>()
  })

  it("refuse a tag function for other exits, and tags that are not declared", () => {
    const ofStrings = Metrics.trackCount(routed, { tags: (_: Exit.Exit<string, "boom">) => ({ route: "/" }) })
    expect(ofStrings).type.not.toBeCallableWith(effect)
    expect(Metrics.trackCount).type.not.toBeCallableWith(routed, {
      tags: (_: Exit.Exit<number, never>) => ({ rout: "/" })
    })
  })
})

describe("the service", () => {
  it("adds no requirement and can be provided in every way", () => {
    expect(Metrics.increment(free)).type.toBe<Effect.Effect<void>>()
    const program = Effect.gen(function* () {
      const hub = yield* Metrics.Metrics
      return hub
    })
    expect(program).type.toBe<Effect.Effect<Metrics.Service>>()
    expect(Metrics.increment(free).pipe(Effect.provide(Metrics.layer))).type.toBe<Effect.Effect<void>>()
    expect(Layer.scoped(Metrics.Metrics, program)).type.toBe<Layer.Layer<Metrics.Metrics>>()
    expect(Metrics.required).type.toBe<Effect.Effect<Metrics.Service, Metrics.MetricsNotProvided>>()
  })

  it("a sink's layer provides Metrics, and asks for what its make asks for", () => {
    const layer = Sink.layer({
      name: "db",
      make: Effect.map(Db, () => ({ write: () => Effect.void }))
    })
    expect(layer).type.toBe<Layer.Layer<Metrics.Metrics, Sink.InvalidOption, Db>>()
    expect(Layer.mergeAll(layer, Metrics.layer)).type.toBe<Layer.Layer<Metrics.Metrics, Sink.InvalidOption, Db>>()
  })
})
