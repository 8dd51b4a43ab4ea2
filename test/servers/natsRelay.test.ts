/**
 * The relay over a cluster of three servers of NATS: publishers and workers in processes of their own, which write to InfluxDB.
 * The leader of the stream is killed, and a worker. `EFFECT_METRICS_RELAY_SECONDS=60` records for a minute rather than some seconds.
 */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { dropped } from "../../src/Ledger.js"
import { fork } from "../relay/processes.js"
import { influxDb, noInfluxDb, query, type Server } from "./harness.js"
import { cluster, noNats } from "./nats.js"

const seconds = Number(process.env["EFFECT_METRICS_RELAY_SECONDS"] ?? 6)
const database = "relay"
const missing = noNats === false ? noInfluxDb : noNats

const until = <A>(effect: Effect.Effect<A>, is: (value: A) => boolean): Effect.Effect<A> =>
  Effect.repeat(Effect.delay(effect, 100), { until: is })

/** The sum of a field over everything that was written. */
const sum = (server: Server, what: string, from: string): Effect.Effect<number> =>
  Effect.promise(async () => {
    const [row] = await query(server, `SELECT ${what} AS total FROM "${from}"`, { database })
    return Number(row?.["total"] ?? 0)
  })

describe.skipIf(missing !== false)(`the relay over NATS${missing === false ? "" : ` (${missing})`}`, () => {
  it.scopedLive(
    "writes just what its publishers delivered, though the stream's leader and a worker are killed under load",
    () =>
      Effect.gen(function* () {
        const influx = yield* Effect.acquireRelease(
          Effect.promise(() => influxDb()),
          (made) => Effect.promise(() => made.stop())
        )
        yield* Effect.promise(() => query(influx, `CREATE DATABASE ${database}`))
        const nodes = yield* Effect.acquireRelease(Effect.promise(cluster), (made) =>
          Effect.promise(() => Promise.all(made.map(({ stop }) => stop())))
        )
        const servers = nodes.map(({ port }) => `127.0.0.1:${port}`)
        const connection = yield* Effect.acquireRelease(
          Effect.promise(() => connect({ servers })),
          (made) => Effect.promise(() => made.close())
        )
        const manager = yield* Effect.promise(() => jetstreamManager(connection, { checkAPI: false }))
        const stream = Effect.promise(() => manager.streams.info("METRICS").catch(() => undefined))
        const written = Effect.all({
          hits: sum(influx, "SUM(value)", "hits"),
          latency: sum(influx, "SUM(count)", "latency"),
          orders: sum(influx, "COUNT(n)", "order")
        })
        const total = Effect.map(written, ({ hits, latency, orders }) => hits + latency + orders)

        const publishers = yield* Effect.forEach([0, 1, 2, 3], (index) => fork("natsPublisher", { servers, index }), {
          concurrency: 4
        })
        const [victim] = yield* Effect.forEach(
          [0, 1, 2],
          () => fork("natsWorker", { servers, influxDb: influx.url, database, windows: "keep" }),
          { concurrency: 3 }
        )
        const end = performance.now() + seconds * 1000
        let isKilled = false
        // However long the rest takes, it is under load.
        const load = yield* Effect.fork(
          Effect.forEach(
            publishers,
            ({ ask }) => Effect.repeat(ask("record", 500), { while: () => !isKilled || performance.now() < end }),
            { concurrency: "unbounded" }
          )
        )
        yield* until(total, (count) => count > 0)
        const leader = (yield* until(stream, (info) => info?.cluster?.leader !== undefined))!.cluster!.leader!
        yield* Effect.promise(() => nodes[Number(leader.slice(1))]!.kill())
        // It writes again, so this worker holds what it has written and not yet acknowledged.
        const before = yield* total
        yield* until(
          Effect.all([total, victim!.ask("account")]),
          ([count, { messages }]) => count > before && messages > 0
        )
        yield* victim!.kill
        isKilled = true
        yield* Fiber.join(load)
        const ledgers = yield* Effect.forEach(publishers, ({ end }) => end, { concurrency: "unbounded" })
        let delivered = 0
        for (const [lane] of ledgers) {
          assert.strictEqual(dropped(lane!.ledger), 0)
          delivered += lane!.ledger.delivered
        }
        assert.isAbove(delivered, 1000)
        yield* until(stream, (info) => info?.state.messages === 0)
        const { hits, latency, orders } = yield* written
        assert.strictEqual(hits + latency + orders, delivered)
        // A step is so many of each.
        assert.deepStrictEqual([hits, orders], [latency, latency / 6])
      }),
    120_000 + seconds * 2000
  )
})
