/** Pipes of real processes, read by the rules of statvent's own web service, in Python, and by `cat`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build } from "esbuild"
import { type ChildProcess, execFile, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { read } from "../../src/encoding/statventReader.js"
import { find, missing } from "./harness.js"

const python = find("python3", "python3")
const noPython = missing("python3", python)

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

let bundled: Promise<string> | undefined

/** As one file of JavaScript, so that ten processes start in the time of one. */
const program = (): Promise<string> =>
  (bundled ??= (async () => {
    const made = file("../../.cache/parts/pipe.mjs")
    const outfile = `${made}.${process.pid}`
    const banner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)'
    const entryPoints = [file("../process/pipe.ts")]
    await build({ entryPoints, bundle: true, platform: "node", format: "esm", outfile, banner: { js: banner } })
    renameSync(outfile, made)
    return made
  })())

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-statvent-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

interface Running {
  readonly child: ChildProcess
  readonly path: string
  readonly ended: Promise<unknown>
}

/** A process whose pipe is there. */
const start = (dir: string, number = 0) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Running> => {
      const child = fork(await program(), [dir, String(number)])
      const ended = once(child, "exit")
      const killer = setTimeout(() => child.kill("SIGKILL"), 60_000)
      child.once("exit", () => clearTimeout(killer))
      await Promise.race([once(child, "message"), ended.then(() => assert.fail("it has ended"))])
      return { child, path: join(dir, `${child.pid}.stats`), ended }
    }),
    ({ child, ended }) =>
      Effect.promise(async () => {
        child.kill("SIGKILL")
        await ended
      })
  )

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.async<string>((resume) => {
    execFile(command, args, { timeout: 40_000 }, (error, stdout) =>
      resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
    )
  })

const statvent = (...paths: ReadonlyArray<string>) =>
  Effect.map(
    run(python ?? "python3", file("statvent.py"), ...paths),
    // What the script prints.
    (text) => JSON.parse(text) as ReadonlyArray<Readonly<Record<string, number>>>
  )

const expected = (number: number) => ({
  "effect_metrics.pipe.counters": 5,
  "effect_metrics.pipe.gauges": 2,
  "effect_metrics.pipe.readings": 5,
  req: 3 + number,
  f: 1.5,
  "a: b": 2,
  日本: -7,
  [`by{number="${number}",route="/\\"a\\":\\n"}`]: 1,
  "took.count": 150,
  "took.sum": 11_175,
  "took.median": 99,
  "took.95th": 144,
  "took.99th": 148,
  "took.100th": 149,
  "took.mean": 99.5
})

describe.skipIf(noPython)("a pipe of ours, to statvent's own rules", () => {
  it.scopedLive("holds every number under its name, and nothing that it was not meant to", () =>
    Effect.gen(function* () {
      const { path } = yield* start(yield* folder)
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* statvent(path), [expected(0)])
    })
  )

  it.scopedLive(
    "is one of ten that are read side by side, two of them by two at once",
    () =>
      Effect.gen(function* () {
        const dir = yield* folder
        const all = yield* Effect.all(
          Array.from({ length: 10 }, (_, number) => start(dir, number)),
          { concurrency: 4 }
        )
        const unbounded = { concurrency: "unbounded" } as const
        const readers = [...all, ...all.slice(0, 2)].map(({ path }, i) =>
          Effect.map(statvent(path), (found) => assert.deepStrictEqual(found, [expected(i % 10)]))
        )
        yield* Effect.all(readers, unbounded)
        // As the web service: one after the other.
        const sums = (yield* statvent(...all.map(({ path }) => path))).map((stats) => stats["req"] ?? 0)
        assert.strictEqual(
          sums.reduce((sum, req) => sum + req),
          10 * 3 + 45
        )
      }),
    60_000
  )
})

describe("a pipe of a process", () => {
  it.scopedLive("is text for cat", () =>
    Effect.gen(function* () {
      const { path } = yield* start(yield* folder)
      const text = yield* run("cat", path)
      assert.match(text, /^took\.99th: 148$/m)
      assert.isTrue(read(text).isWhole)
    })
  )

  for (const word of ["end", "exit"]) {
    it.scopedLive(`is gone when the process ${word === "end" ? "comes to its end" : "exits at once"}`, () =>
      Effect.gen(function* () {
        const dir = yield* folder
        const { child, ended, path } = yield* start(dir)
        assert.isTrue(existsSync(path))
        child.send(word)
        yield* Effect.promise(() => ended)
        assert.strictEqual(child.exitCode, 0)
        assert.deepStrictEqual(readdirSync(dir), [])
      })
    )
  }

  it.scopedLive("stays when the process is killed, until the next one comes", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const { child, ended, path } = yield* start(dir)
      child.kill("SIGKILL")
      yield* Effect.promise(() => ended)
      assert.isTrue(existsSync(path))
      const next = yield* start(dir)
      assert.isFalse(existsSync(path))
      assert.isTrue(existsSync(next.path))
    })
  )
})
