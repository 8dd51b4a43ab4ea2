import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Json from "../../src/web/json.js"
import { add } from "../../src/web/values.js"

const whole = fc.oneof(fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }), fc.maxSafeInteger().map(BigInt))
/** As the reader gives it. */
const given = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

describe("sums", () => {
  it("of whole numbers are exact, however large", () => {
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 10 }), (values) => {
        const sum = values.map(given).reduce<number | bigint>(add, 0)
        assert.strictEqual(
          BigInt(sum),
          values.reduce((a, b) => a + b, 0n)
        )
        assert.strictEqual(typeof sum, typeof given(BigInt(sum)))
      })
    )
  })

  it("with a fraction, NaN or an infinity among them are floats", () => {
    assert.strictEqual(add(0.5, 1n << 60n), 2 ** 60)
    assert.strictEqual(add(1n << 70n, Infinity), Infinity)
    assert.isNaN(add(1, NaN))
  })
})

describe("numbers in JSON", () => {
  it("are as Python writes them", () => {
    const cases: ReadonlyArray<readonly [number | bigint, boolean, string]> = [
      [7, true, "7"],
      [3, false, "3.0"],
      [0.5, false, "0.5"],
      [-0, false, "-0.0"],
      [1e21, false, "1e+21"],
      [9007199254740993n, true, "9007199254740993"],
      [NaN, false, "null"],
      [-Infinity, false, "null"]
    ]
    for (const [value, isInt, text] of cases) assert.strictEqual(Json.pythonNumber(value, isInt), text)
  })
})
