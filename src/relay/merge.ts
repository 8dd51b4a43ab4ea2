/**
 * What a worker does with messages: reads them, in either format, and records what they carry into a hub, each series into
 * one, whoever publishes it. Synchronous; what is kept is bounded, and forgotten as a whole when full.
 */
import { decode as decodeBody } from "../encoding/relayReader.js"
import { decode as decodeFrame, type Frame } from "../encoding/zibratoFrame.js"
import type { CounterEntry, DistributionEntry, Entry, GaugeEntry, Owner, PointEntry } from "../recording/entry.js"
import { make as makeEntry } from "../recording/entry.js"
import { make as makeInstrument } from "../recording/instrument.js"
import type { Count, Distribution, Gauge, Measurement, Point, Series } from "../recording/measurement.js"
import * as Tags from "../recording/tags.js"
import * as Whole from "../recording/whole.js"

/**
 * Why a message carries nothing that can be recorded.
 *
 * @since 0.1.0
 * @category models
 */
export type Refusal = "malformed" | "version" | "too_large"

/**
 * What a worker has received since its layer was built.
 *
 * @since 0.1.0
 * @category models
 */
export interface Account {
  /** Messages received, of all kinds. */
  readonly messages: number
  /** Windows and points that were recorded. */
  readonly measurements: number
  /** Windows of gauges that were older than what is known. */
  readonly stale: number
  /** Messages that had been received before. */
  readonly duplicates: number
  /** Messages that could not be read, by reason. */
  readonly unreadable: Readonly<Record<Refusal, number>>
}

export type Taken =
  | {
      readonly _tag: "recorded"
      /** By which it is known if it comes again; Zibrato's have none. */
      readonly id?: string
      readonly format: "native" | "zibrato"
      readonly measurements: number
    }
  | { readonly _tag: "duplicate"; readonly id: string }
  | { readonly _tag: "unreadable"; readonly refusal: Refusal; readonly reason: string }

export interface Merger {
  readonly take: (frames: ReadonlyArray<Uint8Array>) => Taken
  /** The message will be delivered again, and is to be recorded then. */
  readonly forget: (id: string) => void
  readonly account: () => Account
}

interface Known {
  readonly entry: Entry
  /** Of a gauge: the time of its value. */
  millis: number
  nanos: number
}

/** Series kept, in multiples of which long ones count for several. */
const maxKept = 100_000
/** Messages remembered, so that one which is delivered again is not recorded again, and the length of their ids together. */
const maxRemembered = 10_000
const maxRememberedLength = 4 * 1024 * 1024
/** A gauge's value from further in the future does not keep out what comes later, in milliseconds. */
const maxAhead = 60_000
/** Longer descriptions and units are left out: a lane keeps them for as long as it lives. */
const maxWords = 1024

/** How the recordings of a series become measurements here: gathered into windows, or each by itself. */
type Form = "windowed" | "raw"

/** Whether windows are merged into those of the worker, or written as they are. */
export type Windows = "merge" | "keep"

export interface Settings {
  readonly maxMessageBytes: number
  readonly windows: Windows
  readonly now: () => number
}

export const make = (hub: Owner, { maxMessageBytes, now, windows }: Settings): Merger => {
  const known = new Map<string, Known>()
  const seen = new Set<string>()
  let seenLength = 0
  let kept = 0
  const account = { messages: 0, measurements: 0, stale: 0, duplicates: 0 }
  const unreadable = { malformed: 0, version: 0, too_large: 0 }

  const knownOf = (series: Series, form: Form): Known => {
    const { kind, level, name, tags, valueType } = series
    const key = `${kind} ${form} ${valueType} ${level === undefined ? "" : `${level.length}:${level}`} ${Tags.identity(name, tags)}`
    let found = known.get(key)
    if (found === undefined) {
      kept += 1 + ((key.length + 8 * (series.boundaries?.length ?? 0)) >>> 8)
      if (kept > maxKept) {
        known.clear()
        kept = 1
      }
      found = { entry: makeEntry(hub, instrumentOf(series, form), tags), millis: -Infinity, nanos: 0 }
      known.set(key, found)
    }
    return found
  }

  /** A body has many points of a series, and but one window. */
  const ofPoints = new Map<Series, Known>()

  const knownOfPoint = (series: Series): Known => {
    let found = ofPoints.get(series)
    if (found === undefined) {
      found = knownOf(series, series.kind === "point" ? "windowed" : "raw")
      ofPoints.set(series, found)
    }
    return found
  }

  const record = (measurement: Measurement): void => {
    const { series } = measurement
    const found = measurement._tag === "point" ? knownOfPoint(series) : knownOf(series, "windowed")
    const { entry } = found
    // The factory of entries makes the class that belongs to the kind, and the reader has seen that kind and value fit.
    switch (measurement._tag) {
      case "count":
        Whole.addCount(entry as CounterEntry, measurement, cellsFor(entry as CounterEntry, measurement))
        break
      case "gauge": {
        const cells = cellsFor(entry as GaugeEntry, measurement)
        if (windows === "keep" && cells.length === 0) break
        if (isOlder(measurement, found)) {
          account.stale++
          return
        }
        found.millis = Math.min(measurement.millis, now() + maxAhead)
        found.nanos = found.millis === measurement.millis ? measurement.nanos : 0
        Whole.setGauge(entry as GaugeEntry, measurement, cells)
        break
      }
      case "distribution":
        Whole.mergeDistribution(
          entry as DistributionEntry,
          measurement,
          cellsFor(entry as DistributionEntry, measurement)
        )
        break
      case "point":
        if (series.kind !== "point") {
          recordSingle(entry as CounterEntry | GaugeEntry | DistributionEntry, measurement, windows)
        } else if (windows === "keep") Whole.passPoint(entry as PointEntry, measurement)
        else Whole.emitAt(entry as PointEntry, measurement)
    }
    account.measurements++
  }

  /** Where the window is to be merged. */
  const cellsFor = <E extends CounterEntry | GaugeEntry | DistributionEntry>(
    entry: E,
    window: Count | Gauge | Distribution
  ): ReturnType<typeof Whole.pass<E>> =>
    // An entry's cells are of its kind.
    windows === "keep" ? Whole.pass(entry, window) : (entry.current() as ReturnType<typeof Whole.pass<E>>)

  const forget = (id: string): void => {
    if (seen.delete(id)) seenLength -= id.length
  }

  const remember = (id: string): boolean => {
    if (seen.has(id)) return false
    seen.add(id)
    seenLength += id.length
    for (const oldest of seen) {
      if (seen.size <= maxRemembered && seenLength <= maxRememberedLength) break
      forget(oldest)
    }
    return true
  }

  const refuse = (refusal: Refusal, reason: string): Taken => {
    unreadable[refusal]++
    return { _tag: "unreadable", refusal, reason }
  }

  const takeNative = (bytes: Uint8Array): Taken => {
    const body = decodeBody(bytes, maxMessageBytes)
    if ("unreadable" in body) return refuse(body.unreadable, body.reason)
    const id = `${body.publisher}\0${body.batch}`
    if (!remember(id)) {
      account.duplicates++
      return { _tag: "duplicate", id }
    }
    for (const measurement of body.measurements) record(measurement)
    ofPoints.clear()
    return { _tag: "recorded", id, format: "native", measurements: body.measurements.length }
  }

  const takeFrame = (bytes: Uint8Array): Taken => {
    const frame = decodeFrame(bytes)
    if ("malformed" in frame) return refuse("malformed", frame.malformed)
    if (frame.name.length + frame.source.length > Tags.maxIdentityLength - 16) {
      return refuse("malformed", "its name and source are too long")
    }
    const point = pointOf(frame)
    const { entry } = knownOf(point.series, frame.type === "Gauge" ? "raw" : "windowed")
    recordSingle(entry as CounterEntry | GaugeEntry | DistributionEntry, point, "merge")
    account.measurements++
    return { _tag: "recorded", format: "zibrato", measurements: 1 }
  }

  return {
    take: (frames) => {
      account.messages++
      if (frames.length === 2) return takeNative(frames[1]!)
      return frames.length === 1 ? takeFrame(frames[0]!) : refuse("malformed", "it has neither one frame nor two")
    },
    forget,
    account: () => ({ ...account, unreadable: { ...unreadable } })
  }
}

const instrumentOf = (series: Series, form: Form): ReturnType<typeof makeInstrument> => {
  const { boundaries, description, kind, level, name, unit, valueType } = series
  return makeInstrument(kind, name, {
    boundaries,
    description: short(description),
    level,
    unit: short(unit),
    valueType,
    // What publishers let through is let through.
    monotonic: "unchecked",
    aggregate: form === "windowed"
  })
}

const short = (words: string | undefined): string | undefined =>
  words === undefined || words.length > maxWords ? undefined : words

const isOlder = ({ millis, nanos }: Measurement, known: Known): boolean =>
  millis < known.millis || (millis === known.millis && nanos < known.nanos)

const recordSingle = (entry: CounterEntry | GaugeEntry | DistributionEntry, point: Point, windows: Windows): void => {
  const [value] = point.fieldValues
  if (typeof value === "number") (windows === "keep" ? Whole.passAt : Whole.recordAt)(entry, value, point)
}

const kinds = { Counter: "counter", Gauge: "gauge", Timer: "timer" } as const

/** As which Zibrato's frames are recorded: its counters and timers gather, its gauges keep each its own time. */
const pointOf = ({ level, name, seconds, source, type, value }: Frame): Point => ({
  _tag: "point",
  series: {
    name,
    tags: source === "" ? [] : [["source", source]],
    kind: kinds[type],
    valueType: "float",
    unit: type === "Timer" ? "s" : undefined,
    description: undefined,
    level: level === "" ? undefined : level,
    boundaries: undefined,
    encoded: undefined
  },
  weight: 1,
  millis: seconds * 1000,
  nanos: 0,
  fieldNames: ["value"],
  fieldValues: [value],
  sampleRate: 1
})
