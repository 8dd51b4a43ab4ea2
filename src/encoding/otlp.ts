/**
 * Measurements as data points of OpenTelemetry: what its JSON and its protobuf have in common. `Otlp` has the table of what
 * becomes of which measurement.
 *
 * Data points are written one after the other as they come, and then put together by metric, since a request has each metric
 * once. What begins with a tag's key is encoded once for a series and kept in `series.encoded`, metrics are kept by name.
 *
 * Costs: `bench` rows `otlp-protobuf` and `otlp-json`.
 */
import { bucketsOf } from "../recording/buckets.js"
import type { Histogram } from "../recording/histogram.js"
import type { Distribution, FieldValue, Measurement, Point, Series, Tag } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import { nameFault, type Names, tagsFault } from "./otlpNames.js"
import type { Covered, Fault, Output } from "./output.js"
import { fill, invalid, notFinite, outOfRange } from "./output.js"
import { numberOf, sameNames } from "./scalars.js"

/**
 * What an attribute of a resource may be: a whole number is an integer.
 *
 * @since 0.1.0
 * @category models
 */
export type AttributeValue = string | number | bigint | boolean

export type Attribute = readonly [key: string, value: AttributeValue]

/**
 * Whether a sum and a histogram say what came since the last time, or since the beginning.
 *
 * @since 0.1.0
 * @category models
 */
export type Temporality = "delta" | "cumulative"

/** On the wire. */
export const temporalities: Readonly<Record<Temporality, number>> = { delta: 1, cumulative: 2 }

export interface Dialect {
  readonly resource: ReadonlyArray<Attribute>
  readonly scope: { readonly name: string; readonly version: string | undefined }
  readonly temporality: Temporality
  readonly names: Names
  /** What a distribution without boundaries of its own is. */
  readonly histograms: "exponential" | "explicit"
  /** By unit, those that it is counted by where it is `explicit`. */
  readonly boundaries: (unit: string | undefined) => ReadonlyArray<number>
}

/**
 * A request, as an encoder writes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly bytes: Uint8Array
  /** How many data points each measurement has come to, in order. */
  readonly points: ReadonlyArray<number>
}

export interface Bodies extends Covered {
  readonly payload: Body
}

/** Encodes as many measurements, from the first, as fit into `maxBytes`. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Bodies

/** The kinds of metrics. */
export type Data = "gauge" | "sum" | "histogram" | "exponentialHistogram"

export interface Described {
  readonly name: string
  readonly description: string | undefined
  readonly unit: string | undefined
  readonly data: Data
  readonly monotonic: boolean
}

/** A metric, and where in the output its data points stand. */
export interface Metric {
  /** What stands before the data points, and behind them. */
  readonly head: Uint8Array
  readonly tail: Uint8Array
  /** The most that it takes beside its data points. */
  readonly overhead: number
  readonly data: Data
  /** The number of the request that it was last in. */
  request: number
  /** Beginnings and ends, in turn. */
  readonly spans: Array<number>
}

/** What a wire has of a histogram: extremes that are infinite are left out, and the sum where there are negative values. */
export type Read = Pick<Histogram, "count" | "sum" | "min" | "max">
export type ReadExponential = Read & Pick<Histogram, "scale" | "zeroCount" | "positive" | "negative">

/** When it happened; `startMillis` is below 0 for what has no beginning. */
export interface Times {
  readonly startMillis: number
  readonly millis: number
  readonly nanos: number
}

/** When a window began, also where it ended at once, or the clock was set back: that would say that nobody knows when it began. */
export const beginningOf = ({ millis, startMillis }: Times): number =>
  startMillis < millis ? startMillis : Math.max(0, millis - 1)

/** How a wire spells what is written. It reserves what it needs. */
export interface Wire {
  readonly output: Output
  /** The most bytes of a request without metrics. */
  readonly frame: number
  readonly attributes: (tags: ReadonlyArray<Tag>, data: Data) => Uint8Array
  readonly metric: (described: Described) => Pick<Metric, "head" | "tail" | "overhead">
  readonly number: (attributes: Uint8Array, times: Times, value: number | bigint, isInt: boolean) => void
  /** One more bucket than there are bounds; neither where `bounds` is empty. */
  readonly histogram: (
    attributes: Uint8Array,
    times: Times,
    read: Read,
    bounds: ReadonlyArray<number>,
    buckets: ReadonlyArray<number>
  ) => void
  readonly exponential: (attributes: Uint8Array, times: Times, read: ReadExponential) => void
  /** The request of the metrics that have data points. */
  readonly assemble: (metrics: ReadonlyArray<Metric>) => Uint8Array
}

const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const notWhole: Fault = { drop: "invalid", reason: "an integer field has a fraction" }
const tooLarge: Fault = { drop: "too_large", reason: "it is longer than a request may be" }
const badTime: Fault = { drop: "invalid", reason: "its time is before 1970 or after 2554" }

const maxKept = 4096
const maxMillis = 18_446_744_073_708

/** What `series.encoded` keeps. */
interface Kept {
  readonly tag: Measurement["_tag"]
  readonly attributes: Uint8Array
  readonly fault: Fault | undefined
  /** Of a window. */
  readonly metric: Metric | undefined
  /** Of the series' last point. */
  shape: Shape | undefined
}

/** The fields of a point. */
interface Shape {
  readonly names: ReadonlyArray<string>
  readonly metrics: ReadonlyArray<Metric>
  readonly fault: Fault | undefined
}

const isTime = ({ millis, nanos }: Measurement): boolean =>
  Math.floor(millis) === millis &&
  Math.floor(nanos) === nanos &&
  nanos >= 0 &&
  nanos < 1_000_000 &&
  millis <= maxMillis &&
  // Receivers take 0 for no time.
  (millis > 0 || (millis === 0 && nanos > 0))

export const make = (wire: Wire, dialect: Dialect): Encode => {
  const { output } = wire
  const { boundaries, histograms, names } = dialect
  const metrics = new Map<string, Metric>()
  const shapes: Array<Shape & { readonly series: string }> = []
  /** In the request that is being written, in the order in which they came. */
  let opened: Array<Metric> = []
  let request = 0
  /** Where the output ends unless the last measurement was taken back. */
  let written = 0
  /** What the present measurement has come to: its metrics, and how much their spans were before. */
  let points = 0
  const touched: Array<Metric> = []
  const lengths: Array<number> = []
  const ends: Array<number> = []

  const metricOf = (described: Described): Metric => {
    const { data, description = "", monotonic, name, unit = "" } = described
    // Lengths, since any of them may hold any character.
    // Lengths, since any of them may hold any character.
    const key = `${data} ${String(monotonic)} ${name.length} ${unit.length} ${name}${unit}${description}`
    let metric = metrics.get(key)
    if (metric === undefined) {
      if (metrics.size >= maxKept) metrics.clear()
      metric = { ...wire.metric(described), data, request: 0, spans: [] }
      metrics.set(key, metric)
    }
    return metric
  }

  const dataOf = ({ _tag, series }: Measurement): Data =>
    _tag === "count"
      ? "sum"
      : _tag !== "distribution"
        ? "gauge"
        : series.boundaries === undefined && histograms === "exponential"
          ? "exponentialHistogram"
          : "histogram"

  const keep = (measurement: Measurement): Kept => {
    const { _tag: tag, series } = measurement
    const { description, name, tags, unit } = series
    const data = dataOf(measurement)
    const reason = (tag === "point" ? undefined : nameFault(names, name)) ?? tagsFault(tags)
    const monotonic = data === "sum" && series.monotonic === true
    const kept: Kept = {
      tag,
      attributes: wire.attributes(reason === undefined ? tags : [], data),
      fault: invalid(reason),
      metric:
        tag === "point" || reason !== undefined ? undefined : metricOf({ name, description, unit, data, monotonic }),
      shape: undefined
    }
    series.encoded = kept
    return kept
  }

  const makeShape = ({ description, name, unit }: Series, fields: ReadonlyArray<string>): Shape => {
    let fault = fields.length === 0 ? noFields : undefined
    const full = fields.map((field) => (field === "value" ? name : `${name}.${field}`))
    for (const one of full) fault ??= invalid(nameFault(names, one))
    const described = full.map((one): Described => {
      const own = one === name ? { description, unit } : { description: undefined, unit: undefined }
      return { name: one, ...own, data: "gauge", monotonic: false }
    })
    return { names: fields.slice(), metrics: fault === undefined ? described.map(metricOf) : [], fault }
  }

  const shapeOf = (series: Series, fields: ReadonlyArray<string>): Shape => {
    for (const shape of shapes) if (shape.series === series.name && sameNames(shape.names, fields)) return shape
    const shape = { ...makeShape(series, fields), series: series.name }
    if (shapes.length >= 16) shapes.shift()
    shapes.push(shape)
    return shape
  }

  /** Room for a metric that the request does not have yet, and how it was before. */
  const begin = (metric: Metric): void => {
    const { spans } = metric
    const isNew = metric.request !== request
    if (isNew) {
      metric.request = request
      spans.length = 0
      opened.push(metric)
      output.reserve(metric.overhead)
      output.at += metric.overhead
    }
    touched[points] = metric
    lengths[points] = isNew ? -1 : spans.length
    ends[points] = spans.length > 0 ? spans[spans.length - 1]! : 0
    points++
  }

  const end = ({ spans }: Metric, start: number): void => {
    const last = spans.length - 1
    if (last > 0 && spans[last] === start) spans[last] = output.at
    else spans.push(start, output.at)
  }

  const takeBack = (): void => {
    while (points > 0) {
      const { spans } = touched[--points]!
      const length = lengths[points]!
      spans.length = Math.max(0, length)
      if (length > 0) spans[length - 1] = ends[points]!
      if (length < 0) opened.pop()!.request = 0
    }
  }

  const putNumber = (
    metric: Metric,
    attributes: Uint8Array,
    times: Times,
    value: number | bigint,
    isInt: boolean
  ): void => {
    if (isInt && typeof value === "number" && !Number.isInteger(value)) {
      output.fault = value - value === 0 ? notWhole : notFinite
      return
    }
    begin(metric)
    const start = output.at
    wire.number(attributes, times, value, isInt)
    end(metric, start)
  }

  const putField = (metric: Metric, attributes: Uint8Array, times: Times, value: FieldValue): void => {
    const scalar = numberOf(value)
    const isInt = typeof value !== "number"
    if (scalar === undefined) output.skipped++
    else if (value instanceof UInt && scalar < 0) output.fault = outOfRange
    else putNumber(metric, attributes, times, scalar, isInt)
  }

  const putPoint = (point: Point, kept: Kept): void => {
    const { fieldNames, fieldValues, millis, nanos, series } = point
    let { shape } = kept
    if (shape === undefined || !sameNames(shape.names, fieldNames)) kept.shape = shape = shapeOf(series, fieldNames)
    output.fault = shape.fault
    const times: Times = { startMillis: -1, millis, nanos }
    const isInt = series.valueType === "int" && series.kind !== "point"
    for (let i = 0; i < fieldNames.length && output.fault === undefined; i++) {
      const value = fieldValues[i]!
      const typed = isInt && typeof value === "number" ? new Int(value) : value
      putField(shape.metrics[i]!, kept.attributes, times, typed)
    }
    if (points === 0) output.fault ??= noNumbers
  }

  const putDistribution = (window: Distribution, metric: Metric, attributes: Uint8Array): void => {
    begin(metric)
    const start = output.at
    const { histogram, series } = window
    if (metric.data === "exponentialHistogram") wire.exponential(attributes, window, histogram)
    else {
      const bounds = series.boundaries ?? boundaries(series.unit)
      const isCounted = window.buckets?.length === bounds.length + 1
      const buckets = isCounted ? window.buckets : bounds.length === 0 ? [] : bucketsOf(histogram, bounds)
      wire.histogram(attributes, window, histogram, bounds, buckets)
    }
    end(metric, start)
  }

  const put = (measurement: Measurement): void => {
    if (output.at !== written) takeBack()
    points = 0
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    let kept = measurement.series.encoded as Kept | undefined
    if (kept === undefined || kept.tag !== measurement._tag) kept = keep(measurement)
    if (kept.fault !== undefined || !isTime(measurement)) output.fault = kept.fault ?? badTime
    else if (measurement._tag === "point") putPoint(measurement, kept)
    else if (measurement._tag === "distribution") putDistribution(measurement, kept.metric!, kept.attributes)
    else {
      const isInt = measurement.series.valueType === "int"
      putNumber(kept.metric!, kept.attributes, measurement, measurement.value, isInt)
    }
    written = output.at
  }

  return (measurements, maxBytes) => {
    const counts: Array<number> = []
    opened = []
    request++
    points = written = 0
    const covered = fill(output, measurements, maxBytes - wire.frame, { tooLarge }, (one) => {
      put(one)
      counts.push(points)
    })
    if (covered.bytes !== written) takeBack()
    // The last one may not have fitted.
    counts.length = covered.taken
    const refused = new Set(covered.refused.map(({ index }) => index))
    const bytes = wire.assemble(opened)
    const counted = refused.size === 0 ? counts : counts.filter((_, index) => !refused.has(index))
    return { ...covered, bytes: bytes.length, payload: { bytes, points: counted } }
  }
}

/** Puts the data points of a metric behind each other. Returns the position after them. */
export const gather = (source: Uint8Array, { spans }: Metric, target: Uint8Array, at: number): number => {
  let to = at
  for (let i = 0; i < spans.length; i += 2) {
    const end = spans[i + 1]!
    let from = spans[i]!
    if (end - from > 64) target.set(source.subarray(from, end), to)
    else for (let j = to; from < end;) target[j++] = source[from++]!
    to += end - spans[i]!
  }
  return to
}

export const lengthOf = ({ spans }: Metric): number => {
  let length = 0
  for (let i = 0; i < spans.length; i += 2) length += spans[i + 1]! - spans[i]!
  return length
}
