/**
 * Prometheus' remote write, 1.0 and 2.0, in protobuf and not yet compressed: time series with their labels, one sample each. Version
 * 2 has each text once in a request, as a symbol, and says of each series what it is and since when it is counted.
 * `PrometheusRemoteWrite` has the table of what becomes of which measurement.
 *
 * What a series is called is worked out once, and kept in `series.encoded`.
 *
 * Costs: `bench` row `prometheus-remote-write`.
 */
import type { Distribution, FieldValue, Measurement, Point, Series, Tag } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { isNative, prepare } from "./nativeHistogram.js"
import { bucketsOf } from "./otlp.js"
import { type Covered, type Fault, fill, quote } from "./output.js"
import * as Families from "./prometheusFamilies.js"
import { canonical } from "./prometheusLines.js"
import { unitSuffix } from "./prometheusNames.js"
import { ProtobufOutput, varintSize, writeVarint } from "./protobuf.js"
import { numberOf, sameNames } from "./scalars.js"

export { bucketsOf } from "./otlp.js"

/**
 * Of the protocol.
 *
 * @since 0.1.0
 * @category models
 */
export type Version = 1 | 2

export interface Dialect extends Pick<Families.Dialect, "escaping" | "conflicts"> {
  readonly version: Version
  /** What timers and distributions are: those with boundaries of their own have buckets with names also where others are `native`. */
  readonly histograms: "classic" | "native" | "both"
  /** By unit, those of buckets with names where a distribution has none of its own. */
  readonly boundaries: (unit: string | undefined) => ReadonlyArray<number>
  /** The most samples of a request that is not of one measurement. */
  readonly maxSamples: number
}

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

type Kind = "counter" | "gauge" | "histogram"

/** In a request of version 2: where it is, if it is in it. */
interface Interned {
  readonly bytes: Uint8Array
  request: number
  place: number
}

/** A time series on the wire. */
interface Line {
  /** Version 1: its labels, as fields. */
  readonly labels: Uint8Array
  /** Version 2: their names and values in turn, and what it says beside them. */
  readonly symbols: ReadonlyArray<Interned>
  readonly kind: Kind
  readonly help: Interned | undefined
  readonly unit: Interned | undefined
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly by: Encoder
  readonly tag: Measurement["_tag"]
  readonly fault: Fault | undefined
  /** Of a point: by field. Of a distribution: buckets, sum and count. */
  readonly lines: ReadonlyArray<Line>
  readonly native: Line | undefined
  readonly fields: ReadonlyArray<string> | undefined
}

const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const tooLarge: Fault = { drop: "too_large", reason: "it is longer than a request may be" }
const badTime: Fault = { drop: "invalid", reason: "its time is none, or out of range" }
const tooWide: Fault = { drop: "unsupported", reason: "its values are too far apart for a native histogram" }

const maxKept = 65_536

const symbolTag = (4 << 3) | 2

/** In a series' metadata. */
const types: Readonly<Record<Kind, number>> = { counter: 1, gauge: 2, histogram: 3 }

/** Says that a series has ended: a signalling NaN, which would not outlive being a number. */
const staleNaN = 0x7ff0000000000002n

// Encoding is synchronous, so all encoders of a process grow their requests in the same place, and what is kept in another.
const output = new ProtobufOutput()
const small = new ProtobufOutput()

const sized = (content: number): number => 1 + varintSize(content) + content

const int64Size = (value: number): number => (value < 0 ? 10 : varintSize(value))

const putInt64 = (value: number): void => {
  if (value < 0) output.int64(BigInt(value))
  else output.varint(value)
}

const isTime = ({ millis }: Measurement): boolean => Number.isSafeInteger(millis) && millis !== 0

const kindOf = ({ _tag, series }: Measurement): Kind =>
  _tag === "distribution" ? "histogram" : _tag === "count" && series.monotonic !== false ? "counter" : "gauge"

/** By bytes, as receivers look for labels. */
const order = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** `le` is the name of buckets' label, also where a series has none today. */
const labelNames = (keys: ReadonlyArray<string>, dialect: Pick<Dialect, "escaping" | "conflicts">) =>
  Families.labelNamesOf(keys, "histogram", dialect)

const isTold = ([key, value]: Tag): boolean => key !== "" && value !== ""

/** What Prometheus takes for equal is: tags by the names of their labels, without those that are empty. */
export const spell =
  ({ escaping }: Pick<Dialect, "escaping">) =>
  ({ name, tags }: Pick<Series, "name" | "tags">): Pick<Series, "name" | "tags"> => {
    const told = tags.filter(isTold)
    const names = labelNames(
      told.map(([key]) => key),
      { escaping, conflicts: "rename" }
    )
    const spelled = told.map(([key, value]): Tag => [String(names.get(key)), value.replace(/\p{Cs}/gu, "\ufffd")])
    return { name, tags: spelled.sort(([a], [b]) => (a < b ? -1 : 1)) }
  }

export const make = (dialect: Dialect): Encoder => {
  const { boundaries, conflicts, escaping, histograms, maxSamples, version } = dialect
  const claims = { escaping, conflicts, claims: "all" } as const
  const symbols = new Map<string, Interned>()
  let families = new Map<string, string | undefined>()
  let names = new Families.FamilyNames(claims)
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

  const symbolOf = (text: string): Interned => {
    let symbol = symbols.get(text)
    if (symbol === undefined) {
      if (symbols.size >= maxKept) symbols.clear()
      symbol = { bytes: Bytes.encodeKept(text), request: 0, place: 0 }
      symbols.set(text, symbol)
    }
    return symbol
  }

  /** `undefined` for what has no name. */
  const familyOf = (name: string, kind: Kind, unit: string | undefined): string | undefined => {
    const id = `${kind} ${name}`
    if (families.has(id)) return families.get(id)
    if (families.size >= maxKept) {
      families = new Map()
      names = new Families.FamilyNames(claims)
    }
    const spelled = names.name({ name, type: kind, unit })
    families.set(id, spelled)
    return spelled
  }

  /** With names that no two share. */
  const labelsOf = ({ tags }: Series): ReadonlyArray<Tag> | Fault => {
    const told = tags.filter(([, value]) => value !== "")
    const spelled = labelNames(
      told.map(([key]) => key),
      dialect
    )
    const labels = new Map<string, string>()
    for (const [key, value] of told) {
      const label = spelled.get(key)!
      if (typeof label !== "string") return label
      if (labels.has(label)) return { drop: "invalid", reason: `two of its tags are the label ${quote(label)}` }
      labels.set(label, value)
    }
    return [...labels]
  }

  const lineOf = (
    name: string,
    labels: ReadonlyArray<Tag>,
    kind: Kind,
    help: string | undefined,
    unit: string | undefined
  ): Line => {
    const pairs = [["__name__", name] as const, ...labels].map(
      ([key, value]) => [Bytes.encode(key), Bytes.encode(value), key, value] as const
    )
    pairs.sort(([a], [b]) => order(a, b))
    const text = (given: string | undefined): Interned | undefined =>
      version === 1 || given === undefined || given === "" ? undefined : symbolOf(given)
    return {
      labels: version === 1 ? fieldsOf(pairs) : new Uint8Array(0),
      symbols: version === 1 ? [] : pairs.flatMap(([, , key, value]) => [symbolOf(key), symbolOf(value)]),
      kind,
      help: text(help),
      unit: text(unitSuffix(unit))
    }
  }

  const histogramLines = (
    name: string,
    labels: ReadonlyArray<Tag>,
    { boundaries: own, description }: Series,
    unit: string | undefined
  ): Pick<Kept, "lines" | "native"> => {
    const line = (full: string, more: ReadonlyArray<Tag> = []): Line =>
      lineOf(full, [...labels, ...more], "histogram", description, unit)
    const native = histograms === "both" || (histograms === "native" && own === undefined) ? line(name) : undefined
    if (histograms === "native" && own === undefined) return { lines: [], native }
    const bounds = [...(own ?? boundaries(unit)), Infinity]
    const buckets = bounds.map((bound) => line(`${name}_bucket`, [["le", canonical(bound)]]))
    return { lines: [...buckets, line(`${name}_sum`), line(`${name}_count`)], native }
  }

  const find = (measurement: Measurement): Omit<Kept, "by" | "tag" | "fields"> => {
    const { series } = measurement
    const { description, name } = series
    const unit = series.kind === "timer" ? (series.unit ?? "s") : series.unit
    const refused = (fault: Fault) => ({ fault, lines: [], native: undefined })
    const labels = labelsOf(series)
    if ("drop" in labels) return refused(labels)
    if (measurement._tag === "point" && measurement.fieldNames.length === 0) return refused(noFields)
    const kind = kindOf(measurement)
    const lines: Array<Line> = []
    for (const field of measurement._tag === "point" ? measurement.fieldNames : ["value"]) {
      const isOwn = field === "value"
      const full = isOwn ? name : `${name}.${field}`
      const spelled = familyOf(full, kind, isOwn ? unit : undefined)
      if (spelled === undefined) return refused(Families.faultOf(full, escaping))
      if (kind === "histogram") return { fault: undefined, ...histogramLines(spelled, labels, series, unit) }
      lines.push(lineOf(spelled, labels, kind, isOwn ? description : undefined, isOwn ? unit : undefined))
    }
    return { fault: undefined, lines, native: undefined }
  }

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

type Pair = readonly [keyBytes: Uint8Array, valueBytes: Uint8Array, key: string, value: string]

const fieldsOf = (pairs: ReadonlyArray<Pair>): Uint8Array => {
  small.at = 0
  for (const [key, value] of pairs) {
    small.reserve(key.length + value.length + 30)
    small.varint((1 << 3) | 2)
    small.varint(sized(key.length) + sized(value.length))
    small.varint((1 << 3) | 2)
    small.varint(key.length)
    small.put(key)
    small.varint((2 << 3) | 2)
    small.varint(value.length)
    small.put(value)
  }
  return Bytes.keep(small.bytes.subarray(0, small.at))
}
