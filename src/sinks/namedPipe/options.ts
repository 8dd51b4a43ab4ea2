/** The options of a pipe: what they can be, and what they are where nothing is said. */
import type { Duration } from "effect"
import { Effect } from "effect"
import { type Dialect, type Label, labels } from "../../encoding/statvent.js"
import { isWhole, maxTimer, show, toMillis } from "../../delivery/checks.js"
import * as Sink from "../../Sink.js"

/**
 * All are optional, also those of every sink that is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Sink.ReadOptions {
  /**
   * The folder, in which each process has a pipe, `<pid>.stats`. One that is not there is made, but not those above it. Default:
   * `$XDG_RUNTIME_DIR/effect-metrics`, and where that is not set `effect-metrics-<uid>` in the folder for temporary files.
   */
  readonly dir?: string | undefined
  /**
   * Other users have their pipes in the folder as well: it is made so that anybody may (1777), and one of another user's is taken
   * where it has the sticky bit. Default: `true` for `/tmp/stats-pipe`, which is statvent's, else `false`.
   */
  readonly shared?: boolean | undefined
  /** Makes it `<pid>-<suffix>.stats`, for a process with more than one pipe. Letters, digits, `_`, `.` and `-`. Default: none. */
  readonly suffix?: string | undefined
  /** Who may read the pipe, if the folder lets them: by its mode, 600, 640 or 644. Default `"owner"`. */
  readonly readableBy?: "owner" | "group" | "all" | undefined
  /** Of how many last values the readings of a timer or distribution are. Default 100. */
  readonly window?: number | undefined
  /**
   * How the numbers of a timer or distribution are named: by its name, and one of `count`, `sum`, `median`, `95th`, `99th`, `100th`
   * and `mean`. Asked once a series. Default: the label in the place of `{0}` in the name, and where there is none behind it, after
   * a dot.
   */
  readonly formatName?: ((name: string, label: Label) => string) | undefined
  /** Whether a timer or distribution has its count and sum since the start, as counters. Default `true`. */
  readonly totals?: boolean | undefined
  /** `"fixed"` has six decimals, as statvent's; `"shortest"` as many as it takes to read back the same. Default `"fixed"`. */
  readonly floats?: "fixed" | "shortest" | undefined
  /**
   * What is written without a fraction: `"whole"`, every number that has none; `"declared"`, those of instruments with
   * `valueType: "int"` and no others. Default `"whole"`.
   */
  readonly integers?: "whole" | "declared" | undefined
  /**
   * Whether it is looked for readers that came at once, so that each gets a snapshot: Linux tells of those of the same user.
   * Default `true`.
   */
  readonly countReaders?: boolean | undefined
  /** How long a reader may take nothing before it is given up. Default 5 s. */
  readonly readTimeout?: Duration.DurationInput | undefined
  /** How long readers that are being served are waited for when the scope closes. Default 1 s. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
}

/** Checked, and complete. */
export interface Resolved extends Dialect {
  readonly dir: string | undefined
  readonly isShared: boolean
  readonly suffix: string | undefined
  readonly mode: number
  readonly countReaders: boolean
  readonly readTimeoutMillis: number
  readonly shutdownTimeoutMillis: number
}

export const sinkName = "named-pipe"

export const defaultWindow = 100

const maxWindow = 100_000
const maxSuffix = 64

const modes = { owner: 0o600, group: 0o640, all: 0o644 }

const defaultFormatName = (name: string, label: Label): string =>
  name.includes("{0}") ? name.replaceAll("{0}", label) : `${name}.${label}`

const millisOf = (value: unknown): number | undefined => {
  const millis = toMillis(value)
  return millis !== undefined && millis > 0 ? Math.min(millis, maxTimer) : undefined
}

/** As an option of its own is told, before anything of it is used. */
export const resolve = (options: Options): Effect.Effect<Resolved, Sink.InvalidOption> => {
  const { dir, name, suffix, window = defaultWindow } = options
  const formatName = options.formatName ?? defaultFormatName
  const { countReaders = true, floats = "fixed", integers = "whole", readableBy = "owner", totals = true } = options
  const { shared = dir === "/tmp/stats-pipe" } = options
  const readTimeoutMillis = millisOf(options.readTimeout ?? "5 seconds")
  const shutdownTimeoutMillis = millisOf(options.shutdownTimeout ?? "1 second")
  const isFlag = (value: unknown): boolean => typeof value === "boolean"
  const checks: ReadonlyArray<readonly [option: keyof Options, isGood: boolean, expected: string]> = [
    ["dir", dir === undefined || (typeof dir === "string" && /^[^\0]+$/.test(dir)), "a path"],
    ["shared", isFlag(shared), "true or false"],
    [
      "suffix",
      suffix === undefined || (typeof suffix === "string" && suffix.length <= maxSuffix && /^[\w.-]+$/.test(suffix)),
      `1 to ${maxSuffix} letters, digits, _, . and -`
    ],
    ["readableBy", Object.hasOwn(modes, readableBy), "one of owner, group, all"],
    ["window", isWhole(window, 1, maxWindow), `a whole number from 1 to ${maxWindow}`],
    ["formatName", isNaming(formatName), `a function that gives each of ${labels.join(", ")} a text of its own`],
    ["totals", isFlag(totals), "true or false"],
    ["floats", ["fixed", "shortest"].includes(floats), "one of fixed, shortest"],
    ["integers", ["whole", "declared"].includes(integers), "one of whole, declared"],
    ["countReaders", isFlag(countReaders), "true or false"],
    ["readTimeout", readTimeoutMillis !== undefined, "a duration above zero"],
    ["shutdownTimeout", shutdownTimeoutMillis !== undefined, "a duration above zero"]
  ]
  const bad = checks.find(([, isGood]) => !isGood)
  if (bad !== undefined) {
    const [option, , expected] = bad
    return new Sink.InvalidOption({ sink: name ?? sinkName, option, value: show(options[option]), expected })
  }
  return Effect.succeed({
    dir,
    isShared: shared,
    suffix,
    mode: modes[readableBy],
    formatName,
    totals,
    floats,
    integers,
    countReaders,
    readTimeoutMillis: readTimeoutMillis ?? maxTimer,
    shutdownTimeoutMillis: shutdownTimeoutMillis ?? maxTimer
  })
}

const isNaming = (formatName: (name: string, label: Label) => string): boolean => {
  try {
    const names: ReadonlyArray<unknown> = labels.map((label) => formatName("name{0}", label))
    return names.every((name) => typeof name === "string") && new Set(names).size === names.length
  } catch {
    return false
  }
}
