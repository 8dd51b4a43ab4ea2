/**
 * What may stand in line protocol as a measurement, tag or field key, and how it is escaped. Nothing is rewritten: a name that
 * the protocol cannot carry is refused with the reason.
 */

import { quote } from "./output.js"

/** Servers measure a key as measurement, tags and field key together. */
export const maxKeyBytes = 65_535

// The server ends a line at LF wherever it stands in a name, drops CR before it, and reads TAB and NUL as blanks.
const breaking = /[\n\r\t\0]/

const wordFault = (what: string, word: string): string | undefined => {
  if (word === "") return `its ${what} is empty`
  if (breaking.test(word)) return `its ${what} ${quote(word)} contains a line break, TAB or NUL`
  if (word.endsWith("\\")) return `its ${what} ${quote(word)} ends with a backslash, which line protocol cannot carry`
  return word.length > maxKeyBytes ? `its ${what} ${quote(word)} is longer than ${maxKeyBytes} bytes` : undefined
}

// Servers drop such fields or mistake them for their own columns.
const reserved = new Set(["time", "_measurement", "_field"])

const keyFault = (what: string, key: string): string | undefined =>
  wordFault(what, key) ?? (reserved.has(key) ? `its ${what} ${quote(key)} is reserved` : undefined)

/**
 * How names are escaped and which are refused. Servers 1 and 2 take a backslash for itself unless it stands before what it can
 * escape, and cannot escape it. Before an escaped character they disagree with themselves: the same backslash is lost, splits
 * the word, or makes them miss the end of the line, which takes the next lines with it. A server 3 reads two as one.
 */
export const namesOf = (version: 1 | 2 | 3) => {
  const inMeasurement = version === 3 ? /[\\, ]/g : /[, ]/g
  const inKey = version === 3 ? /[\\,= ]/g : /[,= ]/g
  const unreadable = (what: string, word: string, backslash: RegExp): string | undefined =>
    version !== 3 && backslash.test(word)
      ? `its ${what} ${quote(word)} has a backslash where InfluxDB 1 and 2 cannot read it`
      : undefined
  return {
    escapeMeasurement: (text: string): string => text.replace(inMeasurement, "\\$&"),
    escapeKey: (text: string): string => text.replace(inKey, "\\$&"),
    /** A leading `#` makes the line a comment, which a server skips without a word; a leading `_` is the servers' own. */
    measurementFault: (name: string): string | undefined =>
      wordFault("name", name) ??
      (name.startsWith("#") || name.startsWith("_") ? `its name ${quote(name)} starts with # or _` : undefined) ??
      unreadable("name", name, /\\[,= "]/),
    fieldKeyFault: (key: string): string | undefined =>
      keyFault("field key", key) ?? unreadable("field key", key, /\\[,= "]/),
    tagKeyFault: (key: string): string | undefined => keyFault("tag key", key) ?? unreadable("tag key", key, /\\[,= ]/),
    tagValueFault: (key: string, value: string): string | undefined => {
      const what = `value of the tag ${quote(key)}`
      return wordFault(what, value) ?? unreadable(what, value, /\\[,= ]/)
    }
  }
}
