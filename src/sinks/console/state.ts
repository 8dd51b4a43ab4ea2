/**
 * What the console knows of each series: totals since it first saw it, and the last {@link HISTORY} flushes. Bounded: rows
 * beyond `maxRows` push out the one that was silent the longest.
 */
import { Histogram } from "../../recording/histogram.js"
import type { Distribution, FieldValue, Kind, Measurement, Point, Series } from "../../recording/measurement.js"
import { word } from "./text.js"

/** Flushes of which a row keeps its numbers. */
export const HISTORY = 60

/** Flushes whose average is shown as the rate. */
const RATE = 5

/** A row's histograms each gather so many flushes, so that quantiles over the last 46 to 60 cost four of them, not sixty. */
const FLUSHES_PER_HISTOGRAM = 15
const HISTOGRAMS = HISTORY / FLUSHES_PER_HISTOGRAM

/** Writes closer together than this belong to one flush. */
const SAME_FLUSH_MILLIS = 200

const GAPS = 8

export interface Row {
  /** The name and, in braces, the tags: `name{key=value}`. */
  readonly label: string
  /** The same without the tags' keys, for where there is no room: `name{value}`. */
  readonly shortLabel: string
  readonly name: string
  readonly kind: Kind | "point"
  readonly unit: string | undefined
  /** A counter's sum; how often a timer, distribution or point was recorded; how often a gauge was. */
  total: number
  /** The flush that the newest numbers belong to. */
  flush: number
  /** By flush: a counter's increase, else the number of recordings. */
  readonly amounts: Float64Array
  /** By flush: a gauge's or point's last value; a timer's or distribution's sum. */
  readonly values: Float64Array
  readonly histograms: Array<{ readonly epoch: number; readonly histogram: Histogram } | undefined>
}

export interface State {
  readonly maxRows: number
  readonly maxPoints: number
  readonly startMillis: number
  readonly rows: Map<string, Row>
  /** The last points, oldest first. */
  readonly points: Array<Point>
  /** Counts up from 0; all recordings of a flush have its number. */
  flush: number
  /** When the current flush was written. */
  millis: number
  /** How long each flush gathered. */
  readonly seconds: Float64Array
  /** Recordings of each flush. */
  readonly weights: Float64Array
  readonly gaps: Array<number>
}

export const make = (options: {
  readonly maxRows: number
  readonly maxPoints: number
  readonly startMillis: number
}): State => ({
  ...options,
  rows: new Map(),
  points: [],
  flush: 0,
  millis: options.startMillis,
  seconds: new Float64Array(HISTORY),
  weights: new Float64Array(HISTORY),
  gaps: []
})

const advance = (state: State, millis: number): void => {
  state.flush++
  const slot = state.flush % HISTORY
  state.seconds[slot] = Math.max(millis - state.millis, 0) / 1000
  state.weights[slot] = 0
  state.millis = millis
}

/** `name{key=value,…}`, the same for the same series and no other. Kept on the series, which is this lane's alone. */
export const labelOf = (series: Series): string => {
  if (typeof series.encoded === "string") return series.encoded
  const tags = series.tags.map(([key, value]) => `${word(key)}=${word(value)}`)
  const label = word(series.name) + (tags.length === 0 ? "" : `{${tags.join(",")}}`)
  series.encoded = label
  return label
}

const numeric = (value: FieldValue | undefined): number => {
  if (typeof value === "object") return Number(value.value)
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : NaN
}

/** The instrument's unit; a timer's is the second. */
export const unitOf = (series: Series): string | undefined => series.unit ?? (series.kind === "timer" ? "s" : undefined)

const keyOf = (series: Series): string =>
  // A point's tags may be as many as there are points: one row for all of a name.
  series.kind === "point" ? `point ${word(series.name)}` : `${series.kind} ${labelOf(series)}`

const makeRow = (series: Series, name: string): Row => ({
  label: series.kind === "point" ? name : labelOf(series),
  shortLabel:
    series.kind === "point" || series.tags.length === 0
      ? name
      : `${name}{${series.tags.map((tag) => word(tag[1])).join(",")}}`,
  name,
  kind: series.kind,
  unit: unitOf(series),
  total: 0,
  flush: 0,
  amounts: new Float64Array(HISTORY),
  values: new Float64Array(HISTORY).fill(NaN),
  histograms: []
})

/** The row of a series, unless `maxRows` others came after it. */
export const rowOf = (state: State, series: Series): Row | undefined => state.rows.get(keyOf(series))

/** As if it had never been seen. */
export const forget = (state: State, series: Series): void => void state.rows.delete(keyOf(series))

/** The row of a series, now the most recently updated one, with room for the current flush. */
const touch = (state: State, series: Series): Row => {
  const key = keyOf(series)
  let row = state.rows.get(key)
  if (row === undefined) {
    row = makeRow(series, word(series.name))
    row.flush = state.flush
    if (state.rows.size >= state.maxRows) {
      for (const oldest of state.rows.keys()) {
        state.rows.delete(oldest)
        break
      }
    }
  } else {
    state.rows.delete(key)
  }
  state.rows.set(key, row)
  for (let flush = Math.max(row.flush + 1, state.flush - HISTORY + 1); flush <= state.flush; flush++) {
    row.amounts[flush % HISTORY] = 0
    row.values[flush % HISTORY] = NaN
  }
  row.flush = state.flush
  return row
}

const foldDistribution = (row: Row, state: State, window: Distribution): void => {
  const slot = state.flush % HISTORY
  const before = row.values[slot] ?? NaN
  row.values[slot] = (Number.isNaN(before) ? 0 : before) + window.histogram.sum
  const epoch = Math.floor(state.flush / FLUSHES_PER_HISTOGRAM)
  let kept = row.histograms[epoch % HISTOGRAMS]
  if (kept === undefined || kept.epoch !== epoch) {
    // The window's histogram is the lane's, which uses it again: it must be copied.
    const histogram = kept?.histogram ?? new Histogram()
    histogram.clear()
    kept = { epoch, histogram }
    row.histograms[epoch % HISTOGRAMS] = kept
  }
  kept.histogram.merge(window.histogram)
}

const add = (cells: Float64Array, slot: number, more: number): void => {
  cells[slot] = (cells[slot] ?? 0) + more
}

/** Takes in what was flushed at `millis`. A batch of points alone starts no new flush: a full queue may send many. */
export const fold = (state: State, measurements: ReadonlyArray<Measurement>, millis: number): void => {
  const gap = millis - state.millis
  const isFlush = measurements.some((measurement) => measurement._tag !== "point")
  if (state.flush === 0 || (gap >= SAME_FLUSH_MILLIS && isFlush)) {
    if (state.flush > 0 && state.gaps.push(gap) > GAPS) state.gaps.shift()
    advance(state, millis)
  }
  const slot = state.flush % HISTORY
  for (const measurement of measurements) {
    const row = touch(state, measurement.series)
    const amount = measurement._tag === "count" ? measurement.value : measurement.weight
    row.total += amount
    add(row.amounts, slot, amount)
    add(state.weights, slot, measurement.weight)
    if (measurement._tag === "distribution") foldDistribution(row, state, measurement)
    else if (measurement._tag === "gauge") row.values[slot] = measurement.value
    else if (measurement._tag === "point") {
      row.values[slot] = numeric(measurement.fieldValues.find((value) => !Number.isNaN(numeric(value))))
      if (state.points.push(measurement) > state.maxPoints) state.points.shift()
    }
  }
}

/**
 * Adds an empty flush if one and a half of the usual time went by without any, so that rates
 * fall while nothing happens; says whether it did.
 */
export const idle = (state: State, millis: number): boolean => {
  const period = state.gaps.length === 0 ? 1000 : Math.min(...state.gaps)
  if (state.flush === 0 || millis - state.millis < 1.5 * period) return false
  advance(state, millis)
  return true
}

/** The flushes that are kept and were, oldest first. */
const flushes = (state: State, last: number): ReadonlyArray<number> => {
  const first = Math.max(1, state.flush - last + 1)
  return Array.from({ length: state.flush - first + 1 }, (_, index) => first + index)
}

const amountAt = (row: Row, flush: number): number =>
  flush > row.flush || flush <= row.flush - HISTORY ? 0 : (row.amounts[flush % HISTORY] ?? 0)

const valueAt = (row: Row, flush: number): number =>
  flush > row.flush || flush <= row.flush - HISTORY ? NaN : (row.values[flush % HISTORY] ?? NaN)

const per = (state: State, last: number, amount: (flush: number) => number): number => {
  let sum = 0
  let seconds = 0
  for (const flush of flushes(state, last)) {
    sum += amount(flush)
    seconds += state.seconds[flush % HISTORY] ?? 0
  }
  return seconds === 0 ? 0 : sum / seconds
}

/** A counter's increase, or the recordings, a second, over the last five flushes. */
export const rate = (state: State, row: Row): number => per(state, RATE, (flush) => amountAt(row, flush))

/** Recordings of all series a second, over the last five flushes. */
export const recordingRate = (state: State): number => per(state, RATE, (flush) => state.weights[flush % HISTORY] ?? 0)

/** What each of the last flushes shows: a counter's or point's rate, a gauge's value, the mean of the others. */
export const trend = (state: State, row: Row, last: number): ReadonlyArray<number> => {
  let held = NaN
  return flushes(state, Math.min(last, HISTORY)).map((flush) => {
    const seconds = state.seconds[flush % HISTORY] ?? 0
    const amount = amountAt(row, flush)
    if (row.kind === "gauge") {
      const value = valueAt(row, flush)
      if (!Number.isNaN(value)) held = value
      return held
    }
    if (row.kind === "counter" || row.kind === "point") return seconds === 0 ? 0 : amount / seconds
    return amount === 0 ? NaN : valueAt(row, flush) / amount
  })
}

/** The newest number there is: a counter's increase, a gauge's or point's value, the mean of the others; NaN if none. */
export const lastValue = (row: Row): number => {
  const amount = row.amounts[row.flush % HISTORY] ?? 0
  const value = row.values[row.flush % HISTORY] ?? NaN
  if (row.kind === "counter") return amount
  return row.kind === "gauge" || row.kind === "point" ? value : value / amount
}

/** All that a timer or distribution recorded in the last 46 to 60 flushes; `undefined` if nothing. */
export const recent = (state: State, row: Row): Histogram | undefined => {
  const epoch = Math.floor(state.flush / FLUSHES_PER_HISTOGRAM)
  const merged = new Histogram()
  for (const kept of row.histograms) {
    if (kept !== undefined && kept.epoch > epoch - HISTOGRAMS) merged.merge(kept.histogram)
  }
  return merged.count === 0 ? undefined : merged
}

/** A gauge's highest value in the last flushes; NaN if it was silent. */
export const highest = (state: State, row: Row): number => {
  let most = NaN
  for (const flush of flushes(state, HISTORY)) {
    const value = valueAt(row, flush)
    if (!(value <= most) && !Number.isNaN(value)) most = value
  }
  return most
}
