/**
 * What every encoder of bytes does alike: growing its output, refusing a measurement without a trace of it, and ending a
 * batch where it is full.
 */
import type { Measurement } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"

/** Why a measurement cannot be written, by the ledger's words. */
export interface Fault {
  readonly drop: "invalid" | "unsupported" | "too_large" | "same_timestamp"
  readonly reason: string
}

export const invalid = (reason: string | undefined): Fault | undefined =>
  reason === undefined ? undefined : { drop: "invalid", reason }

/** A name in a reason. */
export const quote = (text: string): string => JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text)

export const notFinite: Fault = { drop: "invalid", reason: "a field is NaN or infinite" }
export const outOfRange: Fault = { drop: "invalid", reason: "an integer field is out of range" }

/** The place where bytes grow, and why the present measurement cannot be finished. */
export class Output {
  bytes = new Uint8Array(65_536)
  at = 0
  fault: Fault | undefined = undefined
  /** Fields of the present measurement that the wire cannot carry, and that are left out. */
  skipped = 0

  reserve(needed: number): void {
    if (this.at + needed <= this.bytes.length) return
    let size = this.bytes.length * 2
    while (size < this.at + needed) size *= 2
    const larger = new Uint8Array(size)
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
  }

  /** The caller has reserved. */
  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** The caller has reserved. */
  float(value: number): void {
    // NaN and the infinities are what does not give 0 here.
    if (value - value === 0) this.at = Bytes.writeNumber(this.bytes, this.at, value)
    else this.fault = notFinite
  }

  /** A whole number within bounds. The caller has reserved. */
  big(value: bigint, min: bigint, max: bigint): void {
    if (value < min || value > max) this.fault = outOfRange
    else this.at = Bytes.writeAscii(this.bytes, this.at, String(value))
  }
}

/** As a sink's `encode` gives it, but for the payload: that is what `output` holds up to `bytes`. */
export interface Covered {
  readonly taken: number
  readonly bytes: number
  readonly refused: ReadonlyArray<Fault & { readonly index: number }>
  readonly skipped: ReadonlyArray<{ readonly index: number; readonly fields: number }>
}

export interface Separated {
  /** Bytes before every measurement but the first, which `put` writes where `output.at` is not 0. Default 0. */
  readonly separator?: number | undefined
  readonly tooLarge: Fault
}

/**
 * Writes measurements, from the first, until one does not fit into `maxBytes` any more. `put` writes one at `output.at`; if it
 * sets `output.fault`, or the measurement is too large even alone, all that it wrote is taken back.
 */
export const fill = (
  output: Output,
  measurements: ReadonlyArray<Measurement>,
  maxBytes: number,
  { separator = 0, tooLarge }: Separated,
  put: (measurement: Measurement) => void
): Covered => {
  const refused: Array<Fault & { readonly index: number }> = []
  const skipped: Array<{ readonly index: number; readonly fields: number }> = []
  let index = 0
  output.at = 0
  for (; index < measurements.length; index++) {
    const start = output.at
    output.fault = undefined
    output.skipped = 0
    put(measurements[index]!)
    if (output.fault === undefined && output.at <= maxBytes) {
      if (output.skipped > 0) skipped.push({ index, fields: output.skipped })
      continue
    }
    const fitsAlone = output.fault === undefined && output.at - start - (start > 0 ? separator : 0) <= maxBytes
    const { drop, reason }: Fault = output.fault ?? tooLarge
    output.at = start
    if (fitsAlone) break
    refused.push({ index, drop, reason })
  }
  return { taken: index, bytes: output.at, refused, skipped }
}
