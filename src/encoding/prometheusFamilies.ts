/**
 * What families and labels are called in Prometheus' formats, so that no two share a name. Which of two gets which does not depend
 * on the order in which they come, unless one is refused.
 */
import type { Tag } from "../recording/measurement.js"
import { type Fault, invalid, quote } from "./output.js"
import type { Escaping } from "./prometheusNames.js"
import { escapeLabel, escapeName, isLegalLabel, isLegalName, mark, unitSuffix, withSuffix } from "./prometheusNames.js"
import { escapeValue } from "./prometheusLines.js"

export type Type = "counter" | "gauge" | "histogram" | "info" | "summary" | "untyped"

export interface Dialect {
  readonly escaping: Escaping
  /**
   * Names that are not free: two that are spelled alike, one of two kinds, labels that are Prometheus' own (`__x`, and `le` and
   * `quantile` where they mean something). `"rename"` keeps all: what was legal keeps its name, what was not gets one with a mark
   * made of it, the same each time. `"refuse"` refuses the later one.
   */
  readonly conflicts: "rename" | "refuse"
  /**
   * Which names a family takes: those of its samples in the text, or in any format, so that it is called the same in all.
   * Default `"text"`.
   */
  readonly claims?: "text" | "all" | undefined
}

export interface Family {
  readonly name: string
  readonly type: Type
  /** Of UCUM. */
  readonly unit: string | undefined
}

/** Which of two of the same name keeps it. */
const ranks: ReadonlyArray<Type> = ["counter", "gauge", "histogram", "summary", "untyped", "info"]

const endings: Readonly<Record<Type, ReadonlyArray<string>>> = {
  counter: [],
  gauge: [],
  histogram: ["_bucket", "_sum", "_count"],
  info: [],
  summary: ["_sum", "_count"],
  untyped: []
}

/** Where names end so by their type. */
const suffixes: Partial<Record<Type, string>> = { counter: "total", info: "info" }

/** What OpenMetrics calls the family of samples with this name. */
export const baseOf = (spelled: string, type: Type): string => {
  const suffix = suffixes[type]
  return suffix !== undefined && spelled.endsWith(`_${suffix}`) ? spelled.slice(0, -suffix.length - 1) : spelled
}

const created = (type: Type): boolean => type === "counter" || type === "histogram" || type === "summary"

/** The names of all its samples. */
const claimsOf = (spelled: string, type: Type, claims: Dialect["claims"]): ReadonlyArray<string> => {
  const all = [spelled, ...endings[type].map((ending) => spelled + ending)]
  if (claims !== "all") return all
  const base = baseOf(spelled, type)
  if (base !== spelled) all.push(base)
  if (created(type)) all.push(`${base}_created`)
  return all
}

const order = (a: Family, b: Family): number =>
  Number(isLegalName(b.name)) - Number(isLegalName(a.name)) ||
  ranks.indexOf(a.type) - ranks.indexOf(b.type) ||
  (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Where nothing is refused, what may not even be in quotes is as without them. */
const fallback = ({ conflicts, escaping }: Dialect): Escaping => (conflicts === "rename" ? "underscores" : escaping)

const nameIn = (name: string, dialect: Dialect): string | undefined =>
  escapeName(name, dialect.escaping) ?? escapeName(name, fallback(dialect))

/** Gives names that are free. */
export class FamilyNames {
  private readonly taken = new Set<string>()
  private readonly names = new Set<string>()

  constructor(private readonly dialect: Dialect) {}

  /**
   * The name in the text, `_total` included; `undefined` where there is none. Where they are renamed, all are to be named in
   * their order: see `named`.
   */
  name(family: Family): string | undefined {
    const { conflicts } = this.dialect
    const preferred = this.preferred(family)
    if (preferred === undefined || (conflicts === "refuse" && this.names.has(family.name))) return undefined
    this.names.add(family.name)
    if (this.isFree(preferred(), family.type)) return this.take(preferred(), family.type)
    if (conflicts === "refuse") return undefined
    for (let i = 0; ; i++) {
      const found = preferred(`_${mark(`${i === 0 ? "" : i}${family.type} ${family.name}`)}`)
      if (this.isFree(found, family.type)) return this.take(found, family.type)
    }
  }

  /** As `name`, for one that comes later and is in nobody's way; `undefined` if it is, and all are to be named anew. */
  add(family: Family): string | undefined {
    const preferred = this.preferred(family)?.()
    return preferred !== undefined && this.isFree(preferred, family.type)
      ? this.take(preferred, family.type)
      : undefined
  }

  /** With `more` before the unit and what its type ends with. `undefined` for what has no name. */
  private preferred({ name, type, unit }: Family): ((more?: string) => string) | undefined {
    const { claims } = this.dialect
    const escaped = nameIn(name, this.dialect)
    if (escaped === undefined) return undefined
    const suffix = suffixes[type]
    const plain =
      suffix !== undefined && escaped.endsWith(`_${suffix}`) ? escaped.slice(0, -suffix.length - 1) : escaped
    return (more = "") => {
      const base = withSuffix(plain + more, unitSuffix(unit))
      // OpenMetrics has the end behind a name of its own.
      return claims === "all" && suffix !== undefined ? `${base}_${suffix}` : withSuffix(base, suffix)
    }
  }

  private isFree(spelled: string, type: Type): boolean {
    return claimsOf(spelled, type, this.dialect.claims).every((claim) => !this.taken.has(claim))
  }

  private take(spelled: string, type: Type): string {
    for (const claim of claimsOf(spelled, type, this.dialect.claims)) this.taken.add(claim)
    return spelled
  }
}

/** In the order in which they are to be named. */
export const named = <A extends Family>(families: Iterable<A>, { conflicts }: Dialect): ReadonlyArray<A> =>
  conflicts === "rename" ? [...families].sort(order) : [...families]

export const faultOf = (name: string, escaping: Escaping): Fault =>
  escapeName(name, escaping) === undefined
    ? { drop: "invalid", reason: name === "" ? "its name is empty" : `its name ${quote(name)} is none of Prometheus'` }
    : { drop: "invalid", reason: `its name ${quote(name)} is that of another (conflict)` }

/** What the tags of a family are called, up to the value, as in `a="`; a `Fault` for those that are called nothing. */
export type Labels = ReadonlyMap<string, string | Fault>

const own = (key: string, type: Type): boolean =>
  key.startsWith("__") || (type === "histogram" && key === "le") || (type === "summary" && key === "quantile")

const labelOf = (key: string, type: Type, dialect: Dialect): string | Fault => {
  const { conflicts, escaping } = dialect
  const label = escapeLabel(key, escaping) ?? escapeLabel(key, fallback(dialect))
  if (label === undefined) return invalid(`its tag ${quote(key)} is no label's name`)!
  if (!own(label, type)) return label
  if (conflicts === "refuse") return invalid(`its tag ${quote(key)} is a label of Prometheus' own`)!
  return `exported_${label.replace(/^_+/, "")}`
}

/** As `labelsOf`, the names alone. */
export const labelNamesOf = (
  keys: Iterable<string>,
  type: Type,
  dialect: Dialect
): ReadonlyMap<string, string | Fault> => {
  const labels = new Map<string, string | Fault>()
  const taken = new Set<string>()
  const others = new Set<string>()
  for (const key of keys) {
    if (labels.has(key) || others.has(key)) continue
    if (isLegalLabel(key) && !own(key, type)) {
      labels.set(key, key)
      taken.add(key)
    } else others.add(key)
  }
  for (const key of [...others].sort()) {
    let label = labelOf(key, type, dialect)
    if (typeof label === "string" && dialect.conflicts === "rename") {
      const base = label.replace(/_+$/, "") || "tag"
      for (let i = 0; taken.has(label); i++) label = `${base}_${mark(i === 0 ? key : i + key)}`
      taken.add(label)
    }
    labels.set(key, label)
  }
  return labels
}

/** Where they are renamed, no two tags of a family are the same label; those that are legal keep their names. */
export const labelsOf = (keys: Iterable<string>, type: Type, dialect: Dialect): Labels => {
  const labels = new Map<string, string | Fault>()
  for (const [key, label] of labelNamesOf(keys, type, dialect)) {
    const isName = typeof label === "string"
    labels.set(key, isName ? (isLegalLabel(label) ? `${label}="` : `"${escapeValue(label)}"="`) : label)
  }
  return labels
}

/** `a="1",b="2"`, or why there is none. */
export const written = (tags: ReadonlyArray<Tag>, labels: Labels, conflicts: Dialect["conflicts"]): string | Fault => {
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
