/** What readers of a pipe get, one after another and at once, with the programs that they use. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Logger, Scope } from "effect"
import { execFileSync } from "node:child_process"
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { readFile, stat } from "node:fs/promises"
import { type FifoOptions, serve } from "../../src/transport/fifo.js"
import { cat, hasPython, meet, run, scratch, start } from "./fifo/readers.js"
import { defaults, judge, text } from "./fifo/texts.js"

/** A pipe in a folder of its own. Each of its snapshots is another one, of about `size` bytes. */
const open = (size: number, options: Partial<FifoOptions> = {}) =>
  Effect.gen(function* () {
    let number = 0
    const snapshot = Effect.sync(() => text(++number, size))
    return yield* serve({ ...defaults, dir: yield* scratch, snapshot, ...options })
  })

/** Looks again and again. */
const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.delay(Effect.sync(isSo), "2 millis"), { until: (isSo) => isSo }))

/** Whether this process has the pipe open for writing. */
const isWritten = (inode: number): boolean =>
  readdirSync("/proc/self/fd").some((fd) => {
    try {
      const flags = parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8)
      return (flags & 3) === constants.O_WRONLY && statSync(`/proc/self/fd/${fd}`).ino === inode
    } catch {
      // It was the folder's own, or has been closed.
      return false
    }
  })

/** Whether a thread of this process waits for somebody to open a pipe. */
const isWaiting = (): boolean =>
  readdirSync("/proc/self/task").some((task) =>
    readFileSync(`/proc/self/task/${task}/wchan`, "utf8").includes("wait_for_partner")
  )

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** How long a test with very many readers may take on a busy machine. */
const slow = 120_000

describe("a pipe with a name", () => {
  it.scopedLive("has a snapshot made for each reader, and is there for the next", () =>
    Effect.gen(function* () {
      const { path } = yield* open(100)
      assert.strictEqual(yield* cat(path), decode(text(1, 100)))
      assert.strictEqual(yield* Effect.promise(() => readFile(path, "utf8")), decode(text(2, 100)))
      assert.strictEqual(yield* cat(path), decode(text(3, 100)))
      assert.isTrue(lstatSync(path).isFIFO())
    })
  )

  it.scopedLive(
    "has it for one who comes as soon as another has left, hundreds of times, and is never missing",
    () =>
      Effect.gen(function* () {
        const read = "for i in $(seq $1); do [ -p $0 ] || echo missing; cat $0; done"
        // For others of the same instant it is looked for some time, more on a busy machine.
        for (const [times, countReaders] of [
          [400, false],
          [50, true]
        ] as const) {
          const { path } = yield* open(300, { countReaders })
          const got = yield* run("sh", ["-c", read, path, String(times)], "100 seconds")
          assert.notInclude(got, "missing")
          const snapshots = got.split(/(?<=\nend \d+\n)/)
          assert.deepStrictEqual([...new Set(snapshots.map(judge))], ["whole"])
          assert.strictEqual(snapshots.length, times)
        }
      }),
    slow
  )

  it.scopedLive.skipIf(!hasPython)(
    "gives each a whole one of those who come in the same instant (needs Python)",
    () =>
      Effect.gen(function* () {
        const { path } = yield* open(20_000)
        assert.deepStrictEqual(yield* meet(path, 60, "cat", "cat"), { whole: 120 })
        assert.deepStrictEqual(yield* meet(path, 30, "python", "python"), { whole: 60 })
        assert.deepStrictEqual(yield* meet(path, 20, "cat", "python", "small", "cat", "python"), { whole: 100 })
        const ten = ["cat", "python", "cat", "python", "cat", "python", "cat", "python", "cat", "cat"] as const
        assert.deepStrictEqual(yield* meet(path, 20, ...ten), { whole: 200 })
      }),
    slow
  )

  it.scopedLive.skipIf(!hasPython)(
    "does so for a snapshot of many times what a pipe holds, and for one that readers take bit by bit (needs Python)",
    () =>
      Effect.gen(function* () {
        const large = yield* open(1_000_000)
        assert.strictEqual(judge(yield* cat(large.path)), "whole")
        assert.deepStrictEqual(yield* meet(large.path, 5, "cat", "python", "cat"), { whole: 15 })
        const { path } = yield* open(200)
        assert.deepStrictEqual(yield* meet(path, 10, "bytes", "bytes", "cat"), { whole: 30 })
      }),
    slow
  )

  it.scopedLive.skipIf(!hasPython)(
    "disturbs no others of the same instant when one leaves early or never reads (needs Python)",
    () =>
      Effect.gen(function* () {
        const { path } = yield* open(20_000)
        assert.deepStrictEqual(yield* meet(path, 20, "cat", "leaver", "python", "leaver"), { whole: 40 })
        assert.deepStrictEqual(yield* meet(path, 20, "silent", "cat", "python"), { whole: 40 })
        assert.deepStrictEqual(yield* meet(path, 20, "silent", "cat"), { whole: 20 })
      }),
    slow
  )

  it.scopedLive("serves others while one reads a byte at a time, and that one as well", () =>
    Effect.gen(function* () {
      const { path } = yield* open(100_000)
      const { ino } = lstatSync(path)
      const slow = yield* Effect.fork(run("dd", [`if=${path}`, "bs=1", "status=none"]))
      yield* until(() => lstatSync(path).ino !== ino)
      for (let i = 0; i < 5; i++) assert.strictEqual(judge(yield* cat(path)), "whole")
      assert.strictEqual(judge(yield* Fiber.join(slow)), "whole")
    })
  )

  it.scopedLive("outlives readers that leave early", () =>
    Effect.gen(function* () {
      const { path } = yield* open(1_000_000)
      for (let i = 0; i < 20; i++) {
        assert.strictEqual((yield* run("head", ["-c", "10", path])).length, 10)
        closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
      }
      assert.strictEqual(judge(yield* cat(path)), "whole")
    })
  )

  it.scopedLive("lets one go that takes nothing for too long, and serves others meanwhile", () =>
    Effect.gen(function* () {
      const { path } = yield* open(200_000, { readTimeoutMillis: 300 })
      const { ino } = lstatSync(path)
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      yield* Effect.addFinalizer(() => Effect.sync(() => closeSync(fd)))
      yield* until(() => lstatSync(path).ino !== ino)
      assert.strictEqual(judge(yield* cat(path)), "whole")
      yield* until(() => !isWritten(ino))
      // What it was given before, and then the end: there is no writer any more.
      const buffer = new Uint8Array(200_000)
      let got = 0
      for (let n = 1; n > 0; got += n) n = readSync(fd, buffer)
      assert.isAbove(got, 0)
      assert.isBelow(got, 200_000)
    })
  )

  it.scopedLive("is empty where the snapshot is", () =>
    Effect.gen(function* () {
      const { path } = yield* open(0, { snapshot: Effect.succeed(new Uint8Array()) })
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* cat(path), "")
    })
  )

  it.scopedLive("is empty, and not gone, where the snapshot cannot be made", () =>
    Effect.gen(function* () {
      let isBroken = true
      const snapshot = Effect.suspend(() => (isBroken ? Effect.die("broken") : Effect.succeed(text(1, 10))))
      const { path } = yield* open(0, { snapshot })
      assert.strictEqual(yield* cat(path), "")
      isBroken = false
      assert.strictEqual(judge(yield* cat(path)), "whole")
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  )

  it.scopedLive("may be opened by whom its mode says, whatever mask the process has", () =>
    Effect.gen(function* () {
      const { path } = yield* open(100, { mode: 0o644 })
      yield* cat(path)
      const modes = new Set<number>()
      // Also those that were made later, as all others were read.
      const held: Array<number> = []
      for (let i = 0; i < 20; i++) {
        modes.add(lstatSync(path).mode & 0o777)
        const inode = lstatSync(path).ino
        held.push(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
        yield* Effect.repeat(
          Effect.delay(
            Effect.sync(() => lstatSync(path).ino),
            "1 millis"
          ),
          {
            until: (now) => now !== inode
          }
        )
      }
      for (const fd of held) closeSync(fd)
      assert.deepStrictEqual([...modes], [0o644])
      assert.strictEqual(judge(yield* cat(path)), "whole")
    })
  )

  it.scopedLive("keeps none of Node's threads, and not the turns of its events", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      for (const name of ["a", "b", "c", "d", "e"]) yield* open(100, { dir, name })
      yield* Effect.promise(() => Promise.all(Array.from({ length: 8 }, () => stat(dir))))
    })
  )

  it.scopedLive("costs no time of a processor while nobody reads", () =>
    Effect.gen(function* () {
      const app = yield* start("run", { dir: yield* scratch })
      yield* app.said
      // In hundredths of a second, of all its threads.
      const spent = (): number => {
        const fields = readFileSync(`/proc/${app.child.pid}/stat`, "utf8").split(" ")
        return Number(fields[13]) + Number(fields[14])
      }
      const spentIn2s = Effect.gen(function* () {
        const before = spent()
        yield* Effect.sleep("2 seconds")
        return spent() - before
      })
      // Until it is ready, which takes its time on a busy machine, it does something.
      yield* Effect.sleep("500 millis")
      assert.isAtMost(yield* Effect.repeat(spentIn2s, { until: (ticks) => ticks <= 3, times: 9 }), 3)
    })
  )

  it.scopedLive("gets its name back when somebody takes it away, and whoever comes in that instant is served", () =>
    Effect.gen(function* () {
      const { path } = yield* open(100)
      rmSync(path)
      yield* until(() => existsSync(path))
      // No snapshot was made for nobody.
      for (let i = 1; i < 4; i++) assert.strictEqual(yield* cat(path), decode(text(i, 100)))
    })
  )

  it.scopedLive(
    "makes those pipes anew that others have been put in the place of, instead of giving them its name",
    () =>
      Effect.gen(function* () {
        const { folder, path } = yield* open(100)
        for (let i = 1; i < 5; i++) yield* cat(path)
        // The thread has made ready what comes next.
        yield* until(isWaiting)
        const shown = lstatSync(path).ino
        const slots = readdirSync(folder).filter((name) => /^\d+$/.test(name))
        const hidden = slots.map((name) => `${folder}/${name}`).filter((name) => lstatSync(name).ino !== shown)
        assert.isNotEmpty(hidden)
        for (const name of hidden) {
          rmSync(name)
          execFileSync("mkfifo", ["-m", "600", name])
        }
        // Of such a one nobody would ever get anything.
        for (let i = 0; i < 6; i++) assert.strictEqual(judge(yield* run("cat", [path], "20 seconds")), "whole")
      })
  )

  it.scopedLive("lets one go who was kept from opening it until its snapshot had been taken by another", () =>
    Effect.gen(function* () {
      const { folder, path } = yield* open(100)
      assert.strictEqual(judge(yield* cat(path)), "whole")
      // The pipe that had the name then.
      assert.strictEqual(yield* cat(`${folder}/0`), "")
      assert.strictEqual(yield* cat(path), decode(text(2, 100)))
    })
  )

  it.scopedLive("gives readers their whole snapshot who are there when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const asked = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const snapshot = Deferred.succeed(asked, undefined).pipe(
        Effect.zipRight(Deferred.await(go)),
        Effect.as(text(1, 500_000))
      )
      const { path } = yield* Scope.extend(open(0, { snapshot }), scope)
      const reader = yield* Effect.fork(cat(path))
      yield* Deferred.await(asked)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(judge(yield* Fiber.join(reader)), "whole")
      yield* Fiber.join(closing)
    })
  )

  it.scopedLive("waits no longer for them than it may, and for their snapshot neither", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const asked = yield* Deferred.make<void>()
      const snapshot = Effect.zipRight(Deferred.succeed(asked, undefined), Effect.never)
      const { path } = yield* Scope.extend(open(0, { snapshot, shutdownTimeoutMillis: 100 }), scope)
      const reader = yield* Effect.fork(cat(path))
      yield* Deferred.await(asked)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(reader), "")
    })
  )

  it.scopedLive("says so once when it is gone, and the app goes on", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void logged.push(message))
      )
      yield* Effect.gen(function* () {
        const dir = yield* scratch
        const { folder, path } = yield* open(100, { dir })
        rmSync(path)
        writeFileSync(path, "something else")
        // As one who has found it by its name before that.
        const fd = openSync(`${folder}/0`, constants.O_RDONLY)
        yield* Effect.repeat(
          Effect.delay(
            Effect.sync(() => logged.length),
            "5 millis"
          ),
          { until: (length) => length > 0 }
        )
        closeSync(fd)
        yield* Effect.sleep("100 millis")
        assert.strictEqual(readFileSync(path, "utf8"), "something else")
        // Its finalizers take nothing away from others either.
        yield* Effect.addFinalizer(() => Effect.sync(() => assert.isTrue(existsSync(path))))
      }).pipe(Effect.scoped, Effect.provide(logger))
      assert.strictEqual(logged.length, 1)
      assert.match(String(logged[0]), /1\.stats: the pipe is gone: something else has its name/)
    })
  )

  it.scopedLive("leaves neither files nor descriptors behind", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const descriptors = (): number => readdirSync("/proc/self/fd").length
      const use = Effect.scoped(Effect.flatMap(open(100, { dir }), ({ path }) => cat(path)))
      yield* use
      const before = descriptors()
      for (let i = 0; i < 5; i++) yield* use
      // Those of the programs that read are closed a moment later.
      yield* until(() => descriptors() <= before)
      assert.deepStrictEqual(readdirSync(dir), [])
    })
  )
})
