import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { compress } from "../../src/encoding/snappy.js"
import { uncompress } from "./remoteWrite.js"

/** What compresses, and what does not, from short to several blocks. */
const repeating = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 30 })), { maxLength: 40 })
  .map((parts) =>
    Uint8Array.from(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => [...bytes]).flat()))
  )

const same = (bytes: Uint8Array): void => {
  assert.isTrue(Buffer.from(bytes).equals(Buffer.from(uncompress(compress(bytes)))))
}

/** Numbers that look random, the same each time. */
const noise = (length: number): Uint8Array => {
  let state = 1
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 0x5bd1e995) ^ (state >>> 15)) >>> 24)
}

describe("snappy", () => {
  it("is read by another decoder as it was", () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), repeating), same), { numRuns: 200 })
  })

  it("is right where blocks, literals and copies reach their ends", () => {
    for (const length of [0, 1, 14, 15, 16, 59, 60, 61, 64, 67, 68, 255, 256, 257, 65_535, 65_536, 65_537, 200_000]) {
      same(noise(length))
      same(new Uint8Array(length).fill(7))
      same(Uint8Array.from({ length }, (_, i) => i % 251))
      const twice = noise(length)
      same(Uint8Array.from([...twice, ...twice]))
    }
  })

  it("is right for copies of any length, from near and far", () => {
    const start = noise(80)
    for (const distance of [100, 2040, 2047, 2048, 2049, 4000, 60_000]) {
      for (const length of [4, 5, 8, 11, 12, 13, 59, 60, 64, 65, 68, 69]) {
        const zeros = new Uint8Array(distance - start.length)
        // From the second byte on: the first one is not looked at.
        same(Uint8Array.from([...start, ...zeros, ...start.slice(1, 1 + length), ...noise(120).slice(90)]))
      }
    }
  })

  it("makes what repeats shorter, and what does not hardly longer", () => {
    const text = new TextEncoder().encode(
      Array.from({ length: 2000 }, (_, i) => `http_requests_total{route="${i % 9}"}`).join()
    )
    assert.isBelow(compress(text).length, text.length / 8)
    assert.isBelow(compress(noise(100_000)).length, 100_000 * 1.001)
  })
})
