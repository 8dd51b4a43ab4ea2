/**
 * Reads all pipes of a folder, and removes those that dead processes left behind.
 *
 * A process that is alive never loses its pipe, however long it does not answer. Dead is one whose pid is nobody's, or belongs to a
 * process that started after the pipe was made, if beside that nobody writes the pipe: for a process in a container has a pid that
 * means nothing here. And only when that is found again some time later, the pipe is removed, if it is a pipe and ours.
 */
import { Effect } from "effect"
import type * as Fs from "node:fs/promises"
import { read, rememberKeys } from "../encoding/statventReader.js"
import { type FifoFailure, readSnapshot } from "../transport/fifoReader.js"
import { load } from "../transport/node.js"
import { exists, isReused, pidOf } from "./liveness.js"
import type { Found } from "./processes.js"

export interface PipesOptions {
  readonly dir: string
  /** Of each pipe. */
  readonly timeoutMillis: number
  /** Pipes read at once. */
  readonly concurrency: number
  readonly maxProcesses: number
  readonly maxBytes: number
  /** Of each pipe; default 200 000. A pipe of many short lines would take more memory than its bytes. */
  readonly maxSeries?: number | undefined
  readonly owner: "ours" | "anyone"
  /** How long a process must have been dead before its pipe is removed. */
  readonly unlinkAfterMillis: number
}

export interface Pipes {
  /** Never fails: what cannot be read is told. `running` are the processes that were there the last time. */
  readonly read: (running: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Found>>
  /** Whether there are pipes that the next reading may remove. */
  readonly hasDead: () => boolean
}

const ending = ".stats"
const utf8 = new TextDecoder()
/** A pipe that is made anew for each reader is missing for a moment. */
const againMillis = 25
/** For a pipe whose process seems to be dead, to show that somebody writes it after all. */
const deadTimeoutMillis = 50
/** Names that are not split anew. */
const maxKeys = 20_000
const defaultMaxSeries = 200_000

interface Listed {
  readonly ids: ReadonlyArray<string>
  readonly unreadable: ReadonlyArray<Found>
}

const fs = Effect.promise(() => load<typeof Fs>("node:fs/promises"))

const list = ({ dir, maxProcesses }: PipesOptions): Effect.Effect<Listed> =>
  Effect.flatMap(fs, ({ opendir }) =>
    Effect.promise(async () => {
      const ids: Array<string> = []
      let more = 0
      try {
        for await (const { name } of await opendir(dir)) {
          if (!name.endsWith(ending) || name === ending) continue
          if (ids.length < maxProcesses) ids.push(name.slice(0, -ending.length))
          else more++
        }
      } catch (error) {
        // The folder comes with the first process.
        const { code = "EIO" } = error as NodeJS.ErrnoException
        if (code === "ENOENT") return { ids, unreadable: [] }
        return { ids, unreadable: [{ _tag: "Unreadable", id: dir, reason: `the folder cannot be read (${code})` }] }
      }
      const reason = `${more} more pipes are not read: maxProcesses is ${maxProcesses}`
      return { ids, unreadable: more === 0 ? [] : [{ _tag: "Unreadable", id: dir, reason }] }
    })
  )

interface Dead {
  readonly inode: number
  readonly sinceMillis: number
  /** It cannot be removed. */
  isLeft: boolean
}

const yes = (): boolean => true
const no = (): boolean => false

export const make = (options: PipesOptions): Pipes => {
  const dead = new Map<string, Dead>()
  const split = rememberKeys(maxKeys)
  const own = process.getuid?.()
  const pathOf = (id: string): string => `${options.dir}/${id}${ending}`

  /** Of one that nobody writes. */
  const judge = (id: string): Effect.Effect<Found> =>
    Effect.flatMap(fs, ({ lstat, unlink }) =>
      Effect.promise(async () => {
        const pid = pidOf(id)
        if (pid === undefined) return { _tag: "Unreadable", id, reason: "nobody writes it" } as const
        const pipe = await lstat(pathOf(id)).catch(() => undefined)
        if (pipe === undefined) return missing(id)
        const pipeMillis = Math.max(pipe.mtimeMs, pipe.ctimeMs, pipe.birthtimeMs)
        if (exists(pid) && !(await isReused(pid, pipeMillis))) {
          dead.delete(id)
          return { _tag: "Silent", id, reason: "it is alive, and does not write to its pipe" } as const
        }
        const nowMillis = performance.now()
        const before = dead.get(id)
        if (before?.inode !== pipe.ino) dead.set(id, { inode: pipe.ino, sinceMillis: nowMillis, isLeft: false })
        else if (nowMillis - before.sinceMillis >= options.unlinkAfterMillis) {
          const isOurs = pipe.isFIFO() && (pipe.uid === own || own === 0)
          before.isLeft = !(isOurs && (await unlink(pathOf(id)).then(yes, no)))
          if (!before.isLeft) dead.delete(id)
        }
        return { _tag: "Ended", id } as const
      })
    )

  const missing = (id: string): Found => {
    const pid = pidOf(id)
    dead.delete(id)
    return pid !== undefined && exists(pid) ? { _tag: "Missing", id } : { _tag: "Ended", id }
  }

  const failed = (id: string, { detail, reason }: FifoFailure): Effect.Effect<Found> => {
    if (reason === "no-writer") return judge(id)
    if (reason === "missing") return Effect.sync(() => missing(id))
    return Effect.sync(() => {
      // Somebody writes it, or it is no pipe that could be removed.
      dead.delete(id)
      return { _tag: reason === "timeout" ? "Silent" : "Unreadable", id, reason: detail }
    })
  }

  const seemsDead = (id: string): boolean => {
    const pid = pidOf(id)
    return dead.has(id) || (pid !== undefined && !exists(pid))
  }

  const readOne = (id: string): Effect.Effect<Found> => {
    const { maxBytes, owner, timeoutMillis } = options
    const within = (timeout: number) => readSnapshot(pathOf(id), { timeout, maxBytes, owner })
    // What is dead is to keep nobody waiting, also where its pipe cannot be removed.
    const snapshot = Effect.suspend(() =>
      seemsDead(id)
        ? Effect.catchIf(
            within(Math.min(timeoutMillis, deadTimeoutMillis)),
            ({ reason }) => reason === "timeout",
            () => within(timeoutMillis)
          )
        : within(timeoutMillis)
    )
    return snapshot.pipe(
      Effect.catchIf(
        ({ reason }) => reason === "missing",
        () => Effect.delay(snapshot, againMillis)
      ),
      Effect.map((bytes): Found => {
        dead.delete(id)
        const { isWhole, left, malformed, stats } = read(
          utf8.decode(bytes),
          split,
          options.maxSeries ?? defaultMaxSeries
        )
        return isWhole
          ? { _tag: "Answered", id, stats, malformed, left }
          : { _tag: "Silent", id, reason: "its answer was cut off" }
      }),
      Effect.catchAll((failure) => failed(id, failure)),
      Effect.catchAllDefect((defect) =>
        Effect.succeed({ _tag: "Unreadable" as const, id, reason: `reading failed: ${String(defect).slice(0, 200)}` })
      )
    )
  }

  return {
    read: (running) =>
      Effect.gen(function* () {
        const { ids, unreadable } = yield* list(options)
        const listed = new Set(ids)
        for (const id of dead.keys()) if (!listed.has(id)) dead.delete(id)
        const found = yield* Effect.forEach(ids, readOne, { concurrency: options.concurrency })
        return [...found, ...unreadable, ...running.filter((id) => !listed.has(id)).map(missing)]
      }),
    hasDead: () => [...dead.values()].some(({ isLeft }) => !isLeft)
  }
}
