import { assert } from "@effect/vitest"
import { downscale, indexOf, representativeOf } from "../../src/recording/histogram.js"
import type { Row } from "./rows.js"

interface Input {
  readonly kind: string
  readonly relativeAccuracy: number
  readonly value: number | string
  readonly scale: number
  readonly indexes: ReadonlyArray<number>
  readonly by: number
  readonly values: ReadonlyArray<number>
  readonly q: ReadonlyArray<number>
}

/** The scale whose base is the sketch's gamma. */
const scaleOf = (relativeAccuracy: number): number =>
  -Math.log2(Math.log2((1 + relativeAccuracy) / (1 - relativeAccuracy)))

const closeTo = (actual: number, expected: number): void =>
  assert.closeTo(actual, expected, Math.abs(expected) * 1e-12)

const sketched = (value: number, scale: number): number =>
  value === 0 ? 0 : Math.sign(value) * representativeOf(indexOf(Math.abs(value), scale), scale)

export const run = (row: Row): void => {
  const input = row.input as Input
  switch (input.kind) {
    case "exphist-index":
      assert.deepStrictEqual({ index: indexOf(Number(input.value), input.scale) }, row.expected)
      return
    case "exphist-downscale": {
      const indexes = input.indexes.map((offset) => downscale({ offset, counts: [1] }, input.by).offset)
      assert.deepStrictEqual({ scale: input.scale - input.by, indexes }, row.expected)
      return
    }
    case "ddsketch-key": {
      const scale = scaleOf(input.relativeAccuracy)
      const index = indexOf(Number(input.value), scale)
      if (row.error !== undefined) {
        assert.isNaN(index)
        return
      }
      const expected = row.expected as { readonly key: number; readonly value: number }
      assert.strictEqual(index + 1, expected.key)
      closeTo(representativeOf(index, scale), expected.value)
      return
    }
    case "ddsketch": {
      const scale = scaleOf(input.relativeAccuracy)
      const expected = row.expected as { readonly values: ReadonlyArray<number> }
      const sorted = input.values.map((value) => sketched(value, scale)).sort((a, b) => a - b)
      // The first bucket whose cumulative count exceeds `q * (count - 1)`.
      input.q.forEach((q, i) => closeTo(sorted[Math.floor(q * (sorted.length - 1))]!, expected.values[i]!))
      return
    }
    default:
      assert.fail(`no check for ${input.kind}`)
  }
}
