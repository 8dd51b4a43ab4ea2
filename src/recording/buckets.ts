/** Buckets between bounds: which is a value's, and what a histogram comes to in them. */
import { type Histogram, representativeOf } from "./histogram.js"

/** The first bucket whose upper bound is not below the value. */
export const bucketOf = (boundaries: ReadonlyArray<number>, value: number): number => {
  let low = 0
  let high = boundaries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (boundaries[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Values that stand for those of a histogram, and how many there are of each. */
export const eachBucket = (
  {
    max,
    min,
    negative,
    positive,
    scale,
    zeroCount
  }: Pick<Histogram, "max" | "min" | "negative" | "positive" | "scale" | "zeroCount">,
  take: (value: number, times: number) => void
): void => {
  const within = (value: number): number => (value < min ? min : value > max ? max : value)
  negative.counts.forEach((times, i) => {
    if (times > 0) take(within(-representativeOf(negative.offset + i, scale)), times)
  })
  if (zeroCount > 0) take(within(0), zeroCount)
  positive.counts.forEach((times, i) => {
    if (times > 0) take(within(representativeOf(positive.offset + i, scale)), times)
  })
}

/** By the values that stand for its own: exact where none of its buckets has a bound within it. */
export const bucketsOf = (
  histogram: Parameters<typeof eachBucket>[0],
  boundaries: ReadonlyArray<number>
): ReadonlyArray<number> => {
  const buckets = new Array<number>(boundaries.length + 1).fill(0)
  eachBucket(histogram, (value, times) => {
    buckets[bucketOf(boundaries, value)]! += times
  })
  return buckets
}
