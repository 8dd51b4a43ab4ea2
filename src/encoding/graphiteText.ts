/**
 * Graphite's plaintext protocol: `path value second`, each line ended by LF.
 *
 * Which records a measurement comes to is told in `Graphite`, what a path may be in `graphiteNames`. What the protocol cannot
 * carry is refused, measurement by measurement. Numbers are the shortest decimals that read back the same.
 *
 * Costs: `bench` row `graphite-plaintext`.
 */
import type { Measurement } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import type { Dialect } from "./graphiteRecords.js"
import { maxPathBytes, RecordOutput, recordsOf, tooLong } from "./graphiteRecords.js"
import type { Covered, Fault } from "./output.js"
import { fill } from "./output.js"

export interface Lines extends Covered {
  readonly payload: Uint8Array
}

/** Encodes as many measurements, from the first, as have lines that fit into `maxBytes`. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Lines

const tooLarge: Fault = { drop: "too_large", reason: "its lines are longer than a write may be" }
const min = -(2n ** 63n)
const max = 2n ** 64n - 1n
const newline = 10
const space = 32

class LineOutput extends RecordOutput {
  // What whisper stores: 32 bits without a sign.
  readonly lastSecond = 4_294_967_295
  readonly tooLate: Fault = { drop: "invalid", reason: "its time is after 2106, which carbon cannot store" }
  readonly terminator = " "
  private lineStart = 0
  /** The end of the last line: a space, its second and LF. */
  private readonly stamp = new Uint8Array(Bytes.maxNumberBytes)
  private stampLength = 0
  private stamped = NaN

  open(bytes: number): void {
    this.reserve(bytes + 2 * Bytes.maxNumberBytes)
    this.lineStart = this.at
  }

  start(): void {}

  end(value: number | bigint, second: number): void {
    if (typeof value === "number") this.float(value)
    else this.big(value, min, max)
    if (second !== this.stamped) this.restamp(second)
    // Measurements of a flush mostly have the same second. A loop, as so few bytes are copied sooner than `set` is called.
    const { bytes, stamp, stampLength } = this
    let at = this.at
    for (let i = 0; i < stampLength; i++) bytes[at++] = stamp[i]!
    this.at = at
    if (at - this.lineStart > maxPathBytes + 1) this.fault ??= tooLong
  }

  private restamp(second: number): void {
    this.stamp[0] = space
    const end = Bytes.writeInteger(this.stamp, 1, second)
    this.stamp[end] = newline
    this.stampLength = end + 1
    this.stamped = second
  }
}

// Encoding is synchronous, so all encoders of a process grow their lines in the same place.
const output = new LineOutput()

export const make = (dialect: Dialect): Encode => {
  const put = recordsOf(dialect, output)
  return (measurements, maxBytes) => {
    const covered = fill(output, measurements, maxBytes, { tooLarge }, put)
    return { ...covered, payload: output.bytes.slice(0, covered.bytes) }
  }
}
