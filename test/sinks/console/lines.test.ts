import { assert, describe, it } from "@effect/vitest"
import type { Measurement } from "../../../src/recording/measurement.js"
import { int, uint } from "../../../src/Measurement.js"
import { line } from "../../../src/sinks/console/lines.js"
import * as State from "../../../src/sinks/console/state.js"
import { count, distribution, gauge, point, series } from "./make.js"

const lines = (measurements: ReadonlyArray<Measurement>, colored = false): ReadonlyArray<string> => {
  const state = State.make({ maxRows: 100, maxPoints: 0, startMillis: 0 })
  State.fold(state, measurements, 2000)
  return measurements.map((measurement) => line(state, measurement, colored))
}

describe("console lines", () => {
  it("begin with name and tags, and are the same for the same measurement", () => {
    assert.deepStrictEqual(
      lines([
        count(series("counter", "http.requests", { route: "/users", method: "GET" }), 12_345),
        gauge(series("gauge", "active"), 2.5),
        gauge(series("gauge", "heap", {}, "bytes"), 1536),
        distribution(series("timer", "http.duration"), [0.0015]),
        distribution(series("distribution", "size", { of: "a b" }, "{item}"), [4])
      ]),
      [
        "http.requests{method=GET,route=/users} count=12345 rate=12345/s total=12345",
        "active value=2.5",
        "heap value=1.5KiB",
        "http.duration count=1 rate=1/s mean=1.5ms min=1.5ms p50=1.5ms p95=1.5ms p99=1.5ms max=1.5ms total=1",
        'size{of="a b"} count=1 rate=1/s mean=4 min=4 p50=4 p95=4 p99=4 max=4 total=4'.replace("total=4", "total=1")
      ]
    )
  })

  it("tell no rate of a window that was open for a moment only", () => {
    const [text] = lines([{ ...count(series("counter", "a"), 5), startMillis: 1950, millis: 2000 }])
    assert.strictEqual(text, "a count=5 total=5")
  })

  it("have a point's fields as they were given, and its own time", () => {
    const order = point(
      series("point", "order", { shop: "eu" }),
      { amount: 12.5, items: int(3), id: uint(7n), big: 2n ** 62n, paid: true, note: "two words", "a key": "x" },
      1_700_000_000_123
    )
    assert.deepStrictEqual(lines([order]), [
      'order{shop=eu} amount=12.5 items=3 id=7 big=4611686018427387904 paid=true note="two words" "a key"=x ' +
        "time=2023-11-14T22:13:20.123Z"
    ])
    assert.match(lines([point(order.series, { n: 1 }, 1e300)])[0]!, /time=1e\+300$/)
  })

  it("stay one line, whatever the names and values contain", () => {
    const evil = "\x1b[2Ja\nb\r\u202e"
    const hostile = [
      count(series("counter", evil, { [evil]: evil }), 1),
      point(series("point", evil), { [evil]: evil })
    ]
    for (const text of lines(hostile)) assert.notMatch(text, /[\p{Cc}\p{Cf}]/u)
  })

  it("have the name in bold if colours are wanted, and no other control character", () => {
    const [text = ""] = lines([count(series("counter", "a"), 1)], true)
    assert.strictEqual(text, "\x1b[1ma\x1b[22m count=1 rate=1/s total=1")
  })
})
