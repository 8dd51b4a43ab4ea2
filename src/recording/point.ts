/**
 * Reads what callers give for a point, once, at the moment of recording: later changes to their objects have no effect.
 */
import type { RefuseReason } from "../Ledger.js"
import { type FieldValue, Int, type Point, type Series, UInt } from "./measurement.js"

/**
 * When a point was: a `Date`, milliseconds since the epoch, or as a `bigint` nanoseconds since the epoch.
 *
 * @since 0.1.0
 * @category models
 */
export type Timestamp = Date | number | bigint

interface Time {
  readonly millis: number
  /** `undefined` where the clock gave the time. */
  readonly nanos: number | undefined
}

const nanosPerMilli = 1_000_000n

/** `undefined` if it is not a time. Divides down, so that times before the epoch do not jump forward. */
export const timeOf = (timestamp: Timestamp | undefined, now: number): Time | undefined => {
  if (timestamp === undefined) return { millis: now, nanos: undefined }
  if (typeof timestamp === "bigint") {
    const rest = ((timestamp % nanosPerMilli) + nanosPerMilli) % nanosPerMilli
    const millis = Number((timestamp - rest) / nanosPerMilli)
    return Number.isSafeInteger(millis) ? { millis, nanos: Number(rest) } : undefined
  }
  const given = timestamp instanceof Date ? timestamp.getTime() : timestamp
  if (typeof given !== "number" || !Number.isFinite(given) || Math.abs(given) > Number.MAX_SAFE_INTEGER)
    return undefined
  const millis = Math.floor(given)
  return { millis, nanos: Math.min(999_999, Math.round((given - millis) * 1_000_000)) }
}

/** The fields that can be recorded; the others are refused one by one. `undefined` if none is left. */
export const fieldsOf = (
  fields: Readonly<Record<string, FieldValue>>,
  refuse: (reason: RefuseReason) => void
):
  | { readonly names: ReadonlyArray<string>; readonly values: ReadonlyArray<FieldValue>; readonly bytes: number }
  | undefined => {
  try {
    let names = Object.keys(fields)
    const values: Array<FieldValue> = []
    let bytes = 0
    let kept = 0
    let refused = 0
    for (let i = 0; i < names.length; i++) {
      const value: unknown = fields[names[i]!]
      const problem = names[i] === "" ? "invalid_field" : problemOf(value)
      if (problem === undefined) {
        names[kept++] = names[i]!
        // `problemOf` lets nothing else through.
        values.push(value as FieldValue)
        bytes += typeof value === "string" ? value.length * 2 + 24 : 16
      } else if (value !== undefined) {
        refused++
        refuse(problem)
      }
    }
    if (kept < names.length) names = names.slice(0, kept)
    if (kept > 0) return { names, values, bytes }
    // Fields that were all refused are counted already.
    if (refused === 0) refuse("no_fields")
  } catch {
    refuse("threw")
  }
  return undefined
}

const problemOf = (value: unknown): RefuseReason | undefined => {
  switch (typeof value) {
    case "number":
      return value - value === 0 ? undefined : "not_finite"
    case "string":
    case "boolean":
    case "bigint":
      return undefined
    default:
      return value instanceof Int || value instanceof UInt ? undefined : "invalid_field"
  }
}

/**
 * A point of this process. By a class: of a literal the engine learns that what it makes outlives a young collection, once a
 * queue was full for the first time, and from then on makes each point among the old, where only a full collection frees it
 * (the benchmark's row "http").
 */
export class OwnPoint implements Point {
  readonly _tag = "point"
  constructor(
    readonly series: Series,
    readonly weight: number,
    readonly millis: number,
    readonly nanos: number,
    readonly fieldNames: ReadonlyArray<string>,
    readonly fieldValues: ReadonlyArray<FieldValue>,
    readonly sampleRate: number
  ) {}
}
