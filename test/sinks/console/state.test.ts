import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Measurement, Series } from "../../../src/recording/measurement.js"
import * as State from "../../../src/sinks/console/state.js"
import { count, distribution, gauge, point, series } from "./make.js"

const requests = series("counter", "requests", { route: "/" })
const active = series("gauge", "active")
const latency = series("timer", "latency")

const started = (options?: { readonly maxRows?: number; readonly maxPoints?: number }) =>
  State.make({ maxRows: 1000, maxPoints: 5, startMillis: 0, ...options })

/** One flush a second, from the first second on. */
const flushed = (
  flushes: ReadonlyArray<ReadonlyArray<Measurement>>,
  options?: { readonly maxRows?: number; readonly maxPoints?: number }
): State.State => {
  const state = started(options)
  flushes.forEach((measurements, index) => State.fold(state, measurements, 1000 * (index + 1)))
  return state
}

const row = (state: State.State, of: Series): State.Row => {
  const found = State.rowOf(state, of)
  if (found === undefined) throw new Error(`no row for ${of.name}`)
  return found
}

/** What a counter's newest bar stands for. */
const lastRate = (state: State.State, row: State.Row) => State.trend(state, row, 1)[0]

describe("console state", () => {
  it("adds up counters over all flushes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 200 }), (increases) => {
        const state = flushed(increases.map((value) => [count(requests, value)]))
        assert.strictEqual(
          row(state, requests).total,
          increases.reduce((sum, value) => sum + value, 0)
        )
        assert.strictEqual(State.lastValue(row(state, requests)), increases.at(-1))
      })
    )
  })

  it("shows the rate of the last five flushes", () => {
    const state = flushed([100, 1, 2, 3, 4, 5].map((value) => [count(requests, value)]))
    assert.strictEqual(State.rate(state, row(state, requests)), 3)
    assert.strictEqual(lastRate(state, row(state, requests)), 5)
    assert.strictEqual(State.recordingRate(state), 3)
  })

  it("reckons rates with the time that a flush really took", () => {
    const state = started()
    State.fold(state, [count(requests, 20)], 10_000)
    State.fold(state, [count(requests, 20)], 14_000)
    assert.strictEqual(lastRate(state, row(state, requests)), 5)
  })

  it("counts a flush that came in several writes as one", () => {
    const state = started()
    State.fold(state, [count(requests, 1)], 1000)
    State.fold(state, [count(requests, 2)], 2000)
    State.fold(state, [count(requests, 3)], 2005)
    assert.strictEqual(state.flush, 2)
    assert.strictEqual(lastRate(state, row(state, requests)), 5)
  })

  it("begins no flush for points alone, which come whenever there are many", () => {
    const placed = series("point", "placed")
    const state = started()
    State.fold(state, [count(requests, 4), point(placed, { n: 1 })], 1000)
    State.fold(state, [point(placed, { n: 2 })], 1700)
    State.fold(state, [count(requests, 4)], 2000)
    assert.strictEqual(state.flush, 2)
    assert.strictEqual(lastRate(state, row(state, requests)), 4)
    assert.strictEqual(row(state, placed).total, 2)
  })

  it("lets rates fall while nothing happens", () => {
    const state = flushed([[count(requests, 10)], [count(requests, 10)]])
    assert.isFalse(State.idle(state, 3400))
    assert.isTrue(State.idle(state, 3500))
    assert.strictEqual(lastRate(state, row(state, requests)), 0)
    for (let millis = 5000; millis < 12_000; millis += 500) State.idle(state, millis)
    assert.strictEqual(State.rate(state, row(state, requests)), 0)
    assert.strictEqual(row(state, requests).total, 20)
  })

  it("takes a slower schedule for what it is, and not for idleness", () => {
    const state = started()
    State.fold(state, [count(requests, 10)], 10_000)
    State.fold(state, [count(requests, 10)], 20_000)
    assert.isFalse(State.idle(state, 29_500))
    assert.isTrue(State.idle(state, 35_000))
  })

  it("has nothing to be idle about before the first flush", () => {
    assert.isFalse(State.idle(started(), 60_000))
  })

  it("keeps the highest value of a gauge for the last 60 flushes", () => {
    const values = [99, ...Array.from({ length: State.HISTORY - 1 }, (_, index) => index % 7)]
    const state = flushed(values.map((value) => [gauge(active, value)]))
    assert.strictEqual(State.highest(state, row(state, active)), 99)
    State.fold(state, [gauge(active, 1)], 1000 * (State.HISTORY + 1))
    assert.strictEqual(State.highest(state, row(state, active)), 6)
    assert.strictEqual(State.lastValue(row(state, active)), 1)
  })

  it("draws a gauge that nobody sets at its last value", () => {
    const state = flushed([[gauge(active, 3)], [count(requests, 1)], [count(requests, 1)]])
    assert.deepStrictEqual(State.trend(state, row(state, active), 3), [3, 3, 3])
  })

  it("forgets what is older than its history, also of a row that was silent since", () => {
    const flushes = Array.from({ length: State.HISTORY * 2 + 5 }, () => [count(requests, 1)])
    const state = flushed([[gauge(active, 5), count(requests, 1)], ...flushes])
    assert.isNaN(State.highest(state, row(state, active)))
    assert.strictEqual(State.rate(state, row(state, active)), 0)
    State.fold(state, [gauge(active, 1)], 1_000_000)
    assert.strictEqual(State.highest(state, row(state, active)), 1)
  })

  it("takes quantiles over the last 46 to 60 flushes", () => {
    for (const length of [46, 60, 61, 75, 100]) {
      const state = flushed(Array.from({ length }, (_, index) => [distribution(latency, [index + 1])]))
      const recent = State.recent(state, row(state, latency))
      if (recent === undefined) throw new Error("nothing recent")
      assert.isAtLeast(recent.count, Math.min(length, 46), `${length}`)
      assert.isAtMost(recent.count, 60, `${length}`)
      assert.strictEqual(recent.max, length)
      assert.strictEqual(recent.min, length - recent.count + 1)
    }
  })

  it("has no quantiles once all of it is long ago", () => {
    const state = flushed([[distribution(latency, [1])], ...Array.from({ length: 70 }, () => [count(requests, 1)])])
    assert.isUndefined(State.recent(state, row(state, latency)))
    assert.strictEqual(row(state, latency).total, 1)
  })

  it("does not keep the lane's histogram, which is used again", () => {
    const window = distribution(latency, [1, 2, 3])
    const state = flushed([[window]])
    window.histogram.clear()
    assert.strictEqual(State.recent(state, row(state, latency))?.count, 3)
  })

  it("shows the mean of a timer's last flush", () => {
    const state = flushed([[distribution(latency, [9])], [distribution(latency, [1, 2, 3])]])
    assert.strictEqual(State.lastValue(row(state, latency)), 2)
    assert.deepStrictEqual(State.trend(state, row(state, latency), 5), [9, 2])
    assert.strictEqual(row(state, latency).total, 4)
  })

  it("keeps no more rows than it may, and drops the one silent longest", () => {
    const many = Array.from({ length: 30 }, (_, index) => series("counter", `c${index}`))
    const state = flushed([many.map((one) => count(one, 1))], { maxRows: 10 })
    assert.strictEqual(state.rows.size, 10)
    const kept = many.slice(20)
    for (const one of kept) assert.isDefined(State.rowOf(state, one))
    State.fold(state, [count(kept[0]!, 1), count(many[0]!, 1)], 2000)
    assert.isDefined(State.rowOf(state, kept[0]!))
    assert.isUndefined(State.rowOf(state, kept[1]!))
    assert.strictEqual(row(state, kept[0]!).total, 2)
  })

  it("has one row for the points of a name, whatever their tags, and keeps the last few", () => {
    const state = started({ maxPoints: 3 })
    const points = Array.from({ length: 10 }, (_, id) => point(series("point", "order", { id: `${id}` }), { id }))
    State.fold(state, points, 1000)
    assert.strictEqual(state.rows.size, 1)
    assert.strictEqual(row(state, points[0]!.series).total, 10)
    assert.deepStrictEqual(state.points, points.slice(-3))
  })

  it("keeps no points if it may not", () => {
    const state = started({ maxPoints: 0 })
    State.fold(state, [point(series("point", "order"), { id: 1 })], 1000)
    assert.deepStrictEqual(state.points, [])
  })

  it("takes the first number among a point's fields", () => {
    const order = series("point", "order")
    const state = flushed([[point(order, { currency: "EUR", first: true, items: 3n, amount: 12.5 })]])
    assert.strictEqual(State.lastValue(row(state, order)), 3)
  })

  it("tells a series from a point of the same name", () => {
    const state = flushed([[count(series("counter", "x"), 2), point(series("point", "x"), { n: 1 })]])
    assert.strictEqual(state.rows.size, 2)
  })

  it("labels each series differently", () => {
    const names = fc.constantFrom("a", "a{b=c}", "a b", '"a"', "a,b")
    const tags = fc.dictionary(fc.constantFrom("b", "b=c", "d,e"), fc.constantFrom("c", "c,d=e", "", "\x1b"))
    fc.assert(
      fc.property(names, tags, names, tags, (name, some, other, others) => {
        const [a, b] = [series("counter", name, some), series("counter", other, others)]
        const isSame = name === other && JSON.stringify(a.tags) === JSON.stringify(b.tags)
        assert.strictEqual(State.labelOf(a) === State.labelOf(b), isSame)
      })
    )
  })
})
