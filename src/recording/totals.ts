/**
 * What a lane that is read has gathered: each series' one window, which is never sealed, as it stands.
 */
import type { Histogram } from "./histogram.js"
import { type Lane, sweepLimit } from "./lane.js"
import type { Count, Distribution, Gauge, Point, Series } from "./measurement.js"
import { RecentHistogram } from "./recent.js"
import type { Cell } from "./series.js"

/**
 * A timer's (in seconds) or a distribution's values since its series began.
 *
 * @since 0.1.0
 * @category models
 */
export interface DistributionTotal extends Distribution {
  /** A copy of the last values themselves, oldest first: at most as many as the sink asked for. */
  readonly recent: ReadonlyArray<number>
}

/**
 * A series as it stands: a counter's sum, a gauge's last value, a distribution's values, since `startMillis`.
 *
 * @since 0.1.0
 * @category models
 */
export type Total = Count | Gauge | DistributionTotal

/**
 * A series itself, which goes on: what is read of it holds until something is recorded.
 *
 * @since 0.1.0
 * @category models
 */
export type Standing =
  | {
      readonly kind: "counter" | "gauge"
      readonly series: Series
      /** When the series began, in milliseconds since the epoch. */
      readonly startMillis: number
      readonly value: number
    }
  | {
      readonly kind: "distribution"
      readonly series: Series
      readonly startMillis: number
      readonly histogram: Histogram
      /** As in `Measurement.Distribution`. */
      readonly buckets: ReadonlyArray<number> | undefined
    }

/** Series that were recorded and are told, each with the cell's own histogram: to be used before anything is recorded. */
export function* totals(lane: Lane, millis: number, isTold: (cell: Cell) => boolean): IterableIterator<Total> {
  for (const cell of lane.all()) if (cell.weight > 0 && isTold(cell)) yield totalOf(cell, millis)
}

/** As `totals`, without making anything of them: in a third of the time. */
export const forEachStanding = (lane: Lane, isTold: (cell: Cell) => boolean, use: (standing: Standing) => void): void =>
  lane.forEach((cell) => {
    if (cell.weight > 0 && isTold(cell)) use(cell)
  })

/** How many recordings are in no total. */
export const untold = (lane: Lane, isTold: (cell: Cell) => boolean): number => {
  let weight = 0
  for (const cell of lane.all()) if (cell.weight > 0 && !isTold(cell)) weight += cell.weight
  return weight
}

const totalOf = (cell: Cell, millis: number): Total => {
  const { series, startMillis, weight } = cell
  const common = { series, weight, startMillis, millis, nanos: 0 }
  switch (cell.kind) {
    case "counter":
      return { _tag: "count", ...common, value: cell.value }
    case "gauge":
      return { _tag: "gauge", ...common, value: cell.value }
    case "distribution": {
      const { buckets, histogram } = cell
      return { _tag: "distribution", ...common, histogram, buckets, recent: recentOf(histogram) }
    }
  }
}

const none: ReadonlyArray<number> = []

/** A copy of the last values, oldest first, where they are kept. */
export const recentOf = (histogram: Histogram): ReadonlyArray<number> =>
  histogram instanceof RecentHistogram ? histogram.recent() : none

interface Look {
  readonly weight: number
  readonly millis: number
}

/** Forgets series that were silent for so long, of a lane that is read: as far as that is seen by looking at them now and then. */
export class Silence {
  private readonly looks = new Map<Cell, Look>()
  private sweep: IterableIterator<Cell> | undefined = undefined

  constructor(
    private readonly lane: Lane,
    private readonly expireAfterMillis: number
  ) {}

  /** Looks at some, where it left off the last time. */
  look(millis: number): void {
    const silent = new Set<Cell>()
    this.sweep ??= this.lane.forgettable()
    for (let looked = 0; looked < sweepLimit; looked++) {
      const next = this.sweep.next()
      if (next.done === true) {
        this.sweep = undefined
        break
      }
      if (this.isSilent(next.value, millis)) silent.add(next.value)
    }
    this.lane.forgetRead(silent)
    for (const cell of silent) this.looks.delete(cell)
  }

  private isSilent(cell: Cell, millis: number): boolean {
    const { weight } = cell
    const last = this.looks.get(cell)
    if (last === undefined || last.weight !== weight) {
      this.looks.set(cell, { weight, millis })
      return false
    }
    return (
      millis - last.millis >= this.expireAfterMillis && !(cell.kind === "gauge" && cell.stepped && cell.value !== 0)
    )
  }
}

/** The last points, within bounds of number and bytes. */
export class LastPoints {
  private readonly kept: Array<{ readonly point: Point; readonly bytes: number }> = []
  private bytes = 0

  constructor(
    private readonly most: number,
    private readonly mostBytes: number
  ) {}

  /** Oldest first. */
  read(): ReadonlyArray<Point> {
    return this.kept.map(({ point }) => point)
  }

  /** Whether it was taken, and pushed out others if it had to. */
  add(point: Point, bytes: number): boolean {
    if (this.most === 0 || bytes > this.mostBytes) return false
    this.kept.push({ point, bytes })
    this.bytes += bytes
    while (this.kept.length > this.most || this.bytes > this.mostBytes) this.bytes -= this.kept.shift()!.bytes
    return true
  }
}
