/**
 * Writes measurements as bodies of `relayFrame`: for each level one, as a subscription is to a level. What a series says of
 * itself is encoded once and kept in `series.encoded`.
 *
 * Costs: `bench` row `relay-frame`.
 */
import type { Buckets } from "../recording/histogram.js"
import type { Distribution, FieldValue, Measurement, Point, Series } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import type { Covered, Fault } from "./output.js"
import { notFinite, outOfRange } from "./output.js"
import type { Section } from "./relayFrame.js"
import {
  BodyOutput,
  fieldTypes,
  flags,
  kinds,
  maxCount,
  maxSmall,
  measurementTags,
  seriesBits,
  sides
} from "./relayFrame.js"

export interface Sections extends Covered {
  readonly payload: ReadonlyArray<Section>
}

/** Encodes as many measurements, from the first, as fit into `maxBytes`, all levels together. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Sections

/** What the header of a body takes at most beside its texts. */
const headerBytes = 256

const tooLarge: Fault = { drop: "too_large", reason: "it is longer than a write may be" }
const badTime: Fault = { drop: "invalid", reason: "its time is no whole number of milliseconds and nanoseconds" }
const badWeight: Fault = { drop: "invalid", reason: "its weight or its counts are no whole numbers" }
const notWhole: Fault = { drop: "invalid", reason: "an integer field has a fraction" }
const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noSuchField: Fault = { drop: "unsupported", reason: "a field is neither a number, bigint, boolean nor text" }
const badLevel: Fault = { drop: "invalid", reason: "its level contains NUL, which ends a topic" }

const wholeFault = (value: number, isUnsigned: boolean): Fault | undefined => {
  if (!Number.isInteger(value)) return value - value === 0 ? notWhole : notFinite
  return value >= (isUnsigned ? 0 : -(2 ** 63)) && value < (isUnsigned ? 2 ** 64 : 2 ** 63) ? undefined : outOfRange
}

/** A text, and where it is in the body that is being written. */
interface Word {
  readonly bytes: Uint8Array
  /** Of the body in which `index` holds. */
  body: number
  index: number
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly bits: number
  readonly words: ReadonlyArray<Word>
  readonly tags: number
  readonly fault: Fault | undefined
  /** That of the last point, and its words. */
  fieldNames: ReadonlyArray<string>
  fieldWords: ReadonlyArray<Word>
  body: number
  index: number
}

const maxKept = 65_536
const maxLevels = 64

const bitsOf = ({ boundaries, description, kind, unit, valueType }: Series): number =>
  kinds.indexOf(kind) |
  (valueType === "int" ? seriesBits.int : 0) |
  (unit === undefined ? 0 : seriesBits.unit) |
  (description === undefined ? 0 : seriesBits.description) |
  (boundaries === undefined ? 0 : seriesBits.boundaries)

const isWeight = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** Of all writers of a process, so that what was kept for one body is never taken for another's. */
let bodies = 0

/** Writes the bodies of one level, one after the other. */
class LevelWriter {
  readonly output = new BodyOutput()
  readonly fault: Fault | undefined
  private readonly interned = new Map<string, Word>()
  private body = 0
  /** New in this body: those of a measurement that is taken back must not count. */
  private words: Array<Word> = []
  private series: Array<Kept> = []
  private millis = 0
  private nanos = 0
  private start = 0
  indices: Array<number> = []

  constructor(readonly level: string | undefined) {
    this.fault = level?.includes("\0") === true ? badLevel : undefined
  }

  begin(): void {
    this.body = ++bodies
    this.words = []
    this.series = []
    this.indices = []
    this.millis = this.nanos = this.start = 0
    this.output.at = 0
  }

  /** Writes one measurement, and says how many bytes that took; what cannot be written leaves a fault and nothing else. */
  write(measurement: Measurement, index: number, room: number): number {
    const { output } = this
    const { at } = output
    const { length: words } = this.words
    const { length: series } = this.series
    const { millis, nanos, start } = this
    output.fault = this.fault
    if (output.fault === undefined) this.put(measurement)
    const taken = output.at - at
    if (output.fault === undefined && taken <= room) {
      this.indices.push(index)
      return taken
    }
    for (const word of this.words.splice(words)) word.body = -1
    for (const kept of this.series.splice(series)) kept.body = -1
    this.millis = millis
    this.nanos = nanos
    this.start = start
    output.at = at
    return taken
  }

  section(): Section {
    const { indices, level, output } = this
    return { level, bytes: output.bytes.slice(0, output.at), count: indices.length, indices }
  }

  private word(text: string): Word {
    let word = this.interned.get(text)
    if (word === undefined) {
      if (this.interned.size >= maxKept) this.interned.clear()
      this.interned.set(text, (word = { bytes: Bytes.encodeKept(text), body: -1, index: 0 }))
    }
    return word
  }

  private keep(series: Series): Kept {
    const { boundaries = [], description, name, tags, unit } = series
    const texts = [name, ...tags.flat(), ...[unit, description].filter((text) => text !== undefined)]
    const kept: Kept = {
      bits: bitsOf(series),
      words: texts.map((text) => this.word(text)),
      tags: tags.length,
      fault: boundaries.every((bound) => bound - bound === 0) ? undefined : notFinite,
      fieldNames: [],
      fieldWords: [],
      body: -1,
      index: 0
    }
    series.encoded = kept
    return kept
  }

  private putWord(word: Word): void {
    const { output } = this
    output.reserve(word.bytes.length + 16)
    if (word.body === this.body) return output.varint(word.index)
    word.body = this.body
    word.index = this.words.push(word)
    output.varint(0)
    output.varint(word.bytes.length)
    output.put(word.bytes)
  }

  private putSeries(series: Series, kept: Kept): void {
    const { output } = this
    output.reserve(32)
    if (kept.body === this.body) return output.varint(kept.index)
    kept.body = this.body
    kept.index = this.series.push(kept)
    output.varint(0)
    output.bytes[output.at++] = kept.bits
    this.putWord(kept.words[0]!)
    output.reserve(16)
    output.varint(kept.tags)
    for (let i = 1; i < kept.words.length; i++) this.putWord(kept.words[i]!)
    const { boundaries } = series
    if (boundaries === undefined) return
    output.reserve(8 * boundaries.length + 16)
    output.varint(boundaries.length)
    for (const bound of boundaries) output.double(bound)
  }

  private put(measurement: Measurement): void {
    const { output } = this
    const { millis, nanos, series, weight } = measurement
    // A series belongs to one lane and has one level, so nothing but this writer writes `encoded`.
    const kept = (series.encoded as Kept | undefined) ?? this.keep(series)
    if (!Number.isSafeInteger(millis) || !(nanos >= 0 && nanos < 1_000_000 && Math.floor(nanos) === nanos)) {
      output.fault = badTime
    } else if (!isWeight(weight)) output.fault = badWeight
    else output.fault = kept.fault
    if (output.fault !== undefined) return
    this.putSeries(series, kept)
    output.reserve(64)
    const isPoint = measurement._tag === "point"
    const isSameTime = millis === this.millis && nanos === this.nanos
    const isSameStart = !isPoint && measurement.startMillis === this.start
    output.bytes[output.at++] =
      measurementTags.indexOf(measurement._tag) |
      (isSameTime ? flags.sameTime : 0) |
      (isSameStart ? flags.sameStart : 0) |
      (weight === 1 ? flags.weightOne : 0) |
      (isPoint && measurement.sampleRate !== 1 ? flags.sampled : 0)
    if (weight !== 1) output.varint(weight)
    if (!isSameTime) {
      this.putMillis(millis - this.millis)
      output.varint(nanos)
      this.millis = millis
      this.nanos = nanos
    }
    if (!isPoint && !isSameStart) {
      this.putMillis(millis - measurement.startMillis)
      this.start = measurement.startMillis
    }
    if (isPoint) this.putPoint(measurement, kept)
    else if (measurement._tag === "distribution") this.putDistribution(measurement)
    else if (measurement.value - measurement.value === 0) output.number(measurement.value)
    else output.fault = notFinite
  }

  private putMillis(millis: number): void {
    if (Number.isSafeInteger(millis) && Math.abs(millis) < maxSmall) this.output.signed(millis)
    else this.output.fault = badTime
  }

  private putCounts(counts: ReadonlyArray<number>): void {
    const { output } = this
    output.reserve(8 * counts.length + 16)
    output.varint(counts.length)
    for (let i = 0; i < counts.length; i++) {
      if (!isWeight(counts[i]!)) output.fault = badWeight
      else output.varint(counts[i]!)
    }
  }

  private putSide({ counts, offset }: Buckets): void {
    this.output.signed(offset)
    this.putCounts(counts)
  }

  private putDistribution({ buckets, histogram }: Distribution): void {
    const { output } = this
    const { count, max, min, negative, positive, scale, sum, zeroCount } = histogram
    const hasPositive = positive.counts.length > 0
    const hasNegative = negative.counts.length > 0
    output.bytes[output.at++] =
      (hasPositive ? sides.positive : 0) |
      (hasNegative ? sides.negative : 0) |
      (buckets === undefined ? 0 : sides.buckets)
    // The reader would refuse the whole body.
    if (Number.isNaN(sum)) output.fault = notFinite
    output.varint(count)
    output.double(sum)
    output.double(min)
    output.double(max)
    output.varint(zeroCount)
    output.signed(scale)
    if (hasPositive) this.putSide(positive)
    output.reserve(16)
    if (hasNegative) this.putSide(negative)
    if (buckets !== undefined) this.putCounts(buckets)
  }

  private putPoint({ fieldNames, fieldValues, sampleRate }: Point, kept: Kept): void {
    const { output } = this
    if (sampleRate !== 1) output.double(sampleRate)
    if (fieldNames.length === 0) output.fault = noFields
    if (kept.fieldNames !== fieldNames) {
      kept.fieldWords = fieldNames.map((name) => this.word(name))
      kept.fieldNames = fieldNames
    }
    output.varint(fieldNames.length)
    for (let i = 0; i < fieldNames.length && output.fault === undefined; i++) {
      this.putWord(kept.fieldWords[i]!)
      output.reserve(16)
      this.putField(fieldValues[i]!)
    }
  }

  private putField(value: FieldValue): void {
    const { output } = this
    const { bytes } = output
    if (typeof value === "number") {
      bytes[output.at++] = fieldTypes.float
      if (value - value === 0) output.number(value)
      else output.fault = notFinite
    } else if (typeof value === "string") {
      bytes[output.at++] = fieldTypes.text
      output.text(value)
    } else if (typeof value === "boolean") bytes[output.at++] = value ? fieldTypes.true : fieldTypes.false
    else if (typeof value === "bigint") {
      bytes[output.at++] = fieldTypes.bigint
      output.bigint(value, false)
    } else if (value instanceof Int || value instanceof UInt) {
      const isUnsigned = value instanceof UInt
      if (typeof value.value === "bigint") {
        bytes[output.at++] = isUnsigned ? fieldTypes.bigUint : fieldTypes.bigInt
        output.bigint(value.value, isUnsigned)
      } else {
        bytes[output.at++] = isUnsigned ? fieldTypes.uint : fieldTypes.int
        output.fault = wholeFault(value.value, isUnsigned)
        if (output.fault === undefined) output.number(value.value)
      }
    } else output.fault = noSuchField
  }
}

export const make = (): Encode => {
  // Not one for all of a process: each body knows what it has named before.
  const writers = new Map<string | undefined, LevelWriter>()

  const writerOf = (level: string | undefined): LevelWriter => {
    let writer = writers.get(level)
    if (writer === undefined) writers.set(level, (writer = new LevelWriter(level)))
    return writer
  }

  return (measurements, maxBytes) => {
    const refused: Array<Fault & { readonly index: number }> = []
    const open = new Set<LevelWriter>()
    const most = Math.min(measurements.length, maxCount)
    let bytes = 0
    let index = 0
    let writer: LevelWriter | undefined
    for (; index < most; index++) {
      const measurement = measurements[index]!
      const { level } = measurement.series
      if (writer === undefined || writer.level !== level) {
        writer = writerOf(level)
        if (!open.has(writer)) writer.begin()
        open.add(writer)
      }
      const around = writer.indices.length === 0 ? headerBytes : 0
      const taken = writer.write(measurement, index, maxBytes - bytes - around)
      const { fault } = writer.output
      if (fault === undefined && bytes + around + taken <= maxBytes) bytes += around + taken
      else if (fault === undefined && bytes > 0) break
      else refused.push({ ...(fault ?? tooLarge), index })
    }
    const payload = Array.from(open, (writer) => writer.section()).filter(({ count }) => count > 0)
    // Levels are few; where they are not, what was kept of them is let go.
    if (writers.size > maxLevels) writers.clear()
    return { payload, taken: index, bytes, refused, skipped: [] }
  }
}
