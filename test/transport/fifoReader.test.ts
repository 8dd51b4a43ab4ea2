import { assert, describe, it } from "@effect/vitest"
import { Chunk, Duration, Effect, Fiber, TestClock } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type FifoFailure, type ReadOptions, readSnapshot } from "../../src/transport/fifoReader.js"

const isRoot = process.getuid?.() === 0
const nobody = 65_534

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-fifo-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const pipe = Effect.map(scratch, (folder) => {
  const path = join(folder, "1.stats")
  execFileSync("mkfifo", ["-m", "600", path])
  return path
})

/** A shell that is ended with the scope. */
const shell = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): ChildProcess =>
      spawn("sh", ["-c", command, "sh", ...args], { stdio: ["ignore", "pipe", "ignore"] })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const patient: ReadOptions = { timeout: "20 seconds", maxBytes: 1 << 24 }

const text = (path: string, options: ReadOptions = patient) =>
  Effect.map(readSnapshot(path, options), (bytes) => new TextDecoder().decode(bytes))

const reasonOf = (path: string, options: Partial<ReadOptions> = {}): Effect.Effect<FifoFailure["reason"]> =>
  readSnapshot(path, { ...patient, ...options }).pipe(
    Effect.flip,
    Effect.map(({ reason }) => reason),
    Effect.orDie
  )

describe("reading a snapshot", () => {
  it.scopedLive("gives all that is written, up to the writer's end", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      yield* shell('printf "a: 1\\n" > "$1"', path)
      assert.strictEqual(yield* text(path), "a: 1\n")
    })
  )

  it.scopedLive("gives what is larger than a pipe holds, and comes in pieces", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      yield* shell('{ head -c 300000 /dev/zero; sleep 0.05; head -c 300000 /dev/zero; } > "$1"', path)
      assert.strictEqual((yield* readSnapshot(path, patient)).length, 600_000)
    })
  )

  it.scopedLive("takes no more than it may", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      yield* shell('head -c 300000 /dev/zero > "$1"', path)
      assert.strictEqual(yield* reasonOf(path, { maxBytes: 299_999 }), "too-large")
    })
  )

  it.scopedLive("tells a pipe that nobody writes from one whose writer is slow", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      assert.strictEqual(yield* reasonOf(path, { timeout: "20 millis" }), "no-writer")
      const writer = yield* shell('exec 3> "$1"; echo open; sleep 60', path)
      // Opened for reading once, so that the writer gets through.
      const opened = yield* Effect.fork(reasonOf(path))
      yield* Effect.promise(() => once(writer.stdout!, "data"))
      assert.strictEqual(yield* reasonOf(path, { timeout: "20 millis" }), "timeout")
      writer.kill("SIGKILL")
      yield* Fiber.interrupt(opened)
    })
  )

  it.scopedLive("takes a writer that writes nothing for none", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      yield* shell(': > "$1"', path)
      assert.strictEqual(yield* reasonOf(path), "no-writer")
    })
  )

  it.scopedLive("refuses what is no pipe, and does not follow a link to one", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      const folder = yield* scratch
      const at = (name: string): string => join(folder, name)
      writeFileSync(at("file"), "a: 1\n")
      symlinkSync(path, at("link"))
      mkdirSync(at("folder"))
      for (const name of ["file", "link", "folder"]) assert.strictEqual(yield* reasonOf(at(name)), "not-a-pipe")
      assert.strictEqual(yield* reasonOf("/dev/null"), "not-a-pipe")
      assert.strictEqual(yield* reasonOf(at("nothing")), "missing")
      assert.strictEqual(yield* reasonOf(at("file/x")), "missing")
      assert.strictEqual(readFileSync(at("file"), "utf8"), "a: 1\n")
      assert.isTrue(existsSync(path))
    })
  )

  it.scopedLive.skipIf(!isRoot)("refuses another user's, unless anyone's will do (needs root to make one)", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      chownSync(path, nobody, nobody)
      assert.strictEqual(yield* reasonOf(path), "foreign")
      yield* shell('printf "a: 1\\n" > "$1"', path)
      assert.strictEqual(yield* text(path, { ...patient, owner: "anyone" }), "a: 1\n")
    })
  )

  it.scopedLive("leaves Node's threads free, however many pipes nobody writes", () =>
    Effect.gen(function* () {
      const paths = yield* Effect.all(Array.from({ length: 8 }, () => pipe))
      const readers = yield* Effect.forEach(paths, (path) => Effect.fork(readSnapshot(path, patient)))
      yield* Effect.promise(() => readdir(tmpdir()))
      yield* Fiber.interruptAll(readers)
    })
  )

  it.scopedLive("leaves no file open, however it ends", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      const open = Effect.promise(async () => (await readdir("/proc/self/fd")).length)
      const before = yield* open
      for (let i = 0; i < 20; i++) yield* reasonOf(path, { timeout: "1 millis" })
      yield* Effect.fork(readSnapshot(path, patient)).pipe(
        Effect.tap(Effect.yieldNow()),
        Effect.flatMap(Fiber.interrupt)
      )
      yield* shell('printf "a: 1\\n" > "$1"', path)
      yield* text(path)
      // They are closed a moment later.
      yield* Effect.repeat(Effect.delay(open, "5 millis"), { until: (now) => now <= before })
    }).pipe((test) => (existsSync("/proc/self/fd") ? test : Effect.void))
  )

  it.scoped("waits by the fiber's clock", () =>
    Effect.gen(function* () {
      const path = yield* pipe
      const reading = yield* Effect.fork(reasonOf(path, { timeout: "1 hour" }))
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* Effect.repeat(Effect.zipRight(turn, TestClock.sleeps()), { until: Chunk.isNonEmpty })
      yield* TestClock.adjust(Duration.hours(1))
      assert.strictEqual(yield* Fiber.join(reading), "no-writer")
    })
  )
})
