import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Measurement } from "../../../src/recording/measurement.js"
import * as State from "../../../src/sinks/console/state.js"
import { render } from "../../../src/sinks/console/table.js"
import { width } from "../../../src/sinks/console/text.js"
import { count, distribution, gauge, point, series } from "./make.js"

const state = (flushes: ReadonlyArray<ReadonlyArray<Measurement>>): State.State => {
  const made = State.make({ maxRows: 1000, maxPoints: 5, startMillis: 0 })
  flushes.forEach((measurements, index) => State.fold(made, measurements, 1000 * (index + 1)))
  return made
}

const users = series("counter", "http.requests", { method: "GET", route: "/users" })
const latency = series("timer", "http.duration", { outcome: "success" })
const active = series("gauge", "http.active")
const jobs = series("gauge", "queue.depth", {}, "{jobs}")
const sizes = series("distribution", "upload", {}, "bytes")
const order = series("point", "order", { shop: "eu" })

const app = state(
  [1, 2, 3, 4].map((n) => [
    count(users, 100 * n),
    distribution(latency, [0.002, 0.003, 0.25]),
    gauge(active, n),
    gauge(jobs, 10 - n),
    distribution(sizes, [1024, 2048]),
    point(order, { amount: n, currency: "EUR" }, 1_700_000_000_000 + n)
  ])
)

const plain = (text: string): string => text.replace(/\p{Cc}\[[0-9;]*m/gu, "")

describe("console table", () => {
  it("shows everything where there is room", () => {
    assert.deepStrictEqual(render(app, 130, 40).split("\n"), [
      "metrics  up 4s  6 series  258 recordings/s",
      "name                                    kind           rate/s     last      p50      p95      p99      max     total         trend",
      "http.active                             gauge                        4                                   4         4          ▃▅▆█",
      "http.duration{outcome=success}          timer               3     85ms   2.95ms    245ms    245ms    250ms        12          ████",
      "http.requests{method=GET,route=/users}  counter           250      400                                         1,000          ▃▅▆█",
      "order                                   point               1        4                                             4          ████",
      "queue.depth                             gauge jobs                   6                                   9         4          █▇▆▆",
      "upload                                  distribution        2   1.5KiB     1KiB  1.99KiB  1.99KiB     2KiB         8          ████",
      "",
      "22:13:20.001Z  order{shop=eu}  amount=1 currency=EUR",
      "22:13:20.002Z  order{shop=eu}  amount=2 currency=EUR",
      "22:13:20.003Z  order{shop=eu}  amount=3 currency=EUR",
      "22:13:20.004Z  order{shop=eu}  amount=4 currency=EUR"
    ])
  })

  it("keeps name, rate, last and p99 at a width of 40", () => {
    assert.deepStrictEqual(render(app, 40, 10).split("\n"), [
      "metrics  up 4s  6 series  258 recording…",
      "name            rate/s     last      p99",
      "http.active                   4",
      "http.duratio…        3     85ms    245ms",
      "http.request…      250      400",
      "order                1        4",
      "… and 2 more",
      "",
      "22:13:20.003Z  order{shop=eu}  amount=3…",
      "22:13:20.004Z  order{shop=eu}  amount=4…"
    ])
  })

  it("gives what is left of a width of 200 to the trend", () => {
    const lines = render(app, 200, 20).split("\n")
    assert.strictEqual(Math.max(...lines.map(width)), 178)
    assert.match(lines[1] ?? "", /total +trend$/)
    assert.match(lines[4] ?? "", /1,000 {58}▃▅▆█$/)
  })

  it("gives up the tags' keys before it cuts", () => {
    assert.match(render(app, 100, 20), /^http\.requests\{GET,\/users\} /m)
    assert.match(render(app, 60, 20), /^http\.requests\{…/m)
  })

  it("cuts tags at their beginning, so that rows of one name stay apart", () => {
    const rows = ["200", "404"].map((status) =>
      count(series("counter", "http.requests", { method: "GET", outcome: "success", route: "/users/:id", status }), 1)
    )
    const lines = render(state([rows]), 60, 20).split("\n")
    assert.match(lines[2] ?? "", /^http\.requests\{…\S*200\} /)
    assert.match(lines[3] ?? "", /^http\.requests\{…\S*404\} /)
  })

  it("never exceeds the terminal, whatever its size and the names", () => {
    const name = fc.oneof(
      fc.fullUnicodeString({ minLength: 1 }),
      fc.constantFrom("a.b", "表示", "x".repeat(300), "\x1b[2J")
    )
    const measurement: fc.Arbitrary<Measurement> = fc.oneof(
      fc
        .tuple(name, fc.dictionary(name, name), fc.double({ noNaN: true }))
        .map(([name, tags, value]) => gauge(series("gauge", name, tags, "s"), value)),
      fc.tuple(name, fc.nat()).map(([name, value]) => count(series("counter", name), value)),
      fc.tuple(name, name).map(([name, value]) => point(series("point", name), { [value]: value }))
    )
    fc.assert(
      fc.property(
        fc.array(fc.array(measurement, { maxLength: 20 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 250 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (flushes, columns, rows, colored) => {
          const drawn = render(state(flushes), columns, rows, { colored })
          const lines = plain(drawn).split("\n")
          assert.isAtMost(lines.length, rows)
          for (const line of lines) {
            assert.isAtMost(width(line), columns, JSON.stringify(line))
            assert.notMatch(line, /[\p{Cc}\p{Cf}]/u)
          }
        }
      )
    )
  })

  it("says how many rows there was no room for, and shows all others", () => {
    const many = state([
      Array.from({ length: 50 }, (_, n) => count(series("counter", `c${String(n).padStart(2, "0")}`), n))
    ])
    const lines = render(many, 80, 12).split("\n")
    assert.lengthOf(lines, 12)
    assert.strictEqual(lines.at(-1), "… and 41 more")
    assert.match(lines[2] ?? "", /^c00 /)
    assert.match(lines.at(-2) ?? "", /^c08 /)
    assert.notMatch(render(many, 80, 52), /more/)
  })

  it("lines up behind names that are two cells wide a character", () => {
    const lines = render(
      state([[count(series("counter", "表示.要求"), 5), count(series("counter", "abc"), 5)]]),
      80,
      10
    ).split("\n")
    const bars = lines.slice(2).map((line) => width(line.replace(/5 .*$/, "")))
    assert.strictEqual(bars[0], bars[1])
    assert.strictEqual(new Set(lines.slice(2).map(width)).size, 1)
  })

  it("has the same text with colours", () => {
    for (const columns of [40, 80, 130, 200]) {
      const colored = render(app, columns, 20, { colored: true })
      assert.notStrictEqual(colored, plain(colored))
      const trimmed = plain(colored)
        .split("\n")
        .map((line) => line.trimEnd())
      assert.deepStrictEqual(trimmed, render(app, columns, 20).split("\n"))
    }
  })

  it("says when it does not keep all series", () => {
    const full = State.make({ maxRows: 2, maxPoints: 0, startMillis: 0 })
    State.fold(
      full,
      ["a", "b", "c"].map((name) => count(series("counter", name), 1)),
      1000
    )
    assert.match(render(full, 80, 10), /^metrics {2}up 1s {2}2 series \(the last to change\)/)
  })
})
