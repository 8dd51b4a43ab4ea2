/**
 * The modules of Node that tell of the runtime, as far as they are there: all in Node, some in Bun and Deno, none in a browser.
 */
import { Effect } from "effect"
import type * as Fs from "node:fs"
import type * as PerfHooks from "node:perf_hooks"
import type * as Process from "node:process"
import type * as V8 from "node:v8"
import { load } from "../../transport/node.js"

export type { IntervalHistogram, PerformanceEntry } from "node:perf_hooks"

export interface Runtime {
  readonly process: typeof Process | undefined
  readonly performance: typeof PerfHooks | undefined
  readonly v8: typeof V8 | undefined
  readonly fs: typeof Fs | undefined
}

const optional = <A>(specifier: string): Effect.Effect<A | undefined> =>
  Effect.orElseSucceed(
    Effect.tryPromise(() => load<A>(specifier)),
    () => undefined
  )

export const runtime: Effect.Effect<Runtime> = Effect.all({
  process: optional<typeof Process>("node:process"),
  performance: optional<typeof PerfHooks>("node:perf_hooks"),
  v8: optional<typeof V8>("node:v8"),
  fs: optional<typeof Fs>("node:fs")
})

const descriptors = "/proc/self/fd"

/** Open file descriptors, where Linux says it. Newer kernels do so without a walk. */
export const openFiles = (fs: typeof Fs): number => {
  const { size } = fs.statSync(descriptors)
  // What is open to look at them is among them.
  return size > 0 ? size : fs.readdirSync(descriptors).length - 1
}

/** How many there may be; `undefined` without a limit. */
export const fileLimit = (fs: typeof Fs): number | undefined => {
  const limit = /^Max open files +(\d+)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"))?.[1]
  return limit === undefined ? undefined : Number(limit)
}
