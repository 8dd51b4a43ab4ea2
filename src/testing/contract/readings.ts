/**
 * What arrived, in one form for wires with many numbers a record and those with one: a reading is one value with its key.
 */
import type { Place, Received, Wire } from "./subject.js"

export interface Reading {
  /** The record's name for the field `value`, else `name.field`. */
  readonly key: string
  readonly value: number | bigint | boolean | string
  readonly tags: Readonly<Record<string, string>>
  readonly millis: number | undefined
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** With U+FFFD for lone surrogates: UTF-8 cannot carry them, the escapes of JSON can. */
const wellFormed = (text: string): string => decoder.decode(encoder.encode(text))

export const readingsOf = (received: ReadonlyArray<Received>): ReadonlyArray<Reading> =>
  received.flatMap(({ fields, millis, name, tags }) => {
    const read = Object.fromEntries(Object.entries(tags).map(([key, value]) => [wellFormed(key), wellFormed(value)]))
    return Object.entries(fields).map(([field, value]) => ({
      key: wellFormed(field === "value" ? name : `${name}.${field}`),
      value: typeof value === "string" ? wellFormed(value) : value,
      tags: read,
      millis
    }))
  })

/** Of booleans and bigints too; NaN for a text. */
export const numberOf = ({ value }: Reading): number => (typeof value === "string" ? Number.NaN : Number(value))

export const isClose = (a: number, b: number): boolean =>
  a === b || Math.abs(a - b) <= Math.max(1e-9 * Math.max(Math.abs(a), Math.abs(b)), 1e-300)

export const sum = (values: Iterable<number>): number => {
  let total = 0
  for (const value of values) total += value
  return total
}

/** The word as it may arrive, by the wire's rules; `undefined` if it is left out. */
export const spellingOf =
  ({ spell }: Wire) =>
  (word: string, place: Place): string | undefined => {
    const spelled = spell === undefined ? word : spell(word, place)
    return spelled === undefined ? undefined : wellFormed(spelled)
  }

/** The keys under which a field may arrive: wires with one number a record may spell the whole. */
export const keysOf = (wire: Wire, name: string, field: string): ReadonlySet<string> => {
  const spell = spellingOf(wire)
  if (field === "value") return new Set([spell(name, "name") ?? ""])
  const whole = spell(`${name}.${field}`, "name") ?? ""
  const parts = `${spell(name, "name") ?? ""}.${spell(field, "field key") ?? ""}`
  return new Set([whole, parts])
}

/** Quoted and cut, for messages. */
export const show = (value: unknown): string => {
  const text =
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? "nothing"
  return text.length > 300 ? `${text.slice(0, 299)}…` : text
}
