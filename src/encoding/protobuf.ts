/**
 * The wire of protobuf: what is written goes into bytes that grow, what is read is read field by field. Knows no message.
 */
import { Output, outOfRange } from "./output.js"

const two32 = 4_294_967_296

/** Bytes of a whole number from 0 to 2^53 as a varint. */
export const varintSize = (value: number): number => {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

/** A whole number from 0 to 2^53. Returns the position after it. */
export const writeVarint = (bytes: Uint8Array, at: number, value: number): number => {
  let to = at
  let rest = value
  while (rest >= 128) {
    const above = Math.floor(rest / 128)
    bytes[to++] = (rest - above * 128) | 128
    rest = above
  }
  bytes[to++] = rest
  return to
}

/** Small numbers of either sign as small numbers. */
export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

/** The caller reserves what it writes. */
export class ProtobufOutput extends Output {
  private view = new DataView(this.bytes.buffer)

  override reserve(needed: number): void {
    const { bytes } = this
    super.reserve(needed)
    if (this.bytes !== bytes) this.view = new DataView(this.bytes.buffer)
  }

  /** From 0 to 2^53. */
  varint(value: number): void {
    if (value < 128) this.bytes[this.at++] = value
    else this.at = writeVarint(this.bytes, this.at, value)
  }

  /** As a varint, of which negative ones take ten bytes. */
  int64(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    for (; rest >= 128n; rest >>= 7n) this.bytes[this.at++] = Number(rest & 127n) | 128
    this.bytes[this.at++] = Number(rest)
  }

  double(value: number): void {
    this.view.setFloat64(this.at, value, true)
    this.at += 8
  }

  /** A whole number from 0 to 2^53. */
  fixed64(value: number): void {
    const above = Math.floor(value / two32)
    this.view.setUint32(this.at, value - above * two32, true)
    this.view.setUint32(this.at + 4, above, true)
    this.at += 8
  }

  /** A whole number, which sets `fault` if 64 bits do not hold it. */
  sfixed64(value: number | bigint): void {
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      const above = Math.floor(value / two32)
      this.view.setUint32(this.at, value - above * two32, true)
      this.view.setInt32(this.at + 4, above, true)
    } else {
      const big = BigInt(value)
      if (BigInt.asIntN(64, big) === big) this.view.setBigInt64(this.at, big, true)
      else this.fault = outOfRange
    }
    this.at += 8
  }

  /** Nanoseconds since the epoch; in two halves, so that it needs no bigint. */
  nanos(millis: number, nanos: number): void {
    const { at, view } = this
    const above = Math.floor(millis / two32)
    const below = (millis - above * two32) * 1_000_000 + nanos
    const carry = Math.floor(below / two32)
    view.setUint32(at, below - carry * two32, true)
    view.setUint32(at + 4, above * 1_000_000 + carry, true)
    this.at = at + 8
  }
}

/** A field of a message: its number, and what it holds if that is a varint or has a length. */
export interface Field {
  readonly number: number
  readonly value: number | Uint8Array | undefined
}

/** The fields of a message, up to where it ends or is none any more. A varint beyond 2^53 is about right. */
export const fieldsOf = (bytes: Uint8Array): ReadonlyArray<Field> => {
  const fields: Array<Field> = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; at < bytes.length && factor <= 2 ** 63; factor *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    return NaN
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const kind = tag % 8
    if (kind === 0) {
      const value = varint()
      if (!Number.isNaN(value)) fields.push({ number, value })
    } else if (kind === 2) {
      const length = varint()
      if (Number.isNaN(length)) break
      fields.push({ number, value: bytes.subarray(at, at + length) })
      at += length
    } else if (kind === 1 || kind === 5) {
      fields.push({ number, value: undefined })
      at += kind === 1 ? 8 : 4
    } else break
  }
  return fields
}
