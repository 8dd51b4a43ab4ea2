/**
 * The server's own words, fit for a log: on one line, without what moves a terminal's cursor, and not endless.
 */

// Control characters, and those that make text run backwards or away.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

export const readable = (words: string, most: number): string => {
  const plain = words.trim().replace(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
}
