/**
 * Prometheus' native histograms, as both versions of remote write carry them: counts of buckets whose bounds grow by a constant
 * factor, as differences from one to the next, with what is empty between them left out.
 *
 * They are the buckets that are gathered here, one further: ours with the number `i` holds `(base^i, base^(i+1)]`, theirs
 * `(base^(i-1), base^i]`. What is finer than their finest is made coarser, which is exact.
 */
import type { Histogram } from "../recording/histogram.js"
import { type ProtobufOutput, varintSize, zigzag } from "./protobuf.js"

export type Native = Pick<Histogram, "count" | "sum" | "scale" | "zeroCount" | "positive" | "negative">

const finest = 8
const coarsest = -4

/** Whether its buckets are not too wide for them. */
export const isNative = ({ scale }: Native): boolean => scale >= coarsest

/** More empty buckets in a row than this are left out. */
const widestGap = 2

interface Buckets {
  /** Of each run of buckets: how many are left out before it, or where the first one is; and how many it has. */
  readonly spans: ReadonlyArray<readonly [offset: number, length: number]>
  readonly deltas: ReadonlyArray<number>
}

const bucketsOf = ({ counts, offset }: Histogram["positive"], shift: number): Buckets => {
  const spans: Array<[offset: number, length: number]> = []
  const deltas: Array<number> = []
  let before = 0
  /** Behind the last bucket that was written. */
  let next = 0
  const add = (count: number): void => {
    deltas.push(count - before)
    before = count
    next++
    spans[spans.length - 1]![1]++
  }
  for (let i = 0; i < counts.length;) {
    const index = (offset + i) >> shift
    let count = 0
    for (; i < counts.length && (offset + i) >> shift === index; i++) count += counts[i]!
    if (count === 0) continue
    const place = index + 1
    if (spans.length === 0 || place - next > widestGap) {
      spans.push([spans.length === 0 ? place : place - next, 0])
      next = place
    }
    while (next < place) add(0)
    add(count)
  }
  return { spans, deltas }
}

const sized = (content: number): number => 1 + varintSize(content) + content

const spanSize = ([offset, length]: readonly [number, number]): number =>
  (offset === 0 ? 0 : 1 + varintSize(zigzag(offset))) + 1 + varintSize(length)

const deltasSize = (deltas: ReadonlyArray<number>): number => {
  let size = 0
  for (const delta of deltas) size += varintSize(zigzag(delta))
  return size
}

const bucketsSize = ({ deltas, spans }: Buckets): number => {
  if (spans.length === 0) return 0
  let size = sized(deltasSize(deltas))
  for (const span of spans) size += sized(spanSize(span))
  return size
}

export interface Prepared {
  /** Of the message, without its times. */
  readonly size: number
  /** Writes it up to its times, which come last. The caller has reserved. */
  readonly put: (output: ProtobufOutput) => void
}

export const prepare = (histogram: Native): Prepared => {
  const { count, scale, sum, zeroCount } = histogram
  const schema = Math.min(scale, finest)
  const negative = bucketsOf(histogram.negative, scale - schema)
  const positive = bucketsOf(histogram.positive, scale - schema)
  const size =
    1 +
    varintSize(count) +
    (sum === 0 ? 0 : 9) +
    (schema === 0 ? 0 : 1 + varintSize(zigzag(schema))) +
    (zeroCount === 0 ? 0 : 1 + varintSize(zeroCount)) +
    bucketsSize(negative) +
    bucketsSize(positive)
  return {
    size,
    put: (output) => {
      const putBuckets = (field: number, { deltas, spans }: Buckets): void => {
        if (spans.length === 0) return
        for (const span of spans) {
          const [offset, length] = span
          output.varint((field << 3) | 2)
          output.varint(spanSize(span))
          if (offset !== 0) {
            output.varint(1 << 3)
            output.varint(zigzag(offset))
          }
          output.varint(2 << 3)
          output.varint(length)
        }
        output.varint(((field + 1) << 3) | 2)
        output.varint(deltasSize(deltas))
        for (const delta of deltas) output.varint(zigzag(delta))
      }
      output.varint(1 << 3)
      output.varint(count)
      if (sum !== 0) {
        output.varint((3 << 3) | 1)
        output.double(sum)
      }
      if (schema !== 0) {
        output.varint(4 << 3)
        output.varint(zigzag(schema))
      }
      // Field 5, how wide the bucket of 0 is, is 0 and left out: nothing but 0 is in it.
      if (zeroCount !== 0) {
        output.varint(6 << 3)
        output.varint(zeroCount)
      }
      putBuckets(8, negative)
      putBuckets(11, positive)
    }
  }
}
