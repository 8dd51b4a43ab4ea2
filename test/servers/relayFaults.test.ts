/** What becomes of a relay when one of its processes is stopped, killed or started again in mid-load. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import * as Ledger from "../../src/Ledger.js"
import { perStep } from "../process/load.js"
import {
  backend,
  joined,
  ofApps,
  ports,
  type Ports,
  type RunningWorker,
  startBroker,
  startWorker,
  totals
} from "../relay/harness.js"
import { fork, type Part } from "../relay/processes.js"
import { respond } from "../sinks/librato/harness.js"
import { make as makeLibrato } from "../sinks/librato/stand-in.js"
import { serve } from "../transport/server.js"
import { influxDb, noInfluxDb, query, type Server } from "./harness.js"

/** Recordings that have come to a worker in this process. */
const arrived = ({ backend }: RunningWorker): number =>
  ofApps(backend.measurements).reduce((sum, { weight }) => sum + weight, 0)

const worker = (at: Ports, levels?: ReadonlyArray<string>) =>
  startWorker(at, { levels }, backend({ schedule: Schedule.fixed("50 millis") }))

const publisher = (at: Ports, index: number, everyMillis = 20) =>
  fork("publisher", { port: at.port, index, everyMillis })

const until = (isSo: () => boolean) => Effect.repeat(Effect.sleep("10 millis"), { until: isSo })

/** Of a worker that may have joined before. */
const joinedAgain = (at: Ports, { account }: Pick<RunningWorker, "account">) =>
  Effect.gen(function* () {
    const { malformed } = (yield* account).unreadable
    const since = Effect.map(account, (now) => ({
      ...now,
      unreadable: { ...now.unreadable, malformed: now.unreadable.malformed - malformed }
    }))
    yield* joined(at, { account: since })
  })

const ledgersOf = (programs: ReadonlyArray<Part<"publisher">>, what: "ledger" | "flush" = "ledger") =>
  Effect.map(
    Effect.forEach(programs, (program) => program.ask(what), { concurrency: "unbounded" }),
    (ledgers) => ({
      recorded: ledgers.reduce((sum, { recorded }) => sum + recorded, 0),
      delivered: ledgers.reduce((sum, { delivered }) => sum + delivered, 0),
      dropped: ledgers.flatMap(({ dropped }) => Object.keys(dropped))
    })
  )

describe("a relay", { timeout: 120_000 }, () => {
  it.scopedLive("loses of a publisher that is killed just what it had not sent, and of no other anything", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      const info = yield* worker(at, ["info"])
      // It writes when it is told to.
      const victim = yield* publisher(at, 0, 3_600_000)
      const other = yield* publisher(at, 1)
      yield* joined(at, info)
      yield* victim.ask("record", 50)
      const sent = yield* victim.ask("flush")
      assert.strictEqual(sent.delivered, sent.recorded)
      yield* until(() => totals(info.backend.measurements)["info order instance=0"] === (50 * 51) / 2)
      const loading = yield* Effect.fork(other.ask("record", 100))
      yield* victim.ask("record", 30)
      yield* victim.kill
      yield* Fiber.join(loading)
      yield* other.end
      yield* until(() => totals(info.backend.measurements)["info order instance=1"] === (100 * 101) / 2)
      yield* info.stop
      const shop = ((50 + 100) * perStep.info) / 2
      assert.deepStrictEqual(totals(info.backend.measurements), {
        "info work shop=berlin": shop,
        "info work shop=paris": shop,
        "info latency": shop * 2,
        "info order instance=0": (50 * 51) / 2,
        "info order instance=1": (100 * 101) / 2,
        "info queue instance=0": 50,
        "info queue instance=1": 100
      })
    })
  )

  it.scopedLive(
    "keeps what is recorded while its broker is dead, and loses at most what is sent until its workers are back",
    () =>
      Effect.gen(function* () {
        const at = yield* ports
        const broker = yield* fork("broker", at)
        const all = yield* worker(at)
        const programs = yield* Effect.forEach([0, 1, 2], (index) => publisher(at, index), { concurrency: "unbounded" })
        yield* joined(at, all)
        const record = (steps: number) =>
          Effect.forEach(programs, (program) => program.ask("record", steps), { concurrency: "unbounded" })

        yield* record(100)
        const before = yield* ledgersOf(programs, "flush")
        yield* until(() => arrived(all) === before.delivered)
        const loading = yield* Effect.fork(record(500))
        yield* until(() => arrived(all) > 1.2 * before.delivered)
        yield* broker.kill
        yield* Effect.sleep("1 second")
        const dead = yield* ledgersOf(programs)
        const atLeast = arrived(all)
        yield* fork("broker", at)
        yield* joinedAgain(at, all)
        const back = yield* ledgersOf(programs)
        yield* Fiber.join(loading)
        const after = yield* ledgersOf(programs, "flush")
        assert.deepStrictEqual([after.delivered, after.dropped], [after.recorded, []])
        assert.isAbove(dead.recorded, dead.delivered)
        // The last to be sent are the last to arrive.
        yield* Effect.forEach(programs, ({ end }) => end, { concurrency: "unbounded" })
        yield* until(() =>
          [0, 1, 2].every((index) => totals(all.backend.measurements)[`info queue instance=${index}`] === 600)
        )
        yield* all.stop
        const lost = after.delivered - arrived(all)
        assert.isAtLeast(lost, 0)
        assert.isAtMost(lost, back.delivered - atLeast)
      })
  )
})

describe.skipIf(noInfluxDb)("a relay with InfluxDB", { timeout: 120_000 }, () => {
  let server: Server
  beforeAll(async () => {
    server = await influxDb()
  })
  afterAll(() => server?.stop())

  const ask = (text: string, database = "app") => Effect.promise(() => query(server, text, { database }))

  it.scopedLive("does without a worker that is stopped for seconds, which then gets all of it", () =>
    Effect.gen(function* () {
      const at = yield* ports
      yield* startBroker(at)
      yield* ask("CREATE DATABASE app")
      yield* ask("CREATE DATABASE app_whole")
      const { url: librato } = yield* serve(respond(makeLibrato()))
      const info = yield* worker(at, ["info"])
      const levels = ["info"]
      const stopped = yield* fork("worker", {
        port: at.workerPort,
        levels,
        influxDb: server.url,
        database: "app",
        librato
      })
      const programs = yield* Effect.forEach([0, 1], (index) => publisher(at, index), { concurrency: "unbounded" })
      yield* joined(at, info, { account: stopped.ask("account") })

      yield* stopped.signal("SIGSTOP")
      const steps = 300
      yield* Effect.forEach(programs, (program) => program.ask("record", steps), { concurrency: "unbounded" })
      for (const [first] of yield* Effect.forEach(programs, ({ end }) => end, { concurrency: "unbounded" })) {
        const { delivered, dropped, recorded } = first!.ledger
        assert.deepStrictEqual([delivered, dropped], [recorded, {}])
      }
      const orders = (steps * (steps + 1)) / 2
      yield* until(() =>
        [0, 1].every((index) => totals(info.backend.measurements)[`info order instance=${index}`] === orders)
      )
      yield* info.stop
      const all = 2 * steps * perStep.info
      assert.deepInclude(totals(info.backend.measurements), { "info work shop=paris": all / 2, "info latency": all })

      yield* stopped.signal("SIGCONT")
      yield* Effect.repeat(Effect.delay(ask('SELECT count(n) AS count FROM "order"'), "50 millis"), {
        until: ([row]) => row?.["count"] === 2 * steps
      })
      const { ledgers } = yield* stopped.end
      for (const { ledger } of ledgers) {
        assert.deepStrictEqual([Ledger.imbalance(ledger), ledger.delivered, ledger.dropped], [0, ledger.recorded, {}])
      }
      const [row] = yield* ask('SELECT sum("count") AS sum FROM latency')
      assert.strictEqual(row?.["sum"], all)
    })
  )
})
