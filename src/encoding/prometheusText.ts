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

export const encode = (all: Iterable<Exposed>, { conflicts, escaping }: Dialect): Exposition => {
  const refused: Array<Fault & { readonly index: number }> = []
  const refuse = (index: number, { drop, reason }: Fault): void => void refused.push({ index, drop, reason })
  const parts: Array<string> = []
  for (const family of spelled(familiesOf(all), conflicts, escaping)) {
    const { description, members, name, spelled, type } = family
    if (spelled === undefined) {
      const fault = faultOf(name, escaping)
      for (const { index } of members) refuse(index, fault)
      continue
    }
    const isLegal = isLegalName(spelled)
    const shown = isLegal ? spelled : `"${escapeValue(spelled)}"`
    const start = parts.length
    if (description !== undefined) parts.push(`# HELP ${shown} ${escapeHelp(description)}\n`)
    parts.push(`# TYPE ${shown} ${type}\n`)
    const first = parts.length
    const seen = new Set<string>()
    for (const { exposed, index } of members) {
      const labels = labelsOf(exposed, conflicts, escaping, seen)
      if (typeof labels !== "string") refuse(index, labels)
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
const spelled = (
  families: ReadonlyArray<Family>,
  conflicts: Dialect["conflicts"],
  escaping: Escaping
): ReadonlyArray<Family> => {
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

/** `a="1",b="2"`, or why there is none. */
const labelsOf = (
  { tags, type }: Exposed,
  conflicts: Dialect["conflicts"],
  escaping: Escaping,
  seen: ReadonlySet<string>
): string | Fault => {
  if (tags.length === 0) return seen.has("") ? duplicate : ""
  const labels = spellLabels(tags, type, conflicts, escaping, false)
  if (typeof labels !== "string" || !seen.has(labels)) return labels
  if (conflicts === "refuse") return duplicate
  const marked = spellLabels(tags, type, conflicts, escaping, true)
  return typeof marked === "string" && seen.has(marked) ? duplicate : marked
}

const spellLabels = (
  tags: ReadonlyArray<Tag>,
  type: Exposed["type"],
  conflicts: Dialect["conflicts"],
  escaping: Escaping,
  isMarked: boolean
): string | Fault => {
  let labels = ""
  // Those that are legal keep their names, wherever they stand.
  const taken = new Set<string>()
  for (const [key] of tags) if (isLegalLabel(key) && !own(key, type)) taken.add(key)
  for (const [key, value] of tags) {
    if (value === "") continue
    let label = escapeLabel(key, escaping)
    if (label === undefined) return { drop: "invalid", reason: `its tag ${quote(key)} is no label's name` }
    if (label !== key || own(label, type)) {
      if (own(label, type)) {
        if (conflicts === "refuse") {
          return { drop: "invalid", reason: `its tag ${quote(key)} is a label of Prometheus' own` }
        }
        label = `exported_${label.replace(/^_+/, "")}`
      }
      if (taken.has(label) && conflicts === "refuse") return invalid(`two of its tags are the label ${quote(label)}`)!
      if (isMarked || taken.has(label)) label = `${label}_${mark(key)}`
      taken.add(label)
    }
    const shown = isLegalLabel(label) ? label : `"${escapeValue(label)}"`
    labels += `${labels === "" ? "" : ","}${shown}="${escapeValue(value)}"`
  }
  return labels
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
