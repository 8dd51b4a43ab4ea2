/** Real processes, each with the sink `NamedPipe`. */
import { Effect, type Scope } from "effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { bundled } from "../process/bundle.js"
import { killed } from "./harness.js"

export interface Shop {
  readonly pid: number
  readonly path: string
  readonly hasPipe: () => boolean
  /** Counts so many orders more. */
  readonly sell: (count: number) => Effect.Effect<void>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Without warning; until it is gone. */
  readonly kill: Effect.Effect<void>
}

export const shop = (dir: string): Effect.Effect<Shop, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const child = fork(await bundled("test/process/shop.ts"), [dir], { execArgv: [] })
        await Promise.race([once(child, "message"), once(child, "exit").then(() => Promise.reject(new Error("ended")))])
        return child
      }),
      killed
    ),
    (child) => {
      const path = join(dir, `${child.pid}.stats`)
      return {
        pid: child.pid!,
        path,
        hasPipe: () => existsSync(path),
        sell: (count) =>
          Effect.promise(async () => {
            const answer = once(child, "message")
            child.send(count)
            await answer
          }),
        signal: (signal) => Effect.sync(() => void child.kill(signal)),
        kill: killed(child)
      }
    }
  )

export const shops = (dir: string, count: number): Effect.Effect<ReadonlyArray<Shop>, never, Scope.Scope> =>
  Effect.all(
    Array.from({ length: count }, () => shop(dir)),
    { concurrency: 4 }
  )
