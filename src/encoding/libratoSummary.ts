/**
 * How far the values of a window are spread, which a histogram does not gather: found from its buckets. Each value is taken for
 * the representative of its bucket, which is wrong by at most the histogram's relative error: 1 % where the values span a
 * decade, 4 % where they span three. What is known exactly bounds the rest, so that up to two values, and any number of equal
 * ones, come out exact.
 */
import { type Histogram, representativeOf } from "../recording/histogram.js"

/** The sum of the squared distances from the mean. */
export const squaredDeviations = (histogram: Histogram): number => {
  const { count, max, min, negative, positive, scale, sum, zeroCount } = histogram
  const mean = sum / count
  let total = zeroCount * mean * mean
  for (let i = 0; i < positive.counts.length; i++) {
    const away = representativeOf(positive.offset + i, scale) - mean
    total += positive.counts[i]! * away * away
  }
  for (let i = 0; i < negative.counts.length; i++) {
    const away = representativeOf(negative.offset + i, scale) + mean
    total += negative.counts[i]! * away * away
  }
  // The extremes are each there once at least, and no value is beyond them.
  const least = count > 1 ? (max - mean) ** 2 + (mean - min) ** 2 : 0
  const most = count * (max - mean) * (mean - min)
  return Math.max(least, Math.min(most, total))
}
