/** What processes, other programs and other users do to the pipes of a host, and to the service that reads them. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, TestClock } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { chownSync, existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import * as Pipes from "../../src/web/pipes.js"
import { folder, killed, mkfifo, service, until, writer } from "./harness.js"
import { shops } from "./shops.js"

const isRoot = process.getuid?.() === 0

/** A shell that writes a pipe which is named after it. */
const scribe = (dir: string, command: string) =>
  Effect.acquireRelease(
    Effect.sync((): ChildProcess => {
      const child = spawn("sh", ["-c", `mkfifo -m 600 "${dir}/.$$"; mv "${dir}/.$$" "${dir}/$$.stats"; ${command}`], {
        env: { ...process.env, DIR: dir, LINES_OF_IT: "c: 1\n".repeat(4000) },
        stdio: "ignore"
      })
      return child
    }),
    killed
  )

const stateIn = (snapshot: { readonly processes: ReadonlyArray<{ id: string; state: string }> }, id: number) =>
  snapshot.processes.find((one) => one.id === String(id))?.state

describe("a process with the sink", () => {
  it.scopedLive("is slow while it is stopped, keeps its pipe and its values, and goes on", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [stopped, other] = yield* shops(dir, 2)
      yield* Effect.forEach([stopped!, other!], ({ sell }) => sell(10))
      const { snapshot, stats } = yield* service({ dir, timeout: "250 millis", unlinkAfter: 0 })
      const orders = Effect.map(stats, (all) => all['orders{shop="eu"}'])
      yield* until(orders, (sum) => sum === 20)
      yield* stopped!.signal("SIGSTOP")
      yield* other!.sell(1)
      yield* until(snapshot, (found) => stateIn(found, stopped!.pid) === "slow")
      // Each of these could have taken it for dead.
      for (let i = 0; i < 4; i++) {
        yield* until(orders, (sum) => sum === 21)
        assert.isTrue(stopped!.hasPipe())
      }
      const found = yield* until(snapshot, (seen) => stateIn(seen, other!.pid) === "live")
      assert.strictEqual(stateIn(found, stopped!.pid), "slow")
      yield* stopped!.signal("SIGCONT")
      yield* stopped!.sell(5)
      yield* until(snapshot, (found) => stateIn(found, stopped!.pid) === "live")
      yield* until(orders, (sum) => sum === 26)
    })
  )
})

describe("a writer", () => {
  it.scopedLive("that never ends, and one that writes more than is read, hurt nobody", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say("a: 1\n")
      const drip = yield* scribe(dir, 'exec 3> "$DIR/$$.stats"; while :; do echo "b: 1" >&3; sleep 0.05; done')
      // Until its reader leaves, and for the next one again.
      const flooding = 'while :; do while echo "$LINES_OF_IT"; do :; done > "$DIR/$$.stats" 2> /dev/null; done'
      const flood = yield* scribe(dir, `trap "" PIPE; ${flooding}`)
      yield* until(
        Effect.sync(() => readdirSync(dir).filter((name) => name.endsWith(".stats")).length),
        (pipes) => pipes === 3
      )
      const { snapshot, stats } = yield* service({ dir, timeout: "400 millis", maxBytes: 65_536, unlinkAfter: 0 })
      const tooMuch = /more than is read: 65536 bytes|did not come to an end/
      // All in one reading, in which a busy machine lets each of them answer in time.
      const found = yield* until(
        snapshot,
        (seen) =>
          stateIn(seen, one.pid) === "live" &&
          seen.processes.some(({ id, reason }) => id === String(flood.pid) && tooMuch.test(reason ?? ""))
      )
      assert.strictEqual(stateIn(found, drip.pid!), "slow")
      assert.deepStrictEqual(yield* until(stats, ({ a }) => a === 1), { a: 1 })
    })
  )

  it.scopedLive("of bytes that are no text at all is told to be malformed", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const one = yield* writer(dir)
      yield* one.say(`${"\u0000\ufffd:\u0001\n".repeat(200)}good: 3\n: \n:::\n`)
      const { snapshot, stats } = yield* service({ dir })
      assert.deepStrictEqual(yield* until(stats, ({ good }) => good === 3), { good: 3 })
      assert.match((yield* snapshot).processes[0]?.reason ?? "", /^20\d lines are malformed$/)
    })
  )
})

describe("a pipe of another user", () => {
  it.scopedLive.skipIf(!isRoot)(
    "is not read unless others are trusted, and never removed (needs root to make one)",
    () =>
      Effect.gen(function* () {
        const dir = yield* folder
        const one = yield* writer(dir)
        yield* one.say("a: 1\n")
        const gone = yield* writer(yield* folder)
        yield* gone.kill
        const path = join(dir, `${gone.pid}.stats`)
        mkfifo(path)
        chownSync(path, 65_534, 65_534)
        const { snapshot, stats } = yield* service({ dir, timeout: "1 second", unlinkAfter: 0 })
        assert.deepStrictEqual(yield* until(stats, ({ a }) => a === 1), { a: 1 })
        const found = yield* snapshot
        const foreign = found.processes.find(({ id }) => id === String(gone.pid))
        assert.deepInclude(foreign, { state: "unreadable", reason: "it belongs to another user" })
        assert.isTrue(existsSync(path))
      })
  )
})

describe("a hundred pipes that nobody writes", () => {
  it.scoped("take as long together as one of them", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      for (let i = 0; i < 100; i++) mkfifo(join(dir, `${process.pid}-${i}.stats`))
      const pipes = Pipes.make({
        dir,
        timeoutMillis: 500,
        concurrency: 128,
        maxProcesses: 1024,
        maxBytes: 1024,
        owner: "ours",
        unlinkAfterMillis: 0
      })
      const reading = yield* Effect.fork(pipes.read([]))
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const waiting = Effect.zipRight(turn, TestClock.sleeps())
      yield* Effect.repeat(waiting, { until: (sleeps) => Chunk.size(sleeps) === 100 })
      yield* TestClock.adjust("500 millis")
      const found = yield* Fiber.join(reading)
      assert.strictEqual(found.filter(({ _tag }) => _tag === "Silent").length, 100)
    })
  )
})
