/**
 * Reads the bodies that `relayFrame` describes, from whoever sends them: what is no such body is told as a value, never thrown.
 * Every length is checked against what is left of the body before anything is made of it, so that what is made takes at most
 * some constant times the body's bytes, and no body has more than `maxCount` measurements.
 */
import { Histogram, type OwnBuckets } from "../recording/histogram.js"
import type { Distribution, FieldValue, Measurement, Point, Series, Tag } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import { identityLength, maxIdentityLength } from "../recording/tags.js"
import type { Header } from "./relayFrame.js"
import {
  fieldTypes,
  flags,
  kinds,
  magic0,
  magic1,
  maxCount,
  measurementTags,
  seriesBits,
  sides,
  version
} from "./relayFrame.js"

export interface Body extends Header {
  readonly measurements: ReadonlyArray<Measurement>
}

/** What was received cannot be read. */
export interface Unreadable {
  readonly unreadable: "malformed" | "version" | "too_large"
  readonly reason: string
}

const maxBoundaries = 4096

/** Leaves the reading of a body. */
class Malformed extends Error {}

const fail = (reason: string): never => {
  throw new Malformed(reason)
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** What is zigzagged to that. Not by `%`, which is slow where numbers may be beyond 32 bits. */
const unzigzag = (value: number): number => {
  const half = Math.floor(value / 2)
  return 2 * half === value ? half : -half - 1
}

const ascends = (values: ReadonlyArray<number>): boolean =>
  values.every((value, i) => value - value === 0 && (i === 0 || value > values[i - 1]!))

class Reader {
  private readonly view: DataView
  private readonly words: Array<string> = []
  private readonly series: Array<Series> = []
  private millis = 0
  private nanos = 0
  private start = 0
  private at = 0

  constructor(
    private readonly bytes: Uint8Array,
    private level: string | undefined
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  body(): Body {
    this.at = 3
    const publisher = this.text()
    const batch = this.text()
    const hasLevel = this.byte()
    if (hasLevel > 1) fail("its level is neither there nor not")
    this.level = hasLevel === 1 ? this.text() : undefined
    const count = this.length(maxCount)
    const measurements: Array<Measurement> = []
    for (let i = 0; i < count; i++) measurements.push(this.measurement())
    if (this.at !== this.bytes.length) fail("it goes on after its end")
    return { publisher, batch, level: this.level, measurements }
  }

  private byte(): number {
    return this.at < this.bytes.length ? this.bytes[this.at++]! : fail("it ends too early")
  }

  private varint(): number {
    const first = this.byte()
    if (first < 128) return first
    let value = first & 127
    for (let factor = 128; factor <= 2 ** 49; factor *= 128) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return Number.isSafeInteger(value) ? value : fail("a number in it is too large")
    }
    return fail("a number in it is too large")
  }

  private signed(): number {
    return unzigzag(this.varint())
  }

  /** Of something of which each takes a byte at least. */
  private length(most = Infinity): number {
    const length = this.varint()
    return length <= this.bytes.length - this.at && length <= most ? length : fail("a length in it is too large")
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.bytes.length) fail("it ends too early")
  }

  private float(): number {
    this.need(8)
    const value = this.view.getFloat64(this.at, true)
    this.at += 8
    return value
  }

  private finite(): number {
    const value = this.float()
    return value - value === 0 ? value : fail("a number in it is NaN or infinite")
  }

  private number(): number {
    const value = this.varint()
    return value === 0 ? this.finite() : unzigzag(value - 1)
  }

  private whole(): number {
    const value = this.number()
    return Number.isInteger(value) ? value : fail("an integer in it has a fraction")
  }

  private text(): string {
    const length = this.length()
    const bytes = this.bytes.subarray(this.at, this.at + length)
    this.at += length
    try {
      return utf8.decode(bytes)
    } catch {
      return fail("a text in it is not UTF-8")
    }
  }

  private word(): string {
    const index = this.varint()
    if (index > 0) return this.words[index - 1] ?? fail("it refers to a text that it has not")
    const text = this.text()
    this.words.push(text)
    return text
  }

  private nextSeries(): Series {
    const index = this.varint()
    if (index > 0) return this.series[index - 1] ?? fail("it refers to a series that it has not")
    const bits = this.byte()
    const kind = kinds[bits & 7] ?? fail("it has a series of no known kind")
    const name = this.word()
    const tags: Array<Tag> = []
    const length = this.length(maxIdentityLength)
    let last = ""
    for (let i = 0; i < length; i++) {
      const key = this.word()
      if (key === "") fail("a name in it is empty")
      if (key <= last) fail("tags in it are not sorted, or not unique")
      tags.push([key, this.word()])
      last = key
    }
    if (name === "") fail("a name in it is empty")
    if (identityLength(name, tags) > maxIdentityLength) fail("a name with its tags is too long")
    const unit = bits & seriesBits.unit ? this.word() : undefined
    const description = bits & seriesBits.description ? this.word() : undefined
    const boundaries = bits & seriesBits.boundaries ? this.boundaries() : undefined
    const series: Series = {
      name,
      tags,
      kind,
      valueType: bits & seriesBits.int ? "int" : "float",
      unit,
      description,
      level: this.level,
      boundaries,
      encoded: undefined
    }
    this.series.push(series)
    return series
  }

  private boundaries(): ReadonlyArray<number> {
    const length = this.length(maxBoundaries)
    this.need(8 * length)
    const boundaries = Array.from({ length }, () => this.float())
    return length > 0 && ascends(boundaries) ? boundaries : fail("boundaries in it do not ascend")
  }

  private measurement(): Measurement {
    const series = this.nextSeries()
    const bits = this.byte()
    const tag = measurementTags[bits & 3]!
    const weight = bits & flags.weightOne ? 1 : this.varint()
    if (!(bits & flags.sameTime)) {
      this.millis += this.signed()
      this.nanos = this.varint()
      if (!Number.isSafeInteger(this.millis) || this.nanos >= 1_000_000) fail("a time in it is none")
    }
    const { millis, nanos } = this
    if (tag === "point") return this.point(series, weight, bits)
    if (!(bits & flags.sameStart)) this.start = this.millis - this.signed()
    if (!Number.isSafeInteger(this.start)) fail("a time in it is none")
    if (tag === "distribution") {
      if (series.kind !== "timer" && series.kind !== "distribution") fail("a kind in it does not fit its value")
      const startMillis = this.start
      const { buckets, histogram } = this.distribution(series)
      return { _tag: tag, series, weight, millis, nanos, startMillis, histogram, buckets }
    }
    if (series.kind !== (tag === "count" ? "counter" : "gauge")) fail("a kind in it does not fit its value")
    return { _tag: tag, series, weight, millis, nanos, startMillis: this.start, value: this.number() }
  }

  private counts(): Array<number> {
    const { bytes } = this
    const length = this.length(maxBoundaries + 1)
    const counts = new Array<number>(length)
    for (let i = 0; i < length; i++) {
      const byte = bytes[this.at]!
      // Most are small; and what is beyond the end is `undefined`, which is not.
      if (byte < 128) {
        counts[i] = byte
        this.at++
      } else counts[i] = this.varint()
    }
    return counts
  }

  private side(bits: number, side: number): OwnBuckets {
    return bits & side ? { offset: this.signed(), counts: this.counts() } : { offset: 0, counts: [] }
  }

  private distribution({ boundaries }: Series): Pick<Distribution, "histogram" | "buckets"> {
    const bits = this.byte()
    const count = this.varint()
    const sum = this.float()
    // One that is none would make the sums of all that it is merged with none.
    if (Number.isNaN(sum)) fail("a histogram in it is none")
    const [min, max] = [this.float(), this.float()]
    if (count > 0 && !(Number.isFinite(min) && Number.isFinite(max))) fail("a histogram in it is none")
    const histogram = Histogram.of({
      count,
      sum,
      min,
      max,
      zeroCount: this.varint(),
      scale: this.signed(),
      positive: this.side(bits, sides.positive),
      negative: this.side(bits, sides.negative)
    })
    if (histogram === undefined) return fail("a histogram in it is none")
    const buckets = bits & sides.buckets ? this.counts() : undefined
    if (buckets?.length !== (boundaries === undefined ? undefined : boundaries.length + 1)) {
      return fail("buckets in it do not fit their boundaries")
    }
    return { histogram, buckets }
  }

  private point(series: Series, weight: number, bits: number): Point {
    const { millis, nanos } = this
    const sampleRate = bits & flags.sampled ? this.float() : 1
    // What it stands for has to be a number of recordings.
    if (!(sampleRate <= 1 && Number.isSafeInteger(Math.round(1 / sampleRate)))) fail("a sample rate in it is none")
    const length = this.length()
    if (length === 0) fail("a point in it has no fields")
    const fieldNames: Array<string> = []
    const fieldValues: Array<FieldValue> = []
    for (let i = 0; i < length; i++) {
      fieldNames.push(this.word())
      fieldValues.push(this.field())
    }
    return { _tag: "point", series, weight, millis, nanos, fieldNames, fieldValues, sampleRate }
  }

  private field(): FieldValue {
    switch (this.byte()) {
      case fieldTypes.float:
        return this.number()
      case fieldTypes.bigint:
        return this.bigint("signed")
      case fieldTypes.true:
        return true
      case fieldTypes.false:
        return false
      case fieldTypes.text:
        return this.text()
      case fieldTypes.int:
        return new Int(this.whole())
      case fieldTypes.bigInt:
        return new Int(this.bigint("signed"))
      case fieldTypes.uint:
        return new UInt(this.whole())
      case fieldTypes.bigUint:
        return new UInt(this.bigint("unsigned"))
      default:
        return fail("a field in it is of no known type")
    }
  }

  private bigint(sign: "signed" | "unsigned"): bigint {
    this.need(8)
    const at = this.at
    this.at += 8
    return sign === "signed" ? this.view.getBigInt64(at, true) : this.view.getBigUint64(at, true)
  }
}

/** Never throws. A body of more than `maxBytes` is not looked at. */
export const decode = (bytes: Uint8Array, maxBytes: number): Body | Unreadable => {
  if (bytes.length > maxBytes) return { unreadable: "too_large", reason: `it is longer than ${maxBytes} bytes` }
  if (bytes.length < 3 || bytes[0] !== magic0 || bytes[1] !== magic1) {
    return { unreadable: "malformed", reason: "it is no body of this relay" }
  }
  if (bytes[2] !== version) {
    return { unreadable: "version", reason: `it is of version ${bytes[2]}, and only ${version} is known` }
  }
  try {
    return new Reader(bytes, undefined).body()
  } catch (error) {
    if (error instanceof Malformed) return { unreadable: "malformed", reason: error.message }
    throw error
  }
}
