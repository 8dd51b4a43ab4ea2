/**
 * A float as Python's `%f` has it: six decimals, rounded by the exact value, a tie to the even digit. `toFixed` differs in ties
 * alone, which it rounds away from zero.
 */
import * as Bytes from "./bytes.js"
import type { Output } from "./output.js"

const dot = 46
const minus = 45

const scale = 1e6
/** Below this a number times `scale` has an error that `unsure` covers. */
const largest = 4e6
const unsure = 1e-3

const special = (value: number): string => (value !== value ? "nan" : value > 0 ? "inf" : "-inf")

/** What takes longer, also numbers that have no decimals any more, which `toFixed` writes with an exponent from 10^21 on. */
const exact = (value: number): string => {
  if (Math.abs(value) >= Number.MAX_SAFE_INTEGER) return `${BigInt(value)}.000000`
  // A tie is an odd number of 128ths: only those times a million end in a half.
  const parts = Math.abs(value) * 128
  if (parts !== Math.floor(parts) || parts % 2 === 0) return value.toFixed(6)
  const below = (BigInt(parts) * 15_625n) / 2n
  const digits = String(below + (below % 2n)).padStart(7, "0")
  return `${value < 0 ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`
}

const writeText = (output: Output, text: string): void => {
  output.reserve(text.length)
  output.at = Bytes.writeAscii(output.bytes, output.at, text)
}

export const writeFixed = (output: Output, value: number): void => {
  if (value - value !== 0) return writeText(output, special(value))
  const magnitude = Math.abs(value)
  const scaled = magnitude * scale
  const whole = Math.floor(scaled)
  const rest = scaled - whole
  if (magnitude >= largest || Math.abs(rest - 0.5) < unsure) return writeText(output, exact(value))
  const rounded = rest < 0.5 ? whole : whole + 1
  output.reserve(Bytes.maxNumberBytes)
  const { bytes } = output
  if (value < 0 || Object.is(value, -0)) bytes[output.at++] = minus
  const units = Math.floor(rounded / scale)
  const at = Bytes.writeInteger(bytes, output.at, units)
  bytes[at] = dot
  output.at = Bytes.writeDigits(bytes, at + 1, rounded - units * scale, 6)
}

/** In the shortest decimal that reads back the same, and reads back as a float. */
export const writeShortest = (output: Output, value: number): void => {
  if (value - value !== 0) return writeText(output, special(value))
  if (Object.is(value, -0)) return writeText(output, "-0.0")
  const text = String(value)
  writeText(output, /[.e]/.test(text) ? text : `${text}.0`)
}

/** A whole number in full. */
export const writeWhole = (output: Output, value: number | bigint): void => {
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    output.reserve(Bytes.maxNumberBytes)
    output.at = Bytes.writeInteger(output.bytes, output.at, value)
  } else writeText(output, String(BigInt(value)))
}
