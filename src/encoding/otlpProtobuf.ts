/**
 * OpenTelemetry's `ExportMetricsServiceRequest` in protobuf. Fields are written by ascending number, as its own writers do.
 */
import * as Bytes from "./bytes.js"
import {
  type Attribute,
  type AttributeValue,
  beginningOf,
  type Data,
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
import { ProtobufOutput, varintSize, writeVarint, zigzag } from "./protobuf.js"

/** Of a field with a length, by its number. */
const bytesTag = (number: number): number => (number << 3) | 2
const fixedTag = (number: number): number => (number << 3) | 1
const varintTag = (number: number): number => number << 3

/** In `Metric`. */
const dataField: Readonly<Record<Data, number>> = { gauge: 5, sum: 7, histogram: 9, exponentialHistogram: 10 }
/** In a data point. */
const attributesField: Readonly<Record<Data, number>> = { gauge: 7, sum: 7, histogram: 9, exponentialHistogram: 1 }

// Encoding is synchronous, so all encoders of a process grow their data points in the same place, and what is kept in another.
const output = new ProtobufOutput()
const small = new ProtobufOutput()

/** What `write` writes. */
const written = (write: () => void): Uint8Array => {
  small.at = 0
  write()
  return Bytes.keep(small.bytes.subarray(0, small.at))
}

const putBytes = (tag: number, bytes: Uint8Array): void => {
  small.reserve(bytes.length + 12)
  small.varint(tag)
  small.varint(bytes.length)
  small.put(bytes)
}

const valueOf = (value: AttributeValue): Uint8Array => {
  if (typeof value === "string") {
    const text = Bytes.encode(value)
    return written(() => putBytes(bytesTag(1), text))
  }
  return written(() => {
    small.reserve(16)
    if (typeof value === "boolean") {
      small.varint(varintTag(2))
      small.varint(value ? 1 : 0)
    } else if (typeof value === "bigint" || Number.isSafeInteger(value)) {
      small.varint(varintTag(3))
      small.int64(BigInt(value))
    } else {
      small.varint(fixedTag(4))
      small.double(value)
    }
  })
}

const attributesOf = (attributes: ReadonlyArray<Attribute>, number: number): Uint8Array => {
  const pairs = attributes.map(([key, value]): readonly [Uint8Array, Uint8Array] => [Bytes.encode(key), valueOf(value)])
  const entries = pairs.map(([key, value]) =>
    written(() => {
      putBytes(bytesTag(1), key)
      putBytes(bytesTag(2), value)
    })
  )
  return written(() => {
    for (const entry of entries) putBytes(bytesTag(number), entry)
  })
}

const putText = (number: number, text: string | undefined): void => {
  if (text !== undefined && text !== "") putBytes(bytesTag(number), Bytes.encode(text))
}

/** Of a field with a length, with its tag. */
const sized = (content: number): number => 1 + varintSize(content) + content

const putTimes = (times: Times): void => {
  if (times.startMillis >= 0) {
    output.bytes[output.at++] = fixedTag(2)
    output.nanos(beginningOf(times), 0)
  }
  output.bytes[output.at++] = fixedTag(3)
  output.nanos(times.millis, times.nanos)
}

const putDouble = (number: number, value: number): void => {
  output.bytes[output.at++] = fixedTag(number)
  output.double(value)
}

const putFixed = (number: number, value: number): void => {
  output.bytes[output.at++] = fixedTag(number)
  output.fixed64(value)
}

/** A sum of negative values may fall, so that a histogram with some has none. */
const hasSum = ({ min }: Read): boolean => !(min < 0)

/** The sum, and the extremes. */
const numbersSize = (read: Read): number => (hasSum(read) ? 9 : 0) + (read.min <= read.max ? 18 : 0)

const putExtremes = (number: number, { max, min }: Read): void => {
  if (!(min <= max)) return
  putDouble(number, min)
  putDouble(number + 1, max)
}

const beginPoint = (size: number): void => {
  // A tag, and a length of at most ten bytes.
  output.reserve(size + 11)
  output.bytes[output.at++] = bytesTag(1)
  output.varint(size)
}

interface Counts {
  readonly offset: number
  readonly counts: ReadonlyArray<number>
}

const countsSize = ({ counts }: Counts): number => {
  let size = 0
  for (let i = 0; i < counts.length; i++) size += varintSize(counts[i]!)
  return size
}

const bucketsSize = ({ offset }: Counts, counts: number): number =>
  (offset === 0 ? 0 : 1 + varintSize(zigzag(offset))) + sized(counts)

const putBuckets = (number: number, buckets: Counts, size: number): void => {
  const { counts, offset } = buckets
  output.bytes[output.at++] = bytesTag(number)
  output.varint(bucketsSize(buckets, size))
  if (offset !== 0) {
    output.bytes[output.at++] = varintTag(1)
    output.varint(zigzag(offset))
  }
  output.bytes[output.at++] = bytesTag(2)
  output.varint(size)
  for (let i = 0; i < counts.length; i++) output.varint(counts[i]!)
}

const number: Wire["number"] = (attributes, times, value, isInt) => {
  beginPoint((times.startMillis >= 0 ? 27 : 18) + attributes.length)
  putTimes(times)
  if (isInt || typeof value === "bigint") {
    output.bytes[output.at++] = fixedTag(6)
    output.sfixed64(value)
  } else putDouble(4, value)
  output.put(attributes)
}

const histogram: Wire["histogram"] = (attributes, times, read, bounds, buckets) => {
  const hasBuckets = bounds.length > 0
  const bucketBytes = hasBuckets ? sized(8 * buckets.length) + sized(8 * bounds.length) : 0
  beginPoint((times.startMillis >= 0 ? 27 : 18) + numbersSize(read) + bucketBytes + attributes.length)
  putTimes(times)
  putFixed(4, read.count)
  if (hasSum(read)) putDouble(5, read.sum)
  if (hasBuckets) {
    output.bytes[output.at++] = bytesTag(6)
    output.varint(8 * buckets.length)
    for (let i = 0; i < buckets.length; i++) output.fixed64(buckets[i]!)
    output.bytes[output.at++] = bytesTag(7)
    output.varint(8 * bounds.length)
    for (let i = 0; i < bounds.length; i++) output.double(bounds[i]!)
  }
  output.put(attributes)
  putExtremes(11, read)
}

const exponential: Wire["exponential"] = (attributes, times, read) => {
  const { negative, positive, scale, zeroCount } = read
  const above = countsSize(positive)
  const below = countsSize(negative)
  const size =
    attributes.length +
    (times.startMillis >= 0 ? 27 : 18) +
    numbersSize(read) +
    (scale === 0 ? 0 : 1 + varintSize(zigzag(scale))) +
    (zeroCount === 0 ? 0 : 9) +
    (above === 0 ? 0 : sized(bucketsSize(positive, above))) +
    (below === 0 ? 0 : sized(bucketsSize(negative, below)))
  beginPoint(size)
  output.put(attributes)
  putTimes(times)
  putFixed(4, read.count)
  if (hasSum(read)) putDouble(5, read.sum)
  if (scale !== 0) {
    output.bytes[output.at++] = varintTag(6)
    output.varint(zigzag(scale))
  }
  if (zeroCount !== 0) putFixed(7, zeroCount)
  if (above > 0) putBuckets(8, positive, above)
  if (below > 0) putBuckets(9, negative, below)
  putExtremes(12, read)
}

/** What stands before a metric's data points of `length` bytes: without the metric's own tag and length. */
const contentSize = ({ head, tail }: Metric, length: number): number => head.length + sized(length + tail.length)

const assembled = (metrics: ReadonlyArray<Metric>, resource: Uint8Array, scope: Uint8Array): Uint8Array => {
  const lengths = metrics.map(lengthOf)
  let scopeMetrics = scope.length
  metrics.forEach((metric, i) => (scopeMetrics += sized(contentSize(metric, lengths[i]!))))
  const resourceMetrics = resource.length + sized(scopeMetrics)
  const bytes = new Uint8Array(sized(resourceMetrics))
  let at = 0
  const put = (part: Uint8Array): void => {
    bytes.set(part, at)
    at += part.length
  }
  const open = (number: number, length: number): void => {
    bytes[at++] = bytesTag(number)
    at = writeVarint(bytes, at, length)
  }
  open(1, resourceMetrics)
  put(resource)
  open(2, scopeMetrics)
  put(scope)
  metrics.forEach((metric, i) => {
    const length = lengths[i]!
    open(2, contentSize(metric, length))
    put(metric.head)
    open(dataField[metric.data], length + metric.tail.length)
    at = gather(output.bytes, metric, bytes, at)
    put(metric.tail)
  })
  return bytes
}

const metricOf = (
  { data, description, monotonic, name, unit }: Described,
  temporality: number
): Pick<Metric, "head" | "tail" | "overhead"> => {
  const head = written(() => {
    putText(1, name)
    putText(2, description)
    putText(3, unit)
  })
  const tail = written(() => {
    if (data === "gauge") return
    small.varint(varintTag(2))
    small.varint(temporality)
    if (!monotonic) return
    small.varint(varintTag(3))
    small.varint(1)
  })
  // Two tags, and two lengths of less than 2^35.
  return { head, tail, overhead: head.length + tail.length + 12 }
}

export const make = (dialect: Dialect): Encode => {
  const { resource, scope, temporality } = dialect
  const resourceBytes = attributesOf(resource, 1)
  const resourceField = written(() => putBytes(bytesTag(1), resourceBytes))
  const scopeBytes = written(() => {
    putText(1, scope.name)
    putText(2, scope.version)
  })
  const scopeField = written(() => putBytes(bytesTag(1), scopeBytes))
  const wire: Wire = {
    output,
    frame: resourceField.length + scopeField.length + 12,
    attributes: (tags, data) => attributesOf(tags, attributesField[data]),
    metric: (described) => metricOf(described, temporalities[temporality]),
    number,
    histogram,
    exponential,
    assemble: (metrics) => assembled(metrics, resourceField, scopeField)
  }
  return makeEncode(wire, dialect)
}
