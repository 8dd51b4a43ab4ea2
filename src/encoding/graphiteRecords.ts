/**
 * From measurements to Graphite's records, each a path, a number and a second. What `graphiteText` and `graphitePickle` have
 * in common: which records a measurement comes to, and what is kept of a series, so that its path is made once.
 */
import type { Distribution, FieldValue, Measurement, Point, Series } from "../recording/measurement.js"
import { UInt } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import type { Naming } from "./graphiteNames.js"
import { fieldSuffix, pathOf, readSuffix } from "./graphiteNames.js"
import type { Fault } from "./output.js"
import { invalid, notFinite, outOfRange, Output } from "./output.js"
import { type DistributionRead, distributionReads, numberOf } from "./scalars.js"

export interface Dialect extends Naming {
  /** Which of a distribution, 0 to 1. */
  readonly quantiles: ReadonlyArray<number>
  /** `"none"` leaves the time to the server: the second -1. */
  readonly precision: "s" | "none"
}

/** carbon ends the connection over a longer line; over a path in a pickle it does not, but who reads it on may. */
export const maxPathBytes = 16_384

export const tooLong: Fault = {
  drop: "too_large",
  reason: `its path with the value and the time is longer than ${maxPathBytes} bytes`
}
const notWhole: Fault = { drop: "invalid", reason: "an integer field has a fraction" }
const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const beforeTime: Fault = { drop: "invalid", reason: "its time is before 1970" }

/** The place where records grow. A record is `open`, then `start` unless its prefix is known, path and `end`. */
export abstract class RecordOutput extends Output {
  /** The last second that the wire can say, and why not what follows. */
  abstract readonly lastSecond: number
  abstract readonly tooLate: Fault
  /** Ends every path. */
  abstract readonly terminator: string
  /** Makes room for a record whose path has so many bytes with what goes around it. */
  abstract open(bytes: number): void
  /** What goes before a path of so many bytes, with the terminator. */
  abstract start(bytes: number): void
  abstract end(value: number | bigint, second: number): void
}

interface Suffix {
  readonly bytes: Uint8Array
  readonly fault: Fault | undefined
}

interface Plan {
  readonly reads: ReadonlyArray<DistributionRead>
  readonly suffixes: ReadonlyArray<Uint8Array>
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly isSingle: boolean
  readonly fault: Fault | undefined
  /** Of the path; empty where all records have the same, which is `whole`. */
  readonly head: Uint8Array
  readonly tail: Uint8Array
  /** All of a record up to its value. */
  whole: Uint8Array | undefined
  /** Those of the last point's fields. */
  names: ReadonlyArray<string> | undefined
  suffixes: ReadonlyArray<Suffix>
  plan: Plan | undefined
}

const none = new Uint8Array(0)
const maxKept = 4096

/** Writes one measurement's records, or sets `output.fault`. */
export const recordsOf = (dialect: Dialect, output: RecordOutput): ((measurement: Measurement) => void) => {
  const { lastSecond, terminator, tooLate } = output
  const isStamped = dialect.precision !== "none"
  const suffixes = new Map<string, Suffix>()
  const plans = new Map<string, Plan>()

  const suffixOf = (field: string): Suffix => {
    let suffix = suffixes.get(field)
    if (suffix === undefined) {
      const { fault, text } = fieldSuffix(field, dialect)
      suffix = { bytes: Bytes.encode(text), fault: invalid(fault) }
      if (suffixes.size >= maxKept) suffixes.clear()
      suffixes.set(field, suffix)
    }
    return suffix
  }

  const planOf = (boundaries: ReadonlyArray<number> | undefined): Plan => {
    const id = boundaries === undefined ? "" : boundaries.join()
    let plan = plans.get(id)
    if (plan === undefined) {
      const reads = distributionReads(boundaries, dialect.quantiles)
      plan = { reads, suffixes: reads.map(({ name }) => Bytes.encode(readSuffix(name))) }
      if (plans.size >= maxKept) plans.clear()
      plans.set(id, plan)
    }
    return plan
  }

  /** What goes before the value where nothing stands between head and tail. */
  const join = (head: Uint8Array, tail: Uint8Array): Uint8Array => {
    const from = output.at
    output.reserve(head.length + tail.length + Bytes.maxNumberBytes)
    output.start(head.length + tail.length)
    output.put(head)
    output.put(tail)
    const whole = Bytes.keep(output.bytes.subarray(from, output.at))
    output.at = from
    return whole
  }

  const keep = (series: Series, isSingle: boolean): Kept => {
    const path = pathOf(series.name, series.tags, dialect)
    let fault = invalid(path.fault)
    let head: Uint8Array = none
    let tail: Uint8Array = none
    let whole: Uint8Array | undefined
    if (fault === undefined) {
      head = Bytes.encode(path.head)
      tail = Bytes.encode(path.tail + terminator)
      if (head.length + tail.length > maxPathBytes) fault = tooLong
      else if (isSingle) whole = join(head, tail)
    }
    const isWhole = fault !== undefined || isSingle
    const kept: Kept = {
      isSingle,
      fault,
      head: isWhole ? none : Bytes.keep(head),
      tail: isWhole ? none : Bytes.keep(tail),
      whole,
      names: undefined,
      suffixes: [],
      plan: undefined
    }
    series.encoded = kept
    return kept
  }

  const putWhole = (whole: Uint8Array, value: number | bigint, second: number): void => {
    output.open(whole.length)
    output.put(whole)
    output.end(value, second)
  }

  const putBetween = ({ head, tail }: Kept, suffix: Uint8Array, value: number | bigint, second: number): void => {
    const bytes = head.length + suffix.length + tail.length
    output.open(bytes)
    output.start(bytes)
    output.put(head)
    output.put(suffix)
    output.put(tail)
    output.end(value, second)
  }

  const putPoint = ({ fieldNames, fieldValues }: Point, kept: Kept, second: number): void => {
    if (fieldNames.length === 0) output.fault = noFields
    if (kept.names !== fieldNames) {
      kept.names = fieldNames
      kept.suffixes = fieldNames.map(suffixOf)
    }
    let carried = 0
    for (let i = 0; i < fieldNames.length && output.fault === undefined; i++) {
      const given = fieldValues[i]!
      const value = numberOf(given)
      if (value === undefined) {
        output.skipped += 1
        continue
      }
      carried += 1
      const { bytes, fault } = kept.suffixes[i]!
      output.fault = fault ?? (typeof given === "number" ? undefined : integerFault(given, value))
      if (output.fault !== undefined) return
      if (bytes.length === 0) putWhole((kept.whole ??= join(kept.head, kept.tail)), value, second)
      else putBetween(kept, bytes, value, second)
    }
    if (carried === 0) output.fault ??= noNumbers
  }

  const putDistribution = (window: Distribution, kept: Kept, second: number): void => {
    const { reads, suffixes } = (kept.plan ??= planOf(window.series.boundaries))
    for (let i = 0; i < reads.length && output.fault === undefined; i++)
      putBetween(kept, suffixes[i]!, reads[i]!.read(window), second)
  }

  return (measurement) => {
    const { _tag, series } = measurement
    const isSingle = _tag === "count" || _tag === "gauge"
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    let kept = series.encoded as Kept | undefined
    if (kept === undefined || kept.isSingle !== isSingle) kept = keep(series, isSingle)
    if (kept.fault !== undefined) {
      output.fault = kept.fault
      return
    }
    const second = isStamped ? Math.floor(measurement.millis / 1000) : -1
    if (isStamped && !(second >= 0 && second <= lastSecond)) {
      output.fault = second > lastSecond ? tooLate : beforeTime
      return
    }
    if (_tag === "point") putPoint(measurement, kept, second)
    else if (_tag === "distribution") putDistribution(measurement, kept, second)
    else putWhole(kept.whole!, measurement.value, second)
  }
}

const min = -(2n ** 63n)
const max = 2n ** 63n - 1n
const maxUnsigned = 2n ** 64n - 1n

const integerFault = (given: FieldValue, value: number | bigint): Fault | undefined => {
  if (typeof value === "number" && !Number.isInteger(value)) return value - value === 0 ? notWhole : notFinite
  const isUnsigned = given instanceof UInt
  return value < (isUnsigned ? 0n : min) || value > (isUnsigned ? maxUnsigned : max) ? outOfRange : undefined
}
