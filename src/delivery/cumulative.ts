/**
 * Totals in place of increases, for sinks whose backends take totals alone: what a series has gathered since it began.
 *
 * A total never falls while its series lives. What is known not to be stored is left out of it, as the ledger says; what may
 * have been stored is in all that follow, since a receiver may have seen it: a total that gets lost on its way is made good by
 * the next one. A write that is repeated says the same once more.
 */
import { Cause, Effect, Exit, Option } from "effect"
import { Histogram } from "../recording/histogram.js"
import type { Count, Distribution, Measurement } from "../recording/measurement.js"
import type { Sink, SinkError } from "./sink.js"

type Window = Count | Distribution

/** Of one series. */
interface Total {
  /** When its first window was opened, and before that ended. */
  readonly startMillis: number
  value: number
  histogram: Histogram | undefined
  buckets: ReadonlyArray<number> | undefined
  /** The window that was sent last, while it is not known to be stored. */
  sent: Window | undefined
  /** How many of its writes may have stored it, or may yet. */
  doubts: number
  /** When the last window ended that is known to be stored: a series has no two that end at one time. */
  storedMillis: number
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

/** The explicit buckets of a window whose series has none of its own. */
type BucketsOf = (window: Distribution) => ReadonlyArray<number> | undefined

/**
 * `bucketsOf` is asked for each window before it is added up: counted by about the values of a total, which grow coarser with its
 * range, buckets would fall.
 */
export const make = (bucketsOf: BucketsOf = () => undefined): Totals => {
  // A series that is forgotten begins anew, with a later beginning.
  const totals = new WeakMap<Measurement["series"], Total>()
  /** What foreign windows came to. */
  const foreign = new WeakMap<Window, Window>()

  const bucketed = (window: Distribution) => window.buckets ?? bucketsOf(window)

  const fold = (total: Total, window: Window): void => {
    if (window._tag === "count") total.value += window.value
    else {
      total.histogram = merged(total.histogram, window.histogram)
      total.buckets = added(total.buckets, bucketed(window))
    }
  }

  const totalOf = (window: Window): Total => {
    const known = totals.get(window.series)
    if (known !== undefined) return known
    const total: Total = {
      startMillis: Math.min(window.startMillis, window.millis - 1),
      value: 0,
      histogram: undefined,
      buckets: undefined,
      sent: undefined,
      doubts: 0,
      storedMillis: -Infinity
    }
    totals.set(window.series, total)
    return total
  }

  /** The lane goes on without knowing what became of the last one. */
  const leave = (total: Total): void => {
    if (total.sent !== undefined && total.doubts > 0) fold(total, total.sent)
    total.sent = undefined
    total.doubts = 0
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
    if (window.millis === total.storedMillis) return storedOf(total, window)
    if (total.sent !== window) leave(total)
    return wholeOf(total, window)
  }

  /** A write that the lane had given up was stored after all, and is repeated. */
  const storedOf = ({ buckets, histogram, startMillis, value }: Total, window: Window): Window =>
    window._tag === "count"
      ? { ...window, startMillis, value }
      : { ...window, startMillis, histogram: histogram ?? window.histogram, buckets }

  const wholeOf = (total: Total, window: Window): Window => {
    const { startMillis } = total
    return window._tag === "count"
      ? { ...window, startMillis, value: total.value + window.value }
      : {
          ...window,
          startMillis,
          histogram: merged(total.histogram, window.histogram),
          buckets: added(total.buckets, bucketed(window))
        }
  }

  return {
    add: (measurements) => measurements.map((one) => (isWindow(one) ? addTo(one) : one)),
    begin: (measurements) => {
      for (const one of measurements) {
        if (!isWindow(one) || isForeign(one)) continue
        const total = totalOf(one)
        if (one.millis === total.storedMillis) continue
        if (total.sent !== one) leave(total)
        total.sent = one
        total.doubts++
      }
    },
    settle: (measurements, fate) => {
      for (const one of measurements) {
        if (!isWindow(one) || isForeign(one)) continue
        const total = totalOf(one)
        // Writes that the lane has given up may end when it has gone on.
        if (total.sent !== one) continue
        if (fate === "stored") {
          leave(total)
          total.storedMillis = one.millis
        } else if (fate === "not stored") total.doubts--
      }
    }
  }
}

const fateOf = (exit: Exit.Exit<unknown, SinkError>): Fate => {
  if (Exit.isSuccess(exit)) return "stored"
  const failure = Cause.failureOption(exit.cause)
  return Option.isSome(failure) && !failure.value.ambiguous ? "not stored" : "unknown"
}

/** A sink of totals that is given increases. What it is said to reject counts as stored: later totals have it. */
export const sinkOf = <Payload>(
  { encode, write }: Required<Pick<Sink<Payload>, "write">> & { readonly encode: NonNullable<Sink<Payload>["encode"]> },
  bucketsOf?: BucketsOf
): Sink<Payload> => {
  const totals = make(bucketsOf)
  return {
    encode: (measurements, maxBytes) => encode(totals.add(measurements), maxBytes),
    write: (batch) =>
      Effect.suspend(() => {
        totals.begin(batch.measurements)
        return Effect.onExit(write(batch), (exit) => Effect.sync(() => totals.settle(batch.measurements, fateOf(exit))))
      })
  }
}
