/**
 * Reads the text of a pipe: statvent's own, and that of `statvent`, whose first lines tell the kinds.
 *
 * By statvent's rules a line is split at its last colon, both parts are trimmed, and a value is a whole number if it reads as
 * one, else a float. A last line without a line feed was cut off, and is malformed: half a number is another number.
 */
import type { Tag } from "../recording/measurement.js"

export type StatKind = "counter" | "gauge" | "reading" | "unknown"

export interface Stat {
  /** The name as it stands in the line, trimmed. */
  readonly key: string
  /** The name without tags. */
  readonly name: string
  /** In the order of the line. Empty unless the key ends with a whole `{key="value",…}`. */
  readonly tags: ReadonlyArray<Tag>
  /** `"unknown"` where the text does not say. */
  readonly kind: StatKind
  /** A `bigint` where it is a whole number beyond 2^53. Never -0 where it is one within. */
  readonly value: number | bigint
  /** It was written without a fraction. */
  readonly isInt: boolean
}

export interface Stats {
  readonly stats: ReadonlyArray<Stat>
  /** Lines that are none, and are left out. */
  readonly malformed: number
  /** Lines that were not read, as there were as many already as were wanted. */
  readonly left: number
  /** Nothing is missing, by the numbers in the first lines. Without those: whether the last line is whole. */
  readonly isWhole: boolean
}

/** The first lines of a text that tells its kinds: how many lines of each follow, in this order. */
export const header: ReadonlyArray<readonly [key: string, kind: StatKind]> = [
  ["effect_metrics.pipe.counters", "counter"],
  ["effect_metrics.pipe.gauges", "gauge"],
  ["effect_metrics.pipe.readings", "reading"]
]

/** A key, and what it says. */
export type Key = Pick<Stat, "key" | "name" | "tags">

/** Of keys in turn. */
export type Split = (key: string) => Key

/**
 * Never throws, and takes time in proportion to the text. `split` may remember the keys that it has seen: processes of one program
 * have the same, and have them again the next time. What is read takes many times the memory of a short line: `most` bounds it.
 */
export const read = (text: string, split: Split = splitOnce, most = Number.POSITIVE_INFINITY): Stats => {
  const kinds = kindsOf(text)
  const stats: Array<Stat> = []
  let malformed = 0
  let left = 0
  let lines = 0
  let at = kinds?.end ?? 0
  while (at < text.length) {
    const end = text.indexOf("\n", at)
    if (end === -1) {
      malformed++
      break
    }
    const line = text.slice(at, end)
    at = end + 1
    if (line.trim() === "") continue
    const number = lines++
    if (stats.length >= most) {
      left++
      continue
    }
    const stat = readLine(line, kinds === undefined ? "unknown" : kinds.kindOf(number), split)
    if (stat === undefined) malformed++
    else stats.push(stat)
  }
  return { stats, malformed, left, isWhole: at >= text.length && (kinds === undefined || kinds.total === lines) }
}

interface Kinds {
  readonly kindOf: (line: number) => StatKind
  readonly total: number
  /** Where the first line after the header starts. */
  readonly end: number
}

const kindsOf = (text: string): Kinds | undefined => {
  const bounds: Array<readonly [end: number, kind: StatKind]> = []
  let total = 0
  let at = 0
  for (const [key, kind] of header) {
    const end = text.indexOf("\n", at)
    const match = text.startsWith(`${key}:`, at)
      ? /^\s*(\d{1,15})\s*$/.exec(text.slice(at + key.length + 1, end))
      : null
    if (match === null || end === -1) return undefined
    total += Number(match[1])
    bounds.push([total, kind])
    at = end + 1
  }
  return { kindOf: (line) => bounds.find(([end]) => line < end)?.[1] ?? "unknown", total, end: at }
}

const readLine = (line: string, kind: StatKind, split: Split): Stat | undefined => {
  const colon = line.lastIndexOf(":")
  const written = line.slice(0, colon).trim()
  if (colon === -1 || written === "") return undefined
  const text = line.slice(colon + 1).trim()
  const value = readValue(text)
  if (value === undefined) return undefined
  const { key, name, tags } = split(written)
  return { key, name, tags, kind, value, isInt: int.test(text) }
}

const int = /^[+-]?\d+$/
const float = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const special = /^([+-]?)(?:(nan)|inf(?:inity)?)$/i
/** More would take long to read, and is no count of anything. */
const maxDigits = 1000

const readValue = (text: string): number | bigint | undefined => {
  if (text.length > maxDigits) return undefined
  if (int.test(text)) {
    const value = Number(text)
    // `BigInt` takes no plus sign. Zero is added for -0.
    return Number.isSafeInteger(value) ? value + 0 : BigInt(text.startsWith("+") ? text.slice(1) : text)
  }
  if (float.test(text)) return Number(text)
  const match = special.exec(text)
  if (match === null) return undefined
  if (match[2] !== undefined) return NaN
  return match[1] === "-" ? -Infinity : Infinity
}

/** The name and the tags of a key. Only a whole `{key="value",…}` at its end is tags, and only behind a name. */
export const splitKey = (key: string): { readonly name: string; readonly tags: ReadonlyArray<Tag> } => {
  if (key.endsWith('"}')) {
    // A name may have braces of its own; those of its tags are the first from which all the rest is tags.
    // A key that was read on from there before, and led nowhere, leads nowhere now: else a long line could take for ever.
    const passed = new Set<number>()
    for (let open = key.indexOf("{", 1); open !== -1; open = key.indexOf("{", open + 1)) {
      if (passed.has(open)) continue
      const tags = readTags(key, open + 1, passed)
      if (tags !== undefined) return { name: key.slice(0, open), tags }
    }
  }
  return { name: key, tags: [] }
}

const splitOnce: Split = (key) => ({ key, ...splitKey(key) })

/** Longer ones are few, and not remembered. */
const maxRemembered = 512

/** Remembers up to so many keys. */
export const rememberKeys = (most: number): Split => {
  const known = new Map<string, Key>()
  return (written) => {
    const found = known.get(written)
    if (found !== undefined) return found
    if (written.length > maxRemembered) return splitOnce(written)
    // Which are still in use is not known; those are soon remembered anew.
    if (known.size >= most) known.clear()
    // A copy: a part of a text may keep the whole text in memory.
    const key = String(JSON.parse(JSON.stringify(written)))
    const split = splitOnce(key)
    known.set(key, split)
    return split
  }
}

const reserved = /[={},"]/

/** Adds to `passed` where there were escaped braces in the keys of tags. */
const readTags = (key: string, from: number, passed: Set<number>): ReadonlyArray<Tag> | undefined => {
  const tags: Array<Tag> = []
  let at = from
  /** What stands up to the next `end` that is not escaped. */
  const take = (end: string, forbidden: RegExp | undefined): string | undefined => {
    let text = ""
    for (; at < key.length; at++) {
      const char = key[at]!
      if (char === end) return text
      if (char === "\\") {
        const escaped = key[++at]
        if (escaped === undefined) return undefined
        if (escaped === "{" && forbidden !== undefined) passed.add(at)
        text += escaped === "n" ? "\n" : escaped
      } else if (forbidden?.test(char)) return undefined
      else text += char
    }
    return undefined
  }
  for (;;) {
    const name = take("=", reserved)
    if (name === undefined || name === "" || key[++at] !== '"') return undefined
    at++
    const value = take('"', undefined)
    if (value === undefined) return undefined
    tags.push([name, value])
    const next = key[++at]
    if (next === "}") return at === key.length - 1 ? tags : undefined
    if (next !== ",") return undefined
    at++
  }
}
