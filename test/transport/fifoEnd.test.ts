/** That a pipe is gone when its process is, however that ends, and does not keep it from ending. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, lstatSync, readdirSync } from "node:fs"
import { cat, scratch, start } from "./fifo/readers.js"
import { judge } from "./fifo/texts.js"

const ends: ReadonlyArray<readonly [title: string, mode: string, signal: NodeJS.Signals | undefined, code: string]> = [
  ["its program ends", "end", undefined, "0 null"],
  ["all its work is done, though nobody closes the scope", "work", undefined, "0 null"],
  ["it calls process.exit", "exit", undefined, "0 null"],
  ["nobody catches an error", "throw", undefined, "1 null"],
  ["SIGTERM comes, which runMain handles", "run", "SIGTERM", "0 null"],
  ["SIGINT comes, which runMain handles", "run", "SIGINT", "0 null"]
]

describe("the end of a process with a pipe", () => {
  for (const [title, mode, signal, code] of ends) {
    it.scopedLive(`takes the pipe away when ${title}`, () =>
      Effect.gen(function* () {
        const dir = yield* scratch
        const app = yield* start(mode, { dir })
        assert.strictEqual(yield* app.said, `${dir}/1.stats`)
        if (signal !== undefined) {
          assert.strictEqual(judge(yield* cat(`${dir}/1.stats`)), "whole")
          app.child.kill(signal)
        }
        assert.strictEqual(yield* app.ended, code)
        assert.deepStrictEqual(readdirSync(dir), [])
      })
    )
  }

  it.scopedLive("is not put off by as many pipes as Node has threads for files, which go on", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const app = yield* start("crowd", { dir })
      assert.strictEqual(yield* app.said, `${dir}/1.stats`)
      app.child.kill("SIGTERM")
      assert.strictEqual(yield* app.ended, "0 null")
      assert.deepStrictEqual(readdirSync(dir), [])
    })
  )

  it.scopedLive("is not put off where the process cannot open one file more", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const app = yield* start("files", { dir }, {}, "sh", "-c", 'ulimit -n 256; exec "$@"', "sh")
      assert.strictEqual(yield* app.ended, "0 null")
      assert.isFalse(existsSync(`${dir}/1.stats`))
    })
  )

  it.scopedLive(
    "is not put off where the pipe is of a thread that is ended from outside, and readers of that one are served",
    () =>
      Effect.gen(function* () {
        const dir = yield* scratch
        const app = yield* start("thread", { dir })
        assert.strictEqual(yield* app.said, `${dir}/1.stats`)
        for (let i = 0; i < 3; i++) assert.strictEqual(judge(yield* cat(`${dir}/1.stats`)), "whole")
        app.child.kill("SIGTERM")
        assert.strictEqual(yield* app.ended, "0 null")
      })
  )

  it.scopedLive("leaves the pipe after SIGKILL, for the next process to remove with all that was beside it", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const dead = yield* start("run", { dir, name: "1" })
      yield* dead.said
      const named = yield* start("run", { dir, name: `${dead.child.pid}-a` })
      yield* named.said
      for (const app of [dead, named]) {
        app.child.kill("SIGKILL")
        yield* app.ended
      }
      const { ino } = lstatSync(`${dir}/1.stats`)
      assert.isAbove(readdirSync(dir).length, 2)
      const next = yield* start("run", { dir, name: "1" })
      assert.strictEqual(yield* next.said, `${dir}/1.stats`)
      assert.notStrictEqual(lstatSync(`${dir}/1.stats`).ino, ino)
      assert.strictEqual(judge(yield* cat(`${dir}/1.stats`)), "whole")
      assert.strictEqual(
        readdirSync(dir)
          .filter((name) => !name.startsWith(`.${next.child.pid}-`))
          .join(),
        "1.stats"
      )
    })
  )

  it.scopedLive("leaves alone what processes have that are alive, however long they are kept from running", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      // As of a process in another container: here its number is nobody's.
      const stopped = yield* Effect.forEach(["4000000", "1"], (name) =>
        Effect.gen(function* () {
          const { child, said } = yield* start("run", { dir, name })
          assert.strictEqual(yield* said, `${dir}/${name}.stats`)
          // Its thread may not have begun to wait for readers.
          child.kill("SIGSTOP")
          return child
        })
      )
      // The same name, as a process in another container has that has the same number.
      const same = yield* start("run", { dir, name: "1" })
      assert.match(yield* same.said, /1\.stats: another process writes it/)
      const third = yield* start("run", { dir, name: "2" })
      assert.strictEqual(yield* third.said, `${dir}/2.stats`)
      for (const child of stopped) child.kill("SIGCONT")
      for (const name of ["1", "4000000"]) assert.strictEqual(judge(yield* cat(`${dir}/${name}.stats`)), "whole")
    })
  )
})
