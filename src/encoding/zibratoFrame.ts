/**
 * Zibrato's frame: `level|type|name|value|timestamp|source`, one ZeroMQ message of one frame. Nothing is escaped, so a field
 * with a `|` cannot be carried and is refused.
 *
 * The type is `Counter`, whose value is an increment, `Gauge`, or `Timer`, whose value is in seconds. The timestamp is in whole
 * seconds since the epoch. There is room for one tag, the `source`; other tags are left out. Zero is `0`, which Zibrato itself
 * wrote as `1`.
 *
 * | measurement | frames |
 * |---|---|
 * | window of a counter | `Counter`: the increase |
 * | window of a gauge | `Gauge`: the last value |
 * | recording of an instrument with `aggregate: false` | `Counter`, `Timer`, or `Gauge` for gauges and distributions. A sampled counter's value is multiplied by what it stands for |
 * | point | a `Gauge` for each field that is a number or a boolean: the name for the field `value`, `name.field` for others |
 * | window of a timer or distribution | none: it is `unsupported`, as there is no frame for many values |
 */
import type { Kind, Measurement, Point, Series } from "../recording/measurement.js"
import { encode as utf8 } from "./bytes.js"
import type { Covered, Fault } from "./output.js"
import { invalid, notFinite, quote } from "./output.js"
import { numberOf } from "./scalars.js"

export type FrameType = "Counter" | "Gauge" | "Timer"

export interface Frame {
  readonly level: string
  readonly type: FrameType
  readonly name: string
  readonly value: number
  /** Since the epoch. */
  readonly seconds: number
  readonly source: string
}

/** What was received is no frame. */
export interface Malformed {
  readonly malformed: string
}

export interface Dialect {
  /** Of what has none. */
  readonly level: string
  /** Of what has no tag `source`. */
  readonly source: string
}

export interface Frames extends Covered {
  /** With the level of each, for transports that route by it. */
  readonly payload: ReadonlyArray<{ readonly level: string; readonly index: number; readonly bytes: Uint8Array }>
}

/** Encodes as many measurements, from the first, as have frames that fit into `maxBytes` together. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Frames

/** A longer frame is taken for none: it is not read. */
export const maxFrameBytes = 65_536

const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const noSummary: Fault = {
  drop: "unsupported",
  reason: "a frame has room for one value: record it with `aggregate: false`, or use the native format"
}
const tooLarge: Fault = { drop: "too_large", reason: `a frame of it is longer than ${maxFrameBytes} bytes` }
const tooLargeForWrite: Fault = { drop: "too_large", reason: "its frames are longer than a write may be" }
const badTime: Fault = { drop: "invalid", reason: "its time is before 1970 or after 9999" }

const maxSeconds = 253_402_300_799

const types: Readonly<Record<Kind | "point", FrameType>> = {
  counter: "Counter",
  gauge: "Gauge",
  timer: "Timer",
  distribution: "Gauge",
  point: "Gauge"
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly level: string
  /** Up to the name, which fields may follow. */
  readonly head: string
  readonly tail: string
  readonly fault: Fault | undefined
}

const fieldFault = (what: string, text: string): string | undefined =>
  text.includes("|") ? `its ${what} ${quote(text)} contains |, which ends a field of the frame` : undefined

const keep = (series: Series, { level: defaultLevel, source: defaultSource }: Dialect): Kept => {
  const level = series.level ?? defaultLevel
  const source = series.tags.find(([key]) => key === "source")?.[1] || defaultSource
  const reason = fieldFault("name", series.name) ?? fieldFault("level", level) ?? fieldFault("source", source)
  const kept = {
    level,
    head: `${level}|${types[series.kind]}|${series.name}`,
    tail: `|${source}`,
    fault: invalid(series.name === "" ? "its name is empty" : reason)
  }
  series.encoded = kept
  return kept
}

const isPlain = ({ fieldNames, series }: Point): boolean => series.kind !== "point" && fieldNames.length === 1

export const make = (dialect: Dialect): Encode => {
  const frames: Array<Uint8Array> = []
  let fault: Fault | undefined
  let skipped = 0

  const put = (kept: Kept, field: string, value: number | bigint, seconds: number): void => {
    if (typeof value === "number" && value - value !== 0) fault ??= notFinite
    const bytes = utf8(`${kept.head}${field}|${value === 0 ? 0 : value}|${seconds}${kept.tail}`)
    if (bytes.length > maxFrameBytes) fault ??= tooLarge
    frames.push(bytes)
  }

  const putPoint = (point: Point, kept: Kept, seconds: number): void => {
    const { fieldNames, fieldValues, sampleRate, series } = point
    if (fieldNames.length === 0) fault = noFields
    for (let i = 0; i < fieldNames.length; i++) {
      const value = numberOf(fieldValues[i]!)
      const name = fieldNames[i]!
      if (value === undefined) skipped++
      else if (isPlain(point)) {
        put(kept, "", series.kind === "counter" ? Number(value) / sampleRate : value, seconds)
      } else {
        fault ??= invalid(fieldFault("field", name))
        put(kept, name === "value" ? "" : `.${name}`, value, seconds)
      }
    }
    if (frames.length === 0) fault ??= noNumbers
  }

  const putOne = (measurement: Measurement): Kept => {
    frames.length = skipped = 0
    fault = undefined
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    const kept = (measurement.series.encoded as Kept | undefined) ?? keep(measurement.series, dialect)
    const seconds = Math.floor(measurement.millis / 1000)
    if (kept.fault !== undefined) fault = kept.fault
    else if (!(seconds >= 0 && seconds <= maxSeconds)) fault = badTime
    else if (measurement._tag === "point") putPoint(measurement, kept, seconds)
    else if (measurement._tag === "distribution") fault = noSummary
    else put(kept, "", measurement.value, seconds)
    return kept
  }

  return (measurements, maxBytes) => {
    const payload: Array<Frames["payload"][number]> = []
    const refused: Array<Fault & { readonly index: number }> = []
    const partly: Array<{ readonly index: number; readonly fields: number }> = []
    let bytes = 0
    let index = 0
    for (; index < measurements.length; index++) {
      const { level } = putOne(measurements[index]!)
      const needed = frames.reduce((sum, frame) => sum + frame.length, 0)
      if (fault === undefined && needed > maxBytes) fault = tooLargeForWrite
      if (fault !== undefined) {
        refused.push({ ...fault, index })
        continue
      }
      if (bytes + needed > maxBytes) break
      if (skipped > 0) partly.push({ index, fields: skipped })
      for (const frame of frames) payload.push({ level, index, bytes: frame })
      bytes += needed
    }
    return { payload, taken: index, bytes, refused, skipped: partly }
  }
}

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** As programming languages print numbers. */
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/
const typeOf = new Map<string, FrameType>([
  ["counter", "Counter"],
  ["gauge", "Gauge"],
  ["timer", "Timer"]
])

/** Never throws, and keeps nothing of what it cannot read. */
export const decode = (bytes: Uint8Array): Frame | Malformed => {
  if (bytes.length > maxFrameBytes) return { malformed: `it is longer than ${maxFrameBytes} bytes` }
  let text: string
  try {
    text = utf8Decoder.decode(bytes)
  } catch {
    return { malformed: "it is not UTF-8" }
  }
  const fields = text.split("|", 7)
  if (fields.length !== 6) return { malformed: "it has not six fields" }
  const [level = "", typeName = "", name = "", valueText = "", time = "", source = ""] = fields
  const type = typeOf.get(typeName.toLowerCase())
  if (type === undefined) return { malformed: "its type is none of Counter, Gauge and Timer" }
  if (name === "") return { malformed: "its name is empty" }
  const value = decimal.test(valueText) ? Number(valueText) + 0 : NaN
  if (value - value !== 0) return { malformed: "its value is not a number" }
  const seconds = decimal.test(time) ? Math.floor(Number(time)) : NaN
  if (!(seconds >= 0 && seconds <= maxSeconds)) return { malformed: "its timestamp is not a time in seconds" }
  return { level, type, name, value, seconds, source }
}

/** What a subscription to just this level begins with. */
export const topicOf = (level: string): string => `${level}|`
