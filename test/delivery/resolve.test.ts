import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit } from "effect"
import type { DeliveryOptions } from "../../src/delivery/options.js"
import { resolve } from "../../src/delivery/resolve.js"

const defaults = { name: "test", batchSize: 500, batchBytes: 1000, ambiguous: "drop" } as const

const resolved = (options: DeliveryOptions) => Effect.runSync(resolve(options, defaults))

/** The option that is refused; options as a program without types could give them. */
const refused = (options: Record<string, unknown>): string | undefined => {
  const exit = Effect.runSyncExit(Effect.flip(resolve(options as DeliveryOptions, defaults)))
  return Exit.isSuccess(exit) ? exit.value.option : undefined
}

describe("delivery options", () => {
  it("have the defaults that the documentation says", () => {
    const { schedule: _, ...rest } = resolved({})
    assert.deepStrictEqual(rest, {
      name: "test",
      enabled: true,
      triggerSize: 500,
      batchSize: 500,
      batchBytes: 1000,
      capacity: 100_000,
      capacityBytes: 16 * 1024 * 1024,
      overflow: "drop-newest",
      concurrency: 1,
      retryInitial: 250,
      retryMax: 30_000,
      jitter: "full",
      maxAge: 900_000,
      rateLimit: undefined,
      sampleRate: 1,
      levels: undefined,
      view: undefined,
      viewPoint: undefined,
      prefix: "",
      tags: {},
      hostTag: "none",
      maxSeries: 10_000,
      expireAfter: undefined,
      raw: new Set<never>(),
      resend: "changed",
      ambiguous: "drop",
      shutdownTimeout: 5000,
      requestTimeout: 10_000,
      selfMetrics: false
    })
  })

  it("are the caller's, then the sink's, then everybody's; triggerSize follows batchSize", () => {
    const merged = Effect.runSync(
      resolve(
        { batchSize: 7, tags: { a: "1" } },
        { ...defaults, shutdownTimeout: "1 second", tags: { a: "0", b: "2" } }
      )
    )
    assert.strictEqual(merged.batchSize, 7)
    assert.strictEqual(merged.triggerSize, 7)
    assert.strictEqual(merged.shutdownTimeout, 1000)
    assert.deepStrictEqual(merged.tags, { a: "1", b: "2" })
  })

  it("are refused by name where they cannot work", () => {
    const bad: ReadonlyArray<Record<string, unknown>> = [
      { name: "" },
      { schedule: "10 seconds" },
      ...[0, -1, Number.NaN, 1.5, Number.POSITIVE_INFINITY, "5", null].flatMap((value) =>
        ["capacity", "capacityBytes", "batchSize", "batchBytes", "triggerSize", "concurrency", "maxSeries"].flatMap(
          (option) => (value === null ? [] : [{ [option]: value }])
        )
      ),
      ...[-1, Number.NaN, "-5 seconds", "soon", {}, [-1, 0]].flatMap((value) =>
        ["maxAge", "expireAfter", "shutdownTimeout", "requestTimeout"].map((option) => ({ [option]: value }))
      ),
      { triggerSize: 11, capacity: 10 },
      { maxAge: 0 },
      { requestTimeout: 0 },
      { sampleRate: -0.1 },
      { sampleRate: 1.1 },
      { sampleRate: Number.NaN },
      { rateLimit: 0 },
      { rateLimit: -1 },
      { rateLimit: Number.NaN },
      { levels: [] },
      { levels: [""] },
      { overflow: "block" },
      { ambiguous: "maybe" },
      { resend: "never" },
      { hostTag: "yes" },
      { enabled: "no" },
      { view: "x" },
      { prefix: 1 },
      { aggregate: "no" },
      { aggregate: null }
    ]
    for (const options of bad) assert.strictEqual(refused(options), Object.keys(options)[0], JSON.stringify(options))
    assert.strictEqual(refused({ retry: { initial: 0 } }), "retry.initial")
    assert.strictEqual(refused({ retry: { max: -1 } }), "retry.max")
    assert.strictEqual(refused({ retry: { jitter: "half" } }), "retry.jitter")
    assert.strictEqual(refused({ tags: { a: 1 } }), "tags.a")
    assert.strictEqual(refused({ aggregate: { timer: 1 } }), "aggregate.timer")
    assert.strictEqual(refused({ aggregate: { meter: true } }), "aggregate.meter")
  })

  it("aggregate by kind, where what the caller leaves open is the sink's", () => {
    const rawOf = (aggregate: DeliveryOptions["aggregate"]) => [
      ...Effect.runSync(resolve({ aggregate }, { ...defaults, aggregate: { timer: false, distribution: false } })).raw
    ]
    assert.deepStrictEqual(rawOf(undefined), ["timer", "distribution"])
    assert.deepStrictEqual(rawOf({ timer: true, gauge: undefined }), ["distribution"])
    assert.deepStrictEqual(rawOf({ counter: false }), ["counter", "timer", "distribution"])
    assert.deepStrictEqual(rawOf(true), [])
    assert.deepStrictEqual(rawOf(false), ["counter", "gauge", "timer", "distribution"])
  })

  it("say whose they are, what was given and what could be", () => {
    const messageOf = (options: DeliveryOptions) => Effect.runSync(Effect.flip(resolve(options, defaults))).message
    const problem = "option capacity: 0 is not a whole number from 1 to 1073741824"
    assert.strictEqual(messageOf({ capacity: 0 }), `test: ${problem}`)
    assert.strictEqual(messageOf({ capacity: 0, name: "mine" }), `mine: ${problem}`)
    assert.strictEqual(messageOf({ name: "" }), 'test: option name: "" is not a name')
  })

  it("are refused however odd what was given is", () => {
    const circular: Record<string, unknown> = {}
    circular["self"] = circular
    for (const value of [circular, { big: 1n }, { toJSON: () => undefined }, Symbol("s"), () => 1]) {
      assert.strictEqual(refused({ capacity: value }), "capacity")
    }
  })

  it("never ask a timer for more than it can do", () => {
    const { maxAge, requestTimeout, retryMax, shutdownTimeout } = resolved({
      requestTimeout: Duration.infinity,
      shutdownTimeout: "1000 days",
      retry: { max: "1000 days" },
      maxAge: Duration.infinity
    })
    assert.deepStrictEqual([requestTimeout, shutdownTimeout, retryMax], [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1])
    assert.strictEqual(maxAge, Number.POSITIVE_INFINITY)
  })

  it("may have a batch larger than the queue, and a longest wait below the first", () => {
    const { capacity, triggerSize } = resolved({ batchSize: 100, capacity: 10 })
    assert.deepStrictEqual([capacity, triggerSize], [10, 10])
    assert.strictEqual(resolved({ retry: { initial: "1 minute" } }).retryMax, 60_000)
  })
})
