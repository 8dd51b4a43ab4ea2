/** Whom the turns of several readers find and wait for, where Linux says less than all, and where readers do not keep still. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { bytesRead, openings, type Reader, settled } from "../../src/transport/fifoReaders.js"
import { write } from "../../src/transport/fifoTurns.js"
import { scratch } from "./fifo/readers.js"
import { judge, text } from "./fifo/texts.js"

const hasProc = Fs.existsSync("/proc/self/wchan")

/** What the system says, but for the files whose name ends so. */
const without = (ending: string): typeof Fs => ({
  ...Fs,
  // One of its forms, which is all that is used.
  readFileSync: ((path: string, encoding: "utf8") => {
    if (path.endsWith(ending)) throw new Error("EPERM")
    return Fs.readFileSync(path, encoding)
  }) as typeof Fs.readFileSync
})

const alwaysWanted = (): boolean => true

const pipe = Effect.gen(function* () {
  const path = `${yield* scratch}/pipe`
  execFileSync("mkfifo", [path])
  // Open for both, so that no reader waits for a writer.
  const fd = Fs.openSync(path, Fs.constants.O_RDWR | Fs.constants.O_NONBLOCK)
  let isOpen = true
  const close = (): void => {
    if (isOpen) Fs.closeSync(fd)
    isOpen = false
  }
  yield* Effect.addFinalizer(() => Effect.sync(close))
  return { path, fd, inode: Fs.statSync(path, { bigint: true }).ino, close }
})

/** A shell with the pipe open, from which on its command reads; ended with the scope. */
const reader = (path: string, command: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn("sh", ["-c", `exec < "$0"; echo open >&2; ${command}`, path], {
        stdio: ["ignore", "pipe", "pipe"]
      })
      let got = ""
      child.stdout.setEncoding("utf8").on("data", (piece: string) => (got += piece))
      const ended = once(child, "close")
      await once(child.stderr, "data")
      return { child, got: () => got, ended: Effect.promise(() => ended) }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const find = (path: string, inode: bigint, count: number, fs: typeof Fs = Fs): Effect.Effect<ReadonlyArray<Reader>> =>
  Effect.promise(() => settled(fs, 1000, { path, inode })).pipe(
    Effect.repeat({ until: (found) => openings(found) >= count })
  )

describe.skipIf(!hasProc)("readers of a pipe that take turns (needs Linux's /proc)", () => {
  it.scopedLive("are found by the files that they have open, and this process is none", () =>
    Effect.gen(function* () {
      const { inode, path } = yield* pipe
      const other = yield* pipe
      yield* reader(other.path, "exec cat")
      const one = yield* reader(path, "exec cat")
      const two = yield* reader(path, "exec 3< $0; exec cat")
      const found = yield* find(path, inode, 3)
      assert.sameMembers(
        found.map(({ links, pid }) => `${pid} ${links.length}`),
        [`${one.child.pid} 1`, `${two.child.pid} 2`]
      )
      // A name says nothing once another pipe has it.
      assert.deepStrictEqual(yield* Effect.promise(() => settled(Fs, 1000, { path, inode: inode + 1n })), [])
    })
  )

  for (const [what, fs, commands] of [
    ["what they ask for", without("/syscall"), ["exec cat", "exec dd bs=512", "exec /usr/bin/env cat"]],
    ["what they have read", without("/io"), ["exec cat", "exec dd bs=100", "exec head -c 100"]],
    ["nothing less", Fs, ["exec cat", "exec dd bs=100", "exec head -c 5000", "exec head -c 1"]]
  ] as const) {
    it.scopedLive(`get a copy each where the system does not say ${what}`, () =>
      Effect.gen(function* () {
        const { close, fd, inode, path } = yield* pipe
        const readers = yield* Effect.all(commands.map((command) => reader(path, command)))
        const found = yield* find(path, inode, readers.length)
        const bytes = text(1, 50_000)
        assert.isTrue(yield* Effect.promise(() => write(fs, fd, bytes, { path, inode }, found, alwaysWanted)))
        close()
        yield* Effect.all(readers.map(({ ended }) => ended))
        const whole = new TextDecoder().decode(bytes)
        for (const [index, { got }] of readers.entries()) {
          const asked = /head -c (\d+)/.exec(commands[index]!)?.[1]
          if (asked === undefined) assert.strictEqual(judge(got()), "whole")
          else assert.strictEqual(got(), whole.slice(0, Number(asked)))
        }
      })
    )
  }

  it.scopedLive("go on without one that is killed while it waits, before it has had its turn", () =>
    Effect.gen(function* () {
      const { close, fd, inode, path } = yield* pipe
      const readers = yield* Effect.all(Array.from({ length: 4 }, () => reader(path, "exec cat")))
      const found = yield* find(path, inode, 4)
      // When one has had its turn, another one is killed, and gone before the next turn.
      const counts = () => readers.map(({ child }) => bytesRead(Fs, { pid: String(child.pid), links: [] }))
      const atStart = counts()
      let killed: number | undefined
      let writes = 0
      const fs: typeof Fs = {
        ...Fs,
        // One of its forms, which is all that is used.
        writeSync: ((to: number, bytes: Uint8Array, from: number, length: number) => {
          if (++writes === 2) {
            killed = counts().findIndex((count, index) => count === atStart[index])
            const { child } = readers[killed]!
            child.kill("SIGKILL")
            while (/^State:\t[^Z]/m.test(Fs.readFileSync(`/proc/${child.pid}/status`, "utf8")));
          }
          return Fs.writeSync(to, bytes, from, length)
        }) as typeof Fs.writeSync
      }
      assert.isTrue(yield* Effect.promise(() => write(fs, fd, text(1, 50_000), { path, inode }, found, alwaysWanted)))
      close()
      yield* Effect.all(readers.map(({ ended }) => ended))
      for (const [index, { got }] of readers.entries()) {
        assert.strictEqual(judge(got()), index === killed ? "empty" : "whole")
      }
    })
  )

  it.scopedLive("are not those who wait for something else, though it were another pipe", () =>
    Effect.gen(function* () {
      const { close, fd, inode, path } = yield* pipe
      const cats = yield* Effect.all(Array.from({ length: 2 }, () => reader(path, "exec cat")))
      yield* reader(path, "exec sleep 60")
      const elsewhere = yield* pipe
      yield* reader(path, `exec 3<&0 4< ${elsewhere.path}; exec cat <&4`)
      const found = yield* find(path, inode, 4)
      assert.isTrue(yield* Effect.promise(() => write(Fs, fd, text(1, 50_000), { path, inode }, found, alwaysWanted)))
      close()
      for (const { ended, got } of cats) {
        yield* ended
        assert.strictEqual(judge(got()), "whole")
      }
    })
  )

  it.scopedLive("take none where there is but one", () =>
    Effect.gen(function* () {
      const { fd, inode, path } = yield* pipe
      yield* Effect.all(["exec cat", "exec sleep 60"].map((command) => reader(path, command)))
      const found = yield* find(path, inode, 2)
      assert.isFalse(yield* Effect.promise(() => write(Fs, fd, text(1, 100), { path, inode }, found, alwaysWanted)))
      assert.throws(() => Fs.readSync(fd, new Uint8Array(1)), /EAGAIN/)
    })
  )

  it.scopedLive("get the beginning where a byte at a time would take for ever", () =>
    Effect.gen(function* () {
      const { close, fd, inode, path } = yield* pipe
      const readers = yield* Effect.all(["exec dd bs=1", "exec cat"].map((command) => reader(path, command)))
      const found = yield* find(path, inode, 2)
      assert.isTrue(yield* Effect.promise(() => write(Fs, fd, text(1, 100_000), { path, inode }, found, alwaysWanted)))
      close()
      for (const { ended, got } of readers) {
        yield* ended
        assert.strictEqual(got(), new TextDecoder().decode(text(1, 100_000).subarray(0, 16)))
      }
    })
  )

  it.scopedLive("get no more once nobody wants that", () =>
    Effect.gen(function* () {
      const { close, fd, inode, path } = yield* pipe
      const readers = yield* Effect.all(Array.from({ length: 2 }, () => reader(path, "exec cat")))
      const found = yield* find(path, inode, 2)
      let asked = 0
      const writing = yield* Effect.fork(
        Effect.promise(() => write(Fs, fd, text(1, 500_000), { path, inode }, found, () => ++asked < 5))
      )
      assert.isTrue(yield* Fiber.join(writing))
      close()
      for (const { ended, got } of readers) {
        yield* ended
        assert.strictEqual(got().length, 2 * 65_536)
      }
    })
  )
})
