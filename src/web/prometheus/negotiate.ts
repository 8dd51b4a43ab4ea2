/**
 * Which format a scraper gets: the one of those it takes (`Accept`) that it would rather have, and where it says nothing that is
 * known here the text that every scraper reads.
 *
 * | it takes | it gets |
 * |---|---|
 * | `application/openmetrics-text`, of version 1.0.0 or any | OpenMetrics 1.0.0 |
 * | `text/plain;version=1.0.0` | the text, with names as they are if it asks for them |
 * | `text/plain`, of version 0.0.4 or any, anything else | the text 0.0.4 |
 */
import type { Variant } from "../../encoding/prometheusTotals.js"

export interface Negotiated extends Variant {
  readonly contentType: string
}

/** `"underscores"`: whatever it asks for. `"negotiated"`: what it asks for. */
export type Names = "underscores" | "negotiated"

interface Range {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly weight: number
}

const weightOf = (q: string | undefined): number =>
  q === undefined ? 1 : /^(0?\.\d+|0\.?|1(\.0*)?)$/.test(q) ? Number(q) : 0

const rangeOf = (text: string): Range => {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim())
  const parameters = new Map(
    rest.map((part) => {
      const at = part.indexOf("=")
      // Not by an expression for spaces at the end: that is quadratic in those elsewhere.
      const value = part.slice(at + 1).trim()
      return [part.slice(0, Math.max(at, 0)).trim().toLowerCase(), value.replace(/^"|"$/g, "")]
    })
  )
  return { type: type.toLowerCase(), parameters, weight: weightOf(parameters.get("q")) }
}

const text: Negotiated = {
  format: "text",
  escaping: "underscores",
  contentType: "text/plain; version=0.0.4; charset=utf-8"
}

const found = ({ parameters, type }: Range, names: Names): Negotiated | undefined => {
  const version = parameters.get("version")
  const asked = parameters.get("escaping")
  const escaping = asked === "allow-utf-8" && names === "negotiated" ? asked : "underscores"
  const told = `charset=utf-8${asked === undefined ? "" : `; escaping=${escaping}`}`
  if (type === "application/openmetrics-text" && (version === undefined || version === "1.0.0")) {
    return { format: "openmetrics", escaping, contentType: `application/openmetrics-text; version=1.0.0; ${told}` }
  }
  if (type === "text/plain" && version === "1.0.0") {
    return { format: "text", escaping, contentType: `text/plain; version=1.0.0; ${told}` }
  }
  const isText = type === "text/plain" ? version === undefined || version === "0.0.4" : /^(text|\*)\/\*$/.test(type)
  return isText ? text : undefined
}

export const negotiate = (accept: string | undefined, names: Names): Negotiated => {
  let best: Negotiated = text
  let weight = 0
  for (const range of (accept ?? "").split(",").map(rangeOf)) {
    if (range.weight <= weight) continue
    const one = found(range, names)
    if (one === undefined) continue
    best = one
    weight = range.weight
  }
  return best
}
