/**
 * A series' state in one lane: its open window, and at most one sealed one. Hot state: classes with fixed fields, written
 * by `Entry` (see `entry.ts`) and by the lane, nowhere else. Measured by the rows "bound counter" and "histogram record" of
 * the benchmark.
 */
import type { RefuseReason } from "../Ledger.js"
import { Histogram } from "./histogram.js"
import { RecentHistogram } from "./recent.js"
import type { Stamps } from "./stamps.js"
import type { Count, Distribution, Gauge, Kind, Point, Series, Tag, ValueType } from "./measurement.js"

export class LaneSeries implements Series {
  encoded: unknown = undefined
  constructor(
    readonly key: string,
    readonly name: string,
    readonly tags: ReadonlyArray<Tag>,
    readonly kind: Kind | "point",
    readonly valueType: ValueType,
    readonly unit: string | undefined,
    readonly description: string | undefined,
    readonly level: string | undefined,
    readonly boundaries: ReadonlyArray<number> | undefined,
    /** Shared by all that have the same name and tags on the wire; `null` where the backend does not overwrite. */
    readonly stamps: Stamps | null,
    readonly monotonic: boolean | undefined
  ) {}
}

/**
 * How a cell takes recordings. `windowed`: into its open window. The others never gather, so that the hot path meets
 * them only where it leaves it: `raw` makes each a point, `refusing` counts it under `refusal`.
 */
export type Mode = "windowed" | "raw" | "refusing"

/** What was recorded elsewhere, `times` times, and when; `keptAt` is the probability with which it was kept. */
export interface Elsewhere {
  readonly millis: number
  readonly nanos: number
  readonly times: number
  readonly keptAt: number
}

/** What a cell needs of its lane, and the hot path of the cell's. */
export interface Owner {
  readonly closed: boolean
  readonly touch: (cell: Cell) => Cell
  readonly direct: (cell: Cell, value: number, times?: number) => void
  readonly directAt: (cell: Cell, value: number, elsewhere: Elsewhere) => void
  readonly refuse: (reason: RefuseReason, name: string) => void
  readonly foreign: (cell: Cell, window: Count | Gauge | Distribution) => boolean
  readonly foreignPoint: (series: LaneSeries, point: Point, bytes: number) => void
}

abstract class CellBase {
  // The hot path's first, next to each other: it goes through the cells of all lanes, and the nearest cache holds few lines.
  /** Whether the open window has recordings and may take more: what the hot path looks at. */
  gathering = false
  /** Of a counter or a gauge. */
  value = 0
  /** Recordings in the open window, and in one that was reopened. */
  weight = 0
  readonly lane: Owner
  readonly series: LaneSeries
  readonly mode: Mode
  readonly refusal: RefuseReason | undefined
  /** When the open window was opened: at the series' creation, then when the last one was sealed. */
  startMillis = -Infinity
  /** Whether it is on one of the lane's two lists. */
  listed = false
  next: Cell | null = null
  /** Whether a window of it is sealed. Not which: an old object that names a young one costs the collector of the young. */
  isSealed = false
  expired = false
  /** The timestamp of the last sealed window. */
  lastMillis = -Infinity
  constructor(lane: Owner, series: LaneSeries, mode: Mode, refusal: RefuseReason | undefined, millis: number) {
    this.lane = lane
    this.series = series
    this.mode = mode
    this.refusal = refusal
    this.startMillis = millis
  }
}

export class CounterCell extends CellBase {
  get kind() {
    return "counter" as const
  }
}

export class GaugeCell extends CellBase {
  get kind() {
    return "gauge" as const
  }
  /** Whether `value` came about by steps since the last `set`: then forgetting it would lose count. */
  stepped = false
  /** The overflow series takes steps only: what would a last value of several series mean? */
  overflow = false
}

export class DistributionCell extends CellBase {
  get kind() {
    return "distribution" as const
  }
  histogram: Histogram
  buckets: Array<number> | undefined
  constructor(
    lane: Owner,
    series: LaneSeries,
    mode: Mode,
    refusal: RefuseReason | undefined,
    millis: number,
    /** How many of the last values are kept, where the lane is read. */
    samples: number
  ) {
    super(lane, series, mode, refusal, millis)
    this.histogram = samples > 0 ? new RecentHistogram(samples) : new Histogram()
    this.buckets = emptyBuckets(series.boundaries)
  }
}

export type Cell = CounterCell | GaugeCell | DistributionCell

/** A window as its cell knows it; sinks see it as a `Count`, `Gauge` or `Distribution`. */
export type SealedWindow = SealedNumber | SealedDistribution

export interface SealedNumber {
  readonly _tag: "count" | "gauge"
  readonly cell: CounterCell | GaugeCell
  readonly series: Series
  readonly weight: number
  readonly startMillis: number
  readonly millis: number
  readonly nanos: number
  readonly value: number
}

export interface SealedDistribution {
  readonly _tag: "distribution"
  readonly cell: DistributionCell
  readonly series: Series
  readonly weight: number
  readonly startMillis: number
  readonly millis: number
  readonly nanos: number
  readonly histogram: Histogram
  readonly buckets: ReadonlyArray<number> | undefined
}

const emptyBuckets = (boundaries: ReadonlyArray<number> | undefined): Array<number> | undefined =>
  boundaries === undefined ? undefined : new Array<number>(boundaries.length + 1).fill(0)

/** Whether the open window's value can be measured. */
export const isSendable = (cell: Cell): boolean =>
  cell.kind === "distribution" ||
  (cell.series.valueType === "int" ? Number.isSafeInteger(cell.value) : cell.value - cell.value === 0)

/** Turns the open window into the sealed one. The caller has seen that there is none yet. */
export const seal = (cell: Cell, millis: number, nanos: number): SealedWindow => {
  const { series, startMillis, weight } = cell
  let window: SealedWindow
  if (cell.kind === "distribution") {
    window = {
      _tag: "distribution",
      cell,
      series,
      weight,
      startMillis,
      millis,
      nanos,
      histogram: cell.histogram,
      buckets: cell.buckets
    }
    // A sink may keep what it was given, so a window's histogram is never used again.
    cell.histogram = new Histogram()
    cell.buckets = emptyBuckets(series.boundaries)
  } else {
    const _tag = cell.kind === "counter" ? "count" : "gauge"
    window = { _tag, cell, series, weight, startMillis, millis, nanos, value: cell.value }
    if (cell.kind === "counter") cell.value = 0
  }
  // What is told again is no recording: its series may be forgotten.
  if (weight > 0) cell.startMillis = millis
  cell.weight = 0
  cell.lastMillis = millis
  cell.isSealed = true
  return window
}

/** The sealed window is known not to be stored: what it held belongs to the open one again. */
export const reopen = (window: SealedWindow): void => {
  const { cell } = window
  cell.isSealed = false
  cell.weight += window.weight
  cell.startMillis = window.startMillis
  if (window._tag === "distribution") {
    const { buckets } = window.cell
    window.cell.histogram.merge(window.histogram)
    if (buckets !== undefined && window.buckets !== undefined) {
      for (let i = 0; i < buckets.length; i++) buckets[i] = buckets[i]! + window.buckets[i]!
    }
  } else if (cell.kind === "counter") {
    cell.value += window.value
  }
}

/** The sealed window's fate is known and final. */
export const settle = (window: SealedWindow): void => {
  window.cell.isSealed = false
}
