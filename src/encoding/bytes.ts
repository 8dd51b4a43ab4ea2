/**
 * Numbers and text as ASCII or UTF-8, written into a byte array that the caller has made large enough. Digits are written
 * directly, as that takes half the time of making a string first. Each function returns the position after what it wrote.
 */

/** The most bytes that {@link writeNumber} and {@link writeInteger} write. */
export const maxNumberBytes = 25

const utf8 = new TextEncoder()

/** A prefix, a key: what is written often. */
export const encode = (text: string): Uint8Array => utf8.encode(text)

const digitsOf = (value: number): number => {
  if (value < 1e5) return value < 1e2 ? (value < 10 ? 1 : 2) : value < 1e3 ? 3 : value < 1e4 ? 4 : 5
  return value < 1e7 ? (value < 1e6 ? 6 : 7) : value < 1e8 ? 8 : value < 1e9 ? 9 : 10
}

/** A whole number from 0 to 999 999 999 in exactly `width` digits. */
export const writeDigits = (bytes: Uint8Array, at: number, value: number, width: number): number => {
  let rest = value | 0
  for (let i = at + width - 1; i >= at; i--) {
    const tenth = (rest / 10) | 0
    bytes[i] = 48 + rest - tenth * 10
    rest = tenth
  }
  return at + width
}

const writeMagnitude = (bytes: Uint8Array, at: number, value: number): number => {
  if (value < 1e9) return writeDigits(bytes, at, value, digitsOf(value))
  const high = Math.floor(value / 1e9)
  return writeDigits(bytes, writeMagnitude(bytes, at, high), value - high * 1e9, 9)
}

/** A safe integer. -0 is written as 0. */
export const writeInteger = (bytes: Uint8Array, at: number, value: number): number => {
  if (value >= 0) return writeMagnitude(bytes, at, value)
  bytes[at] = 45
  return writeMagnitude(bytes, at + 1, -value)
}

/** A finite number, in the shortest decimal that reads back the same. -0 is written as 0. */
export const writeNumber = (bytes: Uint8Array, at: number, value: number): number => {
  const magnitude = Math.abs(value)
  if (magnitude <= 9007199254740991 && Math.floor(value) === value) return writeInteger(bytes, at, value)
  if (magnitude >= 1e-6 && magnitude < 1e6) {
    const billionths = Math.round(magnitude * 1e9)
    // No other decimal of at most 15 digits reads back as the same number, so there is none that is shorter.
    if (billionths / 1e9 === magnitude) return writeBillionths(bytes, at, billionths, value < 0)
  }
  return writeAscii(bytes, at, String(value))
}

/** Times, sizes and prices mostly have few decimals: so written, they take a third of the time of making a string. */
const writeBillionths = (bytes: Uint8Array, at: number, billionths: number, isNegative: boolean): number => {
  if (isNegative) bytes[at++] = 45
  const whole = Math.floor(billionths / 1e9)
  at = writeMagnitude(bytes, at, whole)
  bytes[at++] = 46
  let decimals = (billionths - whole * 1e9) | 0
  let width = 9
  for (; decimals % 1000 === 0; width -= 3) decimals = (decimals / 1000) | 0
  for (; decimals % 10 === 0; width--) decimals = (decimals / 10) | 0
  return writeDigits(bytes, at, decimals, width)
}

export const writeAscii = (bytes: Uint8Array, at: number, text: string): number => {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** At most three bytes for each UTF-16 unit. A lone surrogate becomes U+FFFD. */
export const writeText = (bytes: Uint8Array, at: number, text: string): number => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return at + utf8.encodeInto(text, bytes.subarray(at)).written
    bytes[at + i] = code
  }
  return at + text.length
}

const slabSize = 65_536
let slab = new ArrayBuffer(0)
let slabUsed = 0

/** A copy that is kept for long, next to other such: a third of the memory that an array of its own would take. */
export const keep = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length > slabSize / 16) return bytes.slice()
  if (slabUsed + bytes.length > slab.byteLength) {
    slab = new ArrayBuffer(slabSize)
    slabUsed = 0
  }
  const kept = new Uint8Array(slab, slabUsed, bytes.length)
  kept.set(bytes)
  slabUsed += bytes.length
  return kept
}

export const encodeKept = (text: string): Uint8Array => keep(utf8.encode(text))
