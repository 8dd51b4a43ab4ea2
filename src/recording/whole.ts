/**
 * Recording what was gathered elsewhere: whole windows, and points with their own times. Counts, sums and histograms add up to
 * what one process would have gathered that had seen it all.
 *
 * Windows can also be passed on as they are, where what gathers them is not to be this process.
 *
 * Where a lane makes each recording a point, a window of a counter or gauge is one point, and a distribution's is one for each
 * bucket of its histogram.
 */
import type { RefuseReason } from "../Ledger.js"
import { bucketOf, bucketsOf, eachBucket } from "./buckets.js"
import type { CounterEntry, DistributionEntry, Entry, GaugeEntry, PointEntry } from "./entry.js"
import type { Count, Distribution, Gauge, Point } from "./measurement.js"
import type { Cell, CounterCell, DistributionCell, GaugeCell } from "./series.js"

const refuse = ({ lane, series }: Cell, reason: RefuseReason): void =>
  lane.refuse(lane.closed ? "closed" : reason, series.name)

/** A cell that gathers, if it may. */
const wake = <C extends Cell>(cell: C): C =>
  // `touch` keeps the kind.
  cell.gathering ? cell : (cell.lane.touch(cell) as C)

const isRefused = (cell: Cell, value: number): boolean => {
  const reason =
    value - value !== 0
      ? "not_finite"
      : cell.series.valueType === "int" && !Number.isSafeInteger(value)
        ? "not_integer"
        : undefined
  if (reason !== undefined) refuse(cell, reason)
  return reason !== undefined
}

type CellOf<E extends Entry> = E extends CounterEntry
  ? CounterCell
  : E extends GaugeEntry
    ? GaugeCell
    : DistributionCell

/**
 * Hands the window on as it is, at its own time, to all lanes that write windows; the others' cells are for the caller, to
 * merge it into. So one that is given twice is written twice, alike.
 */
export const pass = <E extends CounterEntry | GaugeEntry | DistributionEntry>(
  entry: E,
  window: Count | Gauge | Distribution
): ReadonlyArray<CellOf<E>> => {
  const left: Array<CellOf<E>> = []
  // An entry's cells are of its kind.
  for (const cell of entry.current() as ReadonlyArray<CellOf<E>>) {
    if (window._tag === "distribution") {
      if (!cell.lane.foreign(cell, withBoundaries(window, cell.series.boundaries))) left.push(cell)
    } else if (!isRefused(cell, window.value) && !cell.lane.foreign(cell, window)) left.push(cell)
  }
  return left
}

const withBoundaries = (window: Distribution, boundaries: ReadonlyArray<number> | undefined): Distribution => {
  if (boundaries === undefined) return window.buckets === undefined ? window : { ...window, buckets: undefined }
  if (window.buckets !== undefined && isSame(boundaries, window.series.boundaries)) return window
  return { ...window, buckets: bucketsOf(window.histogram, boundaries) }
}

export const addCount = (
  entry: CounterEntry,
  { millis, nanos, value, weight }: Count,
  cells: ReadonlyArray<CounterCell> = entry.current()
): void => {
  for (const cell of cells) {
    if (isRefused(cell, value)) continue
    const live = wake(cell)
    if (live.gathering) {
      live.value += value
      live.weight += weight
    } else live.lane.directAt(live, value, { millis, nanos, times: weight, keptAt: 1 })
  }
}

/** The caller has seen that it is the latest. */
export const setGauge = (
  entry: GaugeEntry,
  { millis, nanos, value, weight }: Gauge,
  cells: ReadonlyArray<GaugeCell> = entry.current()
): void => {
  for (const cell of cells) {
    if (cell.overflow) refuse(cell, "series_limit")
    else if (!isRefused(cell, value)) {
      const live = wake(cell)
      if (live.mode !== "refusing") {
        live.value = value
        live.stepped = false
      }
      if (live.gathering) {
        live.weight += weight
      } else live.lane.directAt(live, value, { millis, nanos, times: weight, keptAt: 1 })
    }
  }
}

export const mergeDistribution = (
  entry: DistributionEntry,
  window: Distribution,
  cells: ReadonlyArray<DistributionCell> = entry.current()
): void => {
  const { histogram, millis, nanos, weight } = window
  for (const cell of cells) {
    const live = wake(cell)
    if (live.gathering) {
      live.histogram.merge(histogram)
      mergeBuckets(live, window)
      live.weight += weight
    } else if (live.mode !== "raw" || live.lane.closed) live.lane.direct(live, 0)
    else {
      eachBucket(histogram, (value, times) =>
        live.lane.directAt(live, value, { millis, nanos, times, keptAt: 1 / times })
      )
    }
  }
}

/** What one process declared with other boundaries is counted by about the values it had. */
const mergeBuckets = ({ buckets, series }: DistributionCell, window: Distribution): void => {
  const { boundaries } = series
  if (buckets === undefined || boundaries === undefined) return
  if (window.buckets !== undefined && isSame(boundaries, window.series.boundaries)) {
    for (let i = 0; i < buckets.length; i++) buckets[i]! += window.buckets[i]!
  } else {
    eachBucket(window.histogram, (value, times) => {
      buckets[bucketOf(boundaries, value)]! += times
    })
  }
}

const isSame = (one: ReadonlyArray<number>, two: ReadonlyArray<number> | undefined): boolean =>
  one === two || (one.length === two?.length && one.every((bound, i) => bound === two[i]))

/** One value, of a time that is known, into a window, or as a point where its recordings are points. */
export const recordAt = (
  entry: CounterEntry | GaugeEntry | DistributionEntry,
  value: number,
  { millis, nanos, sampleRate, weight }: Pick<Point, "millis" | "nanos" | "sampleRate" | "weight">,
  cells: ReadonlyArray<Cell> = entry.current()
): void => {
  for (const cell of cells) {
    if (isRefused(cell, value)) continue
    if (cell.kind === "gauge" && cell.overflow) {
      refuse(cell, "series_limit")
      continue
    }
    const live = wake(cell)
    if (!live.gathering) {
      live.lane.directAt(live, value, { millis, nanos, times: weight, keptAt: sampleRate })
      continue
    }
    // What was sampled away counts in a window.
    const times = Math.max(1, Math.round(1 / sampleRate))
    if (live.kind === "counter") live.value += value * times
    else if (live.kind === "gauge") {
      live.value = value
      live.stepped = false
    } else {
      live.histogram.recordTimes(value, times)
      if (live.buckets !== undefined) live.buckets[bucketOf(live.series.boundaries!, value)]! += times
    }
    live.weight += weight
  }
}

/** As `recordAt`; where recordings are points, at just this time. */
export const passAt = (entry: CounterEntry | GaugeEntry | DistributionEntry, value: number, point: Point): void => {
  const windowed: Array<Cell> = []
  for (const cell of entry.current()) {
    if (cell.mode !== "raw") windowed.push(cell)
    else if (!isRefused(cell, value)) cell.lane.foreignPoint(cell.series, point, 8)
  }
  recordAt(entry, value, point, windowed)
}

/** With the names, which each message brings anew. */
const bytesOf = ({ fieldNames, fieldValues }: Point): number =>
  fieldValues.reduce<number>(
    (bytes, value, i) => bytes + 2 * fieldNames[i]!.length + (typeof value === "string" ? value.length * 2 + 24 : 16),
    0
  )

export const emitAt = (entry: PointEntry, point: Point): void => {
  const { fieldNames, fieldValues, millis, nanos, sampleRate, weight } = point
  entry.emit(fieldNames, fieldValues, bytesOf(point), millis, nanos, weight, sampleRate)
}

/** As `emitAt`, at just this time. */
export const passPoint = (entry: PointEntry, point: Point): void => entry.pass(point, bytesOf(point))
