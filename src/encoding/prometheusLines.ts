/**
 * The lines of a family, but for their numbers: those are written by who has them, as text or as bytes.
 *
 * | | `"text"`, version 0.0.4 | `"openmetrics"`, version 1.0.0 |
 * |---|---|---|
 * | a family's head | HELP, TYPE | TYPE, UNIT, HELP, in which `"` is escaped too |
 * | a counter's family | has the name of its samples, with `_total` | has none of it |
 * | no type | `untyped` | `unknown` |
 * | `le`, `quantile` | `1`, `1e-7` | `1.0`, `1e-07` |
 * | since when | nothing | `_created`, in seconds |
 * | of a distribution | sum, count | count, sum, and neither where values are negative |
 */
import { isLegalName, unitSuffix } from "./prometheusNames.js"

export type Format = "text" | "openmetrics"

/** What numbers a series has, in the order in which they are given: buckets or quantiles, then sum and count. */
export type Shape =
  | { readonly type: "counter" | "gauge" | "info" | "untyped" }
  | { readonly type: "histogram"; readonly bounds: ReadonlyArray<number>; readonly sums: "told" | "untold" }
  | { readonly type: "summary"; readonly quantiles: ReadonlyArray<number>; readonly sums: "told" | "untold" }

export interface Place {
  readonly format: Format
  /** As in the text. */
  readonly spelled: string
  /** What OpenMetrics calls the family. */
  readonly base: string
  /** `a="1",b="2"` */
  readonly labels: string
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", '"': '\\"' }

/** Halves of characters are none in UTF-8. */
const halves = /\p{Cs}/gu

export const escapeValue = (value: string): string =>
  /[\\\n"\ud800-\udfff]/.test(value)
    ? value.replace(/[\\\n"]/g, (one) => escapes[one]!).replace(halves, "\ufffd")
    : value

const escapeHelp = (text: string, format: Format): string =>
  text.replace(format === "text" ? /[\\\n]/g : /[\\\n"]/g, (one) => escapes[one]!)

/** -0 is written as 0. */
export const number = (value: number | bigint): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

/** As Go writes floats that are part of a label, so that each is spelled one way alone. */
export const canonical = (value: number): string => {
  if (value - value !== 0) return number(value)
  const [digits = "0", exponent = "0"] = value.toExponential().split("e")
  const power = Number(exponent)
  if (power < -4 || power >= 6) return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`
  const text = String(value)
  return text.includes(".") ? text : `${text}.0`
}

/** Whether a distribution's sum can be told: OpenMetrics has it grow alone. By its least value, or its sum where that is unknown. */
export const sumsOf = (format: Format, least: number, bounds: ReadonlyArray<number> = []): "told" | "untold" =>
  format === "text" || (least >= 0 && !(bounds[0]! < 0)) ? "told" : "untold"

const shown = (name: string): string => (isLegalName(name) ? name : `"${escapeValue(name)}"`)

/** What stands before a family's samples. */
export const head = (
  { base, format, spelled }: Pick<Place, "base" | "format" | "spelled">,
  type: Shape["type"],
  unit: string | undefined,
  description: string | undefined
): string => {
  const name = shown(format === "text" ? spelled : base)
  const help = description === undefined ? "" : `# HELP ${name} ${escapeHelp(description, format)}\n`
  if (format === "text") return `${help}# TYPE ${name} ${type === "info" ? "gauge" : type}\n`
  const suffix = unitSuffix(unit)
  const told = suffix !== undefined && base.endsWith(`_${suffix}`) ? `# UNIT ${name} ${suffix}\n` : ""
  return `# TYPE ${name} ${type === "untyped" ? "unknown" : type}\n${told}${help}`
}

const joined = (...parts: ReadonlyArray<string>): string => parts.filter((part) => part !== "").join(",")

/**
 * What stands before, between and after the numbers of a series: one more than there are numbers, or nothing where there are none.
 * Sum and count are told in the order that the format has; see `sumFirst`.
 */
export const segments = (
  { base, format, labels, spelled }: Place,
  shape: Shape,
  startMillis: number | undefined
): ReadonlyArray<string> => {
  const sample = (name: string, more = ""): string => {
    const isLegal = isLegalName(name)
    const inside = joined(isLegal ? "" : shown(name), labels, more)
    return `${isLegal ? name : ""}${inside === "" ? "" : `{${inside}}`} `
  }
  const found: Array<string> = []
  const label = format === "text" ? number : canonical
  const add = (line: string): void => void found.push(found.length === 0 ? line : `\n${line}`)
  if (shape.type === "histogram") {
    for (const bound of shape.bounds) add(sample(`${spelled}_bucket`, `le="${label(bound)}"`))
    add(sample(`${spelled}_bucket`, 'le="+Inf"'))
  } else if (shape.type === "summary") {
    for (const quantile of shape.quantiles) add(sample(spelled, `quantile="${label(quantile)}"`))
  } else add(sample(spelled))
  if ("sums" in shape && shape.sums === "told") {
    const sums = sumFirst(format) ? ["_sum", "_count"] : ["_count", "_sum"]
    for (const ending of sums) add(sample(spelled + ending))
  }
  if (found.length === 0) return found
  const isCreated =
    format === "openmetrics" && startMillis !== undefined && (shape.type === "counter" || "sums" in shape)
  return [...found, isCreated ? `\n${sample(`${base}_created`)}${number(startMillis / 1000)}\n` : "\n"]
}

export const sumFirst = (format: Format): boolean => format === "text"

/** What OpenMetrics ends with. */
export const end = (format: Format): string => (format === "text" ? "" : "# EOF\n")
