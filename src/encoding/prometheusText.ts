/**
 * Prometheus' text, version 0.0.4, and OpenMetrics 1.0.0: families of samples, each with its type and description.
 *
 * A counter's name ends with `_total`, and a known unit is at the end of the name before that. Values are as they are: NaN and
 * infinities too, but for counters. A tag without a value is none, to Prometheus, and is left out. No two families share a name and
 * no two samples their labels: see `conflicts`.
 *
 * What is told again and again, as by a lane, is better told by `prometheusTotals`.
 */
import type { Tag } from "../recording/measurement.js"
import type { Fault } from "./output.js"
import * as Families from "./prometheusFamilies.js"
import type { Format, Shape } from "./prometheusLines.js"
import * as Lines from "./prometheusLines.js"

export interface Dialect extends Families.Dialect {
  /** Default `"text"`. */
  readonly format?: Format | undefined
}

interface Described {
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
  /** Of UCUM. */
  readonly unit?: string | undefined
  readonly description?: string | undefined
  /** When its samples were taken, in milliseconds since the epoch. */
  readonly timestamp?: number | undefined
  /** Since when it is told; in OpenMetrics alone. */
  readonly startMillis?: number | undefined
}

export interface Exemplar {
  readonly labels: ReadonlyArray<Tag>
  readonly value: number
  /** In milliseconds since the epoch. */
  readonly timestamp?: number | undefined
}

export interface Single extends Described {
  readonly type: "counter" | "gauge" | "info" | "untyped"
  readonly value: number | bigint
  /** A counter's; in OpenMetrics alone. */
  readonly exemplar?: Exemplar | undefined
}

export interface Histogram extends Described {
  readonly type: "histogram"
  readonly count: number
  readonly sum: number
  /** How many were at most the bound, ascending by it, without infinity. */
  readonly buckets: ReadonlyArray<readonly [bound: number, atMost: number]>
}

export interface Summary extends Described {
  readonly type: "summary"
  readonly count: number
  readonly sum: number
  readonly quantiles: ReadonlyArray<readonly [quantile: number, value: number]>
}

export type Exposed = Single | Histogram | Summary

export interface Exposition {
  readonly text: string
  /** What is not in it, by position. */
  readonly refused: ReadonlyArray<Fault & { readonly index: number }>
}

interface Member {
  readonly index: number
  readonly exposed: Exposed
}

interface Family extends Families.Family {
  description: string | undefined
  readonly members: Array<Member>
}

const duplicate: Fault = { drop: "invalid", reason: "another series has its name and tags (conflict)" }
const decreased: Fault = { drop: "invalid", reason: "a counter is negative or no number (out of range)" }
const noExemplar: Fault = { drop: "unsupported", reason: "only counters have exemplars" }

const faultOf = (exposed: Exposed): Fault | undefined => {
  if (exposed.type === "counter" && !(exposed.value >= 0)) return decreased
  return "exemplar" in exposed && exposed.exemplar !== undefined && exposed.type !== "counter" ? noExemplar : undefined
}

export const encode = (all: Iterable<Exposed>, dialect: Dialect): Exposition => {
  const { conflicts, escaping, format = "text" } = dialect
  const refused: Array<Fault & { readonly index: number }> = []
  const refuse = (index: number, { drop, reason }: Fault): void => void refused.push({ index, drop, reason })
  const parts: Array<string> = []
  const families = familiesOf(all)
  const spelledOf = namesOf(families, dialect)
  for (const family of families) {
    const { description, members, name, type, unit } = family
    const spelled = spelledOf.get(family)
    if (spelled === undefined) {
      const fault = Families.faultOf(name, escaping)
      for (const { index } of members) refuse(index, fault)
      continue
    }
    const place = { format, spelled, base: Families.baseOf(spelled, type) }
    const start = parts.length
    parts.push(Lines.head(place, type, unit, description))
    const first = parts.length
    const labelsByKey = Families.labelsOf(keysOf(members), type, dialect)
    const seen = new Set<string>()
    for (const { exposed, index } of members) {
      const labels = Families.written(exposed.tags, labelsByKey, conflicts)
      const fault = faultOf(exposed)
      if (typeof labels !== "string") refuse(index, labels)
      else if (seen.has(labels)) refuse(index, duplicate)
      else if (fault !== undefined) refuse(index, fault)
      else {
        seen.add(labels)
        put(parts, { ...place, labels }, exposed)
      }
    }
    // A family without samples says nothing.
    if (parts.length === first) parts.length = start
  }
  parts.push(Lines.end(format))
  return { text: parts.join(""), refused: refused.sort((a, b) => a.index - b.index) }
}

/** In the order in which they come first. */
const familiesOf = (all: Iterable<Exposed>): ReadonlyArray<Family> => {
  const families = new Map<string, Family>()
  let index = 0
  for (const exposed of all) {
    const { description, name, type, unit } = exposed
    const id = `${type} ${name}`
    let family = families.get(id)
    if (family === undefined) {
      family = { name, type, unit, description: undefined, members: [] }
      families.set(id, family)
    }
    family.description ??= description
    family.members.push({ index: index++, exposed })
  }
  return [...families.values()]
}

const namesOf = (families: ReadonlyArray<Family>, dialect: Dialect): ReadonlyMap<Family, string | undefined> => {
  const names = new Families.FamilyNames(dialect)
  return new Map(Families.named(families, dialect).map((family) => [family, names.name(family)]))
}

function* keysOf(members: ReadonlyArray<Member>): IterableIterator<string> {
  for (const { exposed } of members) for (const [key] of exposed.tags) yield key
}

const shapeOf = (exposed: Exposed, format: Format): Shape => {
  const { type } = exposed
  if (type === "histogram") {
    const bounds = exposed.buckets.map(([bound]) => bound)
    return { type, bounds, sums: Lines.sumsOf(format, exposed.sum, bounds) }
  }
  if (type !== "summary") return { type }
  return {
    type,
    quantiles: exposed.quantiles.map(([quantile]) => quantile),
    sums: Lines.sumsOf(format, exposed.sum)
  }
}

const numbersOf = (exposed: Exposed, format: Format): ReadonlyArray<number | bigint> => {
  if (!("sum" in exposed)) return [exposed.value]
  const { count, sum } = exposed
  const sums = Lines.sumFirst(format) ? [sum, count] : [count, sum]
  return exposed.type === "histogram"
    ? [...exposed.buckets.map(([, atMost]) => atMost), count, ...sums]
    : [...exposed.quantiles.map(([, value]) => value), ...sums]
}

const put = (parts: Array<string>, place: Lines.Place, exposed: Exposed): void => {
  const { format } = place
  const around = Lines.segments(place, shapeOf(exposed, format), exposed.startMillis)
  const numbers = numbersOf(exposed, format)
  const after = told(exposed, format)
  let text = around[0] ?? ""
  for (let i = 1; i < around.length; i++) text += Lines.number(numbers[i - 1]!) + after + around[i]!
  parts.push(text)
}

/** What stands behind each number. */
const told = (exposed: Exposed, format: Format): string => {
  const time = (millis: number | undefined): string =>
    millis === undefined ? "" : ` ${Lines.number(format === "text" ? millis : millis / 1000)}`
  const exemplar = "exemplar" in exposed && format === "openmetrics" ? exposed.exemplar : undefined
  if (exemplar === undefined) return time(exposed.timestamp)
  const labels = exemplar.labels.map(([key, value]) => `${key}="${Lines.escapeValue(value)}"`).join(",")
  return `${time(exposed.timestamp)} # {${labels}} ${Lines.number(exemplar.value)}${time(exemplar.timestamp)}`
}
