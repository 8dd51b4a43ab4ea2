/**
 * The relay at work: ten publishers, a broker and two workers, each a process of its own, into a real InfluxDB and into what stands
 * in for Librato. RELAY_SECONDS is how long they are under load; the figures are printed where it is set.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as Ledger from "../../src/Ledger.js"
import { Histogram, relativeError } from "../../src/recording/histogram.js"
import { latencies, perStep, stepsPerSecond } from "../process/load.js"
import { joined, ports } from "../relay/harness.js"
import { fork, type Part } from "../relay/processes.js"
import { respond } from "../sinks/librato/harness.js"
import { make as makeLibrato, type StandIn } from "../sinks/librato/stand-in.js"
import { serve } from "../transport/server.js"
import { influxDb, noInfluxDb, query, type Server } from "./harness.js"

const seconds = Number(process.env["RELAY_SECONDS"] ?? 4)
const publishers = 10
const steps = seconds * stepsPerSecond
/** Of all publishers: so much of what each does once in a step, and the sum of the numbers of its steps. */
const all = publishers * steps
const sumOfSteps = (publishers * steps * (steps + 1)) / 2

type Level = "info" | "crit"

/** What a worker's backends must have in the end. */
interface Expected {
  readonly counters: Readonly<Record<string, number>>
  readonly points: Readonly<Record<string, { readonly count: number; readonly sum: number }>>
  /** All of them, sorted. */
  readonly latencies: Float64Array
}

const latenciesOf = (level: Level): Float64Array => {
  const values = new Float64Array(all * perStep[level])
  let at = 0
  for (let publisher = 0; publisher < publishers; publisher++) {
    const next = latencies(publisher, level)
    for (let i = 0; i < steps * perStep[level]; i++) values[at++] = next()
  }
  return values.sort()
}

const ofSteps = { count: all, sum: sumOfSteps }
const expectedOf = (level: Level): Expected => ({
  counters: { work: all * perStep[level], ...(level === "crit" ? { plain: all * perStep.none } : {}) },
  points: { order: ofSteps, ...(level === "crit" ? { note: ofSteps } : {}) },
  latencies: latenciesOf(level)
})

const sumOf = (values: Iterable<number>): number => {
  let sum = 0
  for (const value of values) sum += value
  return sum
}

const own = (name: string): boolean => name.startsWith("effect_metrics.")

interface RunningWorker {
  readonly part: Part<"worker">
  readonly database: string
  readonly librato: StandIn
}

describe.skipIf(noInfluxDb)("the relay between processes", () => {
  let server: Server
  beforeAll(async () => {
    server = await influxDb()
  })
  afterAll(() => server?.stop())

  const ask = (text: string, database?: string) =>
    Effect.promise(() => query(server, text, database === undefined ? {} : { database }))

  const workerFor = (
    port: number,
    database: string,
    levels: ReadonlyArray<string>
  ): Effect.Effect<RunningWorker, never, Scope.Scope> =>
    Effect.gen(function* () {
      for (const name of [database, `${database}_whole`]) yield* ask(`CREATE DATABASE ${name}`)
      const librato = makeLibrato()
      const { url } = yield* serve(respond(librato))
      const part = yield* fork("worker", { port, levels, influxDb: server.url, database, librato: url })
      return { part, database, librato }
    })

  const stored = (database: string, name: string, what: string) =>
    Effect.map(ask(`SELECT ${what} FROM "${name}"`, database), ([row = {}]) => row)

  /** Until all has come that is on its way: a publisher's messages come in order, so the last of its points is the last. */
  const settled = ({ database }: RunningWorker) =>
    Effect.repeat(Effect.delay(stored(database, "order", "count(n) AS count"), "50 millis"), {
      until: ({ count }) => count === all
    })

  const checkInfluxDb = (database: string, { counters, latencies, points }: Expected) =>
    Effect.gen(function* () {
      const names = (yield* ask("SHOW MEASUREMENTS", database)).map(({ name }) => String(name))
      assert.sameMembers(
        names.filter((name) => !own(name)),
        ["latency", ...(database === "info" ? ["queue"] : []), ...Object.keys(counters), ...Object.keys(points)]
      )
      for (const [name, sum] of Object.entries(counters)) {
        assert.deepInclude(yield* stored(database, name, "sum(value) AS sum"), { sum })
      }
      for (const [name, expected] of Object.entries(points)) {
        assert.deepInclude(yield* stored(database, name, "count(n) AS count, sum(n) AS sum"), expected)
      }
      const shops = yield* ask("SELECT sum(value) AS sum FROM work GROUP BY shop", database)
      assert.deepStrictEqual(
        shops.map(({ shop, sum }) => [shop, sum]),
        ["berlin", "paris"].map((shop) => [shop, counters["work"]! / 2])
      )
      assert.deepInclude(
        yield* stored(
          database,
          "latency",
          'sum("count") AS count, sum("sum") AS sum, min("min") AS min, max("max") AS max'
        ),
        {
          count: latencies.length,
          sum: sumOf(latencies),
          min: latencies[0],
          max: latencies[latencies.length - 1]
        }
      )
      if (database !== "info") return
      const queues = yield* ask("SELECT last(value) AS last FROM queue GROUP BY instance", database)
      assert.deepStrictEqual(
        queues.map(({ instance, last }) => [Number(instance), last]),
        Array.from({ length: publishers }, (_, index) => [index, steps])
      )
    })

  /** Percentiles of merged histograms: those of one histogram of all values, and near enough to the values themselves. */
  const checkPercentiles = (database: string, values: Float64Array) =>
    Effect.gen(function* () {
      const rows = yield* ask("SELECT * FROM latency", `${database}_whole`)
      assert.strictEqual(rows.length, 1)
      const one = new Histogram()
      for (const value of values) one.record(value)
      const error = relativeError(one.scale)
      const found = [0.5, 0.95, 0.99].map((q) => {
        const merged = Number(rows[0]![`p${q * 100}`])
        const exact = values[Math.floor(q * (values.length - 1))]!
        assert.strictEqual(merged, one.quantile(q))
        assert.isAtMost(Math.abs(merged - exact) / exact, error)
        return { q, merged, exact, error: Math.abs(merged - exact) / exact }
      })
      return { scale: one.scale, error, found }
    })

  const checkLibrato = ({ complaints, items }: StandIn, { counters, latencies, points }: Expected): void => {
    assert.deepStrictEqual(complaints, [])
    const named = (name: string) => items.filter((item) => item.name === name)
    for (const [name, sum] of Object.entries(counters)) {
      assert.strictEqual(sumOf(named(name).map(({ value }) => value!)), sum)
    }
    for (const [name, { count, sum }] of Object.entries(points)) {
      const found = named(`${name}.n`)
      assert.deepStrictEqual([found.length, sumOf(found.map(({ value }) => value!))], [count, sum])
    }
    const windows = named("latency")
    assert.deepStrictEqual(
      [
        sumOf(windows.map(({ count }) => count!)),
        sumOf(windows.map(({ sum }) => sum!)),
        Math.min(...windows.map(({ min }) => min!)),
        Math.max(...windows.map(({ max }) => max!))
      ],
      [latencies.length, sumOf(latencies), latencies[0], latencies[latencies.length - 1]]
    )
    const known = ["latency", "queue", ...Object.keys(counters), ...Object.keys(points).map((name) => `${name}.n`)]
    const others = items.filter(({ name }) => !own(name) && !known.includes(name))
    assert.deepStrictEqual(others, [])
  }

  it.scopedLive(
    `carries all that ten publishers record in ${seconds} s to the workers for it, and merges it exactly`,
    () =>
      Effect.gen(function* () {
        const at = yield* ports
        yield* fork("broker", at)
        const [info, rest] = yield* Effect.all(
          [workerFor(at.workerPort, "info", ["info"]), workerFor(at.workerPort, "rest", ["crit", ""])],
          { concurrency: "unbounded" }
        )
        const programs = yield* Effect.forEach(
          Array.from({ length: publishers }),
          (_, index) => fork("publisher", { port: at.port, index, everyMillis: 50 }),
          { concurrency: "unbounded" }
        )
        const accountOf = ({ part }: RunningWorker) => ({ account: part.ask("account") })
        yield* joined(at, accountOf(info), { ...accountOf(rest), level: "crit" })

        const start = performance.now()
        yield* Effect.forEach(programs, (program) => program.ask("record", steps), { concurrency: "unbounded" })
        const loaded = performance.now() - start
        let recorded = 0
        let messages = 0
        for (const [first] of yield* Effect.forEach(programs, ({ end }) => end, { concurrency: "unbounded" })) {
          const { ledger } = first!
          assert.deepStrictEqual([Ledger.imbalance(ledger), ledger.delivered, ledger.dropped], [0, ledger.recorded, {}])
          recorded += ledger.recorded
          messages += ledger.sent.writes
        }
        for (const [level, worker] of [
          ["info", info],
          ["crit", rest]
        ] as const) {
          yield* settled(worker)
          const { account, ledgers } = yield* worker.part.end
          assert.deepStrictEqual([account.duplicates, account.stale], [0, 0])
          assert.deepStrictEqual(
            ledgers.map(({ ledger, name }) => [name, Ledger.imbalance(ledger), ledger.delivered === ledger.recorded]),
            ["influxdb", "whole", "librato"].map((name) => [name, 0, true])
          )
          const expected = expectedOf(level)
          yield* checkInfluxDb(worker.database, expected)
          checkLibrato(worker.librato, expected)
          const percentiles = yield* checkPercentiles(worker.database, expected.latencies)
          if (process.env["RELAY_SECONDS"] !== undefined) {
            console.log(JSON.stringify({ level, values: expected.latencies.length, account, ...percentiles }))
          }
        }
        if (process.env["RELAY_SECONDS"] !== undefined) {
          console.log(JSON.stringify({ recorded, writes: messages, millis: Math.round(loaded) }))
        }
      }),
    // Thirteen processes, which a busy machine keeps waiting for each other.
    (seconds + 120) * 1000
  )
})
