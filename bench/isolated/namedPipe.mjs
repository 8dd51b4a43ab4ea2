// @ts-check
/**
 * A process with a pipe, `dir kind`: ours, with or without looking for readers that came at once, or the bare minimum, which makes the
 * text for each reader and takes no care of anything. It tells how long its event loop was held when it is asked.
 */
import { Effect, Logger } from "effect"
import { execFileSync } from "node:child_process"
import { open } from "node:fs/promises"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { NamedPipe } from "../../dist/index.js"
import { raw, record } from "../rows/namedPipe.mjs"

const [dir = "", kind = ""] = process.argv.slice(2)

const bare = async () => {
  const path = `${dir}/${process.pid}.stats`
  execFileSync("mkfifo", ["-m", "600", path])
  process.send?.("ready")
  for (;;) {
    const file = await open(path, "w")
    await file.write(raw())
    await file.close()
    // Or the next text would go to the same reader.
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const delay = monitorEventLoopDelay({ resolution: 1 })
process.on("message", (word) => {
  if (word === "measure") delay.enable()
  else process.send?.(delay.max / 1e6)
})
// To exit, Node would wait for the thread that waits for a reader.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))

if (kind === "bare") void bare()
else {
  void record.pipe(
    Effect.zipRight(Effect.sync(() => process.send?.("ready"))),
    Effect.zipRight(Effect.never),
    Effect.provide(NamedPipe.layer({ dir, maxSeries: 20_000, countReaders: kind === "counted" })),
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    Effect.runPromise
  )
}
