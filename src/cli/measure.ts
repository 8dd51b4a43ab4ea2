/** What `effect-metrics send` is given: one measurement in words, from the command line or a line of text. */
import { Duration, Either } from "effect"
import * as Measurement from "../Measurement.js"
import type { Fields } from "../delivery/options.js"
import { duration } from "./values.js"

interface Described {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly level: string | undefined
  /** When it was, in nanoseconds since 1970. Default: now. */
  readonly nanos: bigint | undefined
}

export interface Value extends Described {
  readonly kind: "counter" | "gauge" | "timer" | "distribution"
  /** Of a timer, in seconds. */
  readonly value: number
}

export interface Point extends Described {
  readonly kind: "point"
  readonly fields: Fields
}

export type Measure = Value | Point

/** What is said of one measurement. */
export interface Said {
  /** Kind, name and value. */
  readonly words: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
  readonly fields: ReadonlyArray<string>
  readonly timestamp: string | undefined
  readonly level: string | undefined
}

type Result<A> = Either.Either<A, string>

const kinds = ["counter", "gauge", "timer", "distribution", "point"] as const

/** What it is, or what is wrong with it: without its text, which may be anything. */
export const measureOf = ({ fields, level, tags, timestamp, words }: Said): Result<Measure> =>
  Either.gen(function* () {
    const [given, name = "", value, ...others] = words
    const kind = kinds.find((one) => one === given)
    if (kind === undefined) return yield* Either.left(`it begins with one of ${kinds.join(", ")}`)
    if (name.trim() === "") return yield* Either.left(`the ${kind} has no name`)
    if (others.length > 0) return yield* Either.left("there is more behind the value: tags are --tag name=value")
    const described = {
      name,
      tags: yield* tagsOf(tags),
      level,
      nanos: timestamp === undefined ? undefined : yield* nanosOf(timestamp)
    }
    if (kind === "point") {
      if (value !== undefined) return yield* Either.left("a point has no value, but --field name=value")
      return { ...described, kind, fields: yield* fieldsOf(fields) }
    }
    if (fields.length > 0) return yield* Either.left(`a ${kind} has no --field: that is of points`)
    return { ...described, kind, value: yield* numberOf(kind, value) }
  })

const numeral = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?$/i

const numberOf = (kind: Value["kind"], text: string | undefined): Result<number> => {
  if (text === undefined) return kind === "counter" ? Either.right(1) : Either.left(`the ${kind} has no value`)
  if (kind === "timer") {
    return Either.fromNullable(duration.read(text), () => `the timer's value is not ${duration.expected}`).pipe(
      Either.map(Duration.toSeconds)
    )
  }
  const value = numeral.test(text) ? Number(text) : NaN
  if (!Number.isFinite(value)) return Either.left(`the ${kind}'s value is not a number`)
  return kind === "counter" && value < 0 ? Either.left("a counter does not go down") : Either.right(value)
}

const pairOf = (option: string, text: string): Result<readonly [name: string, value: string]> => {
  const at = text.indexOf("=")
  return at > 0
    ? Either.right([text.slice(0, at), text.slice(at + 1)])
    : Either.left(`--${option} is not followed by name=value`)
}

const collect = <A>(
  option: string,
  texts: ReadonlyArray<string>,
  read: (text: string) => Result<A>
): Result<Readonly<Record<string, A>>> =>
  Either.gen(function* () {
    const found = new Map<string, A>()
    for (const text of texts) {
      const [name, value] = yield* pairOf(option, text)
      if (found.has(name)) return yield* Either.left(`--${option} ${JSON.stringify(name)} is given twice`)
      found.set(name, yield* read(value))
    }
    return Object.fromEntries(found)
  })

const tagsOf = (texts: ReadonlyArray<string>) => collect("tag", texts, Either.right)

const fieldsOf = (texts: ReadonlyArray<string>): Result<Fields> =>
  texts.length === 0 ? Either.left("a point has at least one --field name=value") : collect("field", texts, fieldOf)

/** `3i` is an integer, `3u` an unsigned one, `3` a float, `true` a boolean, and what is in quotes a text, as is all else. */
const fieldOf = (text: string): Result<Fields[string]> => {
  const quoted = /^"(.*)"$/s.exec(text)?.[1]
  if (quoted !== undefined) return Either.right(quoted)
  const [, digits, unit] = /^([+-]?\d+)([iu])$/.exec(text) ?? []
  if (digits !== undefined) {
    const value = BigInt(digits.replace("+", ""))
    const [least, most] = unit === "i" ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n]
    if (value < least || value > most) return Either.left(`a field that ends in ${unit} has 64 bits`)
    return Either.right(unit === "i" ? Measurement.int(value) : Measurement.uint(value))
  }
  if (text === "true" || text === "false") return Either.right(text === "true")
  return Either.right(numeral.test(text) ? Number(text) : text)
}

const expectedTime =
  "--timestamp is neither a date with its zone, as in 2026-01-31T12:00:00Z, nor seconds (ms, us or ns) since 1970, as date +%s has it"

/** By its size a number is one of seconds, milliseconds, microseconds or nanoseconds: they meet in the year 5138. */
const nanosOf = (text: string): Result<bigint> => {
  const [, whole, fraction = ""] = /^(\d{1,20})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (whole !== undefined) {
    const factor = whole.length <= 11 ? 10n ** 9n : whole.length <= 14 ? 10n ** 6n : whole.length <= 17 ? 1000n : 1n
    if (fraction !== "" && factor !== 10n ** 9n) return Either.left(expectedTime)
    return Either.right(BigInt(whole) * factor + BigInt(fraction.padEnd(9, "0")))
  }
  const millis = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/i.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(millis) ? Either.left(expectedTime) : Either.right(BigInt(millis) * 1_000_000n)
}
