/**
 * At most one point for a series and a unit of time: the server may refuse to read a whole hour in which there are two.
 *
 * Windows of a series never share one; the lane sees to that. Points may, where callers give them times of their own.
 */
import type { Resolution } from "../../encoding/openTsdbPoints.js"
import type { Encoded, Measurement, WriteResult } from "../../Sink.js"

type Point = Measurement & { readonly _tag: "point" }

/** So many times of a series are remembered. */
const remembered = 64
/** So many series' are, at most. */
const maxSeries = 65_536

/** Distinct numbers; those that come in order cost least. */
class Units {
  private lowest = Infinity
  private highest = -Infinity
  private all: Array<number> = []
  private set: Set<number> | undefined = undefined

  clear(): void {
    this.lowest = Infinity
    this.highest = -Infinity
    this.all = []
    this.set = undefined
  }

  has(unit: number): boolean {
    if (unit > this.highest || unit < this.lowest) return false
    this.set ??= new Set(this.all)
    return this.set.has(unit)
  }

  add(unit: number): void {
    this.set?.add(unit)
    this.all.push(unit)
    if (unit > this.highest) this.highest = unit
    if (unit < this.lowest) this.lowest = unit
  }
}

/** The times of one series on the wire. */
class Times {
  private highest = -Infinity
  /** The last ones that were sent, in no order. */
  private readonly sent: Array<number> = []
  private next = 0
  /** Those in the batch that is looked at. */
  private readonly now = new Units()
  private batch = 0

  /** Whether it is in the batch already, or was sent. */
  has(unit: number, batch: number): boolean {
    if (this.batch !== batch) {
      this.batch = batch
      this.now.clear()
    }
    return this.now.has(unit) || (unit <= this.highest && this.sent.includes(unit))
  }

  /** To the batch. */
  add(unit: number): void {
    this.now.add(unit)
  }

  remember(unit: number): void {
    this.sent[this.next] = unit
    this.next = (this.next + 1) % remembered
    if (unit > this.highest) this.highest = unit
  }
}

/** The series on the wire to which the fields of a point go. */
interface Lines {
  readonly names: ReadonlyArray<string>
  readonly times: ReadonlyArray<Times>
}

export interface Repeats {
  /** Of points that repeat a time in the batch or one that was sent: their indices, ascending. */
  readonly find: (measurements: ReadonlyArray<Measurement>) => ReadonlyArray<number>
  /** What has become of a batch that was written. */
  readonly settle: (measurements: ReadonlyArray<Measurement>, result: WriteResult) => void
}

/** `keep` says which of those in one batch stays, and `clean` how the wire spells a field. */
export const make = (
  resolution: Resolution,
  keep: "first" | "last",
  clean: (field: string) => string = (field) => field
): Repeats => {
  const byKey = new Map<string, Times>()
  const bySeries = new WeakMap<Point["series"], Lines>()
  let batch = 0

  const timesOf = (key: string): Times => {
    let times = byKey.get(key)
    if (times === undefined) {
      if (byKey.size >= maxSeries) byKey.clear()
      byKey.set(key, (times = new Times()))
    }
    return times
  }

  const linesOf = ({ fieldNames, series }: Point): ReadonlyArray<Times> => {
    let lines = bySeries.get(series)
    if (lines === undefined || !sameNames(lines.names, fieldNames)) {
      const tags = JSON.stringify(series.tags)
      const times = fieldNames.map((name) =>
        timesOf(`${series.name}${name === "value" ? "" : `.${clean(name)}`} ${tags}`)
      )
      bySeries.set(series, (lines = { names: fieldNames, times }))
    }
    return lines.times
  }

  const unitOf = ({ millis }: Point): number => (resolution === "s" ? Math.floor(millis / 1000) : millis)

  const repeats = (point: Point): boolean => {
    const unit = unitOf(point)
    const lines = linesOf(point)
    for (const times of lines) if (times.has(unit, batch)) return true
    for (const times of lines) times.add(unit)
    return false
  }

  return {
    find: (measurements) => {
      const repeated: Array<number> = []
      batch++
      const last = measurements.length - 1
      for (let i = 0; i <= last; i++) {
        const index = keep === "first" ? i : last - i
        const measurement = measurements[index]!
        if (measurement._tag === "point" && repeats(measurement)) repeated.push(index)
      }
      return keep === "first" ? repeated : repeated.reverse()
    },
    settle: (measurements, { keep = [], rejected = [] }) => {
      const not = new Set([...keep, ...rejected.map(({ index }) => index)])
      for (let i = 0; i < measurements.length; i++) {
        const measurement = measurements[i]!
        if (measurement._tag !== "point" || not.has(i)) continue
        const unit = unitOf(measurement)
        for (const times of linesOf(measurement)) times.remember(unit)
      }
    }
  }
}

const sameNames = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a === b || (a.length === b.length && a.every((name, i) => name === b[i]))

const drop = "same_timestamp"
const reason = "its series has another point at the same time"

/** Encodes without the repeated ones, and says so. */
export const leaveOut = <Payload>(
  encode: (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Encoded<Payload>,
  measurements: ReadonlyArray<Measurement>,
  maxBytes: number,
  repeated: ReadonlyArray<number>
): Encoded<Payload> => {
  if (repeated.length === 0) return encode(measurements, maxBytes)
  const out = new Set(repeated)
  const left = measurements.flatMap((_, index) => (out.has(index) ? [] : [index]))
  const encoded = encode(
    left.map((index) => measurements[index]!),
    maxBytes
  )
  const taken = encoded.taken < left.length ? left[encoded.taken]! : measurements.length
  const refused = [
    ...encoded.refused.map((one) => ({ ...one, index: left[one.index]! })),
    ...repeated.flatMap((index) => (index < taken ? [{ index, drop, reason } as const] : []))
  ]
  return {
    ...encoded,
    taken,
    refused: refused.sort((a, b) => a.index - b.index),
    skipped: encoded.skipped?.map((one) => ({ ...one, index: left[one.index]! }))
  }
}
