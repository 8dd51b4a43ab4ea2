/** Texts of the command line as values of options. */
import { Duration, Either } from "effect"

/** What a text may be. */
export interface Value<out A> {
  /** Behind "is not". */
  readonly expected: string
  /** Whether errors may repeat what was given. Default: they do. */
  readonly shown?: "never" | undefined
  readonly read: (text: string) => A | undefined
}

/** The options that can be given as text. */
export type Values<O> = { readonly [K in keyof O]?: Value<Exclude<O[K], undefined>> }

export const text: Value<string> = { expected: "a text", read: (given) => (given === "" ? undefined : given) }

const numeral = /^-?\d+(\.\d+)?$/

export const number: Value<number> = {
  expected: "a number",
  read: (given) => (numeral.test(given) ? Number(given) : undefined)
}

export const port: Value<number> = {
  expected: "a port, 1 to 65535",
  read: (given) =>
    /^\d{1,5}$/.test(given) && Number(given) >= 1 && Number(given) <= 65_535 ? Number(given) : undefined
}

/** Where a number of bytes may be beyond every size. */
export const threshold: Value<number> = {
  expected: "a number of bytes, or Infinity",
  read: (given) => (given === "Infinity" ? Infinity : /^\d+$/.test(given) ? Number(given) : undefined)
}

export const flag: Value<boolean> = {
  expected: "true or false",
  read: (given) => (given === "true" ? true : given === "false" ? false : undefined)
}

export const choice = <const A extends string | number>(...all: ReadonlyArray<A>): Value<A> => ({
  expected: `one of ${all.join(", ")}`,
  read: (given) => all.find((one) => String(one) === given)
})

/** Separated by commas; blanks around them do not count. */
export const list = <A>(of: Value<A>): Value<ReadonlyArray<A>> => ({
  expected: `a list with commas, each ${of.expected}`,
  read: (given) => {
    const values = given.split(",").map((part) => of.read(part.trim()))
    // The check leaves none out that is undefined.
    return values.some((value) => value === undefined) ? undefined : (values as Array<A>)
  }
})

/** As in `env:prod,team:web`: names and values, of which only the values may hold colons. */
export const pairs: Value<Readonly<Record<string, string>>> = {
  expected: "a list with commas, each name:value",
  // The values of tags and headers are nobody's business.
  shown: "never",
  read: (given) => {
    const found: Record<string, string> = {}
    for (const part of given.split(",")) {
      const [, name, value] = /^\s*([^:\s][^:]*?)\s*:\s*(.*?)\s*$/s.exec(part) ?? []
      if (name === undefined || Object.hasOwn(found, name)) return undefined
      found[name] = value!
    }
    return found
  }
}

/** What is no name of a variable may be the secret itself. */
export const variable: Value<string> = {
  expected: "the name of an environment variable",
  shown: "never",
  read: (given) => (/^[A-Za-z_]\w*$/.test(given) ? given : undefined)
}

const millis: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000
}

const spelled: Readonly<Record<string, string>> = {
  nano: "ns",
  nanosecond: "ns",
  micro: "us",
  microsecond: "us",
  milli: "ms",
  millisecond: "ms",
  sec: "s",
  second: "s",
  min: "m",
  minute: "m",
  hour: "h",
  day: "d"
}

const unitOf = (name: string): number | undefined => millis[spelled[name.replace(/s$/, "")] ?? name]

/** `250ms`, `10s`, `1m30s`, `1.5h`, `10 seconds`: there is no unit that goes without saying. */
export const duration: Value<Duration.Duration> = {
  expected: "a duration with its unit, such as 250ms, 10s, 1m30s or 2h",
  read: (given) => {
    const whole = given.trim()
    if (!/^(\d+(\.\d+)?\s*[a-zµ]+\s*)+$/.test(whole)) return undefined
    let sum = 0
    for (const [, amount, unit] of whole.matchAll(/(\d+(?:\.\d+)?)\s*([a-zµ]+)/g)) {
      sum += Number(amount) * (unitOf(unit!) ?? NaN)
    }
    return Number.isFinite(sum) ? Duration.millis(sum) : undefined
  }
}

/** As Zibrato had it: seconds, where there is no unit. */
export const durationOrSeconds: Value<Duration.Duration> = {
  expected: duration.expected,
  read: (given) => duration.read(/^\d+(\.\d+)?$/.test(given.trim()) ? `${given.trim()}s` : given)
}

/** How often something is done: what is done without a pause takes a processor for itself. */
export const interval: Value<Duration.Duration> = {
  expected: "a duration of 10ms at least, with its unit, such as 500ms, 10s or 1m30s",
  read: (given) => {
    const found = durationOrSeconds.read(given)
    return found !== undefined && Duration.toMillis(found) >= 10 ? found : undefined
  }
}

const shown = (given: string): string => JSON.stringify(given.length > 60 ? `${given.slice(0, 60)}…` : given)

const explain = (name: string, given: string, { expected, shown: may }: Value<unknown>): string =>
  may === "never" ? `${name} is not ${expected}` : `${name}: ${shown(given)} is not ${expected}`

/** The error says what `name` is to be. */
export const read = <A>(name: string, value: Value<A>, given: string): Either.Either<A, string> =>
  Either.fromNullable(value.read(given), () => explain(name, given, value))
