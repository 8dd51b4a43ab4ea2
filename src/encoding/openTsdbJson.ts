/**
 * OpenTSDB's JSON for `/api/put`: an array of `{metric, timestamp, value, tags}`. Integers beyond 2^53 are strings, which the
 * server reads as exactly.
 */
import type { Measurement } from "../recording/measurement.js"
import type { Dialect, Wire } from "./openTsdbPoints.js"
import { make as makePoints } from "./openTsdbPoints.js"
import type { Covered } from "./output.js"

/**
 * A request, as `makeHttp` writes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly bytes: Uint8Array
  /** How many points of it belong to each measurement, in order. */
  readonly points: ReadonlyArray<number>
}

export interface Bodies extends Covered {
  readonly payload: Body
}

/** Encodes as many measurements, from the first, as fit into `maxBytes` together. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Bodies

const comma = 44
const openBracket = 91
const closeBracket = 93

const wire: Wire = {
  alphabet: "letters",
  head: (name) => `{"metric":${JSON.stringify(name)},"timestamp":`,
  middle: `,"value":`,
  tail: (tags) => `,"tags":{${tags.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}}`,
  separator: comma,
  maxPoint: Infinity,
  big: "quoted"
}

export const make = (dialect: Dialect): Encode => {
  const { encode, output } = makePoints(wire, dialect)
  return (measurements, maxBytes) => {
    const { points, ...covered } = encode(measurements, maxBytes - 2)
    const bytes = new Uint8Array(covered.bytes + 2)
    bytes[0] = openBracket
    bytes.set(output.bytes.subarray(0, covered.bytes), 1)
    bytes[covered.bytes + 1] = closeBracket
    return { ...covered, bytes: bytes.length, payload: { bytes, points } }
  }
}
