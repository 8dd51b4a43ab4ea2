import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { elapsed, isKnownUnit, number, sparkline, value } from "../../../src/sinks/console/format.js"

const rows = (cases: ReadonlyArray<readonly [given: number, shown: string]>, format: (given: number) => string) => {
  for (const [given, shown] of cases) assert.strictEqual(format(given), shown, `${given}`)
}

describe("console numbers", () => {
  it("are short, and whole ones in full below a million", () => {
    rows(
      [
        [0, "0"],
        [-0, "0"],
        [5, "5"],
        [1234, "1,234"],
        [-999_999, "-999,999"],
        [999_999.7, "1M"],
        [1_234_567, "1.23M"],
        [999_999_999, "1G"],
        [2.5e12, "2.5T"],
        [1e15, "1.0e+15"],
        [0.5, "0.5"],
        [1.2345, "1.23"],
        [99.96, "100"],
        [1234.5, "1,235"],
        [0.00012345, "0.000123"],
        [0.000012345, "1.2e-5"],
        [5e-324, "4.9e-324"],
        [Infinity, "Infinity"],
        [-Infinity, "-Infinity"]
      ],
      number
    )
  })

  it("show times in the unit that suits them", () => {
    rows(
      [
        [0, "0s"],
        [1.5e-8, "15ns"],
        [4.5678e-5, "45.7µs"],
        [0.0015, "1.5ms"],
        [0.9996, "1s"],
        [0.99949, "999ms"],
        [1.234, "1.23s"],
        [119, "119s"],
        [150, "2.5min"],
        [7200, "2h"],
        [1e6, "11.6d"],
        [-0.25, "-250ms"]
      ],
      (seconds) => value(seconds, "s")
    )
    assert.strictEqual(value(1500, "ms"), "1.5s")
    assert.strictEqual(value(250, "Microseconds"), "250µs")
    assert.strictEqual(value(7, "ns"), "7ns")
  })

  it("show bytes in powers of 1024, and percents", () => {
    rows(
      [
        [0, "0B"],
        [1000, "0.98KiB"],
        [1023, "1KiB"],
        [512, "512B"],
        [1536, "1.5KiB"],
        [3 * 1024 ** 3, "3GiB"],
        [5000 * 1024 ** 4, "5000TiB"]
      ],
      (bytes) => value(bytes, "bytes")
    )
    assert.strictEqual(value(2048, "By"), "2KiB")
    assert.strictEqual(value(12.345, "%"), "12.3%")
  })

  it("leave other units to whoever shows the series", () => {
    assert.strictEqual(value(12_345, "jobs"), "12,345")
    assert.strictEqual(value(5, undefined), "5")
    assert.strictEqual(value(NaN, "s"), "NaN")
    assert.isFalse(isKnownUnit("jobs"))
    assert.isTrue(isKnownUnit("Seconds"))
  })

  it("are at most nine characters wide, so that columns hold still", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (amount) => {
        assert.isAtMost(number(amount).length, 9, number(amount))
      })
    )
  })

  it("never round a time up to a thousand of a unit", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e5, noNaN: true }), (seconds) => {
        assert.notMatch(value(seconds, "s"), /\d{4}/)
      })
    )
  })
})

describe("console elapsed time", () => {
  it("has two parts at most", () => {
    assert.deepStrictEqual([0, 999, 4000, 65_000, 3_600_000, 9_000_000, -5].map(elapsed), [
      "0s",
      "0s",
      "4s",
      "1m05s",
      "1h00m",
      "2h30m",
      "0s"
    ])
  })
})

describe("console sparkline", () => {
  it("goes from zero to the highest value", () => {
    assert.strictEqual(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█")
    assert.strictEqual(sparkline([5, 5]), "██")
    assert.strictEqual(sparkline([0, 0]), "▁▁")
    assert.strictEqual(sparkline([-1, 0, 1]), "▁▅█")
  })

  it("is one bar a value, however large, and where a mean is infinite", () => {
    assert.strictEqual(sparkline([-Number.MAX_VALUE, 0, Number.MAX_VALUE]), "▁▅█")
    assert.strictEqual(sparkline([0, Infinity, 1]), "▁█▁")
    assert.strictEqual(sparkline([-Infinity, 0]), "▁█")
  })

  it("leaves gaps where nothing was recorded", () => {
    assert.strictEqual(sparkline([1, NaN, 1]), "█ █")
    assert.strictEqual(sparkline([]), "")
  })
})
