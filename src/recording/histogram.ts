/**
 * The exponential histogram that every timer and distribution gathers into. Buckets grow by a constant factor, the base
 * `2^(2^-scale)`; bucket `i` holds the values in `(base^i, base^(i+1)]`, and negative values mirror that. It starts at the
 * finest scale and halves its resolution whenever the range would need more than `maxBuckets` on a side. As two buckets
 * of one scale are exactly one of the next, counts stay exact, and merging histograms gives what one histogram would
 * hold that had seen it all, in any order.
 *
 * Costs: `bench` row `histogram`.
 */

const maxScale = 20
const defaultMaxBuckets = 160
/** At scale -11 all doubles of one sign are in two buckets. */
const minScale = -11
const firstCapacity = 4

const float = new Float64Array(1)
const words = new Int32Array(float.buffer)
float[0] = 1
const high = words[1] === 0 ? 0 : 1
const low = 1 - high

/** `2^scale` by scale, for the scales at which a histogram takes logarithms. */
const factors = new Float64Array(maxScale + 1)
for (let scale = 0; scale <= maxScale; scale++) factors[scale] = 2 ** scale

/**
 * Up to this scale, that is for all values that differ by more than half, a table stands in for the logarithm: the mantissa's
 * first bits name a cell, a cell is narrower than any bucket, so at most one boundary runs through it.
 */
const tableScale = 8
const cellBits = tableScale + 1
/** The bucket of a cell's first value, relative to the value's exponent, so that 1 itself is in -1. */
const cellBucket = new Int16Array(1 << cellBits)
/** The upper boundary of that bucket, as the two words of its mantissa. */
const cellHigh = new Int32Array(1 << cellBits)
const cellLow = new Int32Array(1 << cellBits)
for (let cell = 0, bucket = -1; cell < 1 << cellBits; cell++) {
  while (2 ** ((bucket + 1) / (1 << tableScale)) < 1 + cell / (1 << cellBits)) bucket++
  float[0] = 2 ** ((bucket + 1) / (1 << tableScale))
  cellBucket[cell] = bucket
  cellHigh[cell] = words[high]! - 0x3ff00000
  cellLow[cell] = words[low]!
}

/** The bucket at `tableScale` of a positive finite value. Leaves the value, made normal, in `float`. */
const tableIndex = (value: number): number => {
  let exponent = -1023
  float[0] = value
  let top = words[high]!
  if (top < 0x00100000) {
    float[0] = value * 0x10000000000000
    top = words[high]!
    exponent -= 52
  }
  exponent += top >> 20
  const mantissa = top & 0xfffff
  const cell = mantissa >> (20 - cellBits)
  const bound = cellHigh[cell]!
  // The sign of the difference: half the time it is either, so a branch on it would be guessed wrong.
  let above = (bound - mantissa) >>> 31
  if (mantissa === bound && words[low]! >>> 0 > cellLow[cell]! >>> 0) above = 1
  return (exponent << tableScale) + cellBucket[cell]! + above
}

/**
 * The bucket at a scale finer than the table's. The logarithm is taken of the mantissa alone, which makes powers of two exact,
 * and held within the bucket that the table says, so that a value goes to the same bucket whether it is indexed at a scale or
 * downscaled to it.
 */
const logarithmIndex = (value: number, scale: number): number => {
  const coarse = tableIndex(value)
  const finer = scale - tableScale
  const first = coarse << finer
  const last = ((coarse + 1) << finer) - 1
  words[high] = (words[high]! & 0xfffff) | 0x3ff00000
  const mantissa = float[0]!
  if (mantissa === 1) return last
  const factor = factors[scale]!
  const index = (coarse >> tableScale) * factor + Math.ceil(Math.log2(mantissa) * factor) - 1
  return index < first ? first : index > last ? last : index
}

const wholeScaleIndex = (value: number, scale: number): number =>
  scale <= tableScale ? tableIndex(value) >> (tableScale - scale) : logarithmIndex(value, scale)

/**
 * The bucket that holds a positive finite value: the `i` of `(base^i, base^(i+1)]`. Exact at powers of two when the scale is
 * whole. A fractional scale gives the buckets of a DDSketch with `gamma = 2^(2^-scale)`, whose key is this index plus one.
 */
export const indexOf = (value: number, scale: number): number =>
  Number.isInteger(scale) && scale >= minScale && scale <= maxScale
    ? wholeScaleIndex(value, scale)
    : Math.ceil(Math.log2(value) * 2 ** scale) - 1

/** The point of a bucket that is least wrong, relatively, for any value in it: `2 base^(index+1) / (base+1)`. */
export const representativeOf = (index: number, scale: number): number => {
  const width = 2 ** -scale
  // base^(index+1) and base+1 overflow at the coarsest scales; both divided by base, they do not.
  return 2 ** (1 + index * width) / (1 + 2 ** -width)
}

/** How far {@link representativeOf} may be from a value of its bucket, as a part of the value: `(base-1) / (base+1)`. */
export const relativeError = (scale: number): number => {
  const inverse = 2 ** -(2 ** -scale)
  return (1 - inverse) / (1 + inverse)
}

/**
 * Counts of consecutive buckets; `counts[0]` belongs to bucket `offset`. Neither the first nor the last count is 0.
 *
 * @since 0.1.0
 * @category models
 */
export interface Buckets {
  readonly offset: number
  readonly counts: ReadonlyArray<number>
}

/** The same counts at `scale - by`, for wires that stop at a coarser scale. */
export const downscale = (buckets: Buckets, by: number): Buckets => {
  if (by <= 0 || buckets.counts.length === 0) return buckets
  const offset = buckets.offset >> by
  const counts = new Array<number>(((buckets.offset + buckets.counts.length - 1) >> by) - offset + 1).fill(0)
  for (let i = 0; i < buckets.counts.length; i++) counts[((buckets.offset + i) >> by) - offset]! += buckets.counts[i]!
  return { offset, counts }
}

const noCounts: Array<number> = []
const noBuckets: Buckets = { offset: 0, counts: noCounts }

/**
 * One sign's counts in a ring: bucket `origin` is in slot 0, later ones follow, earlier ones wrap to the end. Range and
 * origin move freely within the capacity, so nothing is shifted as the range grows.
 */
class Store {
  first = 0
  /** Less than `first` when empty. */
  last = -1
  origin = 0
  counts: Array<number> = noCounts

  slot(index: number): number {
    const slot = index - this.origin
    // Without a branch, which values that come in no order would make the processor guess wrong.
    return slot + ((slot >> 31) & this.counts.length)
  }

  toArray(): Array<number> {
    const counts = new Array<number>(this.last - this.first + 1)
    for (let i = 0; i < counts.length; i++) counts[i] = this.counts[this.slot(this.first + i)]!
    return counts
  }

  /** Makes room for the buckets `first` to `last`, which contain the present range. */
  widen(first: number, last: number, maxBuckets: number): void {
    const needed = last - first + 1
    if (needed > this.counts.length) {
      let capacity = firstCapacity
      while (capacity < needed) capacity *= 2
      this.relocate(new Array<number>(Math.min(capacity, maxBuckets)).fill(0), this.toArray(), 0)
    }
    if (this.last < this.first) this.origin = first
    this.first = first
    this.last = last
  }

  /** The store has been empty, and the array is its own from now on. */
  adopt(offset: number, counts: Array<number>): void {
    this.origin = this.first = offset
    this.last = offset + counts.length - 1
    this.counts = counts
  }

  coarsen(shift: number): void {
    if (this.last < this.first) return
    const counts = this.toArray()
    this.relocate(this.counts.fill(0), counts, shift)
    this.first >>= shift
    this.last >>= shift
  }

  private relocate(to: Array<number>, counts: ReadonlyArray<number>, shift: number): void {
    this.counts = to
    this.origin = this.first >> shift
    for (let i = 0; i < counts.length; i++) to[((this.first + i) >> shift) - this.origin]! += counts[i]!
  }

  clear(): void {
    if (this.last >= this.first) this.counts.fill(0)
    this.last = this.first - 1
  }

  read(): Buckets {
    return this.last < this.first ? noBuckets : { offset: this.first, counts: this.toArray() }
  }
}

/** All that a histogram knows, for wires that carry it whole. */
export interface Parts {
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
  readonly zeroCount: number
  readonly scale: number
  readonly positive: OwnBuckets
  readonly negative: OwnBuckets
}

/** Whose array may be kept and changed. */
export interface OwnBuckets {
  readonly offset: number
  readonly counts: Array<number>
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** The sum of the counts; `NaN` if they are not what a histogram of this scale may hold. */
const totalOf = ({ counts, offset }: Buckets, scale: number): number => {
  const { length } = counts
  if (length === 0) return 0
  if (
    length > defaultMaxBuckets ||
    counts[0] === 0 ||
    counts[length - 1] === 0 ||
    !Number.isInteger(offset) ||
    offset < Math.floor(-1075 * 2 ** scale) - 1 ||
    offset + length > Math.ceil(1024 * 2 ** scale) + 1
  ) {
    return NaN
  }
  let total = 0
  for (let i = 0; i < length; i++) {
    const count = counts[i]!
    total += isCount(count) ? count : NaN
  }
  return total
}

/**
 * What a timer or a distribution has gathered: count, sum and extremes are exact, and buckets that grow by the factor
 * `2^(2^-scale)` tell where the values lie. Bucket `i` has those in `(2^(i/2^scale), 2^((i+1)/2^scale)]`.
 *
 * @since 0.1.0
 * @category models
 */
export class Histogram {
  count = 0
  /** Infinite if the true sum is beyond the doubles. */
  sum = 0
  /** `Infinity` when empty. */
  min = Infinity
  /** `-Infinity` when empty. */
  max = -Infinity
  /** Values that are 0 or -0. */
  zeroCount = 0
  /** 20 at first, and less as the range grows; a power of two fewer buckets for each step. */
  scale = maxScale
  private readonly maxBuckets: number
  private readonly above = new Store()
  private below: Store | undefined = undefined

  /** @param maxBuckets most buckets for each sign, at least 2. Default 160. */
  constructor(maxBuckets: number = defaultMaxBuckets) {
    this.maxBuckets = Math.max(2, maxBuckets)
  }

  /**
   * The one that has these parts, and keeps them; `undefined` if none can have them.
   *
   * @internal
   */
  static of(parts: Parts): Histogram | undefined {
    const { count, max, min, negative, positive, scale, sum, zeroCount } = parts
    if (!Number.isInteger(scale) || scale < minScale || scale > maxScale) return undefined
    if (!isCount(count) || !isCount(zeroCount)) return undefined
    if (zeroCount + totalOf(positive, scale) + totalOf(negative, scale) !== count) return undefined
    const hasRange = count === 0 ? min === Infinity && max === -Infinity : min - max <= 0
    if (!hasRange) return undefined
    const histogram = new Histogram()
    histogram.count = count
    histogram.sum = sum
    histogram.min = min
    histogram.max = max
    histogram.zeroCount = zeroCount
    histogram.scale = scale
    if (positive.counts.length > 0) histogram.above.adopt(positive.offset, positive.counts)
    if (negative.counts.length > 0) (histogram.below = new Store()).adopt(negative.offset, negative.counts)
    return histogram
  }

  /** Finite values only: the caller has checked. */
  record(value: number): void {
    this.count++
    this.sum += value
    // Plus 0, since -0 would make the extremes depend on the order.
    if (value < this.min) this.min = value + 0
    if (value > this.max) this.max = value + 0
    if (value > 0) this.add(this.above, value)
    else if (value < 0) this.add((this.below ??= new Store()), -value)
    else this.zeroCount++
  }

  /** As `record`, so many times. */
  recordTimes(value: number, times: number): void {
    this.count += times
    this.sum += value * times
    if (value < this.min) this.min = value + 0
    if (value > this.max) this.max = value + 0
    if (value === 0) this.zeroCount += times
    else if (value > 0) this.addTimes(this.above, value, times)
    else this.addTimes((this.below ??= new Store()), -value, times)
  }

  /** Adds all that `other` saw; `other` stays as it is. */
  merge(other: Histogram): void {
    if (other.count === 0) return
    this.count += other.count
    this.sum += other.sum
    this.zeroCount += other.zeroCount
    if (other.min < this.min) this.min = other.min
    if (other.max > this.max) this.max = other.max
    if (other.scale < this.scale) this.coarsen(this.scale - other.scale)
    this.mergeStore(this.above, other.above, other.scale)
    if (other.below !== undefined) this.mergeStore((this.below ??= new Store()), other.below, other.scale)
  }

  /** Forgets what it saw and is as fine as new, but keeps its arrays for the next window. */
  clear(): void {
    this.count = 0
    this.sum = 0
    this.min = Infinity
    this.max = -Infinity
    this.zeroCount = 0
    this.scale = maxScale
    this.above.clear()
    if (this.below !== undefined) this.below.clear()
  }

  /**
   * The value below which a part `q` (0 to 1) of the recordings lies, wrong by at most `(base-1) / (base+1)` of it (see
   * `relativeError`): that of the first bucket whose cumulative count exceeds `q * (count - 1)`. The lowest and the highest are
   * exact. `NaN` when empty.
   */
  quantile(q: number): number {
    if (this.count === 0) return NaN
    const rank = q * (this.count - 1)
    if (rank < 1) return this.min
    if (rank >= this.count - 1) return this.max
    const value = this.valueAt(rank)
    return value < this.min ? this.min : value > this.max ? this.max : value
  }

  /** A copy of the positive values' counts. */
  get positive(): Buckets {
    return this.above.read()
  }

  /** A copy of the negative values' counts, by the bucket of their magnitude. */
  get negative(): Buckets {
    return this.below === undefined ? noBuckets : this.below.read()
  }

  private add(store: Store, magnitude: number): void {
    const index = wholeScaleIndex(magnitude, this.scale)
    if (index >= store.first && index <= store.last) store.counts[store.slot(index)]!++
    else this.addOutside(store, index)
  }

  private addOutside(store: Store, index: number): void {
    const shift = this.reserve(store, index, index)
    store.counts[store.slot(index >> shift)]!++
  }

  private addTimes(store: Store, magnitude: number, times: number): void {
    const index = wholeScaleIndex(magnitude, this.scale)
    const shift = this.reserve(store, index, index)
    store.counts[store.slot(index >> shift)]! += times
  }

  private mergeStore(store: Store, other: Store, otherScale: number): void {
    if (other.last < other.first) return
    const by = otherScale - this.scale
    const shift = by + this.reserve(store, other.first >> by, other.last >> by)
    for (let index = other.first; index <= other.last; index++) {
      store.counts[store.slot(index >> shift)]! += other.counts[other.slot(index)]!
    }
  }

  /** Extends the range to the buckets `from` to `to` of the present scale, and says by how much it had to downscale. */
  private reserve(store: Store, from: number, to: number): number {
    const isEmpty = store.last < store.first
    const first = isEmpty || from < store.first ? from : store.first
    const last = isEmpty || to > store.last ? to : store.last
    let shift = 0
    while ((last >> shift) - (first >> shift) >= this.maxBuckets) shift++
    if (shift > 0) this.coarsen(shift)
    store.widen(first >> shift, last >> shift, this.maxBuckets)
    return shift
  }

  private coarsen(shift: number): void {
    this.scale -= shift
    this.above.coarsen(shift)
    if (this.below !== undefined) this.below.coarsen(shift)
  }

  private valueAt(rank: number): number {
    let seen = 0
    if (this.below !== undefined) {
      for (let index = this.below.last; index >= this.below.first; index--) {
        seen += this.below.counts[this.below.slot(index)]!
        if (seen > rank) return -representativeOf(index, this.scale)
      }
    }
    seen += this.zeroCount
    if (seen > rank) return 0
    for (let index = this.above.first; index <= this.above.last; index++) {
      seen += this.above.counts[this.above.slot(index)]!
      if (seen > rank) return representativeOf(index, this.scale)
    }
    return this.max
  }
}
