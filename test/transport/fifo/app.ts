/**
 * A process with a pipe, for the tests. Arguments: what it does besides, and the options in JSON, with the `size` of the snapshot. It
 * says `ready` and the pipe's path, or `refused` and why.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Scope } from "effect"
import { openSync } from "node:fs"
import { stat } from "node:fs/promises"
import { isMainThread, Worker, workerData } from "node:worker_threads"
import { serve } from "../../../src/transport/fifo.js"
import { defaults, text } from "./texts.js"

// What the other branch of this file gives.
const [mode = "", json = "{}"] = isMainThread ? process.argv.slice(2) : (workerData as ReadonlyArray<string>)
const { dir, size = 100, ...given }: { readonly size?: number; readonly dir?: string } = JSON.parse(json)

let number = 0
const options = { ...defaults, dir, snapshot: Effect.sync(() => text(++number, size)), ...given }

const program = Effect.gen(function* () {
  const { path } = yield* serve(options)
  if (mode === "crowd") {
    // As many as Node has threads for files and names.
    for (const name of ["b", "c", "d", "e"]) yield* serve({ ...options, name })
    yield* Effect.promise(() => stat(path))
  }
  if (mode === "files") {
    // Not before the thread waits.
    yield* Effect.sleep("1 second")
    try {
      for (;;) openSync("/dev/null", "r")
    } catch {
      process.exit(0)
    }
  }
  console.log("ready", path)
  if (mode === "exit") process.exit(0)
  if (mode === "throw") {
    setImmediate(() => {
      throw new Error("uncaught")
    })
  }
  if (mode !== "end") yield* Effect.never
})

if (mode === "work") {
  // All work is done, and nobody closes the scope.
  const { path } = await Effect.runPromise(Scope.extend(serve(options), Effect.runSync(Scope.make())))
  console.log("ready", path)
} else if (mode === "thread" && isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: ["run", json] })
  process.once("SIGTERM", () => void worker.terminate())
} else {
  program.pipe(
    Effect.scoped,
    Effect.catchTag("PipeError", ({ message }) => Effect.sync(() => console.log("refused", message))),
    NodeRuntime.runMain
  )
}
