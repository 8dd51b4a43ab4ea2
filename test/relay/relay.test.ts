import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as Metrics from "../../src/Metrics.js"
import { backend, joined, ofApps, ports, publish, startBroker, startWorker, totals } from "./harness.js"

const hits = Metrics.counter("hits", { level: "info", tagKeys: ["route"] })
const latency = Metrics.timer("latency", { level: "info", boundaries: [0.1, 1] })
const active = Metrics.gauge("active", { level: "info" })
const alarms = Metrics.counter("alarms", { level: "crit" })

describe("the relay", () => {
  it.scopedLive("carries what an app records to a worker's sinks, and merges it with its neighbours'", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      const worker = yield* startWorker(at)
      yield* joined(at, worker)
      for (const [count, seconds] of [
        [3, 0.05],
        [4, 0.5]
      ] as const) {
        yield* publish(
          at,
          Effect.gen(function* () {
            yield* Metrics.incrementBy(hits, count, { tags: { route: "/" } })
            yield* Metrics.record(latency, seconds)
            yield* Metrics.set(active, count)
            yield* Metrics.increment(alarms)
            yield* Metrics.emit(
              "login",
              { user: "ann", tries: 2n },
              { level: "info", timestamp: 1_700_000_000_123_456_789n }
            )
          })
        )
      }
      yield* Effect.repeat(Effect.delay(worker.account, 10), { until: ({ measurements }) => measurements === 10 })
      yield* worker.stop
      assert.deepStrictEqual(totals(worker.backend.measurements), {
        "info hits route=/": 7,
        "info latency": 2,
        "info active": 4,
        "crit alarms": 2,
        "info login": NaN
      })
      const all = ofApps(worker.backend.measurements)
      const merged = all.find(({ series }) => series.name === "latency")
      assert(merged?._tag === "distribution")
      assert.deepStrictEqual(
        [merged.histogram.min, merged.histogram.max, merged.buckets, merged.series.unit],
        [0.05, 0.5, [1, 1, 0], "s"]
      )
      const login = all.find(({ series }) => series.name === "login")
      assert(login?._tag === "point")
      assert.deepStrictEqual([login.fieldValues, login.millis, login.nanos], [["ann", 2n], 1_700_000_000_123, 456_789])
    })
  )

  it.scopedLive("gives each worker just the levels that it chose", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      const info = yield* startWorker(at, { levels: ["info"] })
      const rest = yield* startWorker(at, { levels: ["crit", ""] })
      yield* joined(at, info, { ...rest, level: "crit" })
      const record = Effect.gen(function* () {
        yield* Metrics.increment(hits)
        yield* Metrics.increment(alarms)
        yield* Metrics.increment(Metrics.counter("plain"))
        // One name at several levels is several series.
        yield* Metrics.increment(hits, { level: "crit" })
        yield* Metrics.increment(hits, { level: "information" })
        yield* Metrics.increment(hits, { level: "inf" })
      })
      yield* publish(at, record)
      yield* publish(at, record, { format: "zibrato" })
      yield* Effect.repeat(Effect.delay(rest.account, 10), { until: ({ measurements }) => measurements === 5 })
      yield* Effect.repeat(Effect.delay(info.account, 10), { until: ({ measurements }) => measurements === 3 })
      yield* info.stop
      yield* rest.stop
      const source = "source=not_specified"
      assert.deepStrictEqual(totals(info.backend.measurements), {
        "info hits": 1,
        [`info hits ${source}`]: 1,
        [`info plain ${source}`]: 1
      })
      assert.deepStrictEqual(totals(rest.backend.measurements), {
        "crit alarms": 1,
        plain: 1,
        "crit hits": 1,
        [`crit alarms ${source}`]: 1,
        [`crit hits ${source}`]: 1
      })
    })
  )

  it.scopedLive("keeps what is recorded while there is no broker, until there is one", () =>
    Effect.gen(function* () {
      const at = yield* ports
      const [tried, there] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const record = Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 5)
        const [before] = yield* Metrics.flushWithin("1500 millis")
        yield* Deferred.succeed(tried, undefined)
        yield* Deferred.await(there)
        const [after] = yield* Metrics.flushWithin("10 seconds")
        return [before!.ledger, after!.ledger] as const
      })
      const app = yield* Effect.fork(publish(at, record, { retry: { initial: "20 millis", max: "20 millis" } }))
      yield* Deferred.await(tried)
      const worker = yield* startWorker(at)
      yield* startBroker(at)
      yield* joined(at, worker)
      yield* Deferred.succeed(there, undefined)
      const [before, after] = yield* Fiber.join(app)
      assert.deepStrictEqual([before.delivered, before.recorded], [0, 1])
      assert.deepStrictEqual([after.delivered, after.ambiguous, after.dropped], [1, 0, {}])
      yield* Effect.repeat(Effect.delay(worker.account, 10), { until: ({ measurements }) => measurements === 1 })
      yield* worker.stop
      assert.deepStrictEqual(totals(worker.backend.measurements), { "info hits": 5 })
    })
  )

  it.scopedLive("loses at a close what no broker took, and says how much", () =>
    Effect.gen(function* () {
      const at = yield* ports
      const hub = yield* publish(at, Effect.zipLeft(Metrics.Metrics, Metrics.incrementBy(hits, 5)), {
        shutdownTimeout: "100 millis"
      })
      const [{ ledger } = assert.fail("no ledger")] = Metrics.ledgersOf(hub)
      assert.deepStrictEqual([ledger.recorded, ledger.delivered, ledger.dropped], [1, 0, { shutdown_deadline: 1 }])
    })
  )

  it.scopedLive("writes to several sinks, each with its levels", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      const crit = backend({ name: "crit", levels: ["crit"] })
      const all = backend({ name: "all" })
      const worker = yield* startWorker(at, {}, { ...all, layer: Layer.mergeAll(all.layer, crit.layer) })
      yield* joined(at, worker)
      yield* publish(at, Effect.zipRight(Metrics.increment(hits), Metrics.increment(alarms)))
      yield* Effect.repeat(Effect.delay(worker.account, 10), { until: ({ measurements }) => measurements === 2 })
      yield* worker.stop
      assert.deepStrictEqual(totals(all.measurements), { "info hits": 1, "crit alarms": 1 })
      assert.deepStrictEqual(totals(crit.measurements), { "crit alarms": 1 })
    })
  )
})
