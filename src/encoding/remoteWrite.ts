/**
 * Prometheus' remote write, 1.0 and 2.0, in protobuf and not yet compressed: time series with their labels, one sample each. Version
 * 2 has each text once in a request, as a symbol, and says of each series what it is and since when it is counted.
 * `PrometheusRemoteWrite` has the table of what becomes of which measurement.
 *
 * What a series is called is worked out once, and kept in `series.encoded`.
 *
 * Costs: `bench` row `prometheus-remote-write`.
 */
import { bucketsOf } from "../recording/buckets.js"
import type { Distribution, FieldValue, Measurement, Point, Series } from "../recording/measurement.js"
import { isNative, prepare } from "./nativeHistogram.js"
import { type Covered, type Fault, fill } from "./output.js"
import { ProtobufOutput, varintSize, writeVarint } from "./protobuf.js"
import * as Names from "./remoteWriteSeries.js"
import {
  type Dialect,
  type Interned,
  type Kind,
  type Line,
  type Named,
  sized,
  type Version
} from "./remoteWriteSeries.js"
import { numberOf, sameNames } from "./scalars.js"

/**
 * A request, as the encoder writes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly version: Version
  /** Not compressed. */
  readonly bytes: Uint8Array
  readonly samples: number
}

export interface Bodies extends Covered {
  readonly payload: Body
}

export interface Encoder {
  /** As many measurements, from the first, as fit into `maxBytes`. */
  readonly encode: (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Bodies
  /** Says of all samples of these series that they have ended. Those that were never encoded have none. */
  readonly end: (all: ReadonlyArray<Series>, millis: number) => Body
}

/** What `series.encoded` keeps. */
interface Kept extends Named {
  readonly by: Encoder
  readonly tag: Measurement["_tag"]
  readonly fields: ReadonlyArray<string> | undefined
}

const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const tooLarge: Fault = { drop: "too_large", reason: "it is longer than a request may be" }
const badTime: Fault = { drop: "invalid", reason: "its time is none, or out of range" }
const tooWide: Fault = { drop: "unsupported", reason: "its values are too far apart for a native histogram" }

const symbolTag = (4 << 3) | 2

/** In a series' metadata. */
const types: Readonly<Record<Kind, number>> = { counter: 1, gauge: 2, histogram: 3 }

/** Says that a series has ended: a signalling NaN, which would not outlive being a number. */
const staleNaN = 0x7ff0000000000002n

// Encoding is synchronous, so all encoders of a process grow their requests in the same place.
const output = new ProtobufOutput()

const int64Size = (value: number): number => (value < 0 ? 10 : varintSize(value))

const putInt64 = (value: number): void => {
  if (value < 0) output.int64(BigInt(value))
  else output.varint(value)
}

const isTime = ({ millis }: Measurement): boolean => Number.isSafeInteger(millis) && millis !== 0

export const make = (dialect: Dialect): Encoder => {
  const { boundaries, maxSamples, version } = dialect
  const { find } = Names.make(dialect)
  /** In the request that is being written, in order. The empty text has the first place, and is not among them. */
  let opened: Array<Interned> = []
  /** In it. */
  let samples = 0
  let samplesBefore = 0
  /** Where measurements begin and end in the output, in turn: behind each is room for the symbols that it brought. */
  let spans: Array<number> = []
  let request = 0
  /** Before the last measurement. */
  let openedBefore = 0
  let spansBefore = 0
  let written = 0

  /** A series belongs to one lane, so nothing but its encoders write `encoded`. */
  const known = ({ encoded }: Series): Kept | undefined => {
    const kept = encoded as Kept | undefined
    return kept?.by === encoder ? kept : undefined
  }

  const keptOf = (measurement: Measurement): Kept => {
    const { _tag: tag, series } = measurement
    const fields = tag === "point" ? measurement.fieldNames : undefined
    const kept = known(series)
    if (kept !== undefined && kept.tag === tag) {
      if (fields === undefined || (kept.fields !== undefined && sameNames(kept.fields, fields))) return kept
    }
    const found: Kept = { by: encoder, tag, fields: fields?.slice(), ...find(measurement) }
    series.encoded = found
    return found
  }

  /** Its place in the request. */
  const placeOf = (symbol: Interned): number => {
    if (symbol.request !== request) {
      symbol.request = request
      symbol.place = opened.push(symbol)
    }
    return symbol.place
  }

  /** What stands before a series' sample, and how long what is behind that is. */
  const begin = (line: Line, sample: number): void => {
    samples++
    if (version === 1) {
      const { labels } = line
      output.reserve(labels.length + sample + 22)
      output.varint((1 << 3) | 2)
      output.varint(labels.length + sample)
      output.put(labels)
      return
    }
    const { kind, help, unit, symbols } = line
    const count = symbols.length
    let references = 0
    for (let i = 0; i < count; i++) references += varintSize(placeOf(symbols[i]!))
    // Placed in the order in which they are referred to.
    const helped = help === undefined ? 0 : 1 + varintSize(placeOf(help))
    const united = unit === undefined ? 0 : 1 + varintSize(placeOf(unit))
    const metadata = 2 + helped + united
    output.reserve(references + sample + metadata + 44)
    output.varint((5 << 3) | 2)
    output.varint(sized(references) + sample + sized(metadata))
    output.varint((1 << 3) | 2)
    output.varint(references)
    for (let i = 0; i < count; i++) output.varint(symbols[i]!.place)
    // Behind the sample, whose length is known.
    const at = output.at
    output.at = at + sample
    output.varint((5 << 3) | 2)
    output.varint(metadata)
    output.varint(1 << 3)
    output.varint(types[kind])
    if (help !== undefined) {
      output.varint(3 << 3)
      output.varint(help.place)
    }
    if (unit !== undefined) {
      output.varint(4 << 3)
      output.varint(unit.place)
    }
    after = output.at
    output.at = at
  }
  let after = 0

  const finish = (): void => {
    if (version === 2) output.at = after
  }

  const startOf = (measurement: Measurement, kind: Kind): number =>
    version === 1 || kind === "gauge" || measurement._tag === "point" ? 0 : Math.max(0, measurement.startMillis)

  const sampleSize = (value: number, millis: number, start: number): number =>
    (Object.is(value, 0) ? 0 : 9) + 1 + int64Size(millis) + (start === 0 ? 0 : 1 + varintSize(start))

  const putSample = (line: Line, millis: number, start: number, value: number): void => {
    const size = sampleSize(value, millis, start)
    begin(line, sized(size))
    output.varint((2 << 3) | 2)
    output.varint(size)
    if (!Object.is(value, 0)) {
      output.varint((1 << 3) | 1)
      // Any other NaN could be the mark of an end.
      output.double(value === value ? value : NaN)
    }
    output.varint(2 << 3)
    putInt64(millis)
    if (start !== 0) {
      output.varint(3 << 3)
      output.varint(start)
    }
    finish()
  }

  const putEnd = (line: Line, millis: number): void => {
    const size = 10 + int64Size(millis)
    begin(line, sized(size))
    output.varint((2 << 3) | 2)
    output.varint(size)
    output.varint((1 << 3) | 1)
    output.sfixed64(staleNaN)
    output.varint(2 << 3)
    putInt64(millis)
    finish()
  }

  const putNative = (line: Line, window: Distribution, start: number): void => {
    const { millis } = window
    const { put, size } = prepare(window.histogram)
    const full = size + 1 + int64Size(millis) + (start === 0 ? 0 : 2 + varintSize(start))
    begin(line, sized(full))
    output.varint(((version === 1 ? 4 : 3) << 3) | 2)
    output.varint(full)
    put(output)
    output.varint(15 << 3)
    putInt64(millis)
    if (start !== 0) {
      output.varint(17 << 3)
      output.varint(start)
    }
    finish()
  }

  const putDistribution = (window: Distribution, { lines, native }: Kept): void => {
    const { histogram, millis, series } = window
    const start = startOf(window, "histogram")
    if (native !== undefined) {
      if (isNative(histogram)) putNative(native, window, start)
      else if (lines.length === 0) output.fault = tooWide
    }
    if (lines.length === 0) return
    const bounds = lines.length - 3
    const buckets =
      window.buckets?.length === bounds + 1
        ? window.buckets
        : bucketsOf(histogram, series.boundaries ?? boundaries(series.kind === "timer" ? "s" : series.unit))
    let atMost = 0
    for (let i = 0; i < bounds; i++) putSample(lines[i]!, millis, start, (atMost += buckets[i]!))
    putSample(lines[bounds]!, millis, start, histogram.count)
    putSample(lines[bounds + 1]!, millis, start, histogram.sum)
    putSample(lines[bounds + 2]!, millis, start, histogram.count)
  }

  const putPoint = ({ fieldValues, millis }: Point, { lines }: Kept): void => {
    const at = output.at
    fieldValues.forEach((value: FieldValue, i) => {
      const number = numberOf(value)
      if (number === undefined) output.skipped++
      else putSample(lines[i]!, millis, 0, Number(number))
    })
    if (output.at === at) output.fault = noNumbers
  }

  const takeBack = (): void => {
    while (opened.length > openedBefore) opened.pop()!.request = 0
    spans.length = spansBefore
    samples = samplesBefore
  }

  const put = (measurement: Measurement): void => {
    if (output.at !== written) takeBack()
    openedBefore = opened.length
    spansBefore = spans.length
    samplesBefore = samples
    const start = output.at
    const kept = keptOf(measurement)
    if (kept.fault !== undefined || !isTime(measurement)) output.fault = kept.fault ?? badTime
    else if (measurement._tag === "point") putPoint(measurement, kept)
    else if (measurement._tag === "distribution") putDistribution(measurement, kept)
    else {
      const [line] = kept.lines
      putSample(line!, measurement.millis, startOf(measurement, line!.kind), measurement.value)
    }
    spans.push(start, output.at)
    for (let i = openedBefore; i < opened.length; i++) output.at += sized(opened[i]!.bytes.length)
    written = output.at
  }

  const open = (): void => {
    request++
    opened = []
    spans = []
    written = openedBefore = spansBefore = samplesBefore = samples = output.at = 0
  }

  const assembled = (): Body => {
    let size = version === 1 ? 0 : 2
    for (const { bytes } of opened) size += sized(bytes.length)
    for (let i = 0; i < spans.length; i += 2) size += spans[i + 1]! - spans[i]!
    const { bytes: from } = output
    const bytes = new Uint8Array(size)
    let at = 0
    if (version === 2) {
      bytes[at] = symbolTag
      at += 2
      for (const { bytes: text } of opened) {
        bytes[at] = symbolTag
        at = writeVarint(bytes, at + 1, text.length)
        bytes.set(text, at)
        at += text.length
      }
    }
    for (let i = 0; i < spans.length; i += 2) {
      const start = spans[i]!
      // Most bring no symbols, and are copied with those before them.
      while (spans[i + 1] === spans[i + 2]) i += 2
      bytes.set(from.subarray(start, spans[i + 1]), at)
      at += spans[i + 1]! - start
    }
    return { version, bytes, samples }
  }

  /** How many samples it may come to. */
  const samplesOf = (measurement: Measurement): number =>
    measurement._tag === "point"
      ? measurement.fieldNames.length
      : measurement._tag === "distribution"
        ? keptOf(measurement).lines.length + 1
        : 1

  const atOnce = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<Measurement> => {
    let sum = 0
    for (let i = 0; i < measurements.length; i++) {
      sum += samplesOf(measurements[i]!)
      if (sum > maxSamples && i > 0) return measurements.slice(0, i)
    }
    return measurements
  }

  const encoder: Encoder = {
    encode: (measurements, maxBytes) => {
      open()
      const frame = version === 1 ? 0 : 2
      const covered = fill(output, atOnce(measurements), maxBytes - frame, { tooLarge }, put)
      if (covered.bytes !== written) takeBack()
      const payload = assembled()
      return { ...covered, bytes: payload.bytes.length, payload }
    },
    end: (all, millis) => {
      open()
      for (const series of all) {
        const start = output.at
        const kept = known(series)
        if (kept === undefined) continue
        for (const line of kept.lines) putEnd(line, millis)
        if (kept.native !== undefined) putEnd(kept.native, millis)
        spans.push(start, output.at)
      }
      return assembled()
    }
  }
  return encoder
}
