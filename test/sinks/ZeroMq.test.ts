import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Queue } from "effect"
import * as Ledger from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import { decode } from "../../src/encoding/relayReader.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"
import { zeroMq } from "../../src/transport/zeroMq.js"
import { freePort } from "../servers/harness.js"

const host = "127.0.0.1"

/** Stands in for a broker: takes all that is published, or, with a high-water mark, hardly anything. */
const listener = (highWaterMark = 0) =>
  Effect.gen(function* () {
    const zmq = yield* zeroMq()
    const port = yield* Effect.promise(freePort)
    const socket = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: highWaterMark })
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.close()))
    socket.subscribe()
    yield* Effect.promise(() => socket.bind(`tcp://${host}:${port}`))
    const messages = yield* Queue.unbounded<ReadonlyArray<Buffer>>()
    const listen = async (): Promise<void> => {
      for await (const frames of socket) messages.unsafeOffer(frames)
    }
    listen().catch(() => {})
    return { port, messages }
  })

const run = (record: Effect.Effect<unknown>, options: ZeroMq.Options) =>
  Effect.provide(
    Effect.zipRight(
      record,
      Effect.map(Metrics.flush, ([lane]) => lane!.ledger)
    ),
    ZeroMq.layer({ hostTag: "none", ...options })
  )

const hits = Metrics.counter("hits")
const latency = Metrics.timer("latency", { level: "debug" })

describe("ZeroMq", () => {
  it.scopedLive("publishes one message for each level of a write, with the level as its topic", () =>
    Effect.gen(function* () {
      const { messages, port } = yield* listener()
      const record = Effect.gen(function* () {
        for (const level of ["info", "crit", "info", undefined]) yield* Metrics.increment(hits, { level })
        yield* Metrics.record(latency, 0.5)
      })
      const ledger = yield* run(record, { port, publisher: "me", hostTag: { value: "h" } })
      assert.deepStrictEqual([ledger.delivered, ledger.recorded, ledger.sent.writes], [5, 5, 1])
      const got = yield* Queue.takeN(messages, 4)
      const bodies = Array.from(got, ([topic, body]) => {
        const read = decode(body!, Infinity)
        assert("measurements" in read)
        assert.strictEqual(topic!.toString(), `${read.level ?? ""}\0`)
        return read
      })
      assert.deepStrictEqual(
        bodies.map(({ level, measurements, publisher }) => [
          publisher,
          level,
          measurements.map(({ weight }) => weight)
        ]),
        [
          ["me", "info", [2]],
          ["me", "crit", [1]],
          ["me", undefined, [1]],
          ["me", "debug", [1]]
        ]
      )
      assert.strictEqual(new Set(bodies.map(({ batch }) => batch)).size, 4)
      assert.deepStrictEqual(bodies[0]!.measurements[0]!.series.tags, [["host", "h"]])
    })
  )

  it.scopedLive("writes as Zibrato wrote: counters as sums, everything else one by one", () =>
    Effect.gen(function* () {
      const { messages, port } = yield* listener()
      const record = Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 2)
        yield* Metrics.incrementBy(hits, 3)
        for (const value of [0, 0.25]) yield* Metrics.record(latency, value)
        for (const value of [7, 0]) yield* Metrics.set(Metrics.gauge("depth"), value)
      })
      const ledger = yield* run(record, { port, format: "zibrato", source: "web-1" })
      assert.deepStrictEqual([ledger.delivered, ledger.recorded], [6, 6])
      const frames = Array.from(yield* Queue.takeN(messages, 5), ([frame]) =>
        frame!.toString().replace(/\|\d{10}\|/, "|time|")
      )
      assert.sameMembers(frames, [
        "info|Counter|hits|5|time|web-1",
        "debug|Timer|latency|0|time|web-1",
        "debug|Timer|latency|0.25|time|web-1",
        "info|Gauge|depth|7|time|web-1",
        "info|Gauge|depth|0|time|web-1"
      ])
    })
  )

  it.scopedLive("drops what a frame cannot carry, and nothing beside it", () =>
    Effect.gen(function* () {
      const { messages, port } = yield* listener()
      const record = Effect.gen(function* () {
        yield* Metrics.increment(Metrics.counter("a|b"))
        yield* Metrics.increment(hits)
        yield* Metrics.emit("point", { text: "x" })
      })
      const ledger = yield* run(record, { port, format: "zibrato" })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { invalid: 1, unsupported: 1 }])
      assert.match((yield* Queue.take(messages))[0]!.toString(), /^info\|Counter\|hits\|1\|/)
      assert.strictEqual(Ledger.imbalance(ledger), 0)
    })
  )

  it.scopedLive("takes back what found no room, and delivers all of it in the end", () =>
    Effect.gen(function* () {
      const { messages, port } = yield* listener()
      const count = 3000
      const record = Effect.repeatN(Metrics.record(latency, 1), count - 1)
      const ledger = yield* run(record, {
        port,
        format: "zibrato",
        highWaterMark: 2,
        retry: { initial: "1 millis", max: "5 millis" }
      })
      assert.strictEqual(Ledger.imbalance(ledger), 0)
      assert.deepStrictEqual([ledger.ambiguous, ledger.dropped], [0, {}])
      const got = yield* Queue.takeN(messages, ledger.delivered)
      assert.strictEqual(got.length, ledger.delivered)
      // The rest is delivered by the close.
      assert.strictEqual((yield* Queue.takeN(messages, count - ledger.delivered)).length, count - ledger.delivered)
      assert.isTrue(yield* Queue.isEmpty(messages))
    })
  )

  it.effect("says which option cannot work", () =>
    Effect.gen(function* () {
      for (const [options, message] of [
        [
          { host: "tcp://x" },
          'zeromq: option host: "tcp://x" is not a host\'s name or address, without scheme and port'
        ],
        [{ port: 0 }, "zeromq: option port: 0 is not a port from 1 to 65535"],
        [{ format: "json" as never }, 'zeromq: option format: "json" is not one of native, zibrato'],
        [{ source: "a|b" }, 'zeromq: option source: "a|b" is not a text without |'],
        [{ highWaterMark: 0 }, "zeromq: option highWaterMark: 0 is not a whole number from 1 to 1073741824"],
        [{ batchSize: 0 }, /^zeromq: option batchSize/]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(Effect.provide(Effect.void, ZeroMq.layer(options))))
        assert.match(error.message, typeof message === "string" ? new RegExp(`^${escape(message)}$`) : message)
      }
    })
  )

  it.scopedLive("takes its options from a configuration, or the sink alone", () =>
    Effect.gen(function* () {
      const { messages, port } = yield* listener()
      const layer = ZeroMq.layerConfig({ port: Config.port("PORT"), hostTag: Config.succeed("none" as const) })
      yield* Metrics.increment(hits).pipe(
        Effect.provide(layer),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["PORT", String(port)]])))
      )
      assert.lengthOf(yield* Queue.take(messages), 2)
      const sink = yield* ZeroMq.make({ port })
      assert.deepStrictEqual(sink.encode!([], 100).payload, [])
    })
  )
})

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
