/** A reader of `put` lines and of JSON points that is as strict as OpenTSDB, and complains in its words. */

export interface Stored {
  readonly metric: string
  readonly tags: Readonly<Record<string, string>>
  /** Integers as the server keeps them, in 64 bits. */
  readonly value: number | bigint
  /** As it was sent. */
  readonly timestamp: number
  readonly millis: number
}

/** What the server answers, without the command before it. */
export class Complaint extends Error {}

const isTaken = (unit: string): boolean => /^[A-Za-z0-9\-_./]$/.test(unit) || /^\p{L}$/u.test(unit)

const checkWord = (what: string, word: string): void => {
  if (word === "") throw new Complaint(`illegal argument: Invalid ${what}: empty string`)
  for (const unit of word.split("")) {
    if (!isTaken(unit)) throw new Complaint(`illegal argument: Invalid ${what} ("${word}"): illegal character: ${unit}`)
  }
}

const maxLong = 9_223_372_036_854_775_807n

const valueOf = (text: string): number | bigint => {
  if (text === "") throw new Complaint("invalid value: Empty value")
  if (!/[.eE]/.test(text)) {
    if (!/^[+-]?\d{1,19}$/.test(text)) throw new Complaint(`invalid value: Invalid character in ${text}`)
    const value = BigInt(text)
    if (value > maxLong || value < -maxLong - 1n) throw new Complaint(`invalid value: ${text} overflows`)
    return value
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw new Complaint(`invalid value: ${text}`)
  const value = Number(text)
  if (!Number.isFinite(value)) throw new Complaint(`illegal argument: value is NaN or Infinite: ${text}`)
  return value
}

const timeOf = (text: string): Pick<Stored, "timestamp" | "millis"> => {
  const timestamp = Number(text)
  if (!/^\d{1,13}$/.test(text) || timestamp <= 0) throw new Complaint(`illegal argument: invalid timestamp: ${text}`)
  return { timestamp, millis: timestamp <= 0xffff_ffff ? timestamp * 1000 : timestamp }
}

const checkTags = (tags: ReadonlyArray<readonly [string, string]>, maxTags: number): void => {
  if (tags.length === 0) throw new Complaint("illegal argument: Need at least one tag")
  if (tags.length > maxTags)
    throw new Complaint(`illegal argument: Too many tags: ${tags.length} maximum allowed: ${maxTags}`)
  for (const [key, value] of tags) {
    checkWord("tag name", key)
    checkWord(`tag value with key [${key}]`, value)
  }
}

const tagsOf = (words: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> => {
  const tags = new Map<string, string>()
  for (const word of words) {
    if (word === "") continue
    const parts = word.split("=")
    const [key = "", value = ""] = parts
    if (parts.length !== 2 || key === "" || value === "") throw new Complaint(`illegal argument: invalid tag: ${word}`)
    if (tags.has(key) && tags.get(key) !== value) throw new Complaint(`illegal argument: duplicate tag: ${word}`)
    tags.set(key, value)
  }
  return [...tags]
}

/** What follows `put `, read as Latin-1. */
export const parseLine = (line: string, maxTags = 8): Stored => {
  const [metric = "", timestamp = "", value = "", ...words] = line.split(" ")
  if (words.length === 0) throw new Complaint("illegal argument: not enough arguments (need least 4)")
  if (metric === "") throw new Complaint("illegal argument: empty metric name")
  const read = { ...timeOf(timestamp), value: valueOf(value) }
  const tags = tagsOf(words)
  checkWord("metric name", metric)
  checkTags(tags, maxTags)
  return { metric, ...read, tags: Object.fromEntries(tags) }
}

/** The points of a body, or the one. Values as they are spelled, as the server takes them. Throws if it is no JSON. */
export const readBody = (body: string): ReadonlyArray<unknown> => {
  const parsed: unknown = JSON.parse(body.replace(/("value":)(-?\d[\d.eE+-]*)/g, '$1"$2"'))
  return Array.isArray(parsed) ? parsed : [parsed]
}

/** One point of `/api/put`. */
export const parsePoint = (point: unknown, maxTags = 8): Stored => {
  // What it should have is asked for.
  const { metric, tags, timestamp, value } = point as Readonly<Record<string, unknown>>
  if (typeof metric !== "string" || metric === "") throw new Complaint("Metric name was empty")
  if (typeof timestamp !== "number" || !Number.isInteger(timestamp)) throw new Complaint("Invalid timestamp")
  if (typeof value !== "string" && typeof value !== "number") throw new Complaint("Empty value")
  if (typeof tags !== "object" || tags === null) throw new Complaint("Missing tags")
  const entries = Object.entries(tags as Readonly<Record<string, string>>)
  checkWord("metric name", metric)
  checkTags(entries, maxTags)
  return { metric, ...timeOf(String(timestamp)), value: valueOf(String(value)), tags: Object.fromEntries(entries) }
}
