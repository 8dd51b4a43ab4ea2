import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Bytes from "../../src/encoding/bytes.js"

const written = (write: (bytes: Uint8Array, at: number) => number): string => {
  const bytes = new Uint8Array(100_000)
  return new TextDecoder().decode(bytes.subarray(0, write(bytes, 0)))
}

const expected = (value: number): string => String(value === 0 ? 0 : value)

/** What has few decimals, and what nearly has. */
const decimals = fc
  .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 16 }), fc.constantFrom(0, 0, Number.EPSILON))
  .map(([digits, places, off]) => (digits / 10 ** places) * (1 + off))

describe("bytes", () => {
  it("writes whole numbers as String does", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.strictEqual(
          written((bytes, at) => Bytes.writeInteger(bytes, at, value)),
          expected(value)
        )
      })
    )
  })

  it("writes every power of ten and its neighbours", () => {
    for (let power = 1; power < Number.MAX_SAFE_INTEGER; power *= 10) {
      for (const value of [power - 1, power, power + 1, -power]) {
        assert.strictEqual(
          written((bytes, at) => Bytes.writeInteger(bytes, at, value)),
          expected(value)
        )
      }
    }
  })

  it("writes numbers so that they read back the same, in no more than the bytes it says", () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), decimals), (value) => {
        const text = written((bytes, at) => Bytes.writeNumber(bytes, at, value))
        assert.strictEqual(text, expected(value))
        assert.isAtMost(text.length, Bytes.maxNumberBytes)
      }),
      {
        numRuns: 1000,
        examples: [
          [-0],
          [5e-324],
          [-Number.MAX_VALUE],
          [1e21],
          [2 ** 53],
          [-(2 ** 53)],
          [2 ** 63],
          [1e-6],
          [9.99e-7],
          [-0.000001001],
          [999_999.999999999],
          [0.1 + 0.2],
          [1_000_000.5]
        ]
      }
    )
  })

  it("writes groups of digits with their leading zeros", () => {
    assert.strictEqual(
      written((bytes, at) => Bytes.writeDigits(bytes, at, 42, 6)),
      "000042"
    )
    assert.strictEqual(
      written((bytes, at) => Bytes.writeDigits(bytes, at, 999_999_999, 9)),
      "999999999"
    )
  })

  it("writes text as UTF-8, with a lone surrogate as the replacement character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (text, plain) => {
        for (const value of [text, plain + text]) {
          const end = new TextDecoder("utf-8", { ignoreBOM: true })
          const bytes = new Uint8Array(value.length * 3)
          assert.strictEqual(
            end.decode(bytes.subarray(0, Bytes.writeText(bytes, 0, value))),
            value.replace(/\p{Surrogate}/gu, "\ufffd")
          )
        }
      })
    )
    assert.strictEqual(
      written((bytes, at) => Bytes.writeText(bytes, at, "a\ud800b")),
      "a\ufffdb"
    )
  })

  it("keeps what it encoded, whatever is encoded later", () => {
    const texts = Array.from({ length: 5000 }, (_, i) => `key-${i}-${"x".repeat(i % 70)}`).concat("y".repeat(5000))
    const kept = texts.map(Bytes.encodeKept)
    kept.forEach((bytes, i) => assert.strictEqual(new TextDecoder().decode(bytes), texts[i]))
  })
})
