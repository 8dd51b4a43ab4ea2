/** Reads the pipes of a host again and again, and takes nothing away. */
import { Clock, Effect } from "effect"
import * as Pipes from "../web/pipes.js"
import { Processes } from "../web/processes.js"
import { overall, sums } from "../web/sums.js"
import type { Reading } from "./pipesTable.js"

export interface PipesOptions {
  readonly dir: string
  /** Just this process. Default: all. */
  readonly pid: string | undefined
  readonly owner: "ours" | "anyone"
  /** How long a pipe is waited for. */
  readonly timeoutMillis: number
}

/** How long a process is listed after its end. */
const keepMillis = 60_000

/** What the next reading knows. Never fails: what cannot be read is told. */
export const reader = ({
  dir,
  owner,
  pid,
  timeoutMillis
}: PipesOptions): Effect.Effect<Reading & { readonly millis: number }> => {
  const pipes = Pipes.make({
    dir,
    owner,
    timeoutMillis,
    concurrency: 32,
    maxProcesses: 1024,
    maxBytes: 16 * 1024 * 1024,
    // Who only looks leaves everything where it is.
    unlinkAfterMillis: Number.POSITIVE_INFINITY
  })
  const processes = new Processes({ keepMillis, maxSeries: 200_000 })
  const seen = new Set<string>()
  return Effect.gen(function* () {
    const found = yield* pipes.read(processes.running())
    const millis = yield* Clock.currentTimeMillis
    processes.observe(
      // Of the folder itself, too, if it cannot be read.
      found.filter(({ id }) => pid === undefined || id === pid || id === dir),
      millis
    )
    const arrived = new Map<string, number>()
    for (const { id, stats } of processes.all()) {
      if (stats.size === 0 || seen.has(id)) continue
      seen.add(id)
      for (const { key, value } of stats.values()) arrived.set(key, (arrived.get(key) ?? 0) + Number(value))
    }
    return { processes: processes.list(), series: [...sums(processes, millis).values()].map(overall), arrived, millis }
  })
}
