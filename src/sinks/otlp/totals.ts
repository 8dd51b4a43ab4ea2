/**
 * Totals in place of increases, for cumulative temporality: what a series has gathered since it began.
 *
 * A total never falls while its series lives. What is known not to be stored is left out of it, as the ledger says; what may
 * have been stored is in all that follow, since a receiver may have seen it: a total that gets lost on its way is made good by
 * the next one. A write that is repeated says the same once more.
 */
import { Histogram } from "../../recording/histogram.js"
import type { Count, Distribution } from "../../recording/measurement.js"
import type { Measurement } from "../../Sink.js"

type Window = Count | Distribution

/** Of one series. */
interface Total {
  /** When its first window was opened. */
  readonly startMillis: number
  value: number
  histogram: Histogram | undefined
  buckets: ReadonlyArray<number> | undefined
  /** The window that was sent last, while its fate is not known. */
  sent: Window | undefined
  /** Whether that may have been stored. */
  isDoubtful: boolean
}

/** How a write has ended. */
export type Fate = "stored" | "not stored" | "unknown"

export interface Totals {
  readonly add: (measurements: ReadonlyArray<Measurement>) => ReadonlyArray<Measurement>
  /** Before a write of these, as they were before `add`. */
  readonly begin: (measurements: ReadonlyArray<Measurement>) => void
  /** After it. */
  readonly settle: (measurements: ReadonlyArray<Measurement>, fate: Fate) => void
}

const isWindow = (measurement: Measurement): measurement is Window =>
  measurement._tag === "count" || measurement._tag === "distribution"

/** Sealed by another process: several of a series may be on their way at a time. */
const isForeign = (window: Window): boolean => "foreign" in window

const merged = (a: Histogram | undefined, b: Histogram): Histogram => {
  if (a === undefined) return b
  const both = new Histogram()
  both.merge(a)
  both.merge(b)
  return both
}

const added = (
  a: ReadonlyArray<number> | undefined,
  b: ReadonlyArray<number> | undefined
): ReadonlyArray<number> | undefined =>
  a === undefined || b === undefined ? (b ?? a) : b.map((count, i) => count + (a[i] ?? 0))

const fold = (total: Total, window: Window): void => {
  if (window._tag === "count") total.value += window.value
  else {
    total.histogram = merged(total.histogram, window.histogram)
    total.buckets = added(total.buckets, window.buckets)
  }
}

export const make = (): Totals => {
  // A series that is forgotten begins anew, with a later beginning.
  const totals = new WeakMap<Measurement["series"], Total>()
  /** What foreign windows came to. */
  const foreign = new WeakMap<Window, Window>()

  const totalOf = (window: Window): Total => {
    const known = totals.get(window.series)
    if (known !== undefined) return known
    const { startMillis } = window
    const total: Total = {
      startMillis,
      value: 0,
      histogram: undefined,
      buckets: undefined,
      sent: undefined,
      isDoubtful: false
    }
    totals.set(window.series, total)
    return total
  }

  /** The lane goes on without knowing what became of the last one. */
  const leave = (total: Total): void => {
    if (total.sent !== undefined && total.isDoubtful) fold(total, total.sent)
    total.sent = undefined
    total.isDoubtful = false
  }

  /** In all totals from now on, whatever becomes of it. */
  const addForeign = (window: Window): Window => {
    const known = foreign.get(window)
    if (known !== undefined) return known
    const total = totalOf(window)
    const whole = wholeOf(total, window)
    fold(total, window)
    foreign.set(window, whole)
    return whole
  }

  const addTo = (window: Window): Window => {
    if (isForeign(window)) return addForeign(window)
    const total = totalOf(window)
    if (total.sent !== window) leave(total)
    return wholeOf(total, window)
  }

  const wholeOf = (total: Total, window: Window): Window => {
    const { startMillis } = total
    return window._tag === "count"
      ? { ...window, startMillis, value: total.value + window.value }
      : {
          ...window,
          startMillis,
          histogram: merged(total.histogram, window.histogram),
          buckets: added(total.buckets, window.buckets)
        }
  }

  return {
    add: (measurements) => measurements.map((one) => (isWindow(one) ? addTo(one) : one)),
    begin: (measurements) => {
      for (const one of measurements) if (isWindow(one) && !isForeign(one)) totalOf(one).sent = one
    },
    settle: (measurements, fate) => {
      for (const one of measurements) {
        if (!isWindow(one) || isForeign(one)) continue
        const total = totalOf(one)
        if (fate === "stored") {
          total.isDoubtful = true
          leave(total)
        } else if (fate === "unknown") total.isDoubtful = true
        else if (!total.isDoubtful) total.sent = undefined
      }
    }
  }
}
