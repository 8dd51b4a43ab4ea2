import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { read } from "../../src/cli/lines.js"
import * as Measurement from "../../src/Measurement.js"

const found = (line: string): unknown => Either.getOrElse(read(line), (reason) => reason)

const nothing = { tags: {}, level: undefined, nanos: undefined }

describe("a measurement in words", () => {
  for (const [line, measure] of [
    ["counter hits", { kind: "counter", name: "hits", value: 1 }],
    ["  counter   hits 2.5e3 ", { kind: "counter", name: "hits", value: 2500 }],
    ["gauge temp -5", { kind: "gauge", name: "temp", value: -5 }],
    ["gauge temp .5", { kind: "gauge", name: "temp", value: 0.5 }],
    ["timer t 250ms", { kind: "timer", name: "t", value: 0.25 }],
    ["timer t 1m30s", { kind: "timer", name: "t", value: 90 }],
    ["timer t 250us", { kind: "timer", name: "t", value: 0.00025 }],
    ["distribution size 12", { kind: "distribution", name: "size", value: 12 }],
    ["counter 'a b' 1", { kind: "counter", name: "a b", value: 1 }],
    ['counter a"b c"\\ d 1', { kind: "counter", name: "ab c d", value: 1 }],
    ["counter '' 1 2", "the counter has no name"],
    [
      "counter n --tag a=b --tag=c=d=e --level info",
      { kind: "counter", name: "n", value: 1, tags: { a: "b", c: "d=e" }, level: "info" }
    ],
    ["--tag a= counter n", { kind: "counter", name: "n", value: 1, tags: { a: "" } }],
    ["counter n --timestamp 1700000000", { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_000_000_000n }],
    [
      "counter n --timestamp 1700000000.123456789",
      { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_123_456_789n }
    ],
    [
      "counter n --timestamp 1700000000123",
      { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_123_000_000n }
    ],
    [
      "counter n --timestamp 1700000000123456",
      { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_123_456_000n }
    ],
    [
      "counter n --timestamp 1700000000123456789",
      { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_123_456_789n }
    ],
    [
      "counter n --timestamp 2023-11-14T22:13:20.5Z",
      { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_500_000_000n }
    ],
    [
      "counter n --timestamp '2023-11-14 23:13:20+01:00'",
      { kind: "counter", name: "n", value: 1, nanos: 1_700_000_000_000_000_000n }
    ],
    [
      `point login --field user=ada --field n=3i --field u=3u --field x=3 --field ok=true --field v='"3"' --field e=`,
      {
        kind: "point",
        name: "login",
        fields: { user: "ada", n: Measurement.int(3n), u: Measurement.uint(3n), x: 3, ok: true, v: "3", e: "" }
      }
    ]
  ] as const) {
    it(`is read of: ${line}`, () =>
      assert.deepStrictEqual(found(line), typeof measure === "string" ? measure : { ...nothing, ...measure }))
  }

  for (const line of ["", "   ", "# counter n", "\t#"]) {
    it(`is none: ${JSON.stringify(line)}`, () => assert.isUndefined(found(line)))
  }

  for (const [line, reason] of [
    ["hits 1", "it begins with one of counter, gauge"],
    ["counter", "the counter has no name"],
    ["gauge n", "the gauge has no value"],
    ["gauge n ten", "the gauge's value is not a number"],
    ["gauge n NaN", "not a number"],
    ["gauge n 1e999", "not a number"],
    ["gauge n 0x10", "not a number"],
    ["counter n -1", "a counter does not go down"],
    ["counter n 1 2", "there is more behind the value"],
    ["timer t 250", "not a duration with its unit"],
    ["timer t", "the timer has no value"],
    ["point p", "at least one --field"],
    ["point p 1 --field a=1", "a point has no value"],
    ["counter n --field a=1", "that is of points"],
    ["counter n --tag a", "--tag is not followed by name=value"],
    ["counter n --tag =a", "--tag is not followed by name=value"],
    ["counter n --tag a=1 --tag a=2", '--tag "a" is given twice'],
    ["counter n --tag", "--tag is the last word"],
    ["counter n --level a --level b", "--level is given twice"],
    ["counter n --to influxdb://h/d", "there is no option other than --tag"],
    ["counter n --timestamp yesterday", "--timestamp is neither"],
    ["counter n --timestamp 2023-11-14T22:13:20", "--timestamp is neither"],
    ["counter n --timestamp -1", "--timestamp is neither"],
    ["counter n --timestamp 1700000000123.5", "--timestamp is neither"],
    ["point p --field a=9223372036854775808i", "64 bits"],
    ["point p --field a=-1u", "64 bits"],
    ["counter 'n", "a quote is not closed"],
    ["counter n\\", "a backslash ends it"]
  ] as const) {
    it(`is refused, and nothing of it repeated: ${line}`, () => {
      const text = found(line)
      if (typeof text !== "string") return assert.fail("it was taken")
      assert.include(text, reason)
    })
  }

  it("is the same in one line as in another order", () => {
    assert.deepStrictEqual(found("gauge n 1 --tag a=b"), found("--tag a=b gauge n 1"))
  })
})
