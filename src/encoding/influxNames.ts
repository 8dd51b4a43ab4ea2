/**
 * What may stand in line protocol as a measurement, tag or field key, and how it is escaped. Nothing is rewritten: a name that
 * the protocol cannot carry is refused with the reason.
 */

/** Why a measurement cannot be written, by the ledger's words. */
export interface Fault {
  readonly drop: "invalid" | "unsupported" | "too_large"
  readonly reason: string
}

/** Servers measure a key as measurement, tags and field key together. */
export const maxKeyBytes = 65_535

// The server ends a line at LF wherever it stands in a name, drops CR before it, and reads TAB and NUL as blanks.
const breaking = /[\n\r\t\0]/

const quote = (text: string): string => JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text)

const wordFault = (what: string, word: string): string | undefined => {
  if (word === "") return `its ${what} is empty`
  if (breaking.test(word)) return `its ${what} ${quote(word)} contains a line break, TAB or NUL`
  if (word.endsWith("\\")) return `its ${what} ${quote(word)} ends with a backslash, which line protocol cannot carry`
  return word.length > maxKeyBytes ? `its ${what} ${quote(word)} is longer than ${maxKeyBytes} bytes` : undefined
}

// Servers drop such fields or mistake them for their own columns.
const reserved = new Set(["time", "_measurement", "_field"])

/** A tag key or field key. */
export const keyFault = (what: string, key: string): string | undefined =>
  wordFault(what, key) ?? (reserved.has(key) ? `its ${what} ${quote(key)} is reserved` : undefined)

export const tagValueFault = (key: string, value: string): string | undefined =>
  wordFault(`value of the tag ${quote(key)}`, value)

/** A leading `#` makes the line a comment, which a server skips without a word; a leading `_` is the servers' own. */
export const measurementFault = (name: string): string | undefined =>
  wordFault("name", name) ??
  (name.startsWith("#") || name.startsWith("_") ? `its name ${quote(name)} starts with # or _` : undefined)

export const invalid = (reason: string | undefined): Fault | undefined =>
  reason === undefined ? undefined : { drop: "invalid", reason }

/**
 * How names are escaped. Servers 1 and 2 take a backslash for itself unless it stands before what it can escape, and have no way
 * to escape it; a server 3 reads two as one.
 */
export const escaper = (version: 1 | 2 | 3) => {
  const inMeasurement = version === 3 ? /[\\, ]/g : /[, ]/g
  const inKey = version === 3 ? /[\\,= ]/g : /[,= ]/g
  return {
    measurement: (text: string): string => text.replace(inMeasurement, "\\$&"),
    key: (text: string): string => text.replace(inKey, "\\$&")
  }
}
