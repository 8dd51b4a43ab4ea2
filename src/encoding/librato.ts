/**
 * Librato's JSON: `{"gauges":[{name, source, measure_time, value}]}` for `/v1/metrics`, and
 * `{"measurements":[{name, tags, time, value}]}` for `/v1/measurements`.
 *
 * `Librato` has the table of what becomes of which measurement. What the service would not take is refused, measurement by
 * measurement. All text is checked to be ASCII, and written once: an item begins with what `series.encoded` keeps.
 *
 * Costs: `bench` row `librato-json`.
 */
import type { Distribution, FieldValue, Measurement, Point, Series, Tag } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { namesOf } from "./libratoNames.js"
import { squaredDeviations } from "./libratoSummary.js"
import type { Covered, Fault } from "./output.js"
import { fill, invalid, notFinite, Output, outOfRange } from "./output.js"
import { distributionReads, numberOf, sameNames } from "./scalars.js"

/** What a series is called where it has one source, and no tags. */
export interface Named {
  readonly name: string
  /** `undefined` and nothing: without a source. */
  readonly source?: string | undefined
}

export type Naming = "folded" | "bare" | ((name: string, tags: Readonly<Record<string, string>>) => Named)

export interface Dialect {
  /** The endpoint: `metrics` has sources, `measurements` has tags. */
  readonly api: "metrics" | "measurements"
  /** What becomes of tags in `metrics`. */
  readonly naming: Naming
  /** Keys of tags, the first of which that a series has is its source in `metrics`. */
  readonly sourceTags: ReadonlyArray<string>
  readonly sanitise: boolean
  /** Seconds between measurements, for the service to know; `undefined` to leave it out. */
  readonly period: number | undefined
  /** `"none"` leaves the time to the service. */
  readonly times: "s" | "none"
  /** Which of a distribution, 0 to 1, as items of their own. */
  readonly quantiles: ReadonlyArray<number>
  /** The most items of a request. */
  readonly maxItems: number
}

/**
 * A request, as `make` writes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly bytes: Uint8Array
  /** How many items of it belong to each measurement, in order. */
  readonly items: ReadonlyArray<number>
}

export interface Bodies extends Covered {
  readonly payload: Body
}

/** Encodes as many measurements, from the first, as fit into `maxBytes` and into the items of a request. */
export type Encode = (measurements: ReadonlyArray<Measurement>, maxBytes: number) => Bodies

/** Beyond this the service refuses the whole request. What is nearer to 0 than 1e-130 it takes for 0. */
export const maxNumber = 1e126

const noFields: Fault = { drop: "invalid", reason: "it has no fields" }
const noNumbers: Fault = { drop: "unsupported", reason: "none of its fields is a number" }
const notWhole: Fault = { drop: "invalid", reason: "an integer field has a fraction" }
const tooLarge: Fault = { drop: "too_large", reason: "it is longer than a request may be" }
const tooGreat: Fault = {
  drop: "invalid",
  reason: `a number is beyond ${maxNumber}, for which the service refuses the whole request`
}
const badTime: Fault = { drop: "invalid", reason: "its time is before 1970 or after 9999" }

const maxKept = 4096
const comma = 44
const closeBrace = 125
const maxSeconds = 253_402_300_799

class ItemOutput extends Output {
  /** Of the present measurement. */
  items = 0

  number(value: number): void {
    if (value >= -maxNumber && value <= maxNumber) this.at = Bytes.writeNumber(this.bytes, this.at, value)
    else this.fault ??= value - value === 0 ? tooGreat : notFinite
  }

  field(value: FieldValue): void {
    const scalar = numberOf(value)
    if (typeof scalar === "bigint") {
      if (value instanceof UInt) this.big(scalar, 0n, 18_446_744_073_709_551_615n)
      else this.big(scalar, -9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n)
    } else if (scalar === undefined) this.skipped++
    else if (!(value instanceof Int || value instanceof UInt)) this.number(scalar)
    else if (!Number.isInteger(scalar)) this.fault = scalar - scalar === 0 ? notWhole : notFinite
    else if (value instanceof UInt && scalar < 0) this.fault = outOfRange
    else this.field(value instanceof UInt ? new UInt(BigInt(scalar)) : BigInt(scalar))
  }
}

/** What `series.encoded` keeps. */
interface Kept {
  readonly name: string
  /** An item up to its time. */
  readonly head: Uint8Array
  /** The part of `head` behind the name. */
  readonly rest: Uint8Array
  readonly fault: Fault | undefined
  /** That of the series' last point. */
  shape: Shape | undefined
}

/** The fields of a point, and what items of theirs begin with. */
interface Shape {
  readonly names: ReadonlyArray<string>
  readonly heads: ReadonlyArray<Uint8Array>
  readonly fault: Fault | undefined
}

const frames = {
  metrics: { open: Bytes.encode(`{"gauges":[`), time: `,"measure_time":` },
  measurements: { open: Bytes.encode(`{"measurements":[`), time: `,"time":` }
} as const
const close = Bytes.encode("]}")
const valueKey = Bytes.encode(`,"value":`)
const keys = ["count", "sum", "min", "max", "sum_squares", "stddev"] as const
const [countKey, sumKey, minKey, maxKey, squaresKey, deviationKey] = keys.map((key) => Bytes.encode(`,"${key}":`)) as [
  // As many as there are keys.
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array
]

const isSet = ([key, value]: Tag): boolean => key !== "" && value !== ""

// Encoding is synchronous, so all encoders of a process grow their items in the same place.
const output = new ItemOutput()

export const make = (dialect: Dialect): Encode => {
  const { api, maxItems, naming, period, sourceTags, times } = dialect
  const { open, time: timeKey } = frames[api]
  const names = namesOf(dialect.sanitise)
  const quantiles = distributionReads(undefined, dialect.quantiles).filter(({ name }) => /^p\d/.test(name))
  const tail = `${period === undefined ? "" : `,"period":${period}`}${times === "none" ? "" : timeKey}`
  const heads = new Map<string, Uint8Array>()

  const nameHead = (name: string): string => `{"name":${JSON.stringify(name)}`

  /** What an item of a field begins with. */
  const headOf = (name: string): Uint8Array => {
    let head = heads.get(name)
    if (head === undefined) {
      if (heads.size >= maxKept) heads.clear()
      heads.set(name, (head = Bytes.encodeKept(nameHead(name))))
    }
    return head
  }

  const namedOf = ({ name, tags }: Series): Named => {
    const set = tags.filter(isSet)
    if (typeof naming === "function") return naming(name, Object.fromEntries(set))
    const source = sourceTags.map((key) => set.find((tag) => tag[0] === key)?.[1]).find((value) => value !== undefined)
    if (naming === "bare") return { name, source }
    const others = set.filter(([key]) => !sourceTags.includes(key))
    return { name: [name, ...others.flat()].join("."), source }
  }

  /** The name, what stands behind it, and why the service would not take it. */
  const describe = (series: Series): readonly [name: string, rest: string, reason: string | undefined] => {
    if (api === "measurements") {
      const name = names.clean(series.name)
      const tags = names.cleanTags(series.tags.filter(isSet))
      const members = tags.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
      return [name, `,"tags":{${members.join()}}`, names.nameFault(name) ?? names.tagsFault(tags)]
    }
    const named = namedOf(series)
    if (typeof named.name !== "string") return ["", "", "the function that names it gave no name"]
    const name = names.clean(named.name)
    const source = names.clean(String(named.source ?? ""))
    const fault = names.nameFault(name) ?? (source === "" ? undefined : names.sourceFault(source))
    return [name, source === "" ? "" : `,"source":${JSON.stringify(source)}`, fault]
  }

  const keep = (series: Series): Kept => {
    let described: ReturnType<typeof describe>
    try {
      described = describe(series)
    } catch {
      described = ["", "", "the function that names it threw"]
    }
    const [name, rest, reason] = described
    const own = reason === undefined ? nameHead(name) : ""
    const head = Bytes.encodeKept(reason === undefined ? `${own}${rest}${tail}` : "")
    const kept = { name, head, rest: head.subarray(own.length), fault: invalid(reason), shape: undefined }
    series.encoded = kept
    return kept
  }

  const shapeOf = ({ name }: Kept, fields: ReadonlyArray<string>): Shape => {
    let fault = fields.length === 0 ? noFields : undefined
    const heads = fields.map((field) => {
      const full = field === "value" ? name : `${name}.${names.clean(field)}`
      fault ??= invalid(names.nameFault(full))
      return headOf(full)
    })
    return { names: fields.slice(), heads, fault }
  }

  const begin = (head: Uint8Array, rest: Uint8Array | undefined, seconds: number): void => {
    output.reserve(head.length + (rest?.length ?? 0) + 256)
    if (output.at > 0) output.bytes[output.at++] = comma
    output.put(head)
    if (rest !== undefined) output.put(rest)
    if (times === "s") output.at = Bytes.writeInteger(output.bytes, output.at, seconds)
  }

  const end = (): void => {
    output.bytes[output.at++] = closeBrace
    output.items++
  }

  const member = (key: Uint8Array, value: number): void => {
    output.put(key)
    output.number(value)
  }

  const putPoint = ({ fieldNames, fieldValues }: Point, kept: Kept, seconds: number): void => {
    let { shape } = kept
    if (shape === undefined || !sameNames(shape.names, fieldNames)) kept.shape = shape = shapeOf(kept, fieldNames)
    output.fault = shape.fault
    for (let i = 0; i < fieldNames.length && output.fault === undefined; i++) {
      const start = output.at
      const { skipped } = output
      begin(shape.heads[i]!, kept.rest, seconds)
      output.put(valueKey)
      output.field(fieldValues[i]!)
      if (output.skipped === skipped) end()
      else output.at = start
    }
    if (output.items === 0) output.fault ??= noNumbers
  }

  const putDistribution = (window: Distribution, kept: Kept, seconds: number): void => {
    const { histogram } = window
    const { count, max, min, sum } = histogram
    begin(kept.head, undefined, seconds)
    member(countKey, count)
    member(sumKey, sum)
    member(minKey, min)
    member(maxKey, max)
    const squared = squaredDeviations(histogram)
    const spread = api === "metrics" ? squared + (sum * sum) / count : Math.sqrt(squared / count)
    // It may do without, and is no reason to lose the rest.
    if (spread <= maxNumber) member(api === "metrics" ? squaresKey : deviationKey, spread)
    end()
    for (let i = 0; i < quantiles.length && output.fault === undefined; i++) {
      const { name, read } = quantiles[i]!
      const full = `${kept.name}.${name}`
      output.fault = invalid(names.nameFault(full))
      begin(headOf(full), kept.rest, seconds)
      member(valueKey, read(window))
      end()
    }
  }

  const put = (measurement: Measurement): void => {
    // A series belongs to one lane, so nothing but this encoder writes `encoded`.
    const kept = (measurement.series.encoded as Kept | undefined) ?? keep(measurement.series)
    const seconds = Math.floor(measurement.millis / 1000)
    output.items = 0
    if (kept.fault !== undefined || !(seconds >= 0 && seconds <= maxSeconds)) output.fault = kept.fault ?? badTime
    else if (measurement._tag === "point") putPoint(measurement, kept, seconds)
    else if (measurement._tag === "distribution") putDistribution(measurement, kept, seconds)
    else {
      begin(kept.head, undefined, seconds)
      member(valueKey, measurement.value)
      end()
    }
  }

  /** So many measurements come to no more items than a request may have. The first always does, if only to be refused. */
  const within = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<Measurement> => {
    let items = 0
    for (let i = 0; i < measurements.length; i++) {
      items += mostItems(measurements[i]!)
      if (items > maxItems && i > 0) return measurements.slice(0, i)
    }
    return measurements
  }

  const mostItems = (measurement: Measurement): number =>
    measurement._tag === "point"
      ? measurement.fieldNames.length
      : measurement._tag === "distribution"
        ? 1 + quantiles.length
        : 1

  const tooMany: Fault = {
    drop: "too_large",
    reason: `it has more than ${maxItems} numbers, and a request takes no more (batchSize)`
  }

  return (measurements, maxBytes) => {
    const counts: Array<number> = []
    const room = maxBytes - open.length - close.length
    const covered = fill(output, within(measurements), room, { separator: 1, tooLarge }, (one) => {
      put(one)
      if (output.items > maxItems) output.fault ??= tooMany
      counts.push(output.items)
    })
    // The last one may not have fitted.
    counts.length = covered.taken
    const refused = new Set(covered.refused.map(({ index }) => index))
    const bytes = new Uint8Array(open.length + covered.bytes + close.length)
    bytes.set(open)
    bytes.set(output.bytes.subarray(0, covered.bytes), open.length)
    bytes.set(close, open.length + covered.bytes)
    const items = refused.size === 0 ? counts : counts.filter((_, index) => !refused.has(index))
    return { ...covered, bytes: bytes.length, payload: { bytes, items } }
  }
}
