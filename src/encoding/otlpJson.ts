/**
 * OpenTelemetry's `ExportMetricsServiceRequest` in JSON: keys in lower camel case, integers of 64 bits as text, and so are
 * numbers that JSON does not have.
 */
import * as Bytes from "./bytes.js"
import {
  type Attribute,
  type AttributeValue,
  beginningOf,
  type Described,
  type Dialect,
  type Encode,
  gather,
  lengthOf,
  make as makeEncode,
  type Metric,
  type Read,
  temporalities,
  type Times,
  type Wire
} from "./otlp.js"
import { Output } from "./output.js"

const comma = 44
const doubleQuote = 34
const closeBrace = 125

const minLong = -9_223_372_036_854_775_808n
const maxLong = 9_223_372_036_854_775_807n

class JsonOutput extends Output {
  /** As JSON has it; text for what it has not. */
  double(value: number): void {
    if (value - value === 0) this.at = Bytes.writeNumber(this.bytes, this.at, value)
    else this.at = Bytes.writeAscii(this.bytes, this.at, `"${value}"`)
  }

  /** A whole number, in quotes. */
  long(value: number | bigint): void {
    this.bytes[this.at++] = doubleQuote
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      this.at = Bytes.writeInteger(this.bytes, this.at, value)
    } else this.big(BigInt(value), minLong, maxLong)
    this.bytes[this.at++] = doubleQuote
  }

  /** In quotes; in two groups of digits, so that it needs no bigint. */
  nanos(millis: number, nanos: number): void {
    this.bytes[this.at++] = doubleQuote
    const at = millis === 0 ? this.at : Bytes.writeInteger(this.bytes, this.at, millis)
    this.at = millis === 0 ? Bytes.writeInteger(this.bytes, at, nanos) : Bytes.writeDigits(this.bytes, at, nanos, 6)
    this.bytes[this.at++] = doubleQuote
  }
}

// Encoding is synchronous, so all encoders of a process grow their data points in the same place.
const output = new JsonOutput()

/** Half of a pair of surrogates as what UTF-8 makes of it: escaped, it would have strict readers refuse the request. */
const json = (text: string): string => JSON.stringify(text.replace(/\p{Surrogate}/gu, "\ufffd"))

const valueOf = (value: AttributeValue): string =>
  typeof value === "string"
    ? `{"stringValue":${json(value)}}`
    : typeof value === "boolean"
      ? `{"boolValue":${String(value)}}`
      : typeof value === "bigint" || Number.isSafeInteger(value)
        ? `{"intValue":"${value}"}`
        : `{"doubleValue":${value}}`

const attributesOf = (attributes: ReadonlyArray<Attribute>): string =>
  `[${attributes.map(([key, value]) => `{"key":${json(key)},"value":${valueOf(value)}}`).join()}]`

const startKey = Bytes.encode(`,"startTimeUnixNano":`)
const timeKey = Bytes.encode(`,"timeUnixNano":`)
const doubleKey = Bytes.encode(`,"asDouble":`)
const intKey = Bytes.encode(`,"asInt":`)
const countKey = Bytes.encode(`,"count":`)
const sumKey = Bytes.encode(`,"sum":`)
const minKey = Bytes.encode(`,"min":`)
const maxKey = Bytes.encode(`,"max":`)
const bucketsKey = Bytes.encode(`,"bucketCounts":[`)
const boundsKey = Bytes.encode(`],"explicitBounds":[`)
const closeList = Bytes.encode("]")
const scaleKey = Bytes.encode(`,"scale":`)
const zeroKey = Bytes.encode(`,"zeroCount":`)
const positiveKey = Bytes.encode(`,"positive":{"offset":`)
const negativeKey = Bytes.encode(`,"negative":{"offset":`)
const closeBuckets = Bytes.encode("]}")

/** A data point up to its value. It has a comma before it, which the first of its metric loses. */
const begin = (attributes: Uint8Array, times: Times, more: number): void => {
  output.reserve(attributes.length + more + 512)
  output.put(attributes)
  if (times.startMillis >= 0) {
    output.put(startKey)
    output.nanos(beginningOf(times), 0)
  }
  output.put(timeKey)
  output.nanos(times.millis, times.nanos)
}

const end = (): void => {
  output.bytes[output.at++] = closeBrace
}

const putDouble = (key: Uint8Array, value: number): void => {
  output.put(key)
  output.double(value)
}

const putLong = (key: Uint8Array, value: number): void => {
  output.put(key)
  output.long(value)
}

/** A sum of negative values may fall, so that a histogram with some has none. */
const putRead = ({ count, max, min, sum }: Read): void => {
  putLong(countKey, count)
  if (!(min < 0)) putDouble(sumKey, sum)
  if (!(min <= max)) return
  putDouble(minKey, min)
  putDouble(maxKey, max)
}

const putLongs = (values: ReadonlyArray<number>): void => {
  for (let i = 0; i < values.length; i++) {
    if (i > 0) output.bytes[output.at++] = comma
    output.long(values[i]!)
  }
}

const number: Wire["number"] = (attributes, times, value, isInt) => {
  begin(attributes, times, 0)
  if (isInt || typeof value === "bigint") {
    output.put(intKey)
    output.long(value)
  } else putDouble(doubleKey, value)
  end()
}

const histogram: Wire["histogram"] = (attributes, times, read, bounds, buckets) => {
  begin(attributes, times, (bounds.length + buckets.length) * (Bytes.maxNumberBytes + 3))
  putRead(read)
  if (bounds.length > 0) {
    output.put(bucketsKey)
    putLongs(buckets)
    output.put(boundsKey)
    for (let i = 0; i < bounds.length; i++) {
      if (i > 0) output.bytes[output.at++] = comma
      output.double(bounds[i]!)
    }
    output.put(closeList)
  }
  end()
}

interface Counts {
  readonly offset: number
  readonly counts: ReadonlyArray<number>
}

const putBuckets = (key: Uint8Array, { counts, offset }: Counts): void => {
  if (counts.length === 0) return
  putDouble(key, offset)
  output.put(bucketsKey)
  putLongs(counts)
  output.put(closeBuckets)
}

const exponential: Wire["exponential"] = (attributes, times, read) => {
  const { negative, positive, scale, zeroCount } = read
  begin(attributes, times, (positive.counts.length + negative.counts.length) * (Bytes.maxNumberBytes + 3))
  putRead(read)
  putDouble(scaleKey, scale)
  putLong(zeroKey, zeroCount)
  putBuckets(positiveKey, positive)
  putBuckets(negativeKey, negative)
  end()
}

const metricOf = (
  { data, description = "", monotonic, name, unit = "" }: Described,
  temporality: number
): Pick<Metric, "head" | "tail" | "overhead"> => {
  const described = description === "" ? "" : `,"description":${json(description)}`
  const measured = unit === "" ? "" : `,"unit":${json(unit)}`
  const sums = data === "sum" ? `,"isMonotonic":${String(monotonic)}` : ""
  const rest = data === "gauge" ? "" : `,"aggregationTemporality":${temporality}${sums}`
  const head = Bytes.encodeKept(`{"name":${json(name)}${described}${measured},${JSON.stringify(data)}:{"dataPoints":[`)
  const tail = Bytes.encodeKept(`]${rest}}}`)
  return { head, tail, overhead: head.length + tail.length }
}

const close = Bytes.encode("]}]}]}")

const assembled = (metrics: ReadonlyArray<Metric>, open: Uint8Array): Uint8Array => {
  let size = open.length + close.length
  // The comma that a metric's first data point loses stands before the metric.
  for (const metric of metrics) size += metric.head.length + metric.tail.length + lengthOf(metric)
  const bytes = new Uint8Array(metrics.length > 0 ? size - 1 : size)
  bytes.set(open)
  let at = open.length
  for (const metric of metrics) {
    if (at > open.length) bytes[at++] = comma
    bytes.set(metric.head, at)
    at += metric.head.length
    metric.spans[0]!++
    at = gather(output.bytes, metric, bytes, at)
    bytes.set(metric.tail, at)
    at += metric.tail.length
  }
  bytes.set(close, at)
  return bytes
}

export const make = (dialect: Dialect): Encode => {
  const { resource, scope, temporality } = dialect
  const version = scope.version === undefined ? "" : `,"version":${json(scope.version)}`
  const open = Bytes.encode(
    `{"resourceMetrics":[{"resource":{"attributes":${attributesOf(resource)}},` +
      `"scopeMetrics":[{"scope":{"name":${json(scope.name)}${version}},"metrics":[`
  )
  const wire: Wire = {
    output,
    frame: open.length + close.length,
    attributes: (tags) => Bytes.encodeKept(`,{"attributes":${attributesOf(tags)}`),
    metric: (described) => metricOf(described, temporalities[temporality]),
    number,
    histogram,
    exponential,
    assemble: (metrics) => assembled(metrics, open)
  }
  return makeEncode(wire, dialect)
}
