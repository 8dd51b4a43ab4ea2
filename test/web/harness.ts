/** A folder of pipes, processes that write them, and the service over them. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, execFileSync, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as StatsServer from "../../src/web/StatsServer.js"

export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-pipes-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

export interface Writer {
  readonly pid: number
  /** What it writes from now on: by default to the pipe that is named after its pid. */
  readonly say: (text: string, id?: string) => Effect.Effect<void>
  /** To it alone. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Without warning; until it is gone. */
  readonly kill: Effect.Effect<void>
}

const script = fileURLToPath(new URL("./writer.mjs", import.meta.url))

export const killed = (child: ChildProcess): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, "exit")
    child.kill("SIGKILL")
    await exit
  })

export const writer = (dir: string): Effect.Effect<Writer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => fork(script, [dir], { execArgv: [] })),
      killed
    ),
    (child) => ({
      pid: child.pid!,
      say: (text, id) =>
        Effect.promise(async () => {
          const answer = once(child, "message")
          child.send({ id: id ?? null, text })
          await answer
        }),
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      kill: killed(child)
    })
  )

export const mkfifo = (path: string): void => void execFileSync("mkfifo", ["-m", "600", path])

export interface Service {
  readonly url: string
  readonly get: (path: string, init?: RequestInit) => Effect.Effect<Response>
  readonly text: (path: string) => Effect.Effect<string>
  /** Of `/stats`. */
  readonly stats: Effect.Effect<Record<string, number>>
  readonly snapshot: Effect.Effect<Snapshot>
}

/** As the page gets it. */
export interface Snapshot {
  readonly format: number
  readonly source: string
  readonly title: string
  readonly millis: number
  readonly processes: ReadonlyArray<{ id: string; state: string; reason: string | null; series: number }>
  readonly series: ReadonlyArray<{
    key: string
    name: string
    tags: ReadonlyArray<[string, string]>
    kind: string
    value: number | null
    sum: number | null
    min: number | null
    max: number | null
    count: number
  }>
  readonly points: ReadonlyArray<unknown>
}

/** Waits for its processes for as long as a busy machine may keep them from answering, unless it is told otherwise. */
export const service = (options: StatsServer.Options) =>
  Effect.map(StatsServer.make({ port: 0, fresh: 0, timeout: "20 seconds", ...options }), ({ url }): Service => {
    const get: Service["get"] = (path, init) => Effect.promise(() => fetch(url + path, init))
    const text: Service["text"] = (path) => Effect.flatMap(get(path), (answer) => Effect.promise(() => answer.text()))
    return {
      url,
      get,
      text,
      // What the service says it says: the tests below fail where it says something else.
      stats: Effect.map(text("/stats"), (body) => (JSON.parse(body) as { stats: Record<string, number> }).stats),
      snapshot: Effect.map(text("/api/snapshot"), (body) => JSON.parse(body) as Snapshot)
    }
  })

/** Asks until it is so; the test's own time limit ends it. */
export const until = <A>(effect: Effect.Effect<A>, isSo: (value: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(effect, (value) =>
    isSo(value) ? Effect.succeed(value) : Effect.delay(until(effect, isSo), "20 millis")
  )
