import { assert, describe, it } from "@effect/vitest"
import { Duration, Either } from "effect"
import * as Values from "../../src/cli/values.js"

const millisOf = (value: Values.Value<Duration.Duration>, text: string): number | undefined => {
  const read = value.read(text)
  return read === undefined ? undefined : Duration.toMillis(read)
}

describe("values of the command line", () => {
  for (const [text, millis] of [
    ["250ms", 250],
    ["10s", 10_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["2 days", 172_800_000],
    ["10 seconds", 10_000],
    ["1 minute", 60_000],
    ["500 millis", 500],
    ["250us", 0.25],
    ["250µs", 0.25],
    ["3000ns", 0.003],
    ["0s", 0]
  ] as const) {
    it(`reads ${text} as ${millis} ms`, () => assert.strictEqual(millisOf(Values.duration, text), millis))
  }

  for (const text of ["", "10", "s", "10x", "-1s", "1s-", "1e3s", "NaN", "Infinity", "10 parsecs", "10S"]) {
    it(`has no duration in ${JSON.stringify(text)}`, () => assert.isUndefined(millisOf(Values.duration, text)))
  }

  it("reads a number without a unit as seconds only where Zibrato did", () => {
    assert.strictEqual(millisOf(Values.durationOrSeconds, "60"), 60_000)
    assert.strictEqual(millisOf(Values.durationOrSeconds, "0.5"), 500)
    assert.strictEqual(millisOf(Values.durationOrSeconds, "60ms"), 60)
    assert.isUndefined(millisOf(Values.durationOrSeconds, "-60"))
  })

  it("reads numbers, ports, flags, choices and lists whole or not at all", () => {
    assert.deepStrictEqual(["12", "-1.5", "1x", "", "Infinity"].map(Values.number.read), [
      12,
      -1.5,
      undefined,
      undefined,
      undefined
    ])
    assert.deepStrictEqual(["1", "65535", "0", "65536", "80a"].map(Values.port.read), [
      1,
      65_535,
      undefined,
      undefined,
      undefined
    ])
    assert.deepStrictEqual(["true", "false", "yes", ""].map(Values.flag.read), [true, false, undefined, undefined])
    assert.deepStrictEqual(["Infinity", "10", "-1"].map(Values.threshold.read), [Infinity, 10, undefined])
    assert.deepStrictEqual(["2", "4"].map(Values.choice(1, 2, 3).read), [2, undefined])
    assert.deepStrictEqual(["info, crit", "a,,b", "0.5"].map(Values.list(Values.text).read), [
      ["info", "crit"],
      undefined,
      ["0.5"]
    ])
  })

  it("reads names with values, of which the values may hold colons", () => {
    assert.deepStrictEqual(Values.pairs.read("env:prod, at:10:30"), { env: "prod", at: "10:30" })
    assert.deepStrictEqual(Values.pairs.read("env:"), { env: "" })
    for (const text of ["", "env", ":prod", "a:1,a:2", "a:1,"]) assert.isUndefined(Values.pairs.read(text), text)
  })

  it("repeats no text that may be a secret", () => {
    for (const [value, text] of [
      [Values.variable, "hush-hush"],
      [Values.pairs, "hush-hush"]
    ] as const) {
      const left = Values.read<unknown>("option it", value, text)
      if (Either.isRight(left)) assert.fail("it was taken")
      assert.notInclude(left.left, "hush")
    }
  })
})
