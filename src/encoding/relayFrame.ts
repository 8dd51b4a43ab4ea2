/**
 * The relay's own payload: what one lane wrote at once and at one level, in a compact binary form that loses nothing. Two
 * frames of a multipart message: the topic, which is the level and a NUL, so that a subscription, which ZeroMQ matches by its
 * beginning, takes one level exactly; and the body, which is described here. `relayWriter` writes it, `relayReader` reads it.
 *
 * A varint has seven bits a byte, the lowest first, and the highest bit set in all bytes but the last. Signed ones are zigzagged:
 * 0, -1, 1, -2 are 0, 1, 2, 3. Texts are a varint of bytes and UTF-8; floats are 8 bytes, little-endian.
 *
 * ```
 * body        = "em" version=1 publisher:text batch:text level count:varint measurement*
 * level       = 0 | 1 text                                   none, or this
 * measurement = series flags weight? time? start? value
 * series      = varint                                       0: a new one follows; n: the n-th of this body
 * new series  = bits:byte name tags:varint (key value)* unit? description? boundaries?
 *               bits 0-2: counter, gauge, timer, distribution, point; 8: of integers; 16, 32, 64: unit, description, boundaries
 * name, key, value, unit, description, field = word
 * word        = varint                                       0: a new text follows; n: the n-th new text of this body
 * boundaries  = varint float*
 * flags       = byte                                         0-3: count, gauge, distribution, point; 4: time is the last one's;
 *                                                            8: starts where the last window did; 16: weight is 1; 32: sampled
 * weight      = varint
 * time        = millis:signed nanos:varint                   millis after the last one's, the first after 0
 * start       = signed                                       milliseconds before time; windows only
 * value       = number                                       of a count or a gauge
 * number      = 0 float | varint                             v: the integer that is zigzagged to v - 1
 * value       = bits:byte count:varint sum:float min:float max:float zeros:varint scale:signed side? side? buckets?
 *               1: positive values; 2: negative ones; 4: buckets    of a distribution
 * side        = offset:signed length:varint count:varint*
 * buckets     = length:varint count:varint*                  of the series' boundaries
 * value       = rate:float? fields:varint (field typed)*     of a point; the rate if it is sampled
 * typed       = 0 number | 1 bigint | 2 | 3 | 4 text | 5 number | 6 bigint | 7 number | 8 bigint
 *               float, signed, true, false, text, Int by number and bigint, UInt by number and bigint
 * bigint      = 8 bytes, little-endian, two's complement or, of a UInt, unsigned
 * ```
 *
 * Another version has another byte there, and nothing else can be known of it.
 *
 * Costs: `bench` row `relay-frame`.
 */
import * as Bytes from "./bytes.js"
import { Output, outOfRange } from "./output.js"

export const magic0 = 0x65
export const magic1 = 0x6d
export const version = 1

export const kinds = ["counter", "gauge", "timer", "distribution", "point"] as const
export const seriesBits = { int: 8, unit: 16, description: 32, boundaries: 64 } as const
export const measurementTags = ["count", "gauge", "distribution", "point"] as const
export const flags = { sameTime: 4, sameStart: 8, weightOne: 16, sampled: 32 } as const
export const sides = { positive: 1, negative: 2, buckets: 4 } as const
export const fieldTypes = {
  float: 0,
  bigint: 1,
  true: 2,
  false: 3,
  text: 4,
  int: 5,
  bigInt: 6,
  uint: 7,
  bigUint: 8
} as const

/** Who sent a body, as which of its batches. */
export interface Header {
  readonly publisher: string
  readonly batch: string
  readonly level: string | undefined
}

/** More measurements are never in one body. */
export const maxCount = 65_536

/** What is of one level, without header. */
export interface Section {
  readonly level: string | undefined
  readonly bytes: Uint8Array
  readonly count: number
  /** By index into what was given to `encode`. */
  readonly indices: ReadonlyArray<number>
}

const maxBig = 9_223_372_036_854_775_807n
/** Up to here zigzagging is exact. */
export const maxSmall = 2 ** 51

export class BodyOutput extends Output {
  private view = new DataView(this.bytes.buffer)

  override reserve(needed: number): void {
    // Not told by the arrays' buffers: to ask for one costs more than to write a number.
    if (this.at + needed <= this.bytes.length) return
    super.reserve(needed)
    this.view = new DataView(this.bytes.buffer)
  }

  /** At most 8 bytes. */
  varint(value: number): void {
    const { bytes } = this
    if (value < 128) {
      bytes[this.at++] = value
      return
    }
    let rest = value
    for (; rest >= 0x8000_0000; rest = Math.floor(rest / 128)) bytes[this.at++] = (rest % 128) | 128
    for (rest |= 0; rest > 127; rest >>>= 7) bytes[this.at++] = rest | 128
    bytes[this.at++] = rest
  }

  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  double(value: number): void {
    this.view.setFloat64(this.at, value, true)
    this.at += 8
  }

  number(value: number): void {
    if (Math.floor(value) === value && Math.abs(value) < maxSmall && !Object.is(value, -0)) {
      this.varint((value < 0 ? -2 * value - 1 : 2 * value) + 1)
    } else {
      this.bytes[this.at++] = 0
      this.double(value)
    }
  }

  bigint(value: bigint, isUnsigned: boolean): void {
    if (isUnsigned ? value < 0n || value > 2n * maxBig + 1n : value < -maxBig - 1n || value > maxBig) {
      this.fault = outOfRange
    } else {
      this.view.setBigUint64(this.at, BigInt.asUintN(64, value), true)
      this.at += 8
    }
  }

  text(text: string): void {
    if (text.length < 128 / 3) {
      // Its length in UTF-8 takes one byte.
      this.reserve(128)
      const end = Bytes.writeText(this.bytes, this.at + 1, text)
      this.bytes[this.at] = end - this.at - 1
      this.at = end
      return
    }
    const bytes = Bytes.encode(text)
    this.reserve(bytes.length + 8)
    this.varint(bytes.length)
    this.put(bytes)
  }
}

const head = new BodyOutput()

/** The body that is sent. */
export const frame = ({ batch, level, publisher }: Header, { bytes, count }: Section): Uint8Array => {
  head.at = 0
  for (const byte of [magic0, magic1, version]) head.bytes[head.at++] = byte
  head.text(publisher)
  head.text(batch)
  head.reserve(16)
  head.bytes[head.at++] = level === undefined ? 0 : 1
  if (level !== undefined) head.text(level)
  head.reserve(16)
  head.varint(count)
  const body = new Uint8Array(head.at + bytes.length)
  body.set(head.bytes.subarray(0, head.at))
  body.set(bytes, head.at)
  return body
}

/** What a subscription to just this level begins with, and the first frame of a message. */
export const topicOf = (level: string | undefined): string => `${level ?? ""}\0`
