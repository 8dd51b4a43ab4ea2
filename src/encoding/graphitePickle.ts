/**
 * Graphite's pickle protocol: frames of a length, 4 bytes big-endian, and a pickle of `[(path, (second, value)), ...]`.
 *
 * Pickles are of protocol 2 and made of nothing but text, 32-bit integers, floats, pairs and one list, so that carbon's safe
 * unpickler takes them. Which records a measurement comes to is told in `Graphite`, what a path may be in `graphiteNames`.
 *
 * Costs: `bench` row `graphite-pickle`.
 */
import type { Measurement } from "../recording/measurement.js"
import type { Dialect } from "./graphiteRecords.js"
import { maxPathBytes, RecordOutput, recordsOf, tooLong } from "./graphiteRecords.js"
import type { Covered, Fault } from "./output.js"
import { fill, notFinite } from "./output.js"

export interface Frames extends Covered {
  readonly payload: Uint8Array
}

/** Encodes as many measurements, from the first, as have frames that fit into `maxBytes`. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Frames

/** carbon ends the connection over a longer pickle than 1 MiB. */
const maxPickleBytes = 1_048_575
const maxFrameRecords = 500

const opcodes = {
  proto: 0x80,
  emptyList: 0x5d,
  mark: 0x28,
  binUnicode: 0x58,
  binInt: 0x4a,
  binFloat: 0x47,
  tuple2: 0x86,
  appends: 0x65,
  stop: 0x2e
}

const tooLarge: Fault = { drop: "too_large", reason: "its frames are larger than a write may be" }
/** What a frame has around its records. */
const headBytes = 8
const tailBytes = 2
/** What a record has around its path and the terminator of that. */
const startBytes = 5
const endBytes = 15

class FrameOutput extends RecordOutput {
  // Of a signed integer of 32 bits.
  readonly lastSecond = 2_147_483_647
  readonly tooLate: Fault = {
    drop: "unsupported",
    reason: "its time is after January 2038, which needs the plaintext protocol"
  }
  readonly terminator = String.fromCharCode(opcodes.binInt)
  private view = new DataView(this.bytes.buffer)
  /** Where the open frame begins, and how many records it has. */
  private frame = 0
  private records = 0
  /** The same before the present measurement, which may be taken back. */
  private atBefore = 0
  private frameBefore = 0
  private recordsBefore = 0

  /** Before each measurement, and after the last. */
  begin(): void {
    if (this.at === 0) this.frame = this.records = 0
    else if (this.at === this.atBefore) {
      this.frame = this.frameBefore
      this.records = this.recordsBefore
    }
    this.atBefore = this.at
    this.frameBefore = this.frame
    this.recordsBefore = this.records
  }

  override reserve(needed: number): void {
    if (this.at + needed <= this.bytes.length) return
    super.reserve(needed)
    this.view = new DataView(this.bytes.buffer)
  }

  open(bytes: number): void {
    const needed = startBytes + bytes + endBytes
    this.reserve(needed + headBytes + 2 * tailBytes)
    const length = this.at - this.frame - 4 + needed + tailBytes
    if (this.records === maxFrameRecords || (this.records > 0 && length > maxPickleBytes)) this.closeFrame()
    if (this.records === 0) this.openFrame()
    this.records += 1
    if (bytes > maxPathBytes + startBytes) this.fault ??= tooLong
  }

  start(bytes: number): void {
    this.bytes[this.at] = opcodes.binUnicode
    this.view.setUint32(this.at + 1, bytes - this.terminator.length, true)
    this.at += startBytes
  }

  end(value: number | bigint, second: number): void {
    const { at, bytes, view } = this
    const number = typeof value === "number" ? value : Number(value)
    // NaN and the infinities are what does not give 0 here.
    if (number - number !== 0) this.fault ??= notFinite
    view.setInt32(at, second, true)
    bytes[at + 4] = opcodes.binFloat
    view.setFloat64(at + 5, number)
    bytes[at + 13] = opcodes.tuple2
    bytes[at + 14] = opcodes.tuple2
    this.at = at + endBytes
  }

  openFrame(): void {
    const { at, bytes } = this
    this.frame = at
    this.records = 0
    bytes[at + 4] = opcodes.proto
    bytes[at + 5] = 2
    bytes[at + 6] = opcodes.emptyList
    bytes[at + 7] = opcodes.mark
    this.at = at + headBytes
  }

  closeFrame(): void {
    this.bytes[this.at++] = opcodes.appends
    this.bytes[this.at++] = opcodes.stop
    this.view.setUint32(this.frame, this.at - this.frame - 4)
    this.records = 0
  }
}

// Encoding is synchronous, so all encoders of a process grow their frames in the same place.
const output = new FrameOutput()

export const make = (dialect: Dialect): Encode => {
  const putRecords = recordsOf(dialect, output)
  const put = (measurement: Measurement): void => {
    output.begin()
    putRecords(measurement)
  }
  return (measurements, maxBytes) => {
    // The end of the last frame must fit as well.
    const covered = fill(output, measurements, maxBytes - tailBytes, { separator: tailBytes, tooLarge }, put)
    output.begin()
    if (covered.bytes === 0) {
      if (measurements.length > 0) return { ...covered, payload: new Uint8Array(0) }
      output.openFrame()
    }
    output.closeFrame()
    return { ...covered, bytes: output.at, payload: output.bytes.slice(0, output.at) }
  }
}
