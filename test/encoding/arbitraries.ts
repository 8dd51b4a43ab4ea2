/** What encoders are fed with by tests that try whatever there is. */
import * as fc from "fast-check"
import type { FieldValue, Tag } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"

/** Every double but NaN and the infinities. */
export const finite = fc.double({ noNaN: true, noDefaultInfinity: true })

export const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

export const int = fc.oneof(fc.maxSafeInteger(), int64).map((value) => new Int(value))
export const uint = fc.oneof(fc.maxSafeNat(), uint64).map((value) => new UInt(value))

/** Of these characters, among which are those that mean something to the wire. */
export const madeOf = (
  characters: Iterable<string>,
  length: { readonly minLength?: number; readonly maxLength?: number } = {}
): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...characters), ...length })

/** Of any characters, with no half of a pair of surrogates: what UTF-8 can carry. */
export const unicode = (length: { readonly minLength?: number; readonly maxLength?: number } = {}) =>
  fc.string({ unit: "binary", ...length }).filter((text) => !/\p{Surrogate}/u.test(text))

const byKey = <A extends readonly [string, unknown]>(entries: ReadonlyArray<A>): ReadonlyArray<A> =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : 1))

/** Of different keys, and sorted by them, as the tags of a series are. */
export const tagsOf = (
  key: fc.Arbitrary<string>,
  value: fc.Arbitrary<string> = key,
  maxLength = 3
): fc.Arbitrary<ReadonlyArray<Tag>> =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength, selector: ([key]) => key }).map(byKey)

/** Of different names, in any order. */
export const fieldsOf = (
  name: fc.Arbitrary<string>,
  value: fc.Arbitrary<FieldValue>,
  minLength = 0
): fc.Arbitrary<ReadonlyArray<readonly [string, FieldValue]>> =>
  fc.uniqueArray(fc.tuple(name, value), { minLength, maxLength: 4, selector: ([name]) => name })
