/**
 * Prometheus' text, version 0.0.4: families of samples, each with its type and description.
 *
 * A counter's name ends with `_total`, and a known unit is at the end of the name before that. Values are as they are: NaN and
 * infinities too, but for counters. A tag without a value is none, to Prometheus, and is left out. No two families share a name and
 * no two samples their labels: see `conflicts`.
 */
import type { Tag } from "../recording/measurement.js"
import { type Fault, invalid, quote } from "./output.js"
import type { Escaping } from "./prometheusNames.js"
import { escapeLabel, escapeName, isLegalLabel, isLegalName, mark, unitSuffix, withSuffix } from "./prometheusNames.js"

export interface Dialect {
  readonly escaping: Escaping
  /**
   * Names that are not free: two that are spelled alike, one of two kinds, labels that are Prometheus' own (`__x`, and `le` and
   * `quantile` where they mean something). `"rename"` keeps all: what was legal keeps its name, what was not gets one with a mark
   * made of it, the same each time. `"refuse"` refuses the later one.
   */
  readonly conflicts: "rename" | "refuse"
}

interface Described {
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
  /** Of UCUM. */
  readonly unit?: string | undefined
  readonly description?: string | undefined
}

export interface Single extends Described {
  readonly type: "counter" | "gauge" | "untyped"
  readonly value: number | bigint
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

interface Family {
  readonly name: string
  readonly type: Exposed["type"]
  /** The name in the text; `undefined` where there is none. */
  spelled: string | undefined
  description: string | undefined
  readonly members: Array<Member>
}

/** Which of two of the same name keeps it. */
const ranks: ReadonlyArray<Exposed["type"]> = ["counter", "gauge", "histogram", "summary", "untyped"]

const duplicate: Fault = { drop: "invalid", reason: "another series has its name and tags (conflict)" }
const decreased: Fault = { drop: "invalid", reason: "a counter is negative or no number (out of range)" }

export const encode = (all: Iterable<Exposed>, dialect: Dialect): Exposition => {
  const refused: Array<Fault & { readonly index: number }> = []
  const refuse = (index: number, { drop, reason }: Fault): void => void refused.push({ index, drop, reason })
  const parts: Array<string> = []
  for (const family of spelled(familiesOf(all), dialect)) {
    const { description, members, name, spelled, type } = family
    if (spelled === undefined) {
      const fault = faultOf(name, dialect.escaping)
      for (const { index } of members) refuse(index, fault)
      continue
    }
    const isLegal = isLegalName(spelled)
    const shown = isLegal ? spelled : `"${escapeValue(spelled)}"`
    const start = parts.length
    if (description !== undefined) parts.push(`# HELP ${shown} ${escapeHelp(description)}\n`)
    parts.push(`# TYPE ${shown} ${type}\n`)
    const first = parts.length
    const labelsByKey = labelsOf(family, dialect)
    const seen = new Set<string>()
    for (const { exposed, index } of members) {
      const labels = written(exposed.tags, labelsByKey, dialect.conflicts)
      if (typeof labels !== "string") refuse(index, labels)
      else if (seen.has(labels)) refuse(index, duplicate)
      else if (exposed.type === "counter" && !(exposed.value >= 0)) refuse(index, decreased)
      else {
        seen.add(labels)
        put(parts, { spelled, isLegal, labels }, exposed)
      }
    }
    // A family without samples says nothing.
    if (parts.length === first) parts.length = start
  }
  return { text: parts.join(""), refused: refused.sort((a, b) => a.index - b.index) }
}

const faultOf = (name: string, escaping: Escaping): Fault =>
  escapeName(name, escaping) === undefined
    ? { drop: "invalid", reason: name === "" ? "its name is empty" : `its name ${quote(name)} is none of Prometheus'` }
    : { drop: "invalid", reason: `its name ${quote(name)} is that of another (conflict)` }

/** In the order in which they come first. */
const familiesOf = (all: Iterable<Exposed>): ReadonlyArray<Family> => {
  const families = new Map<string, Family>()
  let index = 0
  for (const exposed of all) {
    const { description, name, type } = exposed
    const id = `${type} ${name}`
    let family = families.get(id)
    if (family === undefined) {
      family = { name, type, spelled: undefined, description: undefined, members: [] }
      families.set(id, family)
    }
    family.description ??= description
    family.members.push({ index: index++, exposed })
  }
  return [...families.values()]
}

/** The names of all its samples. */
const claims = (spelled: string, type: Exposed["type"]): ReadonlyArray<string> => {
  const parts = type === "histogram" ? ["_bucket", "_sum", "_count"] : type === "summary" ? ["_sum", "_count"] : []
  return [spelled, ...parts.map((part) => spelled + part)]
}

const order = (a: Family, b: Family): number =>
  Number(isLegalName(b.name)) - Number(isLegalName(a.name)) ||
  ranks.indexOf(a.type) - ranks.indexOf(b.type) ||
  (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Gives each family a name of its own. Which gets which does not depend on the order in which they come, unless one is refused. */
const spelled = (families: ReadonlyArray<Family>, { conflicts, escaping }: Dialect): ReadonlyArray<Family> => {
  const taken = new Set<string>()
  const names = new Set<string>()
  for (const family of conflicts === "rename" ? [...families].sort(order) : families) {
    const { members, name, type } = family
    const escaped = escapeName(name, escaping)
    if (escaped === undefined || (conflicts === "refuse" && names.has(name))) continue
    names.add(name)
    const unit = unitSuffix(members[0]!.exposed.unit)
    const total = type === "counter" ? "total" : undefined
    const plain = total !== undefined && escaped.endsWith("_total") ? escaped.slice(0, -"_total".length) : escaped
    const suffixed = (base: string): string => withSuffix(withSuffix(base, unit), total)
    const isFree = (candidate: string): boolean => claims(candidate, type).every((claim) => !taken.has(claim))
    let found = suffixed(plain)
    for (let i = 0; !isFree(found); i++) {
      if (conflicts === "refuse") break
      found = suffixed(`${plain}_${mark(`${i === 0 ? "" : i}${type} ${name}`)}`)
    }
    if (!isFree(found)) continue
    for (const claim of claims(found, type)) taken.add(claim)
    family.spelled = found
  }
  return families
}

const own = (key: string, type: Exposed["type"]): boolean =>
  key.startsWith("__") || (type === "histogram" && key === "le") || (type === "summary" && key === "quantile")

/** What the tags of a family are called, up to the value, as in `a="`; a `Fault` for those that are called nothing. */
type Labels = ReadonlyMap<string, string | Fault>

const labelOf = (key: string, type: Exposed["type"], { conflicts, escaping }: Dialect): string | Fault => {
  const label = escapeLabel(key, escaping)
  if (label === undefined) return invalid(`its tag ${quote(key)} is no label's name`)!
  if (!own(label, type)) return label
  if (conflicts === "refuse") return invalid(`its tag ${quote(key)} is a label of Prometheus' own`)!
  return `exported_${label.replace(/^_+/, "")}`
}

/** Where they are renamed, no two tags of a family are the same label; those that are legal keep their names. */
const labelsOf = ({ members, type }: Family, dialect: Dialect): Labels => {
  const labels = new Map<string, string | Fault>()
  const taken = new Set<string>()
  const others = new Set<string>()
  for (const { exposed } of members) {
    for (const [key] of exposed.tags) {
      if (labels.has(key) || others.has(key)) continue
      if (isLegalLabel(key) && !own(key, type)) {
        labels.set(key, `${key}="`)
        taken.add(key)
      } else others.add(key)
    }
  }
  for (const key of [...others].sort()) {
    let label = labelOf(key, type, dialect)
    if (typeof label === "string") {
      if (dialect.conflicts === "rename") {
        const base = label.replace(/_+$/, "") || "tag"
        for (let i = 0; taken.has(label); i++) label = `${base}_${mark(i === 0 ? key : i + key)}`
        taken.add(label)
      }
      label = isLegalLabel(label) ? `${label}="` : `"${escapeValue(label)}"="`
    }
    labels.set(key, label)
  }
  return labels
}

/** `a="1",b="2"`, or why there is none. */
const written = (tags: ReadonlyArray<Tag>, labels: Labels, conflicts: Dialect["conflicts"]): string | Fault => {
  let text = ""
  // Where they are renamed, no two are the same.
  const seen = conflicts === "refuse" ? new Set<string>() : undefined
  for (const [key, value] of tags) {
    if (value === "") continue
    const label = labels.get(key)!
    if (typeof label !== "string") return label
    if (seen?.has(label) === true) return invalid(`two of its tags are the label ${quote(label.slice(0, -2))}`)!
    seen?.add(label)
    text += text === "" ? label : `,${label}`
    text += escapeValue(value)
    text += '"'
  }
  return text
}

interface Place {
  readonly spelled: string
  readonly isLegal: boolean
  readonly labels: string
}

const put = (parts: Array<string>, { isLegal, labels, spelled }: Place, exposed: Exposed): void => {
  const sample = (suffix: string, more: string, value: number | bigint): void => {
    const name = spelled + suffix
    const inside = [isLegal ? "" : `"${escapeValue(name)}"`, labels, more].filter((part) => part !== "").join(",")
    parts.push(`${isLegal ? name : ""}${inside === "" ? "" : `{${inside}}`} ${number(value)}\n`)
  }
  if (exposed.type === "histogram") {
    for (const [bound, atMost] of exposed.buckets) sample("_bucket", `le="${number(bound)}"`, atMost)
    sample("_bucket", 'le="+Inf"', exposed.count)
  } else if (exposed.type === "summary") {
    for (const [quantile, value] of exposed.quantiles) sample("", `quantile="${number(quantile)}"`, value)
  } else if (!isLegal) return sample("", "", exposed.value)
  else return void parts.push(`${labels === "" ? spelled : `${spelled}{${labels}}`} ${number(exposed.value)}\n`)
  sample("_sum", "", exposed.sum)
  sample("_count", "", exposed.count)
}

/** -0 is written as 0. */
const number = (value: number | bigint): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", '"': '\\"' }

/** Halves of characters are none in UTF-8. */
const halves = /\p{Cs}/gu

const escapeValue = (value: string): string =>
  /[\\\n"\ud800-\udfff]/.test(value)
    ? value.replace(/[\\\n"]/g, (one) => escapes[one]!).replace(halves, "\ufffd")
    : value

const escapeHelp = (text: string): string => text.replace(/[\\\n]/g, (one) => escapes[one]!)
