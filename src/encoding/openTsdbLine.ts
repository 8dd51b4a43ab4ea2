/**
 * OpenTSDB's line protocol: `put name time value tag=value`, each line ended by LF. Every line is a command to the server, so
 * nothing that could end a line or a word gets into one.
 */
import type { Measurement } from "../recording/measurement.js"
import type { Dialect, Wire } from "./openTsdbPoints.js"
import { make as makePoints } from "./openTsdbPoints.js"
import type { Covered } from "./output.js"

export interface Lines extends Covered {
  readonly payload: Uint8Array
}

/** Encodes as many measurements, from the first, as have lines that fit into `maxBytes`. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Lines

/** With its LF. The server throws away the rest of a longer one, unless all of it happens to come at once. */
export const maxLine = 1024

const wire: Wire = {
  alphabet: "ascii",
  head: (name) => `put ${name} `,
  middle: " ",
  tail: (tags) => `${tags.map(([key, value]) => ` ${key}=${value}`).join("")}\n`,
  separator: 0,
  maxPoint: maxLine,
  big: "bare"
}

export const make = (dialect: Dialect): Encode => {
  const { encode, output } = makePoints(wire, dialect)
  return (measurements, maxBytes) => {
    const { points: _, ...covered } = encode(measurements, maxBytes)
    return { ...covered, payload: output.bytes.slice(0, covered.bytes) }
  }
}
