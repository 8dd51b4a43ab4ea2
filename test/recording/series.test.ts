import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Measurement } from "../../src/recording/measurement.js"
import {
  balanced,
  clock,
  counter,
  distribution,
  gauge,
  hubOf,
  laneOf,
  ledgerOf,
  numbers,
  point,
  sealAll
} from "./harness.js"

describe("windows of a series", () => {
  it("a counter's window carries the increase since the last one", () => {
    const lane = laneOf()
    const handle = counter(hubOf(lane), "a")
    handle.increment()
    handle.incrementBy(2.5)
    assert.deepStrictEqual(numbers(sealAll(lane)), { "a{}": 3.5 })
    lane.delivered([])
    handle.increment()
    // The first window is still sealed, so nothing of the series is sealed beside it.
    assert.deepStrictEqual(sealAll(lane), [])
  })

  it("windows of a series follow each other without overlap, the next one starting where the last one ended", () => {
    const lane = laneOf()
    clock.now = 1000
    const handle = counter(hubOf(lane), "a")
    const seen: Array<readonly [number, number]> = []
    for (const now of [5000, 9000, 9000, 30_000]) {
      handle.increment()
      clock.now = now
      const windows = sealAll(lane)
      for (const w of windows) if (w._tag !== "point") seen.push([w.startMillis, w.millis])
      lane.delivered(windows)
    }
    assert.deepStrictEqual(seen, [
      [1000, 5000],
      [5000, 9000],
      [9000, 9000],
      [9000, 30_000]
    ])
  })

  it("where the backend overwrites, two windows of a series never have the same timestamp at its precision", () => {
    const lane = laneOf({ overwrites: "s" })
    const handle = counter(hubOf(lane), "a")
    clock.now = 10_400
    const stamps: Array<number> = []
    for (let i = 0; i < 5; i++) {
      handle.increment()
      const windows = sealAll(lane)
      stamps.push(...windows.map(({ millis }) => Math.floor(millis / 1000)))
      lane.delivered(windows)
    }
    // A window that would have to run ahead of the clock by more than a second gathers on.
    assert.deepStrictEqual(stamps, [10, 11])
    clock.now = 12_000
    const [later] = sealAll(lane)
    assert.deepStrictEqual([later?.millis, later?.weight], [12_000, 3])
  })

  it("a gauge is sent when it was recorded, with its last value", () => {
    const lane = laneOf()
    const handle = gauge(hubOf(lane), "g")
    handle.set(4)
    handle.incrementBy(-6)
    const first = sealAll(lane)
    assert.deepStrictEqual(numbers(first), { "g{}": -2 })
    lane.delivered(first)
    assert.deepStrictEqual(sealAll(lane), [])
  })

  it("resend sends a gauge that did not change with weight 0", () => {
    const lane = laneOf({ resendGauges: true })
    gauge(hubOf(lane), "g").set(4)
    lane.delivered(sealAll(lane))
    const again = sealAll(lane)
    assert.deepStrictEqual(numbers(again), { "g{}": 4 })
    assert.strictEqual(again[0]!.weight, 0)
    lane.delivered(again)
    assert.strictEqual(ledgerOf(lane).delivered, 1)
  })

  it("resend of totals sends everything with weight 0, which is no recording that would keep a series", () => {
    const lane = laneOf({ resendGauges: true, resendTotals: true, expireAfterMillis: 500 })
    const hub = hubOf(lane)
    counter(hub, "c").incrementBy(3)
    distribution(hub, "d", undefined, { boundaries: [1] }).record(5)
    gauge(hub, "g").set(7)
    lane.delivered(sealAll(lane))
    clock.now += 300
    const again = sealAll(lane)
    assert.deepStrictEqual(numbers(again), { "c{}": 0, "d{}": 0, "g{}": 7 })
    assert.deepStrictEqual(
      again.map(({ weight }) => weight),
      [0, 0, 0]
    )
    lane.delivered(again)
    assert.strictEqual(ledgerOf(lane).delivered, 3)
    clock.now += 300
    lane.expire(clock.now)
    assert.deepStrictEqual(sealAll(lane), [])
    const full = laneOf({ resendGauges: true, resendTotals: true, maxSeries: 1 })
    for (const a of ["1", "2"]) counter(hubOf(full), "c", { a }).incrementBy(3)
    full.delivered(sealAll(full))
    assert.deepStrictEqual(numbers(sealAll(full)), { "c{a=1}": 0, "c{overflow=true}": 0 })
    const onlyGauges = laneOf({ resendGauges: true })
    counter(hubOf(onlyGauges), "c").incrementBy(3)
    onlyGauges.delivered(sealAll(onlyGauges))
    assert.deepStrictEqual(sealAll(onlyGauges), [])
  })

  it("a window that was not stored gathers on, and loses nothing of what came meanwhile", () => {
    const lane = laneOf()
    const hub = hubOf(lane)
    const c = counter(hub, "c")
    const g = gauge(hub, "g")
    const d = distribution(hub, "d", undefined, { boundaries: [1, 10] })
    c.incrementBy(3)
    g.set(1)
    d.record(5)
    const lost = sealAll(lane)
    c.incrementBy(4)
    g.set(2)
    d.record(0.5)
    lane.reopen(lost)
    const windows = sealAll(lane)
    assert.deepStrictEqual(numbers(windows), { "c{}": 7, "g{}": 2, "d{}": 5.5 })
    assert.deepStrictEqual(
      windows.flatMap((w) => (w._tag === "distribution" ? [w.buckets] : [])),
      [[1, 1, 0]]
    )
    lane.delivered(windows)
    assert.strictEqual(ledgerOf(lane).delivered, 6)
    assert.isTrue(balanced(ledgerOf(lane)))
  })

  it("a reopened gauge keeps the value that was set last, also when nothing came meanwhile", () => {
    const lane = laneOf()
    const g = gauge(hubOf(lane), "g")
    g.set(1)
    lane.reopen(sealAll(lane))
    assert.deepStrictEqual(numbers(sealAll(lane)), { "g{}": 1 })
  })

  it("a sink may keep a histogram it was given: later recordings do not change it", () => {
    const lane = laneOf()
    const d = distribution(hubOf(lane), "d")
    d.record(5)
    const [first] = sealAll(lane)
    lane.delivered([first!])
    d.record(7)
    lane.delivered(sealAll(lane))
    assert.strictEqual(first?._tag === "distribution" ? first.histogram.sum : 0, 5)
  })

  it("the ledger balances after every step of any script, and totals are exact", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("record" as const), n: fc.integer({ min: 0, max: 5 }), series: fc.nat(2) }),
      fc.record({ do: fc.constantFrom("seal" as const, "deliver" as const, "reopen" as const, "drop" as const) }),
      fc.record({ do: fc.constant("point" as const) })
    )
    let runs = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (script) => {
        runs++
        const lane = laneOf()
        const hub = hubOf(lane)
        let flight: ReadonlyArray<Measurement> = []
        let truth = 0
        let stored = 0
        let lost = 0
        const sum = (ms: ReadonlyArray<Measurement>): number =>
          ms.reduce((n, m) => n + (m._tag === "count" ? m.value : 0), 0)
        for (const s of script) {
          switch (s.do) {
            case "record":
              counter(hub, "c", { s: String(s.series) }).incrementBy(s.n)
              distribution(hub, "d", { s: String(s.series) }).record(s.n)
              truth += s.n
              break
            case "point":
              point(hub, "p").emit(["value"], [1], 8, clock.now, undefined)
              break
            case "seal":
              flight = [...flight, ...sealAll(lane)]
              break
            case "deliver":
              stored += sum(flight)
              lane.delivered(flight)
              flight = []
              break
            case "reopen":
              lane.reopen(flight)
              flight = []
              break
            case "drop":
              lost += sum(flight)
              lane.dropped(flight, "rejected")
              flight = []
          }
          assert.isTrue(balanced(ledgerOf(lane, flight)), JSON.stringify(ledgerOf(lane, flight)))
        }
        lane.delivered(flight)
        const rest = sealAll(lane)
        assert.strictEqual(stored + lost + sum(flight) + sum(rest), truth)
      }),
      { numRuns: 300 }
    )
    assert.strictEqual(runs, 300)
  })

  it("the ledger balances after every step, whatever overflows, expires, is resent, cannot be sent, or closes", () => {
    const what = fc.record({ kind: fc.nat(3), series: fc.nat(4), n: fc.constantFrom(1, 3, Number.MAX_VALUE) })
    const step = fc.oneof(
      { weight: 4, arbitrary: what },
      fc.record({ limit: fc.constantFrom(1, 2, Infinity) }),
      fc.constantFrom("mark", "deliver", "reopen", "drop", "expire", "later", "close")
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), fc.boolean(), (script, areSeconds) => {
        const overwrites = areSeconds ? ("s" as const) : null
        const lane = laneOf({ maxSeries: 3, expireAfterMillis: 500, resendGauges: true, overwrites })
        const hub = hubOf(lane)
        let flight: ReadonlyArray<Measurement> = []
        const record = ({
          kind,
          n,
          series
        }: {
          readonly kind: number
          readonly n: number
          readonly series: number
        }): void => {
          const tags = { s: String(series) }
          if (kind === 0) counter(hub, "c", tags).incrementBy(n)
          else if (kind === 1) gauge(hub, "g", tags).incrementBy(n)
          else if (kind === 2) gauge(hub, "g", tags).set(n)
          else distribution(hub, "d", tags).record(n)
        }
        for (const one of script) {
          if (typeof one === "object") {
            if ("limit" in one) flight = [...flight, ...lane.sealDue(one.limit, clock.now)]
            else record(one)
          } else if (one === "later") clock.now += 400
          else if (one === "expire") lane.expire(clock.now)
          else if (one === "mark") lane.markDue()
          else if (one === "close") lane.close()
          else {
            if (one === "deliver") lane.delivered(flight)
            else if (one === "drop") lane.dropped(flight, "rejected")
            else lane.reopen(flight)
            flight = []
          }
          assert.isTrue(balanced(ledgerOf(lane, flight)), JSON.stringify(ledgerOf(lane, flight)))
        }
        lane.close()
        lane.delivered(flight)
        lane.markDue()
        lane.dropped(lane.sealDue(Infinity, clock.now), "shutdown_deadline")
        const end = ledgerOf(lane, [])
        assert.deepStrictEqual([balanced(end), end.buffered], [true, { queued: 0, open: 0, inFlight: 0 }])
      }),
      { numRuns: 500 }
    )
  })
})

describe("the bound of series", () => {
  it("series beyond maxSeries share one per instrument, and their sum is exact", () => {
    const lane = laneOf({ maxSeries: 3 })
    const hub = hubOf(lane)
    for (let i = 0; i < 1000; i++) counter(hub, "c", { user: String(i) }).increment()
    const windows = numbers(sealAll(lane))
    assert.deepStrictEqual(windows, { "c{user=0}": 1, "c{user=1}": 1, "c{user=2}": 1, "c{overflow=true}": 997 })
    assert.strictEqual(lane.takeNotices().length, 1)
  })

  it("the overflow series refuses a gauge's set, and takes its steps", () => {
    const lane = laneOf({ maxSeries: 1 })
    const hub = hubOf(lane)
    gauge(hub, "g", { a: "1" }).set(1)
    gauge(hub, "g", { a: "2" }).set(5)
    gauge(hub, "g", { a: "3" }).incrementBy(2)
    assert.deepStrictEqual(numbers(sealAll(lane)), { "g{a=1}": 1, "g{overflow=true}": 2 })
    assert.strictEqual(lane.account.refused.get("series_limit"), 1)
  })

  it("shares the series of who recorded with the overflow series' own tags, so that neither overwrites the other", () => {
    const lane = laneOf({ maxSeries: 1 })
    const hub = hubOf(lane)
    counter(hub, "c", { overflow: "true" }).increment()
    for (const a of ["1", "2"]) counter(hub, "c", { a }).incrementBy(10)
    const sealed = sealAll(lane)
    assert.strictEqual(sealed.length, 1)
    assert.deepStrictEqual(numbers(sealed), { "c{overflow=true}": 21 })
  })

  it("keeps a gauge of just those tags apart from what found no room, which is refused", () => {
    const lane = laneOf({ maxSeries: 1 })
    const hub = hubOf(lane)
    gauge(hub, "g", { overflow: "true" }).set(7)
    gauge(hub, "g", { a: "1" }).incrementBy(2)
    gauge(hub, "g", { overflow: "true" }).set(8)
    assert.deepStrictEqual(numbers(sealAll(lane)), { "g{overflow=true}": 8 })
    assert.strictEqual(lane.account.refused.get("series_limit"), 1)
  })

  it("has one series of the overflow series' tags also once there is room again", () => {
    const lane = laneOf({ maxSeries: 1, expireAfterMillis: 1000 })
    const hub = hubOf(lane)
    counter(hub, "c", { a: "1" }).increment()
    counter(hub, "c", { a: "2" }).increment()
    lane.delivered(sealAll(lane))
    clock.now += 2000
    lane.expire(clock.now)
    counter(hub, "c", { overflow: "true" }).increment()
    counter(hub, "d", { a: "1" }).increment()
    counter(hub, "c", { a: "3" }).increment()
    assert.strictEqual(
      sealAll(lane).filter(({ series }) => series.name === "c" && series.tags[0]?.[0] === "overflow").length,
      1
    )
  })

  it("a million tag sets leave memory flat and lose no count", () => {
    const lane = laneOf({ maxSeries: 100 })
    const hub = hubOf(lane)
    const declared = { tagKeys: ["user"] }
    counter(hub, "c", { user: "first" }, declared)
    const instrument = counter(hub, "c", { user: "first" }, declared).instrument
    const region = hub.region([])
    let most = 0
    for (let i = 0; i < 1_000_000; i++) {
      const entry = hub.entry(instrument, hub.region([]), { user: `user-${i}` })
      ;(entry as ReturnType<typeof counter>).increment()
      if (i % 50_000 === 0) most = Math.max(most, region.instruments.get(instrument)?.children.size ?? 0)
    }
    assert.strictEqual(Array.from(lane.all()).length, 101)
    assert.isAtMost(most, 16_384)
    const total = sealAll(lane).reduce((sum, m) => sum + (m._tag === "count" ? m.value : 0), 0)
    assert.strictEqual(total, 1_000_000)
  })

  it("a million instruments of a name each are bounded too, and counted as refused beyond", () => {
    const lane = laneOf({ maxSeries: 10 })
    const hub = hubOf(lane)
    for (let i = 0; i < 20_000; i++) counter(hub, `c${i}`).increment()
    assert.isAtMost(Array.from(lane.all()).length, 10 + 16)
    const ledger = ledgerOf(lane)
    assert.strictEqual(ledger.recorded + (ledger.refused.series_limit ?? 0), 20_000)
  })
})

describe("expiry", () => {
  it("forgets a series that was delivered and silent, and its later life starts later", () => {
    const lane = laneOf({ expireAfterMillis: 1000 })
    const hub = hubOf(lane)
    clock.now = 0
    const handle = counter(hub, "a")
    handle.increment()
    clock.now = 100
    lane.delivered(sealAll(lane))
    lane.expire(1099)
    assert.strictEqual(Array.from(lane.all()).length, 1)
    lane.expire(1100)
    assert.strictEqual(Array.from(lane.all()).length, 0)
    clock.now = 5000
    handle.increment()
    const windows = sealAll(lane)
    assert.deepStrictEqual(
      windows.map((w) => (w._tag === "point" ? -1 : w.startMillis)),
      [5000]
    )
    lane.delivered(windows)
    assert.strictEqual(ledgerOf(lane).recorded, 2)
    assert.isTrue(balanced(ledgerOf(lane)))
  })

  it("never forgets what is not delivered, nor a gauge that is off zero by steps", () => {
    const lane = laneOf({ expireAfterMillis: 10 })
    const hub = hubOf(lane)
    clock.now = 0
    const inFlight = gauge(hub, "in_flight")
    inFlight.incrementBy(1)
    gauge(hub, "temperature").set(20)
    lane.delivered(sealAll(lane))
    counter(hub, "undelivered").increment()
    lane.expire(1_000_000)
    assert.deepStrictEqual(Array.from(lane.all(), (cell) => cell.series.name).sort(), ["in_flight", "undelivered"])
    inFlight.incrementBy(-1)
    assert.strictEqual(numbers(sealAll(lane))["in_flight{}"], 0)
  })

  it("of many series some are looked at in one go, and all in some goes", () => {
    const lane = laneOf({ expireAfterMillis: 10, maxSeries: 50_000 })
    const hub = hubOf(lane)
    clock.now = 0
    for (let i = 0; i < 50_000; i++) counter(hub, "a", { i: String(i) }, { tagKeys: ["i"] }).increment()
    lane.delivered(sealAll(lane))
    const left = [1, 2, 3].map(() => {
      lane.expire(1000)
      return Array.from(lane.all()).length
    })
    assert.deepStrictEqual(left, [30_000, 10_000, 0])
    assert.strictEqual(ledgerOf(lane).recorded, 50_000)
  })

  it("a handle of a forgotten series and a new one of the same tags record into one series", () => {
    const lane = laneOf({ expireAfterMillis: 10 })
    const hub = hubOf(lane)
    clock.now = 0
    const old = counter(hub, "a", { k: "v" })
    old.increment()
    lane.delivered(sealAll(lane))
    lane.expire(1000)
    counter(hub, "a", { k: "v" }).increment()
    old.increment()
    assert.deepStrictEqual(numbers(sealAll(lane)), { "a{k=v}": 2 })
  })
})
