/**
 * How options are checked when a layer is built: a value that cannot work is an error that names it, so that nothing is
 * clamped in silence.
 */
import { Duration, Effect, Schema } from "effect"

/**
 * An option of a sink has a value that cannot work.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-metrics/Sink/InvalidOption")(
  "InvalidOption",
  {
    /** The name of the sink, where it is one's. */
    sink: Schema.optional(Schema.String),
    /** The name of the option, as in `retry.initial`. */
    option: Schema.String,
    /** What was given. Never a secret: those are `Redacted`. */
    value: Schema.String,
    /** What it can be. */
    expected: Schema.String
  }
) {
  override get message(): string {
    const of = this.sink === undefined ? "" : `${this.sink}: `
    return `${of}option ${this.option}: ${this.value} is not ${this.expected}`
  }
}

/** Takes what is wrong with an option; `value` as it may be shown. */
export type Refuse = (option: string, value: string, expected: string) => void

/**
 * What `resolve` makes of options, unless it refused one: then the first of these. It may give `undefined` where it did.
 * `sink` is the name of the sink, which is an option as well, and so may be anything.
 */
export const checked = <A>(
  sink: unknown,
  resolve: (refuse: Refuse) => A | undefined
): Effect.Effect<A, InvalidOption> =>
  Effect.suspend(() => {
    let failure: InvalidOption | undefined
    const resolved = resolve((option, value, expected) => {
      failure ??= new InvalidOption({ ...(sink === undefined ? {} : { sink: String(sink) }), option, value, expected })
    })
    return failure === undefined && resolved !== undefined ? Effect.succeed(resolved) : Effect.fail(failure!)
  })

/** If it is none of them, the first: what is resolved is thrown away then. */
export const oneOf = <A extends string | number | boolean>(
  refuse: Refuse,
  option: string,
  value: A,
  all: ReadonlyArray<A>
): A => {
  if (all.includes(value)) return value
  refuse(option, show(value), `one of ${all.join(", ")}`)
  return all[0]!
}

export const isWhole = (value: unknown, least: number, most: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most

export const port = (refuse: Refuse, value: number): number => {
  if (!isWhole(value, 1, 65_535)) refuse("port", show(value), "a port, 1 to 65535")
  return value
}

export const quantiles = (refuse: Refuse, given: ReadonlyArray<number>): ReadonlyArray<number> => {
  const all: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  for (const one of all) {
    const isQuantile = all === given && typeof one === "number" && one >= 0 && one <= 1
    if (!isQuantile) refuse("quantiles", show(one), "a list of numbers from 0 to 1")
  }
  return given
}

/** From how many bytes on a body is compressed. */
export const gzip = (refuse: Refuse, value: number): number => {
  if (!(value >= 0)) refuse("gzip", show(value), "a number of bytes, or Infinity")
  return value
}

/** `setTimeout` fires at once beyond this, and `Effect.sleep` never. */
export const maxTimer = 2 ** 31 - 1

/** `Duration.decode` takes negative and NaN for zero, which would hide a mistake. */
export const toMillis = (value: unknown): number | undefined => {
  const negative =
    typeof value === "number" ? !(value >= 0) : typeof value === "bigint" ? value < 0n : isNegative(value)
  if (negative) return undefined
  try {
    // What is no DurationInput throws.
    return Duration.toMillis(Duration.decode(value as Duration.DurationInput))
  } catch {
    return undefined
  }
}

const isNegative = (value: unknown): boolean =>
  typeof value === "string"
    ? value.trim().startsWith("-")
    : Array.isArray(value) && value.some((part) => !(typeof part === "number" && part >= 0))

/** A value in an error, short. */
export const show = (value: unknown): string => {
  const text = spell(value)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

const spell = (value: unknown): string => {
  if (typeof value === "function") return "a function"
  try {
    return String(typeof value === "string" || typeof value === "object" ? JSON.stringify(value) : value)
  } catch {
    return "an object that JSON cannot spell"
  }
}
