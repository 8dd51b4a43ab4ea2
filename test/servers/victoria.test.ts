/**
 * VictoriaMetrics, which takes line protocol at InfluxDB's addresses, and swallows what it cannot read: so its own count of bad
 * rows is the proof that there were none.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Redacted, Ref } from "effect"
import * as Ledger from "../../src/Ledger.js"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import { layerOf } from "../sinks/influxdb/harness.js"
import type { Server } from "./harness.js"
import { noVictoriaMetrics, samples, victoriaMetrics } from "./harness.js"
import { counterOf, outliving, shutdownTimeout, stoppedMeanwhile, sumOf, until } from "./victoria.js"

const run = (server: Server, program: Effect.Effect<unknown>, options: Partial<InfluxDb.Options> = {}) =>
  Effect.gen(function* () {
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(layerOf({ url: server.url, shutdownTimeout, ...options })),
      Effect.orDie
    )
    const { ledger } = Metrics.ledgersOf(hub)[0]!
    assert.strictEqual(Ledger.imbalance(ledger), 0)
    return ledger
  })

/** By name without its start. */
const read = (server: Server, start: string) =>
  Effect.map(
    Effect.promise(() => samples(server, start)),
    (all) =>
      all.map(({ metric: { __name__: name, ...labels }, ...rest }) => ({
        ...rest,
        name: name!.slice(start.length),
        labels
      }))
  )

const title = `VictoriaMetrics${noVictoriaMetrics === false ? "" : ` (${noVictoriaMetrics})`}`

describe.skipIf(noVictoriaMetrics !== false)(title, () => {
  let server: Server
  beforeAll(async () => {
    server = await victoriaMetrics()
  })
  afterAll(() => server?.stop())

  for (const version of [1, 2] as const) {
    it.live(`takes every kind of measurement at the address of version ${version}`, () =>
      Effect.gen(function* () {
        const start = `v${version}_`
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(Metrics.counter(`${start}c`), 3)
          yield* Metrics.set(Metrics.gauge(`${start}g`, { valueType: "int" }), -4)
          yield* Metrics.record(Metrics.distribution(`${start}d`, { boundaries: [1, 5] }), 2)
          yield* Metrics.emit(`${start}p`, { f: 1.5, b: true, i: 7n }, { tags: { "a b,c": "d=é ,f" } })
        })
        const destination = version === 1 ? { database: "my db" } : { version, bucket: "my bucket" }
        const ledger = yield* run(server, program, destination)
        assert.strictEqual(ledger.delivered, 4)
        const stored = yield* read(server, start)
        const values = Object.fromEntries(stored.map(({ name, values }) => [name, values]))
        assert.deepStrictEqual([values["c_value"], values["g_value"]], [[3], [-4]])
        assert.deepStrictEqual(
          [values["d_count"], values["d_sum"], values["d_le_1"], values["d_le_inf"]],
          [[1], [2], [0], [1]]
        )
        assert.deepStrictEqual([values["p_f"], values["p_b"], values["p_i"]], [[1.5], [1], [7]])
        const labels = stored.find(({ name }) => name === "p_f")!.labels
        assert.strictEqual(labels["a b,c"], "d=é ,f")
        if (version === 1) assert.strictEqual(labels["db"], "my db")
      })
    )
  }

  it.live("stores twenty thousand points once each, and finds no bad line among them", () =>
    Effect.gen(function* () {
      const bad = yield* counterOf(server, "vm_rows_invalid_total", "influx")
      const before = yield* counterOf(server, "vm_rows_inserted_total", "influx")
      const program = Effect.forEach(
        Array.from({ length: 20_000 }),
        (_, i) => Metrics.emit("many", { i: Measurement.int(i) }, { tags: { n: String(i % 100) } }),
        { discard: true }
      )
      const ledger = yield* run(server, program, { concurrency: 3, precision: "ms" })
      assert.strictEqual(ledger.delivered, 20_000)
      const inserted = yield* until(
        counterOf(server, "vm_rows_inserted_total", "influx"),
        (now) => now >= before + 20_000
      )
      assert.strictEqual(inserted, before + 20_000)
      assert.strictEqual(yield* counterOf(server, "vm_rows_invalid_total", "influx"), bad)
      const stored = yield* read(server, "many")
      assert.strictEqual(
        stored.reduce((sum, { values }) => sum + values.length, 0),
        20_000
      )
      assert.strictEqual(new Set(stored.flatMap(({ values }) => values)).size, 20_000)
    })
  )

  it.live("stopped and continued while it is written to: the sum is right", () =>
    Effect.gen(function* () {
      const { program, recorded } = yield* stoppedMeanwhile(server, "survivor")
      const ledger = yield* run(server, program, outliving)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [yield* recorded, {}])
      assert.strictEqual(yield* sumOf(server, "survivor"), ledger.recorded)
    })
  )
})

describe.skipIf(noVictoriaMetrics !== false)(`${title} with a password`, () => {
  let server: Server
  beforeAll(async () => {
    server = await victoriaMetrics(["-httpAuth.username=u", "-httpAuth.password=p"])
  })
  afterAll(() => server?.stop())

  it.live("is checked, and written to once the password is right", () =>
    Effect.gen(function* () {
      const check = (password: string) =>
        InfluxDb.check({ url: server.url, database: "app", username: "u", password: Redacted.make(password) }).pipe(
          Effect.either,
          Effect.map((result) => (result._tag === "Right" ? "fine" : result.left._tag)),
          Effect.provide(FetchHttpClient.layer)
        )
      assert.deepStrictEqual([yield* check("p"), yield* check("q")], ["fine", "Unauthorized"])
      const reads = yield* Ref.make(0)
      const password = Effect.map(
        Ref.updateAndGet(reads, (n) => n + 1),
        (n) => Redacted.make(n < 3 ? "q" : "p")
      )
      const ledger = yield* run(server, Metrics.emit("guarded", { v: 1 }), { username: "u", password })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, {}])
    })
  )
})
