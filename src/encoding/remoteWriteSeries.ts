/**
 * What a series is called in Prometheus' remote write: its time series, each with its labels in order, and in version 2 the texts that
 * tell of them. Worked out once for each series.
 */
import type { Measurement, Series, Tag } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { type Fault, quote } from "./output.js"
import * as Families from "./prometheusFamilies.js"
import { canonical } from "./prometheusLines.js"
import { unitSuffix } from "./prometheusNames.js"
import { ProtobufOutput, varintSize } from "./protobuf.js"

/**
 * Of the protocol.
 *
 * @since 0.1.0
 * @category models
 */
export type Version = 1 | 2

export interface Dialect extends Pick<Families.Dialect, "escaping" | "conflicts"> {
  readonly version: Version
  /** What timers and distributions are: those with boundaries of their own have buckets with names also where others are `native`. */
  readonly histograms: "classic" | "native" | "both"
  /** By unit, those of buckets with names where a distribution has none of its own. */
  readonly boundaries: (unit: string | undefined) => ReadonlyArray<number>
  /** The most samples of a request that is not of one measurement. */
  readonly maxSamples: number
}

export type Kind = "counter" | "gauge" | "histogram"

/** In a request of version 2: where it is, if it is in it. */
export interface Interned {
  readonly bytes: Uint8Array
  request: number
  place: number
}

/** A time series on the wire. */
export interface Line {
  /** Version 1: its labels, as fields. */
  readonly labels: Uint8Array
  /** Version 2: their names and values in turn, and what it says beside them. */
  readonly symbols: ReadonlyArray<Interned>
  readonly kind: Kind
  readonly help: Interned | undefined
  readonly unit: Interned | undefined
}

/** Of a measurement: what it comes to, or why to nothing. */
export interface Named {
  readonly fault: Fault | undefined
  /** Of a point: by field. Of a distribution: buckets, sum and count. */
  readonly lines: ReadonlyArray<Line>
  readonly native: Line | undefined
}

const noFields: Fault = { drop: "invalid", reason: "it has no fields" }

const maxKept = 65_536

// Worked out synchronously, so all encoders of a process write labels in the same place.
const small = new ProtobufOutput()

export const sized = (content: number): number => 1 + varintSize(content) + content

const kindOf = ({ _tag, series }: Measurement): Kind =>
  _tag === "distribution" ? "histogram" : _tag === "count" && series.monotonic !== false ? "counter" : "gauge"

/** By bytes, as receivers look for labels. */
const order = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** `le` is the name of buckets' label, also where a series has none today. */
const labelNames = (keys: ReadonlyArray<string>, dialect: Pick<Dialect, "escaping" | "conflicts">) =>
  Families.labelNamesOf(keys, "histogram", dialect)

const isTold = ([key, value]: Tag): boolean => key !== "" && value !== ""

/** What Prometheus takes for equal is: tags by the names of their labels, without those that are empty. */
export const spell =
  ({ escaping }: Pick<Dialect, "escaping">) =>
  ({ name, tags }: Pick<Series, "name" | "tags">): Pick<Series, "name" | "tags"> => {
    const told = tags.filter(isTold)
    const names = labelNames(
      told.map(([key]) => key),
      { escaping, conflicts: "rename" }
    )
    const spelled = told.map(([key, value]): Tag => [String(names.get(key)), value.replace(/\p{Cs}/gu, "\ufffd")])
    return { name, tags: spelled.sort(([a], [b]) => (a < b ? -1 : 1)) }
  }

export const make = (dialect: Dialect) => {
  const { boundaries, conflicts, escaping, histograms, version } = dialect
  const claims = { escaping, conflicts, claims: "all" } as const
  const symbols = new Map<string, Interned>()
  let families = new Map<string, string | undefined>()
  let names = new Families.FamilyNames(claims)

  const symbolOf = (text: string): Interned => {
    let symbol = symbols.get(text)
    if (symbol === undefined) {
      if (symbols.size >= maxKept) symbols.clear()
      symbol = { bytes: Bytes.encodeKept(text), request: 0, place: 0 }
      symbols.set(text, symbol)
    }
    return symbol
  }

  /** `undefined` for what has no name. */
  const familyOf = (name: string, kind: Kind, unit: string | undefined): string | undefined => {
    const id = `${kind} ${name}`
    if (families.has(id)) return families.get(id)
    if (families.size >= maxKept) {
      families = new Map()
      names = new Families.FamilyNames(claims)
    }
    const spelled = names.name({ name, type: kind, unit })
    families.set(id, spelled)
    return spelled
  }

  /** With names that no two share. */
  const labelsOf = ({ tags }: Series): ReadonlyArray<Tag> | Fault => {
    const told = tags.filter(([, value]) => value !== "")
    const spelled = labelNames(
      told.map(([key]) => key),
      dialect
    )
    const labels = new Map<string, string>()
    for (const [key, value] of told) {
      const label = spelled.get(key)!
      if (typeof label !== "string") return label
      if (labels.has(label)) return { drop: "invalid", reason: `two of its tags are the label ${quote(label)}` }
      labels.set(label, value)
    }
    return [...labels]
  }

  const lineOf = (
    name: string,
    labels: ReadonlyArray<Tag>,
    kind: Kind,
    help: string | undefined,
    unit: string | undefined
  ): Line => {
    const pairs = [["__name__", name] as const, ...labels].map(
      ([key, value]) => [Bytes.encode(key), Bytes.encode(value), key, value] as const
    )
    pairs.sort(([a], [b]) => order(a, b))
    const text = (given: string | undefined): Interned | undefined =>
      version === 1 || given === undefined || given === "" ? undefined : symbolOf(given)
    return {
      labels: version === 1 ? fieldsOf(pairs) : new Uint8Array(0),
      symbols: version === 1 ? [] : pairs.flatMap(([, , key, value]) => [symbolOf(key), symbolOf(value)]),
      kind,
      help: text(help),
      unit: text(unitSuffix(unit))
    }
  }

  const histogramLines = (
    name: string,
    labels: ReadonlyArray<Tag>,
    { boundaries: own, description }: Series,
    unit: string | undefined
  ): Pick<Named, "lines" | "native"> => {
    const line = (full: string, more: ReadonlyArray<Tag> = []): Line =>
      lineOf(full, [...labels, ...more], "histogram", description, unit)
    const native = histograms === "both" || (histograms === "native" && own === undefined) ? line(name) : undefined
    if (histograms === "native" && own === undefined) return { lines: [], native }
    const bounds = [...(own ?? boundaries(unit)), Infinity]
    const buckets = bounds.map((bound) => line(`${name}_bucket`, [["le", canonical(bound)]]))
    return { lines: [...buckets, line(`${name}_sum`), line(`${name}_count`)], native }
  }

  const find = (measurement: Measurement): Named => {
    const { series } = measurement
    const { description, name } = series
    const unit = series.kind === "timer" ? (series.unit ?? "s") : series.unit
    const refused = (fault: Fault) => ({ fault, lines: [], native: undefined })
    const labels = labelsOf(series)
    if ("drop" in labels) return refused(labels)
    if (measurement._tag === "point" && measurement.fieldNames.length === 0) return refused(noFields)
    const kind = kindOf(measurement)
    const lines: Array<Line> = []
    for (const field of measurement._tag === "point" ? measurement.fieldNames : ["value"]) {
      const isOwn = field === "value"
      const full = isOwn ? name : `${name}.${field}`
      const spelled = familyOf(full, kind, isOwn ? unit : undefined)
      if (spelled === undefined) return refused(Families.faultOf(full, escaping))
      if (kind === "histogram") return { fault: undefined, ...histogramLines(spelled, labels, series, unit) }
      lines.push(lineOf(spelled, labels, kind, isOwn ? description : undefined, isOwn ? unit : undefined))
    }
    return { fault: undefined, lines, native: undefined }
  }

  return { find }
}

type Pair = readonly [keyBytes: Uint8Array, valueBytes: Uint8Array, key: string, value: string]

const fieldsOf = (pairs: ReadonlyArray<Pair>): Uint8Array => {
  small.at = 0
  for (const [key, value] of pairs) {
    small.reserve(key.length + value.length + 30)
    small.varint((1 << 3) | 2)
    small.varint(sized(key.length) + sized(value.length))
    small.varint((1 << 3) | 2)
    small.varint(key.length)
    small.put(key)
    small.varint((2 << 3) | 2)
    small.varint(value.length)
    small.put(value)
  }
  return Bytes.keep(small.bytes.subarray(0, small.at))
}
