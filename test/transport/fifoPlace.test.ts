/** Where a pipe may be, what is refused and left as it is, and what another user of the machine can do about it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import threads from "node:worker_threads"
import { serve } from "../../src/transport/fifo.js"
import { defaultDirectory, type PlaceOptions } from "../../src/transport/fifoPlace.js"
import { app, cat, run, scratch, start } from "./fifo/readers.js"
import { defaults, judge, text } from "./fifo/texts.js"

const snapshot = Effect.sync(() => text(1, 100))
const open = (options: Partial<PlaceOptions>) => serve({ ...defaults, dir: undefined, snapshot, ...options })

/** Why there is no pipe. */
const refusal = (options: Partial<PlaceOptions>): Effect.Effect<string> =>
  Effect.scoped(open(options)).pipe(
    Effect.flip,
    Effect.map(({ path, reason }) => `${path}: ${reason}`),
    Effect.orDie
  )

const isRoot = process.getuid?.() === 0
const [userA, userB] = [1001, 1002]
/** Root, and others may read the app and run Node. */
const canBeOthers = ((): boolean => {
  if (!isRoot) return false
  try {
    execFileSync("sh", ["-c", 'test -r "$0" && test -x "$1"', app, process.execPath], { uid: userA, gid: userA })
    return true
  } catch {
    return false
  }
})()
const as = (user: number) => ({ uid: user, gid: user })

/** What a user's shell says, both ways. */
const shell = (user: number, command: string, ...args: ReadonlyArray<string>): Effect.Effect<string> =>
  run("sh", ["-c", `{ ${command}; } 2>&1`, "sh", ...args], "20 seconds", { ...as(user), cwd: "/" })

/** A folder that everybody may go into. */
const common = Effect.tap(scratch, (folder) => Effect.sync(() => chmodSync(folder, 0o755)))

/** Runs it before a thread begins. */
const beforeThread = (run: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { Worker } = threads
      const give = (one: typeof Worker): void => {
        threads.Worker = one
        syncBuiltinESMExports()
      }
      give(
        class extends Worker {
          constructor(...given: ConstructorParameters<typeof Worker>) {
            run()
            super(...given)
          }
        }
      )
      return () => give(Worker)
    }),
    (giveBack) => Effect.sync(giveBack)
  )

/** As `/tmp` is. */
const sticky = Effect.map(common, (folder) => {
  chmodSync(folder, 0o1777)
  return folder
})

describe("where a pipe is", () => {
  it.scopedLive("is for this user alone unless it is said otherwise", () =>
    Effect.gen(function* () {
      const dir = join(yield* scratch, "pipes")
      const { folder, path } = yield* open({ dir })
      assert.strictEqual(path, join(dir, "1.stats"))
      assert.strictEqual(lstatSync(dir).mode & 0o7777, 0o700)
      assert.strictEqual(lstatSync(folder).mode & 0o7777, 0o700)
      assert.strictEqual(lstatSync(path).mode & 0o7777, 0o600)
    })
  )

  it.scopedLive("is in the folder of the user's session, if that is the user's, or among temporary files", () =>
    Effect.gen(function* () {
      const session = yield* scratch
      const before = process.env["XDG_RUNTIME_DIR"]
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
          else process.env["XDG_RUNTIME_DIR"] = before
        })
      )
      const temporary = new RegExp(`/effect-metrics-${process.getuid!()}$`)
      process.env["XDG_RUNTIME_DIR"] = session
      assert.strictEqual(yield* defaultDirectory, join(session, "effect-metrics"))
      const { path } = yield* open({})
      assert.strictEqual(path, join(session, "effect-metrics", "1.stats"))
      for (const wrong of ["relative", join(session, "missing")]) {
        process.env["XDG_RUNTIME_DIR"] = wrong
        assert.match(yield* defaultDirectory, temporary)
      }
      if (isRoot) {
        chownSync(session, userA, userA)
        process.env["XDG_RUNTIME_DIR"] = session
        assert.match(yield* defaultDirectory, temporary)
      }
    })
  )

  it.scopedLive("is one that all may write to where it is shared, but take nothing from others", () =>
    Effect.gen(function* () {
      const above = yield* scratch
      const dir = join(above, "shared")
      const { folder, path } = yield* open({ dir, isShared: true })
      assert.strictEqual(lstatSync(dir).mode & 0o7777, 0o1777)
      // Readers of statvent's fail over another folder in it.
      assert.deepStrictEqual(readdirSync(dir), ["1.stats"])
      assert.strictEqual(join(folder, ".."), above)
      assert.strictEqual(judge(yield* cat(path)), "whole")
    })
  )

  it.scopedLive("is refused, and left as it is, where there is something else", () =>
    Effect.gen(function* () {
      const above = yield* scratch
      const at = (name: string): string => join(above, name)
      mkdirSync(at("real"), 0o700)
      symlinkSync(at("real"), at("link"))
      writeFileSync(at("file"), "a file")
      mkdirSync(at("open"))
      chmodSync(at("open"), 0o777)
      mkdirSync(at("open/inner"), 0o700)
      assert.strictEqual(yield* refusal({ dir: at("link") }), `${at("link")}: it is a symbolic link, and not a folder`)
      assert.strictEqual(yield* refusal({ dir: at("file") }), `${at("file")}: it is not a folder`)
      assert.match(yield* refusal({ dir: at("open") }), /other users could replace what is in it/)
      assert.match(
        yield* refusal({ dir: at("open/inner") }),
        /other users could replace it, as they may write to .*open$/
      )
      assert.match(yield* refusal({ dir: at("no/where") }), /the folder above it does not exist \(ENOENT\)/)
      assert.deepStrictEqual(readdirSync(at("real")), [])
      assert.strictEqual(readFileSync(at("file"), "utf8"), "a file")
      for (const isShared of [false, true]) {
        const refuse = refusal({ dir: at("real"), isShared })
        const pipe = at("real/1.stats")
        writeFileSync(pipe, "a file")
        assert.strictEqual(yield* refuse, `${pipe}: it is not a pipe`)
        assert.strictEqual(readFileSync(pipe, "utf8"), "a file")
        rmSync(pipe)
        mkdirSync(pipe)
        assert.strictEqual(yield* refuse, `${pipe}: it is not a pipe`)
        rmSync(pipe, { recursive: true })
        execFileSync("mkfifo", [at("other")])
        symlinkSync(at("other"), pipe)
        assert.strictEqual(yield* refuse, `${pipe}: it is a symbolic link, and not a pipe`)
        assert.isTrue(lstatSync(pipe).isSymbolicLink())
        rmSync(pipe)
        rmSync(at("other"))
      }
      assert.deepStrictEqual(readdirSync(at("real")), [])
    })
  )

  it.scopedLive("is refused where this process has that pipe, and the first one is not disturbed", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const { path } = yield* open({ dir })
      assert.match(yield* refusal({ dir }), /1\.stats: this process has this pipe already/)
      assert.strictEqual(judge(yield* cat(path)), "whole")
    })
  )

  it.scopedLive("keeps what came to have its name, or the name of what is beside it, in the meantime", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const { path } = yield* Effect.scoped(
        Effect.tap(open({ dir }), ({ folder, path }) =>
          Effect.sync(() => {
            rmSync(path)
            writeFileSync(path, "a file")
            writeFileSync(join(folder, "file"), "another")
          })
        )
      )
      assert.strictEqual(readFileSync(path, "utf8"), "a file")
      assert.strictEqual(readdirSync(dir).length, 2)
    })
  )

  it.scopedLive("is not taken by a pipe of ours without a writer that is not its own name", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      // Of processes that are alive, or that are none.
      for (const name of [`${process.pid}`, `${process.ppid}-a`, "a", "1x"]) {
        execFileSync("mkfifo", [join(dir, `${name}.stats`)])
      }
      yield* Effect.scoped(open({ dir }))
      assert.strictEqual(readdirSync(dir).length, 4)
    })
  )

  it.scopedLive("leaves what another process is only making, and removes it where that never came to be", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      // As of a process in another container: here its number is nobody's.
      const begun = join(dir, ".4000000-abcdef")
      mkdirSync(begun, { mode: 0o700 })
      execFileSync("mkfifo", [join(begun, "0")])
      yield* Effect.scoped(open({ dir }))
      assert.deepStrictEqual(readdirSync(begun), ["0"])
      utimesSync(begun, 0, 0)
      yield* Effect.scoped(open({ dir }))
      assert.deepStrictEqual(readdirSync(dir), [])
    })
  )
})

describe.skipIf(!canBeOthers)("what another user can do (needs root, to be two others, who may read the app)", () => {
  it.scopedLive("is nothing, in the folder where pipes are unless it is said otherwise", () =>
    Effect.gen(function* () {
      const tmp = yield* sticky
      const env = { ...process.env, XDG_RUNTIME_DIR: "", TMPDIR: tmp }
      const a = yield* start("run", {}, { ...as(userA), env })
      const path = yield* a.said
      assert.strictEqual(path, join(tmp, `effect-metrics-${userA}`, "1.stats"))
      assert.match(yield* shell(userB, 'cat "$1"', path), /Permission denied/)
      assert.match(yield* shell(userB, 'rm -f "$1"; mkfifo "$1"', path), /Permission denied/)
      assert.match(yield* shell(userB, 'mv "$1" "$1.away"', join(path, "..")), /not permitted/)
      assert.strictEqual(judge(yield* shell(userA, 'cat "$1"', path)), "whole")
    })
  )

  it.scopedLive("is no more than to have it refused, by what was there first", () =>
    Effect.gen(function* () {
      const tmp = yield* sticky
      const own = join(tmp, `effect-metrics-${userA}`)
      const env = { ...process.env, XDG_RUNTIME_DIR: "", TMPDIR: tmp }
      const says = Effect.scoped(Effect.flatMap(start("run", {}, { ...as(userA), env }), ({ said }) => said))
      for (const mode of ["700", "755", "777", "1777"]) {
        yield* shell(userB, 'mkdir -m "$1" "$2"', mode, own)
        assert.strictEqual(yield* says, `${own}: it belongs to another user`)
        rmSync(own, { recursive: true })
      }
      yield* shell(userB, 'mkdir -m 777 "$1.b"; ln -s "$1.b" "$1"', own)
      assert.strictEqual(yield* says, `${own}: it is a symbolic link, and not a folder`)
      assert.deepStrictEqual(readdirSync(`${own}.b`), [])
    })
  )

  for (const owner of ["root", "a", "b"] as const) {
    it.scopedLive(`is not to read what is in a shared folder of ${owner === "root" ? "root" : `user ${owner}`}`, () =>
      Effect.gen(function* () {
        const dir = join(yield* sticky, "shared")
        mkdirSync(dir)
        chmodSync(dir, 0o1777)
        const uid = { root: 0, a: userA, b: userB }[owner]
        chownSync(dir, uid, uid)
        const options = { dir, isShared: true }
        const says = Effect.scoped(Effect.flatMap(start("run", options, as(userA)), ({ said }) => said))
        const path = join(dir, "1.stats")
        const first: ReadonlyArray<readonly [string, string]> = [
          ['mkfifo -m 666 "$1"', "it belongs to another user"],
          ['echo file > "$1"', "it is not a pipe"],
          ['ln -s /etc/passwd "$1"', "it is a symbolic link, and not a pipe"],
          ['mkfifo -m 666 "$1.b"; ln -s "$1.b" "$1"', "it is a symbolic link, and not a pipe"],
          ['mkdir "$1"', "it is not a pipe"]
        ]
        for (const [command, reason] of owner === "root" ? first : first.slice(0, 1)) {
          yield* shell(userB, command, path)
          const { ino } = lstatSync(path)
          assert.strictEqual(yield* says, `${path}: ${reason}`)
          assert.strictEqual(lstatSync(path).ino, ino)
          rmSync(path, { recursive: true })
        }
        const a = yield* start("run", options, as(userA))
        assert.strictEqual(yield* a.said, path)
        assert.match(yield* shell(userB, 'cat "$1"', path), /Permission denied/)
        // A hard link to it is of no more use.
        assert.match(yield* shell(userB, 'ln "$1" "$1.c" && cat "$1.c"', path), /not permitted|Permission denied/)
        const replaced = yield* shell(userB, 'rm -f "$1" && mkfifo -m 666 "$1"', path)
        if (owner !== "b") {
          assert.match(replaced, /not permitted/)
          assert.strictEqual(judge(yield* shell(userA, 'cat "$1"', path)), "whole")
          return
        }
        // Whoever has the folder may put something else into it, but A does not write to that, nor take it away.
        const { ino } = lstatSync(path)
        const got = yield* shell(userB, 'timeout 1 cat "$1"; true', path)
        assert.strictEqual(got, "")
        a.child.kill("SIGTERM")
        assert.strictEqual(yield* a.ended, "0 null")
        assert.strictEqual(lstatSync(path).ino, ino)
      })
    )
  }

  it.scopedLive("is not to have it write to a pipe of theirs, even where they could move its own", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const { folder, path } = yield* open({ dir })
      // As if the folder were theirs: for each of ours, one that they may read.
      renameSync(folder, `${folder}-away`)
      mkdirSync(folder)
      for (let slot = 0; slot < 64; slot++) execFileSync("mkfifo", ["-m", "666", join(folder, String(slot))])
      execFileSync("chown", ["-R", `${userB}:${userB}`, folder])
      const thief = yield* Effect.fork(shell(userB, 'chmod 755 "$2"; cd "$1"; timeout 3 cat 1 2 3 4', folder, dir))
      for (let i = 0; i < 3; i++) if (existsSync(path)) yield* Effect.timeoutOption(cat(path), "500 millis")
      assert.notMatch(yield* thief, /begin/)
      rmSync(`${folder}-away`, { recursive: true })
    })
  )

  it.scopedLive("is not to have one of theirs given the name, though it were among its own", () =>
    Effect.gen(function* () {
      const dir = yield* scratch
      const theirs = join(dir, "theirs")
      execFileSync("mkfifo", ["-m", "666", theirs])
      chownSync(theirs, userB, userB)
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => void logged.push(message))
      yield* Effect.gen(function* () {
        // After it was made, and before the thread looks at it.
        yield* beforeThread(() => {
          const folder = readdirSync(dir).find((name) => name.startsWith("."))!
          renameSync(theirs, join(dir, folder, "1"))
        })
        const { folder, path } = yield* open({ dir })
        yield* Effect.repeat(Effect.delay(Effect.void, "5 millis"), { until: () => logged.length > 0 })
        assert.isFalse(existsSync(path))
        rmSync(join(folder, "1"))
      }).pipe(Effect.scoped, Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      assert.match(String(logged[0]), /the pipe is gone: it was replaced before it had its name/)
    })
  )

  it.scopedLive("is not to have pipes of theirs removed", () =>
    Effect.gen(function* () {
      const dir = yield* sticky
      const dead = 4_000_000
      yield* shell(
        userB,
        'mkfifo "$1/$2.stats" "$1/$2-a.stats"; mkdir "$1/.$2-abcdef"; mkfifo "$1/.$2-abcdef/0"',
        dir,
        String(dead)
      )
      const before = readdirSync(dir)
      yield* Effect.scoped(open({ dir, isShared: true }))
      assert.deepStrictEqual(readdirSync(dir), before)
      assert.isTrue(existsSync(join(dir, `.${dead}-abcdef`, "0")))
    })
  )
})
