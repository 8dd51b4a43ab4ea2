/**
 * Timestamps for backends that keep one value per series and timestamp: those the clock gave to a series' points are kept
 * apart, each the next free one; those that callers gave stay as they are, but for one unit where one equals the latest.
 */

/**
 * The precision at which a backend overwrites what has the same series and timestamp.
 *
 * @since 0.1.0
 * @category models
 */
export type Precision = "ns" | "us" | "ms" | "s"

/**
 * The last timestamps of one series. Hot state: a point's time is left in `millis` and `nanos`, so that none needs an object
 * of its own.
 */
export class Stamps {
  /** The last that the clock gave, or the one just made free. */
  millis: number
  nanos = 0
  private clockMillis: number
  private clockNanos = 0
  private givenMillis = -Infinity
  private givenNanos = 0
  constructor(
    private readonly precision: Precision,
    /** Where those of a series that may have been this one ended. */
    floor: number
  ) {
    this.millis = this.clockMillis = floor
  }

  /** The milliseconds after all that the clock gave. */
  get end(): number {
    return this.clockMillis + 1
  }

  /** A time that the clock gave, or the next free one; `false` if that is more than a second away. */
  fromClock(millis: number, nanos: number): boolean {
    const { precision } = this
    this.millis = millis
    this.nanos = nanos
    if (compare(millis, nanos, this.clockMillis, this.clockNanos, precision) <= 0) {
      this.millis = this.clockMillis
      this.nanos = this.clockNanos
      this.step()
    }
    if (compare(this.millis, this.nanos, this.givenMillis, this.givenNanos, precision) === 0) this.step()
    if (this.millis - millis > 1000) return false
    this.clockMillis = this.millis
    this.clockNanos = this.nanos
    return true
  }

  /** A time that a caller gave. */
  fromCaller(millis: number, nanos: number): void {
    const { precision } = this
    this.millis = millis
    this.nanos = nanos
    const isTaken =
      compare(millis, nanos, this.givenMillis, this.givenNanos, precision) === 0 ||
      compare(millis, nanos, this.clockMillis, this.clockNanos, precision) === 0
    if (isTaken) this.step()
    if (compare(this.millis, this.nanos, this.givenMillis, this.givenNanos, precision) > 0) {
      this.givenMillis = this.millis
      this.givenNanos = this.nanos
    }
  }

  /** One unit further. */
  private step(): void {
    switch (this.precision) {
      case "ns":
        this.nanos += 1
        break
      case "us":
        this.nanos = (Math.floor(this.nanos / 1000) + 1) * 1000
        break
      case "ms":
        this.millis += 1
        break
      case "s":
        this.millis = (Math.floor(this.millis / 1000) + 1) * 1000
    }
    if (this.nanos >= 1_000_000) {
      this.nanos -= 1_000_000
      this.millis += 1
    }
  }
}

/** Below, at or above, as the backend sees it. */
const compare = (
  millis: number,
  nanos: number,
  otherMillis: number,
  otherNanos: number,
  precision: Precision
): number => {
  if (precision === "s") return Math.floor(millis / 1000) - Math.floor(otherMillis / 1000)
  if (millis !== otherMillis || precision === "ms") return millis - otherMillis
  return precision === "ns" ? nanos - otherNanos : Math.floor(nanos / 1000) - Math.floor(otherNanos / 1000)
}
