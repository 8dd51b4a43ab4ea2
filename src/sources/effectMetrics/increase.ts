/**
 * What a histogram saw between two readings: exactly how many values in each bucket, exactly their sum, and about where in
 * their buckets they were.
 */

/** A histogram as Effect's state has it. */
export interface Reading {
  /** Upper bounds in ascending order, the last infinite, with the count up to each. */
  readonly buckets: ReadonlyArray<readonly [upper: number, cumulative: number]>
  readonly min: number
  readonly max: number
  readonly sum: number
}

/** What `DistributionEntry.absorb` takes. */
export interface Increase {
  readonly values: ReadonlyArray<number>
  readonly counts: ReadonlyArray<number>
  readonly sum: number
  /** The counts added up. */
  readonly count: number
}

/** Effect counts a bucket in 32 bits. */
const wrap = 2 ** 32

export class Increases {
  private readonly counts: Array<number> = []
  private sum = 0
  private min = Infinity
  private max = -Infinity
  private uppers: ReadonlyArray<number> | undefined = undefined

  /** @param divisor of all values, to give them in another unit. */
  constructor(private readonly divisor: number) {}

  /** What came since the last call. */
  next({ buckets, max, min, sum }: Reading): Increase {
    const { divisor } = this
    const steps: Array<number> = []
    let below = 0
    for (let i = 0; i < buckets.length; i++) {
      const count = buckets[i]![1] - below
      below = buckets[i]![1]
      const step = count - (this.counts[i] ?? 0)
      steps.push(step < 0 ? step + wrap : step)
      this.counts[i] = count
    }
    // Effect's extremes start at the largest and the smallest positive double, and stay there if no value was below or above:
    // which for the largest one means that all are at most 0.
    const hasMin = min !== Number.MAX_VALUE
    const hasMax = max !== Number.MIN_VALUE
    // Extremes that moved are among the values that came.
    const known = new Set<number>()
    if (hasMin && min < this.min && Number.isFinite(min)) known.add(min / divisor)
    if (hasMax && max > this.max && Number.isFinite(max)) known.add(max / divisor)
    const came = sum - this.sum
    this.sum = sum
    this.min = Math.min(this.min, min)
    this.max = Math.max(this.max, max)
    this.uppers ??= buckets.map(([upper]) => upper / divisor)
    return place(
      this.uppers,
      steps,
      came / divisor,
      { min: hasMin ? min / divisor : -Infinity, max: hasMax ? max / divisor : 0 },
      known
    )
  }
}

interface Extremes {
  readonly min: number
  readonly max: number
}

/** Puts each bucket's values at one place of it, the same part of the way up in all, so that they add up to the sum. */
const place = (
  uppers: ReadonlyArray<number>,
  steps: Array<number>,
  sum: number,
  extremes: Extremes,
  known: ReadonlySet<number>
): Increase => {
  const values: Array<number> = []
  const counts: Array<number> = []
  let count = 0
  let placed = 0
  const put = (value: number, times: number): void => {
    values.push(value)
    counts.push(times)
    count += times
    placed += value * times
  }
  for (const value of known) {
    const bucket = uppers.findIndex((upper) => value <= upper)
    if (!(steps[bucket]! > 0)) continue
    steps[bucket]!--
    put(value, 1)
  }
  const rest = sum - placed
  let lowest = 0
  let highest = 0
  const ranges: Array<Range> = []
  for (let i = 0; i < steps.length; i++) {
    const times = steps[i]!
    if (times === 0) continue
    const range = rangeOf(i === 0 ? -Infinity : uppers[i - 1]!, uppers[i]!, extremes, times)
    lowest += range.low * times
    highest += range.high * times
    ranges.push(range)
  }
  // The sum may have become none: infinite, or NaN.
  const way = highest > lowest ? (rest - lowest) / (highest - lowest) : 0
  const part = Number.isNaN(way) ? 0.5 : Math.min(Math.max(way, 0), 1)
  for (const { above, high, low, times } of ranges) {
    const value = Math.min(low + part * (high - low), high)
    put(value > above ? value : justAbove(above), times)
  }
  return { values, counts, count, sum: Number.isFinite(sum) ? sum : nearest(placed) }
}

/** Estimates that are beyond the doubles, too. */
const nearest = (sum: number): number =>
  Number.isNaN(sum) ? 0 : Math.min(Math.max(sum, -Number.MAX_VALUE), Number.MAX_VALUE)

/** Where the values of the bucket `(above, upper]` can be, in finite numbers. */
interface Range {
  readonly above: number
  readonly low: number
  readonly high: number
  readonly times: number
}

const rangeOf = (above: number, upper: number, { max, min }: Extremes, times: number): Range => {
  const low = Math.max(above, min)
  const high = Math.min(upper, max)
  if (Number.isFinite(low)) return { above, low, high: Number.isFinite(high) ? Math.max(low, high) : low, times }
  return Number.isFinite(high) ? { above, low: high, high, times } : { above, low: 0, high: 0, times }
}

/** By more than rounding takes away. */
const justAbove = (bound: number): number => bound + Math.max(Math.abs(bound) * 4 * Number.EPSILON, Number.MIN_VALUE)
