/**
 * Whether options can work, which types say to those who have them. Middlewares are made before an app runs, so it is thrown, and
 * nobody finds out by what is missing.
 */
import { InvalidOption, show } from "../../delivery/checks.js"
import { all, type Instrument, type Semantics } from "./names.js"

export interface Common {
  readonly semantics?: Semantics | undefined
  readonly prefix?: string | undefined
  readonly instruments?: ReadonlyArray<Instrument> | undefined
  readonly level?: string | undefined
}

export type Check = readonly [option: string, value: unknown, expected: string, isGood: (given: never) => boolean]

const isText = (value: unknown): boolean => typeof value === "string"
const known: ReadonlyArray<string> = all

export const oneOf = (option: string, value: unknown, names: ReadonlyArray<string>): Check => [
  option,
  value,
  `one of ${names.join(", ")}`,
  (given: string) => names.includes(given)
]

/** @throws InvalidOption */
export const check = ({ instruments, level, prefix, semantics }: Common, ...more: ReadonlyArray<Check>): void => {
  const checks: ReadonlyArray<Check> = [
    oneOf("semantics", semantics, ["default", "opentelemetry"]),
    ["prefix", prefix, "a string", isText],
    [
      "instruments",
      instruments,
      `a list of ${known.join(", ")}`,
      (given: unknown) => Array.isArray(given) && given.every((one) => known.includes(one))
    ],
    ["level", level, "a string", isText],
    ...more
  ]
  for (const [option, value, expected, isGood] of checks) {
    // What they take is what was given, whatever that is.
    if (value !== undefined && !isGood(value as never))
      throw new InvalidOption({ option, value: show(value), expected })
  }
}
