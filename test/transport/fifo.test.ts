import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { spawn } from "node:child_process"
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type FifoOptions, serve } from "../../src/transport/fifo.js"

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-fifo-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const defaults = {
  isShared: false,
  name: "1",
  mode: 0o600,
  countReaders: true,
  readTimeoutMillis: 5000,
  shutdownTimeoutMillis: 5000
}

/** A pipe in a folder of its own, in which each reader finds a text of its own. */
const open = (options: Partial<FifoOptions> = {}) =>
  Effect.gen(function* () {
    let count = 0
    const snapshot = Effect.sync(() => new TextEncoder().encode(`snapshot: ${++count}\n`))
    return yield* serve({ ...defaults, dir: yield* scratch, snapshot, ...options })
  })

const cat = (path: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    const child = spawn("cat", [path], { stdio: ["ignore", "pipe", "ignore"] })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece))
    child.on("close", () => resume(Effect.succeed(text)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("a pipe with a name", () => {
  it.scopedLive("has a snapshot of its own for each reader, and is there for the next", () =>
    Effect.gen(function* () {
      const { path } = yield* open()
      assert.strictEqual(yield* cat(path), "snapshot: 1\n")
      assert.strictEqual(yield* Effect.promise(() => readFile(path, "utf8")), "snapshot: 2\n")
      assert.strictEqual(yield* cat(path), "snapshot: 3\n")
      assert.isTrue(lstatSync(path).isFIFO())
    })
  )

  it.scopedLive("is gone when its scope closes, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const scope = yield* Scope.make()
      const { path } = yield* Scope.extend(open({ dir }), scope)
      assert.isTrue(existsSync(path))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(readdirSync(dir), [])
    })
  )
})
