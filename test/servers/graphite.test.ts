/**
 * carbon, which answers nothing: what it has in its files, and what it says in its log about its clients, is the proof. And
 * VictoriaMetrics, which takes Graphite's plaintext too and counts the lines that it could not read.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Ref, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Ledger from "../../src/Ledger.js"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import * as Graphite from "../../src/sinks/Graphite.js"
import type { Carbon, Stored } from "./carbon.js"
import { carbon, noCarbon } from "./carbon.js"
import type { Server } from "./harness.js"
import { freePort, noVictoriaMetrics, samples, victoriaMetrics } from "./harness.js"

const protocols = ["plaintext", "pickle"] as const

const run = (program: Effect.Effect<unknown>, options: Partial<Graphite.Options>) =>
  Effect.gen(function* () {
    const layer = Graphite.layer({
      host: "127.0.0.1",
      hostTag: "none",
      tags: { host: "h" },
      schedule: Schedule.spaced("1 hour"),
      retry: { initial: "10 millis", max: "50 millis" },
      // So long that no busy machine is too slow for a close that delivers everything.
      shutdownTimeout: "30 seconds",
      ...options
    })
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(Effect.provide(layer), Effect.orDie)
    const { ledger } = Metrics.ledgersOf(hub)[0]!
    assert.strictEqual(Ledger.imbalance(ledger), 0)
    return ledger
  })

/** carbon writes about a second after it has received. */
const stored = (
  server: Carbon,
  paths: Iterable<string>,
  isThere: (stored: Stored) => boolean
): Effect.Effect<Stored> => {
  const asked = [...paths]
  const once = Effect.promise(() => server.read(asked))
  const again: Effect.Effect<Stored> = Effect.flatMap(once, (stored) =>
    isThere(stored) ? Effect.succeed(stored) : Effect.delay(again, "100 millis")
  )
  return Effect.flatMap(Effect.timeoutOption(again, "40 seconds"), (found) =>
    // What is wrong is for the test to say.
    found._tag === "Some" ? Effect.succeed(found.value) : once
  )
}

const hasAll =
  (paths: ReadonlyArray<string>) =>
  ({ series }: Stored): boolean =>
    paths.every((path) => (series[path]?.length ?? 0) > 0)

const valuesOf = ({ series }: Stored): Readonly<Record<string, ReadonlyArray<number>>> =>
  Object.fromEntries(Object.entries(series).map(([path, values]) => [path, values.map(([, value]) => value)]))

const sumOf = ({ series }: Stored): number =>
  Object.values(series)
    .flat()
    .reduce((sum, [, value]) => sum + value, 0)

const countOf = ({ series }: Stored): number => Object.values(series).flat().length

/** A few minutes ago, which carbon still keeps. */
const recently = (): number => (Math.floor(Date.now() / 1000) - 600) * 1000

const title = `carbon${noCarbon === false ? "" : ` (${noCarbon})`}`

describe.skipIf(noCarbon !== false)(title, () => {
  let server: Carbon
  beforeAll(async () => {
    server = await carbon(aggregationOfDocs())
  })
  afterAll(() => server?.stop())

  const portOf = (protocol: "plaintext" | "pickle") => (protocol === "pickle" ? server.picklePort : server.port)

  for (const protocol of protocols) {
    for (const naming of ["tagged", "dotted"] as const) {
      it.live(`stores every kind of measurement, as ${protocol} with ${naming} names`, () =>
        Effect.gen(function* () {
          const start = `${protocol}.${naming}`
          const program = Effect.gen(function* () {
            yield* Metrics.incrementBy(Metrics.counter(`${start}.c`), 3)
            yield* Metrics.set(Metrics.gauge(`${start}.g`), -1.5, { tags: { route: "users", é: "ß" } })
            yield* Metrics.record(Metrics.distribution(`${start}.d`, { boundaries: [0.5, 5] }), 2)
            yield* Metrics.emit(`${start}.p`, { value: 1e21, flag: true, n: Measurement.int(7n), text: "x" })
          })
          const ledger = yield* run(program, { port: portOf(protocol), protocol, naming })
          assert.deepStrictEqual([ledger.delivered, ledger.dropped], [4, {}])
          assert.deepStrictEqual(ledger.refused, { unsupported_field: 1 })
          const path = (name: string, field = "", tags = "") =>
            naming === "tagged"
              ? `${start}.${name}${field}${tags === "" ? ";host=h" : `;host=h;${tags}`}`
              : `${start}.${name}.host.h${tags === "" ? "" : `.${tags.replace(/[=;]/g, ".")}`}${field}`
          const expected: Record<string, ReadonlyArray<number>> = {
            [path("c")]: [3],
            [path("g", "", "route=users;é=ß")]: [-1.5],
            [path("p")]: [1e21],
            [path("p", ".flag")]: [1],
            [path("p", ".n")]: [7]
          }
          const distribution = { count: 1, sum: 2, min: 2, max: 2, mean: 2, p50: 2, p95: 2, p99: 2 }
          for (const [field, value] of Object.entries({ ...distribution, le_0_5: 0, le_5: 1, le_inf: 1 })) {
            expected[path("d", `.${field}`)] = [value]
          }
          const paths = Object.keys(expected)
          assert.deepStrictEqual(valuesOf(yield* stored(server, paths, hasAll(paths))), expected)
          assert.deepStrictEqual(server.complaints(), [])
        })
      )
    }

    it.live(`stores ten thousand points once each, as ${protocol}`, () =>
      Effect.gen(function* () {
        const millis = recently()
        const program = Effect.forEach(
          Array.from({ length: 10_000 }),
          (_, i) =>
            Metrics.emit(
              `many.${protocol}`,
              { value: i },
              {
                tags: { n: String(i % 100) },
                timestamp: millis + Math.floor(i / 100) * 1000
              }
            ),
          { discard: true }
        )
        const ledger = yield* run(program, { port: portOf(protocol), protocol })
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [10_000, {}])
        const paths = Array.from({ length: 100 }, (_, n) => `many.${protocol};host=h;n=${n}`)
        const all = yield* stored(server, paths, (stored) => countOf(stored) === 10_000)
        assert.strictEqual(countOf(all), 10_000)
        for (const [n, path] of paths.entries()) {
          const expected = Array.from({ length: 100 }, (_, k) => [millis / 1000 + k, k * 100 + n] as const)
          assert.deepStrictEqual(all.series[path], expected)
        }
        assert.deepStrictEqual(server.complaints(), [])
      })
    )

    it.live(`adds up what is flushed several times a second, as ${protocol}`, () =>
      Effect.gen(function* () {
        const name = `often.${protocol}`
        const counter = Metrics.counter(name)
        const program = Effect.forEach([1, 10, 100, 1000], (step) =>
          Effect.zipRight(Metrics.incrementBy(counter, step), Metrics.flush)
        )
        const ledger = yield* run(program, { port: portOf(protocol), protocol })
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [4, {}])
        const path = `${name};host=h`
        const all = yield* stored(server, [path], (stored) => sumOf(stored) === 1111)
        assert.strictEqual(sumOf(all), 1111)
      })
    )

    it.live(`makes one series or none of a hostile name, as ${protocol}`, () =>
      Effect.gen(function* () {
        const before = (yield* Effect.promise(() => server.read([]))).files
        const nasty = Array.from(" \n\r\t\0;=~./\\*?[]{}(),'\"|!^:@#<>&%$`\u0085\u00a0\u2028\u3000\ufeffé🚀\ud800")
        const words = [...nasty, ...nasty.map((one) => `a${one}b`), ...nasty.map((one) => `${one}${one}a`)]
        const all = [
          ...words,
          "..",
          "../../etc/passwd",
          "a 1 1\nforged",
          'x="}',
          "{",
          "_tagged.a",
          "name",
          "~~",
          "é".repeat(300)
        ]
        const millis = recently()
        const at = { timestamp: millis }
        const program = Effect.forEach(
          all.entries(),
          ([i, word]) =>
            Effect.all([
              Metrics.emit(`hostile.${protocol}.n${i}.${word}`, { value: 1 }, at),
              Metrics.emit(`hostile.${protocol}.k${i}`, { value: 1 }, { ...at, tags: { [word]: "v" } }),
              Metrics.emit(`hostile.${protocol}.v${i}`, { value: 1 }, { ...at, tags: { t: word } }),
              Metrics.emit(`hostile.${protocol}.f${i}`, { [word]: 1 }, at)
            ]),
          { discard: true }
        )
        const ledger = yield* run(program, { port: portOf(protocol), protocol })
        assert.strictEqual(ledger.recorded, 4 * all.length)
        assert.isAbove(ledger.delivered, all.length)
        const after = yield* stored(server, [], ({ files }) => files >= before + ledger.delivered)
        // Whatever else came would be a file too many.
        yield* Effect.sleep("300 millis")
        assert.strictEqual((yield* Effect.promise(() => server.read([]))).files, after.files)
        assert.strictEqual(after.files - before, ledger.delivered)
        assert.deepStrictEqual(server.complaints(), [])
      })
    )
  }

  it.live("takes lines as long as may be, and those after them", () =>
    Effect.gen(function* () {
      const at = { timestamp: recently() }
      const left = 16_384 - `long;host=h;t= 1 ${at.timestamp / 1000}`.length
      const text = "x".repeat(left % 3) + "€".repeat(left / 3)
      const program = Effect.gen(function* () {
        yield* Metrics.emit("long", { value: 1 }, { ...at, tags: { t: text } })
        yield* Metrics.emit("longer", { value: 1 }, { ...at, tags: { t: text } })
        yield* Metrics.emit("after", { value: 2 }, at)
      })
      const ledger = yield* run(program, { port: server.port })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, { too_large: 1 }])
      const paths = [`long;host=h;t=${text}`, "after;host=h"]
      assert.deepStrictEqual(Object.values(valuesOf(yield* stored(server, paths, hasAll(paths)))), [[1], [2]])
    })
  )

  it.live("thins out counts by sums, as the lines in the docs tell it", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.increment(Metrics.counter("http.requests"))
        yield* Metrics.record(Metrics.timer("http.duration", { boundaries: [0.5] }), 1)
        yield* Metrics.set(Metrics.gauge("http.active"), 1)
      })
      yield* run(program, { port: server.port })
      const methods = {
        "http.requests;host=h": "sum",
        "http.duration.count;host=h": "sum",
        "http.duration.sum;host=h": "sum",
        "http.duration.le_0_5;host=h": "sum",
        "http.duration.min;host=h": "min",
        "http.duration.max;host=h": "max",
        "http.duration.p99;host=h": "average",
        "http.active;host=h": "average"
      }
      const paths = Object.keys(methods)
      assert.deepStrictEqual((yield* stored(server, paths, hasAll(paths))).methods, methods)
    })
  )

  for (const protocol of protocols) {
    it.live(`that is restarted gets all that it was not there for, as ${protocol}`, () =>
      Effect.gen(function* () {
        const recorded = yield* Ref.make(0)
        const name = `survivor.${protocol}`
        const path = `${name};host=h`
        const counter = Metrics.counter(name)
        const more = Effect.repeatN(
          Effect.zipRight(
            Ref.update(recorded, (n) => n + 1),
            Metrics.increment(counter)
          ),
          99
        )
        const program = Effect.gen(function* () {
          yield* more
          yield* Metrics.flush
          // What the kernel has and carbon has not read is lost with it, so it is waited for.
          yield* stored(server, [path], (stored) => sumOf(stored) === 100)
          yield* Effect.promise(() => server.kill())
          yield* more
          yield* Effect.sleep("300 millis")
          yield* more
          yield* Effect.promise(() => server.restart())
          yield* more
        })
        const ledger = yield* run(program, {
          port: portOf(protocol),
          protocol,
          schedule: Schedule.spaced("50 millis")
        })
        const total = yield* Ref.get(recorded)
        assert.deepStrictEqual([total, ledger.delivered, ledger.dropped], [400, 400, {}])
        assert.strictEqual(sumOf(yield* stored(server, [path], (stored) => sumOf(stored) === total)), total)
      })
    )
  }

  it.live("can be checked", () =>
    Effect.gen(function* () {
      yield* Graphite.check({ host: "127.0.0.1", port: server.port })
      const error = yield* Effect.flip(Graphite.check({ host: "127.0.0.1", port: yield* Effect.promise(freePort) }))
      assert.strictEqual(error._tag, "Unavailable")
      assert.match(error.message, /connection refused/)
    })
  )
})

/** What the docs say goes into storage-aggregation.conf. */
const aggregationOfDocs = (): string => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/sinks/graphite.md", import.meta.url)), "utf8")
  return /^```ini\n([^]*?)^```$/m.exec(page)![1]!
}

const victoria = `VictoriaMetrics${noVictoriaMetrics === false ? "" : ` (${noVictoriaMetrics})`}`

describe.skipIf(noVictoriaMetrics !== false)(victoria, () => {
  let server: Server
  let port: number
  beforeAll(async () => {
    port = await freePort()
    server = await victoriaMetrics([`-graphiteListenAddr=127.0.0.1:${port}`])
  })
  afterAll(() => server?.stop())

  const invalid = Effect.promise(async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    return Number(/^vm_rows_invalid_total\{type="graphite"\} (\d+)/m.exec(text)?.[1] ?? NaN)
  })

  it.live("reads every line, with its tags", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(Metrics.counter("graph.c"), 3)
        yield* Metrics.set(Metrics.gauge("graph.g"), -1e-9, { tags: { route: "/users/:id", é: "a=b" } })
        yield* Metrics.record(Metrics.timer("graph.d"), 0.25)
        yield* Effect.forEach(Array.from({ length: 1000 }), (_, i) =>
          Metrics.emit("graph.p", { value: i }, { tags: { i: String(i) } })
        )
      })
      const ledger = yield* run(program, { port })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1003, {}])
      const read = Effect.promise(() => samples(server, "graph"))
      const settle: typeof read = Effect.flatMap(read, (found) =>
        found.length >= 1010 ? Effect.succeed(found) : Effect.delay(settle, "50 millis")
      )
      const all = yield* settle
      const valueOf = (name: string) => all.find(({ metric }) => metric["__name__"] === name)?.values[0]
      assert.deepStrictEqual(["graph.c", "graph.g", "graph.d.sum", "graph.d.count"].map(valueOf), [3, -1e-9, 0.25, 1])
      const { metric } = all.find(({ metric }) => metric["__name__"] === "graph.g")!
      assert.deepStrictEqual(metric, { __name__: "graph.g", host: "h", route: "/users/:id", é: "a=b" })
      assert.lengthOf(
        all.filter(({ metric }) => metric["__name__"] === "graph.p"),
        1000
      )
      assert.strictEqual(yield* invalid, 0)
    })
  )
})
