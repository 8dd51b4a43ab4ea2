/**
 * At most one point for a series and a unit of time: the server may refuse to read a whole hour in which there are two.
 *
 * Windows of a series never share one; the lane sees to that. Points may, where callers give them times of their own.
 */
import type { Resolution } from "../../encoding/openTsdbPoints.js"
import type { Encoded, Measurement } from "../../Sink.js"

type Point = Measurement & { readonly _tag: "point" }

/** So many times of a series are remembered. */
const remembered = 64
/** So many series' are, at most. */
const maxSeries = 65_536

/** The times of one series on the wire. */
interface Sent {
  highest: number
  /** The last ones, in no order. */
  readonly units: Array<number>
  next: number
}

/** The series on the wire to which the fields of a point go. */
interface Lines {
  readonly names: ReadonlyArray<string>
  readonly sent: ReadonlyArray<Sent>
}

const has = ({ highest, units }: Sent, unit: number): boolean => unit <= highest && units.includes(unit)

const add = (sent: Sent, unit: number): void => {
  sent.units[sent.next] = unit
  sent.next = (sent.next + 1) % remembered
  if (unit > sent.highest) sent.highest = unit
}

/** Finds the points that repeat a time. `keep` says which of those in one batch stays. */
export const make = (resolution: Resolution, keep: "first" | "last") => {
  const byKey = new Map<string, Sent>()
  const bySeries = new WeakMap<Point["series"], Lines>()
  /** Those that were let through once may be written again. */
  const passed = new WeakSet<Point>()

  const sentOf = (key: string): Sent => {
    let sent = byKey.get(key)
    if (sent === undefined) {
      if (byKey.size >= maxSeries) byKey.clear()
      sent = { highest: -Infinity, units: [], next: 0 }
      byKey.set(key, sent)
    }
    return sent
  }

  const linesOf = ({ fieldNames, series }: Point): Lines => {
    let lines = bySeries.get(series)
    if (lines === undefined || !sameNames(lines.names, fieldNames)) {
      const tags = JSON.stringify(series.tags)
      const sent = fieldNames.map((name) => sentOf(`${series.name}${name === "value" ? "" : `.${name}`} ${tags}`))
      lines = { names: fieldNames, sent }
      bySeries.set(series, lines)
    }
    return lines
  }

  const passes = (point: Point): boolean => {
    if (passed.has(point)) return true
    const unit = resolution === "s" ? Math.floor(point.millis / 1000) : point.millis
    const { sent } = linesOf(point)
    for (const one of sent) if (has(one, unit)) return false
    for (const one of sent) add(one, unit)
    passed.add(point)
    return true
  }

  /** Their indices, ascending. */
  return (measurements: ReadonlyArray<Measurement>): ReadonlyArray<number> => {
    const repeated: Array<number> = []
    const look = (index: number): void => {
      const measurement = measurements[index]!
      if (measurement._tag === "point" && !passes(measurement)) repeated.push(index)
    }
    if (keep === "first") for (let i = 0; i < measurements.length; i++) look(i)
    else for (let i = measurements.length - 1; i >= 0; i--) look(i)
    return keep === "first" ? repeated : repeated.reverse()
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
