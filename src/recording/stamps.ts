/**
 * Timestamps for backends that keep one value per series and timestamp: those the clock gave to a series' points are kept
 * apart, each the next free one; those that callers gave stay as they are, but for one unit where one equals the latest.
 */

/** The precision at which a backend overwrites what has the same series and timestamp. */
export type Precision = "ns" | "us" | "ms" | "s"

export interface Stamp {
  readonly millis: number
  readonly nanos: number
}

/** The last timestamps of one series. Hot state. */
export class Stamps {
  private clock: Stamp
  private given: Stamp = never
  constructor(
    private readonly precision: Precision,
    /** Where those of a series that may have been this one ended. */
    floor: number
  ) {
    this.clock = { millis: floor, nanos: 0 }
  }

  /** The milliseconds after all that the clock gave. */
  get end(): number {
    return this.clock.millis + 1
  }

  /** A time that the clock gave, or the next free one; `undefined` if that is more than a second away. */
  fromClock(millis: number, nanos: number): Stamp | undefined {
    const { precision } = this
    let stamp: Stamp = { millis, nanos }
    if (compare(stamp, this.clock, precision) <= 0) stamp = next(this.clock, precision)
    if (compare(stamp, this.given, precision) === 0) stamp = next(stamp, precision)
    if (stamp.millis - millis > 1000) return undefined
    this.clock = stamp
    return stamp
  }

  /** A time that a caller gave. */
  fromCaller(millis: number, nanos: number): Stamp {
    const { precision } = this
    let stamp: Stamp = { millis, nanos }
    if (compare(stamp, this.given, precision) === 0 || compare(stamp, this.clock, precision) === 0) {
      stamp = next(stamp, precision)
    }
    if (compare(stamp, this.given, precision) > 0) this.given = stamp
    return stamp
  }
}

const never: Stamp = { millis: -Infinity, nanos: 0 }

/** Below, at or above, as the backend sees it. */
const compare = (a: Stamp, b: Stamp, precision: Precision): number => {
  switch (precision) {
    case "ns":
      return a.millis === b.millis ? a.nanos - b.nanos : a.millis - b.millis
    case "us":
      return a.millis === b.millis ? Math.floor(a.nanos / 1000) - Math.floor(b.nanos / 1000) : a.millis - b.millis
    case "ms":
      return a.millis - b.millis
    case "s":
      return Math.floor(a.millis / 1000) - Math.floor(b.millis / 1000)
  }
}

const next = ({ millis, nanos }: Stamp, precision: Precision): Stamp => {
  switch (precision) {
    case "ns":
      return carried(millis, nanos + 1)
    case "us":
      return carried(millis, (Math.floor(nanos / 1000) + 1) * 1000)
    case "ms":
      return { millis: millis + 1, nanos }
    case "s":
      return { millis: (Math.floor(millis / 1000) + 1) * 1000, nanos }
  }
}

const carried = (millis: number, nanos: number): Stamp =>
  nanos < 1_000_000 ? { millis, nanos } : { millis: millis + 1, nanos: nanos - 1_000_000 }
