/**
 * Names of metrics and labels as Prometheus has them: ASCII letters, digits and underscores, and colons in those of metrics.
 */

/**
 * What becomes of a name with other characters. `"underscores"`: each becomes an underscore. `"allow-utf-8"`: nothing, it is
 * quoted, which takes a scraper that asked for it. `null`: it is refused.
 */
export type Escaping = "underscores" | "allow-utf-8" | null

const legalName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const legalLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/

export const isLegalName = (name: string): boolean => legalName.test(name)
export const isLegalLabel = (name: string): boolean => legalLabel.test(name)

/** What may not be in a name at all: control characters, and halves of characters. */
const forbidden = /[\p{Cc}\p{Cs}]/u

const underscored = (name: string, others: RegExp): string => {
  const ascii = name.replace(others, "_")
  return /^\d/.test(ascii) ? `_${ascii}` : ascii
}

/** By the scheme. `undefined` where it may not be. */
const escaped = (name: string, isLegal: boolean, escaping: Escaping, others: RegExp): string | undefined => {
  if (isLegal) return name
  if (name === "" || escaping === null) return undefined
  if (escaping === "allow-utf-8") return forbidden.test(name) ? undefined : name
  return underscored(name, others)
}

export const escapeName = (name: string, escaping: Escaping): string | undefined =>
  escaped(name, isLegalName(name), escaping, /[^a-zA-Z0-9_:]/gu)

export const escapeLabel = (name: string, escaping: Escaping): string | undefined =>
  escaped(name, isLegalLabel(name), escaping, /[^a-zA-Z0-9_]/gu)

/** UCUM's codes, as Prometheus has units at the end of names. */
const units: ReadonlyMap<string, string> = new Map([
  ["s", "seconds"],
  ["ms", "milliseconds"],
  ["us", "microseconds"],
  ["ns", "nanoseconds"],
  ["min", "minutes"],
  ["h", "hours"],
  ["d", "days"],
  ["By", "bytes"],
  ["KiBy", "kibibytes"],
  ["MiBy", "mebibytes"],
  ["GiBy", "gibibytes"],
  ["m", "meters"],
  ["V", "volts"],
  ["A", "amperes"],
  ["J", "joules"],
  ["W", "watts"],
  ["g", "grams"],
  ["Cel", "celsius"],
  ["Hz", "hertz"],
  ["%", "percent"]
])

/** At the end of a name, unless it is there. */
export const withSuffix = (name: string, suffix: string | undefined): string =>
  suffix === undefined || name === suffix || name.endsWith(`_${suffix}`) ? name : `${name}_${suffix}`

/** `undefined` where a name does not tell it. */
export const unitSuffix = (unit: string | undefined): string | undefined =>
  unit === undefined ? undefined : units.get(unit)

/** Of a text: tells apart what is spelled alike. Six letters and digits. */
export const mark = (text: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36).padStart(7, "0").slice(-6)
}
