/** What the options of broker and worker can be. */
import { Effect } from "effect"
import { isWhole, show } from "../delivery/checks.js"
import { InvalidOption } from "../Sink.js"

type Check = readonly [option: string, value: unknown, isGood: boolean, expected: string]

export const hostCheck = (host: unknown): Check => [
  "host",
  host,
  typeof host === "string" && /^[\w.:%*-]+$/.test(host),
  "a host's name or address, without scheme and port"
]

export const wholeCheck = (option: string, value: unknown, most: number): Check => [
  option,
  value,
  isWhole(value, 1, most),
  `a whole number from 1 to ${most}`
]

export const levelsCheck = (levels: unknown): Check => [
  "levels",
  levels,
  levels === undefined ||
    (Array.isArray(levels) &&
      levels.length > 0 &&
      levels.every((level) => typeof level === "string" && !/[|\0]/.test(level))),
  "a list of at least one level, without | and NUL"
]

export const windowsCheck = (windows: unknown): Check => [
  "windows",
  windows,
  windows === "merge" || windows === "keep",
  '"merge" or "keep"'
]

export const checked = (...checks: ReadonlyArray<Check>): Effect.Effect<void, InvalidOption> => {
  const bad = checks.find(([, , isGood]) => !isGood)
  return bad === undefined
    ? Effect.void
    : Effect.fail(new InvalidOption({ option: bad[0], value: show(bad[1]), expected: bad[3] }))
}
