/**
 * One program, three real backends, load, and one of the backends stopped in the middle: the other two must not notice, and the
 * ledger of each must balance at every moment.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Ledger from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import * as OpenTsdb from "../../src/sinks/OpenTsdb.js"
import * as StatsD from "../../src/sinks/StatsD.js"
import { type Daemon, etsy } from "./etsy.js"
import {
  freePort,
  influxDb,
  noInfluxDb,
  noVictoriaMetrics,
  query,
  samples,
  type Server,
  victoriaMetrics
} from "./harness.js"

const missing = noInfluxDb === false ? noVictoriaMetrics : noInfluxDb
const title = `three sinks${missing === false ? "" : ` (${missing})`}`

const sinks = ["influxdb", "opentsdb", "statsd"] as const
type Name = (typeof sinks)[number]

describe.skipIf(missing !== false)(title, () => {
  let folder: string
  let influx: Server
  let victoria: Server
  let statsd: Daemon
  let linesPort: number

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "effect-metrics-isolation-"))
    linesPort = await freePort()
    ;[influx, victoria, statsd] = await Promise.all([
      influxDb(),
      victoriaMetrics([`-opentsdbListenAddr=127.0.0.1:${linesPort}`]),
      etsy(folder)
    ])
    await statsd.start()
  })
  afterAll(async () => {
    await Promise.all([influx?.stop(), victoria?.stop(), statsd?.stop()])
    rmSync(folder, { recursive: true, force: true })
  })

  const signal = (name: Name, what: NodeJS.Signals): void =>
    ({ influxdb: influx, opentsdb: victoria, statsd })[name].signal(what)

  /** What the backend has of a counter's increases. */
  const counted = (name: Name, counter: string): Effect.Effect<number> =>
    Effect.promise(async () => {
      if (name === "statsd") return Number((await statsd.read("counters"))[counter] ?? 0)
      if (name === "influxdb") {
        const [row] = await query(influx, `SELECT sum(value) AS sum FROM "${counter}"`, { database: "app" })
        return Number(row?.["sum"] ?? 0)
      }
      const found = await samples(victoria, counter)
      return found.flatMap(({ values }) => values).reduce((sum, value) => sum + value, 0)
    })

  for (const stopped of sinks) {
    it.live(
      `are undisturbed, but for ${stopped}, while ${stopped} is stopped under load`,
      () =>
        Effect.gen(function* () {
          const counter = `load_on_${stopped}`
          const load = Metrics.counter(counter)
          const quick = {
            schedule: Schedule.fixed("50 millis"),
            retry: { initial: "10 millis", max: "100 millis" },
            shutdownTimeout: "20 seconds",
            hostTag: { value: "h" }
          } as const
          // What does not answer is to be noticed; the others may be kept from running as long as a busy machine does.
          const patient = (name: Name) =>
            ({ ...quick, requestTimeout: name === stopped ? "1 second" : "20 seconds" }) as const
          const layer = Layer.mergeAll(
            InfluxDb.layerFetch({ ...patient("influxdb"), url: influx.url, database: "app", createDatabase: true }),
            // Windows fifty milliseconds apart would otherwise have to wait for seconds of their own.
            OpenTsdb.layer({
              ...patient("opentsdb"),
              host: "127.0.0.1",
              port: linesPort,
              schedule: Schedule.fixed("1 second")
            }),
            StatsD.layer({
              ...patient("statsd"),
              host: "127.0.0.1",
              port: statsd.port,
              protocol: "tcp",
              hostTag: "none"
            })
          )
          let recorded = 0
          const increment = Effect.zipRight(
            Effect.sync(() => void recorded++),
            Metrics.increment(load)
          )
          const hub = yield* Effect.gen(function* () {
            const hub = yield* Metrics.Metrics
            const ledgerOf = (name: Name) => Metrics.ledgersOf(hub).find((one) => one.name === name)!.ledger
            const balanced = Effect.sync(() => {
              for (const name of sinks) assert.strictEqual(Ledger.imbalance(ledgerOf(name)), 0, name)
            })
            /** Writes of the others go on, and deliver what was recorded before. */
            const others = sinks.filter((name) => name !== stopped)
            const catchUp = Effect.gen(function* () {
              const before = recorded
              while (others.some((name) => ledgerOf(name).delivered < before)) {
                yield* balanced
                yield* Effect.sleep("5 millis")
              }
            }).pipe(
              Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => "the others stand still" }),
              Effect.orDie
            )

            yield* Effect.forkScoped(
              Effect.forever(Effect.zipRight(Effect.repeatN(increment, 99), Effect.sleep("1 millis")))
            )
            yield* catchUp
            yield* Effect.sync(() => signal(stopped, "SIGSTOP"))
            yield* Effect.repeatN(Effect.zipRight(Effect.sleep("200 millis"), catchUp), 4)
            for (const name of others)
              assert.deepInclude(ledgerOf(name), { retried: 0, ambiguous: 0, dropped: {} }, name)
            yield* Effect.sync(() => signal(stopped, "SIGCONT"))
            yield* catchUp
            return hub
          }).pipe(
            Effect.scoped,
            Effect.ensuring(Effect.sync(() => signal(stopped, "SIGCONT"))),
            Effect.provide(layer),
            Effect.orDie
          )
          assert.isAbove(recorded, 1000)
          for (const name of sinks) {
            const { ledger } = Metrics.ledgersOf(hub).find((one) => one.name === name)!
            assert.deepInclude(ledger, { recorded, delivered: recorded, dropped: {}, refused: {} }, name)
            const inTime = Effect.repeat(counted(name, counter), {
              until: (sum) => sum === recorded,
              schedule: Schedule.spaced("100 millis")
            })
            yield* Effect.timeoutOption(inTime, "30 seconds")
            assert.strictEqual(yield* counted(name, counter), recorded, name)
          }
        }),
      60_000
    )
  }
})
