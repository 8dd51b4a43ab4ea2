/**
 * Text that is safe and measured for a terminal: nothing a name or value contains can move the cursor, change a colour or
 * reorder what stands beside it.
 */
const hostile = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escaped = (character: string): string => {
  const known = short[character]
  if (known !== undefined) return known
  const code = character.codePointAt(0) ?? 0
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`
}

/** Control and format characters, line separators and lone surrogates, written out. */
export const escape = (text: string): string => text.replace(hostile, escaped)

/** A word as it is, anything else in double quotes, so that a line can be cut at its spaces, commas and braces. */
export const word = (text: string): string =>
  /^[^\s"\\,={}]+$/u.test(text) && text.search(hostile) === -1 ? text : `"${escape(text.replace(/["\\]/g, "\\$&"))}"`

const plain = /^[\x20-\x7e]*$/
const zero = /^\p{M}$/u
const wideEmoji = /^\p{Emoji_Presentation}$/u
const emoji = /^\p{Emoji}$/u

/** Blocks that terminals draw two cells wide: East Asian Wide and Fullwidth, without the emoji. */
const wide: ReadonlyArray<readonly [first: number, last: number]> = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18cff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd]
]

const characterWidth = (character: string): number => {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x300) return 1
  if (zero.test(character)) return 0
  if (wideEmoji.test(character)) return 2
  for (const [first, last] of wide) if (code >= first && code <= last) return 2
  return 1
}

/** Calls back with each character and the cells it adds; an emoji variation selector adds what its base lacks. */
const measure = (text: string, each: (character: string, cells: number) => boolean): void => {
  let before = ""
  for (const character of text) {
    const widened = character === "\ufe0f" && emoji.test(before) && characterWidth(before) === 1
    if (!each(character, widened ? 1 : characterWidth(character))) return
    before = character
  }
}

/** Cells of a text without control characters. */
export const width = (text: string): number => {
  if (plain.test(text)) return text.length
  let cells = 0
  measure(text, (_, more) => {
    cells += more
    return true
  })
  return cells
}

/** The text in at most `cells`, ending in an ellipsis where it had to be cut. */
export const truncate = (text: string, cells: number): string => {
  if (cells <= 0) return ""
  if (width(text) <= cells) return text
  let kept = ""
  let used = 0
  measure(text, (character, more) => {
    if (used + more > cells - 1) return false
    kept += character
    used += more
    return true
  })
  return kept + "…"
}

/** The text in at most `cells`, beginning with an ellipsis where it had to be cut. */
export const truncateStart = (text: string, cells: number): string => {
  if (cells <= 0) return ""
  if (width(text) <= cells) return text
  const characters = Array.from(text)
  let first = characters.length
  let used = 0
  for (let at = first - 1; at >= 0; at--) {
    const character = characters[at] ?? ""
    // A variation selector may add a cell to what stands before it.
    used += character === "\ufe0f" ? 1 : characterWidth(character)
    if (used > cells - 1) break
    first = at
  }
  return `…${characters.slice(first).join("")}`
}

export const padEnd = (text: string, cells: number): string => text + " ".repeat(Math.max(0, cells - width(text)))

export const padStart = (text: string, cells: number): string => " ".repeat(Math.max(0, cells - width(text))) + text
