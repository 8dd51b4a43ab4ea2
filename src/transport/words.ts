/**
 * What servers say, made fit for one line of a log.
 */

const maxWords = 1024

// Control characters, and those that make text run backwards or away.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** On one line, without what a terminal would obey, and at most so many characters. */
export const readable = (words: string, most = maxWords): string => {
  const plain = words
    .trim()
    // What is cut off here would be cut off below.
    .slice(0, most + 1)
    .replace(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
}

/** Of a JSON object. */
export type Members = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** `undefined` for what is no JSON object; an array has no members that are asked for. */
export const membersOf = (body: string): Members | undefined => {
  try {
    const parsed: unknown = JSON.parse(body)
    // What is there is checked where it is used.
    return typeof parsed === "object" && parsed !== null ? (parsed as Members) : undefined
  } catch {
    return undefined
  }
}
