import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Metric, Option, Scope } from "effect"
import { execFile, execFileSync, spawnSync } from "node:child_process"
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { read } from "../../src/encoding/statventReader.js"
import * as Ledger from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import * as NamedPipe from "../../src/sinks/NamedPipe.js"
import * as Sink from "../../src/Sink.js"
import * as EffectMetrics from "../../src/sources/EffectMetrics.js"
import { TestMetrics } from "../../src/testing/index.js"

const requests = Metrics.counter("http.requests")
const active = Metrics.gauge("active")
const duration = Metrics.timer("http.duration")
const size = Metrics.distribution("size")

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-pipe-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

const pipe = `${process.pid}.stats`

const quiet = Logger.remove(Logger.defaultLogger)

/** A sink in a folder of its own, around the body, which gets the pipe's path. */
const within = <A, E>(options: NamedPipe.Options, body: (path: string) => Effect.Effect<A, E>) =>
  Effect.scoped(
    Effect.flatMap(folder, (dir) => body(join(dir, pipe)).pipe(Effect.provide(NamedPipe.layer({ dir, ...options }))))
  ).pipe(Effect.provide(quiet))

const cat = (path: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    execFile("cat", [path], { timeout: 20_000, maxBuffer: 2 ** 26 }, (error, stdout) =>
      resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
    )
  })

/** Without the three that tell the kinds. */
const linesOf = (path: string) => Effect.map(cat(path), (text) => text.split("\n").slice(3, -1))

describe("NamedPipe", () => {
  it.live("gives whoever reads everything that was recorded, as it is then, and the end", () =>
    within({}, (path) =>
      Effect.gen(function* () {
        yield* Metrics.incrementBy(requests, 3, { tags: { route: '/"a"', status: "200" } })
        yield* Metrics.set(active, 2.5)
        for (const bytes of [1, 2]) yield* Metrics.record(size, bytes)
        assert.strictEqual(
          yield* cat(path),
          "effect_metrics.pipe.counters: 3\neffect_metrics.pipe.gauges: 1\neffect_metrics.pipe.readings: 5\n" +
            'http.requests{route="/\\"a\\"",status="200"}: 3\nsize.count: 2\nsize.sum: 3\nactive: 2.500000\n' +
            "size.median: 1\nsize.95th: 1\nsize.99th: 1\nsize.100th: 2\nsize.mean: 1.500000\n"
        )
        yield* Metrics.increment(active)
        assert.include(yield* linesOf(path), "active: 3.500000")
      })
    )
  )

  it.live("tells times in seconds", () =>
    within({ floats: "shortest" }, (path) =>
      Effect.gen(function* () {
        yield* Metrics.record(duration, 0.25)
        assert.includeMembers(yield* linesOf(path), [
          "http.duration.count: 1",
          "http.duration.sum: 0.25",
          "http.duration.95th: 0.25"
        ])
      })
    )
  )

  it.live("takes readings of the last values alone, and counts all", () =>
    Effect.gen(function* () {
      const of = (options: NamedPipe.Options) =>
        within(options, (path) =>
          Effect.gen(function* () {
            for (let i = 0; i < 150; i++) yield* Metrics.record(size, i)
            return yield* linesOf(path)
          })
        )
      const formatName = (name: string, label: string) => `${name}<${label}>`
      assert.deepStrictEqual(yield* of({ formatName, integers: "declared" }), [
        "size<count>: 150",
        "size<sum>: 11175.000000",
        "size<median>: 99.000000",
        "size<95th>: 144.000000",
        "size<99th>: 148.000000",
        "size<100th>: 149.000000",
        "size<mean>: 99.500000"
      ])
      assert.deepStrictEqual(yield* of({ window: 4, totals: false }), [
        "size.median: 147",
        "size.95th: 148",
        "size.99th: 148",
        "size.100th: 149",
        "size.mean: 147.500000"
      ])
    })
  )

  it.live("names distributions once a series, and not before somebody asks", () => {
    const asked: Array<string> = []
    const formatName = (name: string, label: string) => {
      asked.push(label)
      return `${name} ${label}`
    }
    return within({ formatName }, (path) =>
      Effect.gen(function* () {
        asked.length = 0
        yield* Metrics.record(size, 1)
        assert.deepStrictEqual(asked, [])
        yield* cat(path)
        assert.deepStrictEqual(asked, ["count", "sum", "median", "95th", "99th", "100th", "mean"])
        yield* cat(path)
        assert.lengthOf(asked, 7)
      })
    )
  })

  it.live("puts what it is told in the place of {0} in a name", () =>
    within({}, (path) =>
      Effect.gen(function* () {
        yield* Metrics.record(Metrics.distribution("took.{0} (s)"), 1)
        assert.include(yield* linesOf(path), "took.95th (s): 1")
      })
    )
  )

  it.live("takes names, tags, levels and views as every sink does", () =>
    within(
      {
        prefix: "app.",
        tags: { host: "a" },
        levels: ["info"],
        view: ({ name, tags }) => Option.some({ name: name.toUpperCase(), tags })
      },
      (path) =>
        Effect.gen(function* () {
          yield* Metrics.increment(requests)
          yield* Metrics.increment(requests, { level: "info" })
          assert.deepStrictEqual(yield* linesOf(path), ['app.HTTP.REQUESTS{host="a"}: 1'])
        })
    )
  )

  it.live("drops what no line can carry, as its ledger tells", () =>
    within({ name: "pipe" }, (path) =>
      Effect.gen(function* () {
        yield* Metrics.incrementBy(Metrics.counter("a\nb: 5\nc"), 2)
        yield* Metrics.increment(requests, { tags: { route: "/\n" } })
        yield* Metrics.increment(requests, { tags: { route: "/\r" } })
        yield* Metrics.record(size, 1)
        yield* Metrics.increment(Metrics.counter("size.count"))
        yield* Metrics.emit("login", { user: 1 })
        assert.deepStrictEqual(yield* linesOf(path), [
          String.raw`http.requests{route="/\n"}: 1`,
          "size.count: 1",
          "size.sum: 1",
          ...["median", "95th", "99th", "100th", "mean"].map((label) => `size.${label}: 1`)
        ])
        const [{ ledger, name } = assert.fail()] = yield* Metrics.ledgers
        assert.strictEqual(name, "pipe")
        assert.strictEqual(Ledger.imbalance(ledger), 0)
        assert.strictEqual(ledger.recorded, 6)
        assert.strictEqual(ledger.delivered, 2)
        assert.deepStrictEqual(ledger.dropped, { unsupported: 1, invalid: 3 })
      })
    )
  )

  it.live("has sources read before it tells", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        yield* Effect.gen(function* () {
          yield* Metric.incrementBy(Metric.counter("told.to.effect.once"), 5)
          assert.include(yield* linesOf(join(dir, pipe)), "told.to.effect.once: 5")
        }).pipe(Effect.provide(Layer.mergeAll(NamedPipe.layer({ dir }), EffectMetrics.layer())))
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("tells one moment, though sorting takes many turns in which others record", () =>
    within({ window: 100, floats: "shortest" }, (path) =>
      Effect.gen(function* () {
        const series = 3000
        const handles: Array<{ record: (value: number) => void }> = []
        for (let i = 0; i < series; i++) {
          handles.push(yield* Metrics.bind(size, { i: String(i) }))
        }
        const recordAll = (value: number) => handles.forEach((handle) => handle.record(value))
        for (let i = 0; i < 100; i++) recordAll(i)
        let last = 99
        const recording = yield* Effect.sync(() => recordAll(++last)).pipe(
          Effect.zipRight(Effect.sleep("1 millis")),
          Effect.forever,
          Effect.fork
        )
        for (let i = 0; i < 3; i++) {
          const { isWhole, stats } = read(yield* cat(path))
          assert.isTrue(isWhole)
          assert.lengthOf(stats, 7 * series)
          const told = (label: string) =>
            new Set(stats.filter(({ name }) => name === `size.${label}`).map(({ value }) => value))
          const [count] = told("count")
          assert.deepStrictEqual([...told("count")], [count])
          const newest = Number(count) - 1
          assert.deepStrictEqual([...told("100th")], [newest])
          assert.deepStrictEqual([...told("median")], [newest - 50])
        }
        yield* Fiber.interrupt(recording)
      })
    )
  )

  it.live("gives several readers a whole snapshot each, one after the other and all at once", () =>
    within({}, (path) =>
      Effect.gen(function* () {
        for (let i = 0; i < 500; i++) yield* Metrics.increment(requests, { tags: { route: `/${i}` } })
        for (let i = 0; i < 3; i++) {
          const texts = yield* Effect.all(
            Array.from({ length: i === 2 ? 4 : 1 }, () => cat(path)),
            {
              concurrency: "unbounded"
            }
          )
          for (const text of texts) {
            const { isWhole, stats } = read(text)
            assert.isTrue(isWhole)
            assert.lengthOf(stats, 500)
          }
        }
      })
    )
  )
})

const modeOf = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8)

describe("the pipe", () => {
  it.live("is made for its user alone, and gone with its scope", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = join(yield* folder, "made")
        yield* Effect.sync(() => {
          assert.isTrue(lstatSync(join(dir, pipe)).isFIFO())
          assert.strictEqual(modeOf(join(dir, pipe)), "600")
          assert.strictEqual(modeOf(dir), "700")
        }).pipe(Effect.provide(NamedPipe.layer({ dir })))
        assert.deepStrictEqual(readdirSync(dir), [])
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("is for others where that is said, in a folder that is shared", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = join(yield* folder, "made")
        for (const [readableBy, mode] of [
          ["group", "640"],
          ["all", "644"]
        ] as const) {
          yield* Effect.sync(() => {
            assert.strictEqual(modeOf(join(dir, pipe)), mode)
            assert.strictEqual(modeOf(dir), "1777")
          }).pipe(Effect.provide(NamedPipe.layer({ dir, shared: true, readableBy })))
        }
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("is in a folder of the user's own where none is given", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const runtime = yield* folder
        const before = process.env["XDG_RUNTIME_DIR"]
        yield* Effect.acquireRelease(
          Effect.sync(() => void (process.env["XDG_RUNTIME_DIR"] = runtime)),
          () =>
            Effect.sync(() => {
              if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
              else process.env["XDG_RUNTIME_DIR"] = before
            })
        )
        yield* Effect.sync(() => assert.isTrue(existsSync(join(runtime, "effect-metrics", pipe)))).pipe(
          Effect.provide(NamedPipe.layer())
        )
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("has its path logged once", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const lines: Array<string> = []
        const logger = Logger.make(({ message }) => void lines.push(String(message)))
        const dir = yield* folder
        yield* Effect.void.pipe(
          Effect.provide(NamedPipe.layer({ dir, name: "pipe" })),
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
        assert.deepStrictEqual(lines, [`pipe: ${join(dir, pipe)}`])
      })
    )
  )

  it.live("can have others beside it, by a suffix", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        const layer = Layer.mergeAll(
          NamedPipe.layer({ dir }),
          NamedPipe.layer({ dir, suffix: "slow", prefix: "slow." })
        )
        yield* Effect.gen(function* () {
          yield* Metrics.increment(requests)
          assert.deepStrictEqual(yield* linesOf(join(dir, pipe)), ["http.requests: 1"])
          const other = join(dir, `${process.pid}-slow.stats`)
          assert.deepStrictEqual(yield* linesOf(other), ["slow.http.requests: 1"])
        }).pipe(Effect.provide(layer))
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("takes the place of one that a process of the same number left behind", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        execFileSync("mkfifo", [join(dir, pipe)])
        yield* Metrics.increment(requests).pipe(
          Effect.zipRight(linesOf(join(dir, pipe))),
          Effect.map((lines) => assert.deepStrictEqual(lines, ["http.requests: 1"])),
          Effect.provide(NamedPipe.layer({ dir }))
        )
        assert.deepStrictEqual(readdirSync(dir), [])
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("is not made in a sealed hub, nor where it is not enabled", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        const look = Effect.sync(() => assert.deepStrictEqual(readdirSync(dir), []))
        yield* look.pipe(Effect.provide(NamedPipe.layer({ dir })), Effect.provide(TestMetrics.layer))
        yield* look.pipe(Effect.provide(NamedPipe.layer({ dir, enabled: false })))
      })
    )
  )
})

const failureOf = (options: NamedPipe.Options) => Effect.flip(Effect.provide(Effect.void, NamedPipe.layer(options)))

describe("a layer without a pipe", () => {
  it.live("fails, and changes nothing of what is there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        writeFileSync(join(dir, "file"), "kept")
        symlinkSync(dir, join(dir, "link"))
        mkdirSync(join(dir, "open"))
        spawnSync("chmod", ["777", join(dir, "open")])
        for (const [name, reason] of [
          ["file", /^it is not a folder/],
          ["link", /symbolic link/],
          ["open", /other users could replace/],
          ["missing/folder", /the folder above it does not exist/]
        ] as const) {
          const error = yield* failureOf({ dir: join(dir, name) })
          assert(error instanceof NamedPipe.PipeError)
          assert.strictEqual(error.path, join(dir, name))
          assert.match(error.reason, reason)
          assert.strictEqual(error.message, `${error.path}: ${error.reason}`)
        }
        writeFileSync(join(dir, pipe), "kept")
        const error = yield* failureOf({ dir })
        assert.strictEqual(error._tag, "PipeError")
        assert.match(error.message, /\.stats: it is not a pipe$/)
        assert.sameMembers(readdirSync(dir), ["file", "link", "open", pipe])
      })
    )
  )

  it.live("is one of two that want the same name", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = yield* folder
        const scope = yield* Scope.make()
        yield* Layer.buildWithScope(NamedPipe.layer({ dir }), scope)
        const error = yield* failureOf({ dir })
        assert.match(error.message, /suffix/)
        yield* Scope.close(scope, Exit.void)
        // It was the first one's, and is free again.
        yield* Effect.provide(Effect.void, NamedPipe.layer({ dir }))
      })
    ).pipe(Effect.provide(quiet))
  )

  it.live("need not keep an app from running", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const dir = join(yield* folder, "missing", "folder")
        const layer = Layer.orElse(NamedPipe.layer({ dir }), () => Metrics.layer)
        assert.deepStrictEqual(yield* Metrics.increment(requests).pipe(Effect.as(1), Effect.provide(layer)), 1)
      })
    )
  )

  it.effect("names the option that cannot work, before anything is made", () =>
    Effect.gen(function* () {
      const never = join(tmpdir(), "effect-metrics-never-made")
      const bad: ReadonlyArray<readonly [keyof NamedPipe.Options, unknown]> = [
        ["dir", ""],
        ["dir", "a\0b"],
        ["shared", "yes"],
        ["suffix", ""],
        ["suffix", "../up"],
        ["suffix", "x".repeat(65)],
        ["readableBy", "everybody"],
        ["readableBy", "toString"],
        ["window", 0],
        ["window", 1.5],
        ["window", 100_001],
        ["window", "100"],
        ["formatName", "median"],
        ["formatName", (name: string) => name],
        ["formatName", () => undefined],
        ["totals", 1],
        ["floats", "round"],
        ["integers", "all"],
        ["countReaders", 0],
        ["readTimeout", 0],
        ["readTimeout", "soon"],
        ["shutdownTimeout", "-1 seconds"],
        ["maxSeries", 0]
      ]
      for (const [option, value] of bad) {
        const error = yield* failureOf({ dir: never, name: "pipe", [option]: value })
        assert(error instanceof Sink.InvalidOption, option)
        assert.deepStrictEqual([error.sink, error.option], ["pipe", option])
        assert.isFalse(existsSync(never))
      }
    })
  )
})
