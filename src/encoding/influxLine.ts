/**
 * InfluxDB line protocol: `measurement,tag=value field=value,field=value timestamp`, lines joined by LF.
 *
 * `InfluxDb` has the table of what becomes of which measurement. What the protocol cannot carry is refused, measurement by
 * measurement. A series' measurement and tags are encoded once and kept in `series.encoded`; keys are kept by name.
 *
 * Costs: `bench` row `line protocol`.
 */
import type { Distribution, FieldValue, Measurement, Point, Series, Tag } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { maxKeyBytes, namesOf } from "./influxNames.js"
import type { Covered, Fault } from "./output.js"
import { fill, invalid, notFinite, Output } from "./output.js"
import { type DistributionRead, distributionReads, sameNames } from "./scalars.js"

/** `"none"` leaves the time to the server. */
export type Precision = "ns" | "us" | "ms" | "s" | "none"

export interface Dialect {
  /** InfluxDB's major version: they differ in backslashes, and 3 limits strings to 65 536 bytes. */
  readonly version: 1 | 2 | 3
  readonly precision: Precision
  /** Whether the server knows unsigned integers. */
  readonly uint: "supported" | "unsupported"
  /** Which of a distribution, 0 to 1. */
  readonly quantiles: ReadonlyArray<number>
}

export interface Lines {
  readonly payload: Uint8Array
  readonly taken: number
  readonly bytes: number
  readonly refused: Covered["refused"]
}

/** Encodes as many measurements, from the first, as have lines that fit into `maxBytes` with the LFs between them. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Lines

const notWhole: Fault = { drop: "invalid", reason: "an integer field has a fraction" }
const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const badTime: Fault = {
  drop: "invalid",
  reason: "its time is not a whole number of nanoseconds between 1677 and 2262"
}
const longString: Fault = { drop: "invalid", reason: "a string field is longer than 65536 bytes" }
const tooLarge: Fault = { drop: "too_large", reason: "its line is longer than a write may be" }
const noUint: Fault = { drop: "unsupported", reason: "unsigned integers need InfluxDB 2 or 3, or the option `uint`" }
const noSuchKind: Fault = { drop: "unsupported", reason: "a field is neither a number, bigint, boolean nor string" }

const maxString3 = 65_536
const maxKept = 4096
const newline = 10
const space = 32
const doubleQuote = 34
const letterF = 70
const letterT = 84
const letterI = 105
const letterU = 117

class LineOutput extends Output {
  int(value: number | bigint): void {
    if (typeof value === "number") {
      if (Number.isSafeInteger(value)) {
        this.at = Bytes.writeInteger(this.bytes, this.at, value)
        this.bytes[this.at++] = letterI
      } else if (Number.isInteger(value)) this.int(BigInt(value))
      else this.fault = value - value === 0 ? notWhole : notFinite
    } else {
      this.big(value, -9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n)
      this.bytes[this.at++] = letterI
    }
  }

  uint(value: number | bigint): void {
    if (typeof value === "number" && !Number.isInteger(value)) this.fault = value - value === 0 ? notWhole : notFinite
    else {
      this.big(BigInt(value), 0n, 18_446_744_073_709_551_615n)
      this.bytes[this.at++] = letterU
    }
  }

  string(value: string, maxBytes: number): void {
    this.bytes[this.at++] = doubleQuote
    const end = Bytes.writeText(this.bytes, this.at, value.replace(/["\\]/g, "\\$&"))
    // Escapes do not count towards the limit, so only what exceeds it with them is measured without them.
    if (end - this.at > maxBytes && Bytes.encode(value).length > maxBytes) this.fault = longString
    this.bytes[end] = doubleQuote
    this.at = end + 1
  }

  /** By floor division, so that times before 1970 do not jump forward; in two groups of digits, so that it needs no bigint. */
  time(millis: number, nanos: number, precision: Precision): void {
    if (!isTime(millis, nanos)) {
      this.fault = badTime
      return
    }
    const { bytes } = this
    bytes[this.at] = space
    const at = this.at + 1
    if (precision === "ms" || precision === "s") {
      this.at = Bytes.writeInteger(bytes, at, precision === "ms" ? millis : Math.floor(millis / 1000))
      return
    }
    const width = precision === "ns" ? 6 : 3
    const unit = precision === "ns" ? 1_000_000 : 1000
    const below = precision === "ns" ? nanos : Math.floor(nanos / 1000)
    if (millis > 0) this.at = Bytes.writeDigits(bytes, Bytes.writeInteger(bytes, at, millis), below, width)
    else if (millis > -1000) this.at = Bytes.writeInteger(bytes, at, millis * unit + below)
    else if (below === 0) this.at = Bytes.writeDigits(bytes, Bytes.writeInteger(bytes, at, millis), 0, width)
    else this.at = Bytes.writeDigits(bytes, Bytes.writeInteger(bytes, at, millis + 1), unit - below, width)
  }
}

const maxMillis = 9_223_372_036_854

/** Within the servers' range, -9223372036854775806 to 9223372036854775806 ns. */
const isTime = (millis: number, nanos: number): boolean =>
  Math.floor(millis) === millis &&
  Math.floor(nanos) === nanos &&
  nanos >= 0 &&
  nanos < 1_000_000 &&
  (millis < maxMillis || (millis === maxMillis && nanos <= 775_806)) &&
  (millis >= -maxMillis || (millis === -maxMillis - 1 && nanos >= 224_194))

/** The keys of a line's fields, in the order in which they are written. The first has no comma before it. */
interface Shape {
  readonly names: ReadonlyArray<string>
  /** Where each key's value is among `names`. */
  readonly order: ReadonlyArray<number>
  readonly keys: ReadonlyArray<Uint8Array>
  readonly longest: number
  /** What the fields take at most, strings apart. */
  readonly bytes: number
  readonly fault: Fault | undefined
}

/** A distribution's fields, in order. */
interface Plan {
  readonly shape: Shape
  readonly reads: ReadonlyArray<DistributionRead>
}

/** What `series.encoded` keeps. */
interface Kept {
  /** Measurement, tags and a space; and the key `value` where a window has no other. */
  readonly head: Uint8Array
  readonly isSingle: boolean
  /** Whether numbers are integers. */
  readonly isInt: boolean
  readonly fault: Fault | undefined
  /** That of the series' last point. */
  shape: Shape | undefined
  plan: Plan | undefined
}

/** Tags without a key or value are left out. */
export const spell = (series: Pick<Series, "name" | "tags">): Pick<Series, "name" | "tags"> =>
  series.tags.some(isEmpty) ? { name: series.name, tags: series.tags.filter((tag) => !isEmpty(tag)) } : series

const isEmpty = ([key, value]: Tag): boolean => key === "" || value === ""

// Encoding is synchronous, so all encoders of a process grow their lines in the same place.
const output = new LineOutput()

export const make = ({ precision, quantiles, uint, version }: Dialect): Encode => {
  const wire = namesOf(version)
  const maxString = version === 3 ? maxString3 : Infinity
  const keys = new Map<string, Uint8Array>()
  const shapes: Array<Shape> = []
  const plans = new Map<string, Plan>()

  const keyOf = (text: string): Uint8Array => {
    let key = keys.get(text)
    if (key === undefined) {
      if (keys.size >= maxKept) keys.clear()
      keys.set(text, (key = Bytes.encodeKept(text)))
    }
    return key
  }

  const makeShape = (names: ReadonlyArray<string>): Shape => {
    const order = names.map((_, i) => i).sort((a, b) => (names[a]! < names[b]! ? -1 : 1))
    let fault = names.length === 0 ? noFields : undefined
    for (const name of names) fault ??= invalid(wire.fieldKeyFault(name))
    const written =
      fault === undefined ? order.map((at, i) => keyOf(`${i === 0 ? "" : ","}${wire.escapeKey(names[at]!)}=`)) : []
    let longest = 0
    let bytes = 0
    for (const key of written) {
      longest = Math.max(longest, key.length)
      bytes += key.length + Bytes.maxNumberBytes
    }
    return { names: names.slice(), order, keys: written, longest, bytes, fault }
  }

  /** Points of one name mostly have the same fields; those of a few names that do not find their shapes here. */
  const shapeOf = (names: ReadonlyArray<string>): Shape => {
    for (let i = 0; i < shapes.length; i++) if (sameNames(shapes[i]!.names, names)) return shapes[i]!
    const shape = makeShape(names)
    if (shapes.length >= 16) shapes.shift()
    shapes.push(shape)
    return shape
  }

  const planOf = (boundaries: ReadonlyArray<number> | undefined): Plan => {
    const id = boundaries === undefined ? "" : boundaries.join()
    let plan = plans.get(id)
    if (plan === undefined) {
      const reads = [...distributionReads(boundaries, quantiles)].sort((a, b) => (a.name < b.name ? -1 : 1))
      if (plans.size >= maxKept) plans.clear()
      plan = { shape: makeShape(reads.map(({ name }) => name)), reads }
      plans.set(id, plan)
    }
    return plan
  }

  const keep = (series: Series, isSingle: boolean): Kept => {
    let head = wire.escapeMeasurement(series.name)
    let reason = wire.measurementFault(series.name)
    for (const [key, value] of spell(series).tags) {
      reason ??= wire.tagKeyFault(key) ?? wire.tagValueFault(key, value)
      head += `,${wire.escapeKey(key)}=${wire.escapeKey(value)}`
    }
    const bytes = Bytes.encodeKept(reason === undefined ? `${head} ${isSingle ? "value=" : ""}` : "")
    if (bytes.length > maxKeyBytes) reason = `its name and tags take more than ${maxKeyBytes} bytes`
    const isInt = series.valueType === "int" && series.kind !== "point"
    const kept = { head: bytes, isSingle, isInt, fault: invalid(reason), shape: undefined, plan: undefined }
    series.encoded = kept
    return kept
  }

  const putField = (value: FieldValue, isInt: boolean): void => {
    if (typeof value === "number") {
      if (isInt) output.int(value)
      else output.float(value)
    } else if (typeof value === "bigint") output.int(value)
    else if (typeof value === "boolean") output.bytes[output.at++] = value ? letterT : letterF
    else if (typeof value === "string") {
      output.reserve(value.length * 3 + 2)
      output.string(value, maxString)
    } else if (value instanceof Int) output.int(value.value)
    else if (!(value instanceof UInt)) output.fault = noSuchKind
    else if (uint === "unsupported") output.fault = noUint
    else output.uint(value.value)
  }

  const putPoint = ({ fieldNames, fieldValues }: Point, kept: Kept, maxBytes: number): void => {
    let shape = kept.shape
    if (shape === undefined || !sameNames(shape.names, fieldNames)) kept.shape = shape = shapeOf(fieldNames)
    if (shape.fault !== undefined || kept.head.length + shape.longest > maxKeyBytes) {
      output.fault = shape.fault ?? invalid(`its name, tags and a field key take more than ${maxKeyBytes} bytes`)
      return
    }
    const start = output.at
    for (let i = 0; i < shape.keys.length && output.fault === undefined; i++) {
      const value = fieldValues[shape.order[i]!]!
      if (typeof value === "string" && value.length + output.at - start > maxBytes) output.fault = tooLarge
      else {
        output.reserve(shape.bytes)
        output.put(shape.keys[i]!)
        putField(value, kept.isInt)
      }
    }
  }

  const putDistribution = (window: Distribution, kept: Kept): void => {
    const { reads, shape } = (kept.plan ??= planOf(window.series.boundaries))
    output.reserve(shape.bytes)
    for (let i = 0; i < shape.keys.length; i++) {
      output.put(shape.keys[i]!)
      const { isInt, read } = reads[i]!
      if (isInt) output.int(read(window))
      else output.float(read(window))
    }
  }

  const putLine = (measurement: Measurement, maxBytes: number): void => {
    const { series } = measurement
    const isSingle = measurement._tag === "count" || measurement._tag === "gauge"
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    let kept = series.encoded as Kept | undefined
    if (kept === undefined || kept.isSingle !== isSingle) kept = keep(series, isSingle)
    if (kept.fault !== undefined) {
      output.fault = kept.fault
      return
    }
    output.reserve(kept.head.length + 2 * Bytes.maxNumberBytes)
    if (output.at > 0) output.bytes[output.at++] = newline
    output.put(kept.head)
    if (measurement._tag === "point") putPoint(measurement, kept, maxBytes)
    else if (measurement._tag === "distribution") putDistribution(measurement, kept)
    else if (kept.isInt) output.int(measurement.value)
    else output.float(measurement.value)
    if (precision !== "none" && output.fault === undefined) {
      output.reserve(Bytes.maxNumberBytes)
      output.time(measurement.millis, measurement.nanos, precision)
    }
  }

  return (measurements, maxBytes) => {
    const put = (measurement: Measurement): void => putLine(measurement, maxBytes)
    const { bytes, refused, taken } = fill(output, measurements, maxBytes, { separator: 1, tooLarge }, put)
    return { payload: output.bytes.slice(0, bytes), taken, bytes, refused }
  }
}
