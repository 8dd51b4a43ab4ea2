/**
 * Measurements as points of OpenTSDB, one number each: what `put` lines and JSON have in common. `OpenTsdb` has the table of
 * what becomes of which measurement.
 *
 * A point is written as head, time, middle, value and tail. Heads are kept by name, tails by series in `series.encoded`.
 *
 * Costs: `bench` rows `opentsdb-put` and `opentsdb-json`.
 */
import type { Distribution, FieldValue, Measurement, Point, Series, Tag } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import type { Alphabet } from "./openTsdbNames.js"
import { namesOf, twice } from "./openTsdbNames.js"
import type { Covered, Fault } from "./output.js"
import { fill, invalid, notFinite, Output, outOfRange } from "./output.js"
import { distributionReads, numberOf, sameNames } from "./scalars.js"

/**
 * The unit of timestamps.
 *
 * @since 0.1.0
 * @category models
 */
export type Resolution = "ms" | "s"

export interface Dialect {
  readonly resolution: Resolution
  /** The most tags that the server takes. */
  readonly maxTags: number
  /** Goes in place of each character that the server does not take. `undefined` refuses them. */
  readonly sanitise: string | undefined
  /** Which of a distribution, 0 to 1. */
  readonly quantiles: ReadonlyArray<number>
}

/** How a wire spells a point. */
export interface Wire {
  readonly alphabet: Alphabet
  readonly head: (name: string) => string
  readonly middle: string
  readonly tail: (tags: ReadonlyArray<Tag>) => string
  /** The byte between points; 0 for none. */
  readonly separator: number
  /** The most bytes of a point. */
  readonly maxPoint: number
  /** Whether integers that a double cannot hold go in quotes. */
  readonly big: "bare" | "quoted"
}

export interface Points extends Covered {
  /** How many points each measurement came to, but for the refused ones. */
  readonly points: ReadonlyArray<number>
}

const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const notWhole: Fault = { drop: "invalid", reason: "an integer field has a fraction" }
const longPoint: Fault = { drop: "too_large", reason: "a line of it is longer than 1024 bytes" }
const tooLarge: Fault = { drop: "too_large", reason: "it is longer than a write may be" }
const badTime: Readonly<Record<Resolution, Fault>> = {
  s: { drop: "invalid", reason: "its time is before 1970 or after 2106, which seconds cannot say" },
  ms: { drop: "invalid", reason: "its time is before 20 February 1970 or after 2286, which milliseconds cannot say" }
}

const maxKept = 4096
const doubleQuote = 34
const maxLong = 2 ** 63
const maxSeconds = 0xffff_ffff
const maxMillis = 9_999_999_999_999

class PointOutput extends Output {
  constructor(private readonly quotes: boolean) {
    super()
  }

  /** A number without `.` and `e` is a 64-bit integer to the server, and an error if it is none. */
  number(value: number): void {
    const size = Math.abs(value)
    if (size >= maxLong && size < 1e21) this.at = Bytes.writeAscii(this.bytes, this.at, value.toExponential())
    else this.float(value)
  }

  integer(value: bigint): void {
    const isQuoted = this.quotes && (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
    if (isQuoted) this.bytes[this.at++] = doubleQuote
    this.big(value, -9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n)
    if (isQuoted) this.bytes[this.at++] = doubleQuote
  }

  field(value: FieldValue): void {
    if (value instanceof UInt && value.value < 0) this.fault = outOfRange
    const scalar = numberOf(value)
    if (typeof scalar === "bigint") this.integer(scalar)
    else if (typeof scalar !== "number") this.skipped++
    else if (!(value instanceof Int || value instanceof UInt) || Number.isSafeInteger(scalar)) this.number(scalar)
    else if (Number.isInteger(scalar)) this.integer(BigInt(scalar))
    else this.fault = scalar - scalar === 0 ? notWhole : notFinite
  }
}

// Encoding is synchronous, so all encoders of a process grow their points in the same places.
const outputs = { bare: new PointOutput(false), quoted: new PointOutput(true) }

/** Of one name: what its points begin with. */
interface Named {
  readonly name: string
  readonly head: Uint8Array
  readonly shapes: Array<Shape>
}

/** The fields of a point. */
interface Shape {
  readonly names: ReadonlyArray<string>
  readonly heads: ReadonlyArray<Uint8Array>
  readonly fault: Fault | undefined
}

interface Plan {
  readonly heads: ReadonlyArray<Uint8Array>
  readonly reads: ReadonlyArray<(window: Distribution) => number>
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly named: Named
  readonly tail: Uint8Array
  readonly fault: Fault | undefined
  /** That of the series' last point. */
  shape: Shape | undefined
  plan: Plan | undefined
}

/** Encodes as many measurements, from the first, as fit into `maxBytes`, and leaves them in `output`. */
export const make = (wire: Wire, { maxTags, quantiles, resolution, sanitise }: Dialect) => {
  const { head, maxPoint, separator, tail } = wire
  const output = outputs[wire.big]
  const names = namesOf(wire.alphabet, sanitise, maxTags)
  const middle = Bytes.encode(wire.middle)
  const named = new Map<string, Named>()
  const plans = new Map<string, Plan>()
  let written = 0

  const nameOf = (text: string): Named => {
    let found = named.get(text)
    if (found === undefined) {
      if (named.size >= maxKept) named.clear()
      found = { name: text, head: Bytes.encodeKept(head(text)), shapes: [] }
      named.set(text, found)
    }
    return found
  }

  const makeShape = ({ head: own, name }: Named, fields: ReadonlyArray<string>): Shape => {
    let fault = fields.length === 0 ? noFields : undefined
    const all = new Set<string>()
    const heads = fields.map((field) => {
      if (field === "value") return own
      const clean = names.clean(field)
      fault ??= invalid(names.fieldFault(clean) ?? (all.has(clean) ? twice("fields", clean) : undefined))
      all.add(clean)
      return Bytes.encodeKept(head(`${name}.${clean}`))
    })
    return { names: fields.slice(), heads, fault }
  }

  const shapeOf = (kept: Kept, fields: ReadonlyArray<string>): Shape => {
    const { shapes } = kept.named
    for (let i = 0; i < shapes.length; i++) if (sameNames(shapes[i]!.names, fields)) return shapes[i]!
    const shape = makeShape(kept.named, fields)
    if (shapes.length >= 16) shapes.shift()
    shapes.push(shape)
    return shape
  }

  const planOf = ({ name }: Named, boundaries: ReadonlyArray<number> | undefined): Plan => {
    const id = `${name} ${boundaries === undefined ? "" : boundaries.join()}`
    let plan = plans.get(id)
    if (plan === undefined) {
      const reads = distributionReads(boundaries, quantiles)
      if (plans.size >= maxKept) plans.clear()
      plan = {
        // A bound of 1e+21 and beyond.
        heads: reads.map((read) => Bytes.encodeKept(head(`${name}.${read.name.replace("+", "")}`))),
        reads: reads.map(({ read }) => read)
      }
      plans.set(id, plan)
    }
    return plan
  }

  const keep = (series: Series): Kept => {
    const name = names.clean(series.name)
    const tags = series.tags.map(([key, value]): Tag => [names.clean(key), names.clean(value)])
    const reason = names.nameFault(name) ?? names.tagsFault(tags)
    const kept: Kept = {
      named: reason === undefined ? nameOf(name) : { name, head: middle, shapes: [] },
      tail: reason === undefined ? Bytes.encodeKept(tail(tags)) : middle,
      fault: invalid(reason),
      shape: undefined,
      plan: undefined
    }
    series.encoded = kept
    return kept
  }

  /** `undefined` for what the wire takes for a time in another unit. */
  const timeOf = ({ millis }: Measurement): number | undefined => {
    const time = resolution === "s" ? Math.floor(millis / 1000) : millis
    const isTime = resolution === "s" ? time > 0 && time <= maxSeconds : time > maxSeconds && time <= maxMillis
    return isTime && Math.floor(time) === time ? time : undefined
  }

  const begin = (head: Uint8Array, tail: Uint8Array, time: number): void => {
    output.reserve(head.length + middle.length + tail.length + 2 * Bytes.maxNumberBytes + 3)
    if (separator !== 0 && output.at > 0) output.bytes[output.at++] = separator
    output.put(head)
    output.at = Bytes.writeInteger(output.bytes, output.at, time)
    output.put(middle)
  }

  const end = (tail: Uint8Array, start: number): void => {
    output.put(tail)
    written++
    if (output.at - start > maxPoint) output.fault = longPoint
  }

  const putNumber = (head: Uint8Array, tail: Uint8Array, time: number, value: number): void => {
    const start = output.at
    begin(head, tail, time)
    output.number(value)
    end(tail, start)
  }

  const putPoint = ({ fieldNames, fieldValues }: Point, kept: Kept, time: number): void => {
    let { shape } = kept
    if (shape === undefined || !sameNames(shape.names, fieldNames)) kept.shape = shape = shapeOf(kept, fieldNames)
    output.fault = shape.fault
    for (let i = 0; i < fieldNames.length && output.fault === undefined; i++) {
      const start = output.at
      const { skipped } = output
      begin(shape.heads[i]!, kept.tail, time)
      output.field(fieldValues[i]!)
      if (output.skipped === skipped) end(kept.tail, start)
      else output.at = start
    }
    if (written === 0) output.fault ??= noNumbers
  }

  const put = (measurement: Measurement): void => {
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    const kept = (measurement.series.encoded as Kept | undefined) ?? keep(measurement.series)
    const time = timeOf(measurement)
    written = 0
    if (kept.fault !== undefined || time === undefined) {
      output.fault = kept.fault ?? badTime[resolution]
    } else if (measurement._tag === "point") putPoint(measurement, kept, time)
    else if (measurement._tag === "distribution") {
      const { heads, reads } = (kept.plan ??= planOf(kept.named, measurement.series.boundaries))
      for (let i = 0; i < heads.length && output.fault === undefined; i++) {
        putNumber(heads[i]!, kept.tail, time, reads[i]!(measurement))
      }
    } else putNumber(kept.named.head, kept.tail, time, measurement.value)
  }

  const encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number): Points => {
    const counts: Array<number> = []
    const covered = fill(output, measurements, maxBytes, { separator: separator === 0 ? 0 : 1, tooLarge }, (one) => {
      put(one)
      counts.push(written)
    })
    // The last one may not have fitted.
    counts.length = covered.taken
    if (covered.refused.length === 0) return { ...covered, points: counts }
    const refused = new Set(covered.refused.map(({ index }) => index))
    return { ...covered, points: counts.filter((_, index) => !refused.has(index)) }
  }

  return { output, encode }
}
