/**
 * VictoriaMetrics, which takes OpenTSDB's protocols on ports of their own, and swallows what it cannot read: so its own count
 * of bad rows is the proof that there were none.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Ledger from "../../src/Ledger.js"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import * as OpenTsdb from "../../src/sinks/OpenTsdb.js"
import type { Server } from "./harness.js"
import { freePort, noVictoriaMetrics, samples, victoriaMetrics } from "./harness.js"
import { counterOf, outliving, shutdownTimeout, stoppedMeanwhile, sumOf, until } from "./victoria.js"

const title = `VictoriaMetrics as OpenTSDB${noVictoriaMetrics === false ? "" : ` (${noVictoriaMetrics})`}`

describe.skipIf(noVictoriaMetrics !== false)(title, () => {
  let server: Server
  const ports = { lines: 0, http: 0 }
  beforeAll(async () => {
    ports.lines = await freePort()
    ports.http = await freePort()
    server = await victoriaMetrics([
      `-opentsdbListenAddr=127.0.0.1:${ports.lines}`,
      `-opentsdbHTTPListenAddr=127.0.0.1:${ports.http}`
    ])
  })
  afterAll(() => server?.stop())

  const quick = {
    hostTag: { value: "h" },
    retry: { initial: "1 millis", max: "20 millis" },
    shutdownTimeout
  } as const

  const wires: Readonly<
    Record<string, { readonly type: string; readonly layer: (options?: OpenTsdb.PointOptions) => MetricsLayer }>
  > = {
    lines: {
      type: "opentsdb",
      layer: (options) => OpenTsdb.layer({ host: "127.0.0.1", port: ports.lines, ...quick, ...options })
    },
    json: {
      type: "opentsdbhttp",
      layer: (options) =>
        OpenTsdb.layerHttp({ url: `http://127.0.0.1:${ports.http}`, ...quick, ...options }).pipe(
          Layer.provide(FetchHttpClient.layer)
        )
    }
  }

  const run = (program: Effect.Effect<unknown>, layer: MetricsLayer) =>
    Effect.gen(function* () {
      const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(Effect.provide(layer), Effect.orDie)
      const { ledger } = Metrics.ledgersOf(hub)[0]!
      assert.strictEqual(Ledger.imbalance(ledger), 0)
      return ledger
    })

  const read = (start: string) => Effect.promise(() => samples(server, start))

  for (const [wire, { layer, type }] of Object.entries(wires)) {
    it.live(`takes every kind of measurement as ${wire}`, () =>
      Effect.gen(function* () {
        const start = `every.${wire}.`
        const bad = yield* counterOf(server, "vm_rows_invalid_total", type)
        const inserted = yield* counterOf(server, "vm_rows_inserted_total", type)
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(Metrics.counter(`${start}c`), 3)
          yield* Metrics.set(Metrics.gauge(`${start}g`, { valueType: "int" }), -4)
          yield* Metrics.record(Metrics.distribution(`${start}d`, { boundaries: [1, 5] }), 2)
          yield* Metrics.emit(
            `${start}p`,
            { value: 1e300, b: true, i: 7n, j: Measurement.int(8) },
            { tags: { a: "b/c" } }
          )
        })
        const ledger = yield* run(program, layer())
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [4, {}])
        yield* until(counterOf(server, "vm_rows_inserted_total", type), (now) => now >= inserted + 17)
        const stored = yield* read(start.replaceAll(".", "\\\\."))
        const values = Object.fromEntries(
          stored.map(({ metric, values }) => [metric["__name__"]!.slice(start.length), values[0]])
        )
        assert.deepInclude(values, { c: 3, g: -4, p: 1e300, "p.b": 1, "p.i": 7, "p.j": 8 })
        assert.deepInclude(values, { "d.count": 1, "d.sum": 2, "d.le_1": 0, "d.le_5": 1, "d.le_inf": 1, "d.p99": 2 })
        const labels = stored.find(({ metric }) => metric["__name__"] === `${start}p`)!.metric
        assert.deepInclude(labels, { host: "h", a: "b/c" })
        assert.strictEqual(yield* counterOf(server, "vm_rows_invalid_total", type), bad)
      })
    )

    it.live(`stores twenty thousand points once each, and finds none of the ${wire} bad`, () =>
      Effect.gen(function* () {
        const name = `many${wire}`
        const bad = yield* counterOf(server, "vm_rows_invalid_total", type)
        const before = yield* counterOf(server, "vm_rows_inserted_total", type)
        const first = Math.floor(Date.now() / 1000) * 1000 - 1_000_000
        const program = Effect.forEach(
          Array.from({ length: 20_000 }),
          (_, i) => {
            const timestamp = new Date(first + Math.floor(i / 100) * 1000)
            return Metrics.emit(name, { value: i }, { tags: { n: String(i % 100) }, timestamp })
          },
          { discard: true }
        )
        const ledger = yield* run(program, layer())
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [20_000, {}])
        const inserted = yield* until(
          counterOf(server, "vm_rows_inserted_total", type),
          (now) => now >= before + 20_000
        )
        assert.strictEqual(inserted, before + 20_000)
        assert.strictEqual(yield* counterOf(server, "vm_rows_invalid_total", type), bad)
        const stored = yield* read(name)
        const values = stored.flatMap(({ values }) => values)
        assert.deepStrictEqual([values.length, new Set(values).size], [20_000, 20_000])
      })
    )

    it.live(`stopped and continued while ${wire} are written: the sum is right`, () =>
      Effect.gen(function* () {
        const { program, recorded } = yield* stoppedMeanwhile(server, `survivor${wire}`)
        const inserted = yield* counterOf(server, "vm_rows_inserted_total", type)
        const ledger = yield* run(program, layer(outliving))
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [yield* recorded, {}])
        yield* until(counterOf(server, "vm_rows_inserted_total", type), (now) => now >= inserted + ledger.sent.writes)
        assert.strictEqual(yield* sumOf(server, `survivor${wire}`), ledger.recorded)
      })
    )
  }

  it.live("takes milliseconds in lines for seconds of a far future, which is why seconds are the default", () =>
    Effect.gen(function* () {
      const tooBig = Effect.map(
        Effect.promise(async () => (await fetch(`${server.url}/metrics`)).text()),
        (text) => Number(/^vm_rows_ignored_total\{reason="big_timestamp"\} (\d+)/m.exec(text)?.[1] ?? NaN)
      )
      const before = yield* tooBig
      const ledger = yield* run(Metrics.emit("millis", { value: 1 }), wires["lines"]!.layer({ resolution: "ms" }))
      assert.strictEqual(ledger.delivered, 1)
      yield* until(tooBig, (now) => now === before + 1)
    })
  )

  it.live("is checked on both ports", () =>
    Effect.gen(function* () {
      yield* OpenTsdb.check({ host: "127.0.0.1", port: ports.lines })
      const url = `http://127.0.0.1:${ports.http}`
      yield* Effect.provide(OpenTsdb.checkHttp({ url }), FetchHttpClient.layer)
    })
  )
})

type MetricsLayer = Layer.Layer<Metrics.Metrics, unknown>
