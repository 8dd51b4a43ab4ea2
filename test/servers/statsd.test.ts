/**
 * Etsy's StatsD daemon. It says nothing to whoever writes to it, and takes what it cannot read for something else; so what it
 * holds is read back at its management port, with its own count of bad lines.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Metrics from "../../src/Metrics.js"
import * as StatsD from "../../src/sinks/StatsD.js"
import { run } from "../sinks/statsd/harness.js"
import { type Daemon, etsy } from "./etsy.js"

const hits = Metrics.counter("hits")
const depth = Metrics.gauge("depth")
const duration = Metrics.timer("duration")

/** What Linux says of the socket on a port: bytes that wait in it, and datagrams that found no room. Elsewhere, nothing. */
const udpOf = (port: number): { readonly waiting: number; readonly lost: number } => {
  const table = existsSync("/proc/net/udp") ? readFileSync("/proc/net/udp", "utf8") : ""
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const [, , , , queues = "", ...rest] =
    table
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find(([, address]) => address === local) ?? []
  return { waiting: parseInt(queues.split(":")[1] ?? "0", 16), lost: Number(rest.at(-1) ?? 0) }
}

describe("etsy's StatsD", () => {
  let statsd: Daemon
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "effect-metrics-statsd-"))
    statsd = await etsy(folder)
    await statsd.start()
  })
  afterAll(async () => {
    await statsd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const read = (what: "counters" | "gauges" | "timers") => Effect.promise(() => statsd.read(what))

  /** It reads what came a moment later. */
  const until = (name: string, value: number) =>
    Effect.gen(function* () {
      while ((yield* read("counters"))[name] !== value) yield* Effect.sleep("10 millis")
    }).pipe(Effect.timeout("10 seconds"), Effect.orDie)

  for (const protocol of ["udp", "tcp"] as const) {
    it.live(`reads every kind of measurement over ${protocol}, and no line as a bad one`, () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.incrementBy(hits, 5)
          yield* Metrics.incrementBy(hits, 2, { tags: { route: "a", method: "GET" } })
          yield* Metrics.set(depth, 7)
          yield* Metrics.flush
          yield* Metrics.set(depth, -10.5)
          yield* Effect.forEach([0.32, 0.001, 1.5e-7], (seconds) => Metrics.record(duration, seconds))
          yield* Metrics.record(Metrics.distribution("size"), 1e21)
          yield* StatsD.set("visitors", "u-1")
          yield* Metrics.incrementBy(Metrics.counter("busy", { monotonic: false }), 4)
          yield* Metrics.flush
          yield* Metrics.incrementBy(Metrics.counter("busy", { monotonic: false }), -1)
          yield* Metrics.flush
          yield* Metrics.increment(Metrics.counter("last"))
        })
        const options: StatsD.Options = {
          protocol,
          host: "127.0.0.1",
          port: statsd.port,
          prefix: `${protocol}.`,
          deltas: ({ name }) => name.endsWith("busy")
        }
        const { ledger } = yield* run(options, program)
        assert.strictEqual(ledger.delivered, 12)
        yield* until(`${protocol}.last`, 1)
        const [counters, gauges, timers] = yield* Effect.all([read("counters"), read("gauges"), read("timers")])
        assert.strictEqual(counters[`${protocol}.hits`], 5)
        assert.strictEqual(counters[`${protocol}.hits;method=GET;route=a`], 2)
        assert.strictEqual(gauges[`${protocol}.depth`], -10.5)
        assert.strictEqual(gauges[`${protocol}.busy`], 3)
        assert.deepStrictEqual(timers[`${protocol}.duration`], [320, 1, 0.00015])
        assert.deepStrictEqual(timers[`${protocol}.size`], [1e21])
        assert.strictEqual(counters["statsd.bad_lines_seen"], 0)
      })
    )

    it.live(`gets all of ten thousand samples over ${protocol}, at the default pace`, () =>
      Effect.gen(function* () {
        const options = { protocol, host: "127.0.0.1", port: statsd.port, prefix: `${protocol}.` } as const
        const program = Effect.gen(function* () {
          const handle = yield* Metrics.bind(Metrics.timer("many"))
          for (let i = 0; i < 10_000; i++) handle.record(i / 1000)
          yield* Metrics.flush
          yield* Metrics.increment(Metrics.counter("end"))
        })
        const attempt = Effect.gen(function* () {
          const before = Number((yield* read("counters"))["statsd.metrics_received"])
          const lostBefore = udpOf(statsd.port).lost
          const { ledger } = yield* run(options, program)
          assert.strictEqual(ledger.delivered, 10_001)
          if (protocol === "tcp") yield* until(`${protocol}.end`, 1)
          else yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => udpOf(statsd.port).waiting === 0 })
          const counters = yield* read("counters")
          assert.strictEqual(counters["statsd.bad_lines_seen"], 0)
          return {
            received: Number(counters["statsd.metrics_received"]) - before,
            lost: udpOf(statsd.port).lost - lostBefore
          }
        })
        // Whoever is kept from running while forty milliseconds of datagrams come has no room for them, at any pace.
        const last = yield* Effect.repeat(attempt, { until: ({ lost }) => lost === 0, times: 9 })
        assert.deepStrictEqual(last, { received: 10_001, lost: 0 })
      })
    )
  }

  it.live("is missed over tcp while it is started again, and told all that was counted meanwhile", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 1)
        yield* Metrics.flush
        yield* until("again.hits", 1)
        yield* Effect.promise(() => statsd.stop())
        yield* Effect.sleep("20 millis")
        yield* Metrics.incrementBy(hits, 20)
        const flushing = yield* Effect.fork(Metrics.flushWithin("20 seconds"))
        yield* Metrics.incrementBy(hits, 300)
        yield* Effect.promise(() => statsd.start())
        yield* Fiber.join(flushing)
        yield* Metrics.flush
        yield* until("again.hits", 320)
      })
      const options = { protocol: "tcp", host: "127.0.0.1", port: statsd.port, prefix: "again." } as const
      const { ledger } = yield* run(options, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [3, {}])
    })
  )

  it.live("is missed over udp too, but for what the kernel took before it said so", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 1)
        yield* Metrics.flush
        yield* until("once.hits", 1)
        yield* Effect.promise(() => statsd.stop())
        yield* Metrics.incrementBy(hits, 20)
        yield* Metrics.flush
        yield* Effect.sleep("20 millis")
        yield* Metrics.incrementBy(hits, 300)
        const flushing = yield* Effect.fork(Metrics.flushWithin("20 seconds"))
        yield* Effect.promise(() => statsd.start())
        yield* Fiber.join(flushing)
        yield* until("once.hits", 300)
      })
      const { ledger } = yield* run({ host: "127.0.0.1", port: statsd.port, prefix: "once." }, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [3, {}])
      const counters = yield* read("counters")
      assert.strictEqual(counters["statsd.bad_lines_seen"], 0)
    })
  )
})
