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
  /** The last ones that are taken, in no order. */
  private readonly taken: Array<number> = []
  /** By whom, as long as nobody knows what became of it: it may be written again. */
  private readonly takers: Array<Point | undefined> = []
  private next = 0
  /** Those in the batch that is looked at. */
  private readonly now = new Units()
  private batch = 0

  constructor(private readonly isShared: boolean) {}

  /** Whether it is in the batch already, or another point has taken it. */
  has(unit: number, batch: number, point: Point): boolean {
    if (this.batch !== batch) {
      this.batch = batch
      this.now.clear()
    }
    if (this.now.has(unit)) return true
    const place = this.placeOf(unit)
    return place >= 0 && this.takers[place] !== point
  }

  /** To the batch; where there are several, also from the others. */
  add(unit: number, point: Point): void {
    this.now.add(unit)
    if (this.isShared && this.placeOf(unit) < 0) this.take(unit, point)
  }

  /** It was stored. */
  settle(unit: number, point: Point): void {
    if (!this.isShared) return this.take(unit, undefined)
    const place = this.placeOf(unit)
    if (this.takers[place] === point) this.takers[place] = undefined
  }

  /** It was not. */
  free(unit: number, point: Point): void {
    const place = this.placeOf(unit)
    if (this.takers[place] !== point) return
    this.takers[place] = undefined
    this.taken[place] = Number.NaN
  }

  private take(unit: number, point: Point | undefined): void {
    this.taken[this.next] = unit
    if (point !== undefined) this.takers[this.next] = point
    this.next = (this.next + 1) % remembered
    if (unit > this.highest) this.highest = unit
  }

  private placeOf(unit: number): number {
    return unit > this.highest ? -1 : this.taken.lastIndexOf(unit)
  }
}

/** The series on the wire to which the fields of a point go. */
interface Lines {
  readonly names: ReadonlyArray<string>
  readonly times: ReadonlyArray<Times>
}

export interface Repeats {
  /** Of points that repeat a time in the batch or one that was taken before: their indices, ascending. The others take theirs. */
  readonly find: (measurements: ReadonlyArray<Measurement>) => ReadonlyArray<number>
  /** Gives back the times of those that are not sent. */
  readonly free: (measurements: ReadonlyArray<Measurement>, those: ReadonlyArray<{ readonly index: number }>) => void
  /** What has become of a batch that was written. */
  readonly settle: (measurements: ReadonlyArray<Measurement>, result: WriteResult) => void
}

export interface Options {
  readonly resolution: Resolution
  /** Which of those in one batch stays. */
  readonly keep: "first" | "last"
  /** How the wire spells a field. Default: as it is. */
  readonly clean?: ((field: string) => string) | undefined
  /** Whether a batch may be encoded before it is known what became of the last one: costs more. Default `false`. */
  readonly isShared?: boolean | undefined
}

export const make = ({ clean = (field) => field, isShared = false, keep, resolution }: Options): Repeats => {
  const byKey = new Map<string, Times>()
  const bySeries = new WeakMap<Point["series"], Lines>()
  let batch = 0

  const timesOf = (key: string): Times => {
    let times = byKey.get(key)
    if (times === undefined) {
      if (byKey.size >= maxSeries) byKey.clear()
      byKey.set(key, (times = new Times(isShared)))
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
    for (const times of lines) if (times.has(unit, batch, point)) return true
    for (const times of lines) times.add(unit, point)
    return false
  }

  const free: Repeats["free"] = (measurements, those) => {
    for (const { index } of those) {
      const measurement = measurements[index]!
      if (measurement._tag !== "point") continue
      const unit = unitOf(measurement)
      for (const times of linesOf(measurement)) times.free(unit, measurement)
    }
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
    free,
    settle: (measurements, { keep = [], rejected = [] }) => {
      free(measurements, rejected)
      const not = new Set([...keep, ...rejected.map(({ index }) => index)])
      for (let i = 0; i < measurements.length; i++) {
        const measurement = measurements[i]!
        if (measurement._tag !== "point" || not.has(i)) continue
        const unit = unitOf(measurement)
        for (const times of linesOf(measurement)) times.settle(unit, measurement)
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
