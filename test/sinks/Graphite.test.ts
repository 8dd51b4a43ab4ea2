import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Config, Effect, Exit, Layer, Logger, Option, Schedule } from "effect"
import { hostname } from "node:os"
import * as Ledger from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import type * as Sink from "../../src/Sink.js"
import * as Graphite from "../../src/sinks/Graphite.js"
import * as StandIn from "./graphite/standIn.js"

const quick = {
  hostTag: "none",
  tags: { host: "h" },
  schedule: Schedule.spaced("1 hour"),
  retry: { initial: "1 millis", max: "5 millis" }
} as const satisfies Partial<Graphite.Options>

const one = Metrics.increment(Metrics.counter("hits"))

/** Runs a program above the sink until all is written, and tells what arrived and the ledger says. */
const run = (
  program: Effect.Effect<unknown>,
  options: Partial<Graphite.Options> = {},
  prepare: (server: StandIn.StandIn) => Effect.Effect<unknown> = () => Effect.void
) =>
  Effect.gen(function* () {
    const server = yield* StandIn.make(options.protocol ?? "plaintext")
    yield* prepare(server)
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(Graphite.layer({ ...quick, host: server.host, port: server.port, ...options })),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const [lane] = Metrics.ledgersOf(hub)
    assert.strictEqual(Ledger.imbalance(lane!.ledger), 0)
    // The close has waited for the other side to read all.
    return { server, records: yield* server.records, name: lane!.name, ledger: lane!.ledger, logged: logs.join("\n") }
  })

const pathsOf = (records: ReadonlyArray<{ readonly path: string }>) => records.map(({ path }) => path)

const faultOf = (options: unknown) =>
  // What is not typed may be anything.
  Effect.flip(Effect.scoped(Layer.build(Graphite.layer(options as Graphite.Options))))

describe("Graphite", () => {
  it.scopedLive("makes one of series that have one path, so that none overwrites another", () =>
    Effect.gen(function* () {
      const hits = Metrics.counter("hits")
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 2)
        yield* Metrics.increment(hits, { tags: { route: "" } })
        yield* Metrics.increment(hits, { tags: { route: "a b" } })
        yield* Metrics.increment(hits, { tags: { route: "a;b" } })
      })
      for (const naming of ["tagged", "dotted"] as const) {
        const { ledger, records } = yield* run(program, { sanitise: true, naming })
        const counted = records.map(({ path, value }) => [path, value])
        const route = naming === "tagged" ? "hits;host=h;route=a_b" : "hits.host.h.route.a_b"
        const plain = naming === "tagged" ? "hits;host=h" : "hits.host.h"
        assert.sameDeepMembers(counted, [
          [plain, 3],
          [route, 2]
        ])
        assert.strictEqual(ledger.delivered, 4)
      }
    })
  )

  describe("records", () => {
    for (const protocol of ["plaintext", "pickle"] as const) {
      it.scopedLive(`arrive as the table says, by ${protocol}`, () =>
        Effect.gen(function* () {
          const program = Effect.gen(function* () {
            yield* Metrics.incrementBy(Metrics.counter("c"), 3)
            yield* Metrics.set(Metrics.gauge("g"), 1.5)
            yield* Metrics.record(Metrics.distribution("d", { boundaries: [0.5, 2] }), 2)
            yield* Metrics.record(Metrics.timer("raw", { aggregate: false }), 1.5)
            yield* Metrics.emit("p", { value: 7, flag: true, text: "x" })
            yield* Metrics.emit("words", { text: "x" })
          })
          const { ledger, logged, name, records } = yield* run(program, { protocol, quantiles: [0.99] })
          assert.deepStrictEqual(
            Object.fromEntries(records.map(({ path, value }) => [path.replace(/;host=h$/, ""), value])),
            {
              c: 3,
              g: 1.5,
              raw: 1.5,
              p: 7,
              "p.flag": 1,
              "d.count": 1,
              "d.sum": 2,
              "d.min": 2,
              "d.max": 2,
              "d.mean": 2,
              "d.p99": 2,
              "d.le_0_5": 0,
              "d.le_2": 1,
              "d.le_inf": 1
            }
          )
          assert.strictEqual(name, "graphite")
          assert.deepStrictEqual([ledger.delivered, ledger.dropped], [5, { unsupported: 1 }])
          assert.deepStrictEqual(ledger.refused, { unsupported_field: 1 })
          assert.match(logged, /none of its fields is a number/)
        })
      )
    }

    it.scopedLive("have tags or segments, or what a function gives", () =>
      Effect.gen(function* () {
        const program = Effect.zipRight(
          Metrics.increment(Metrics.counter("c"), { tags: { route: "users" } }),
          Metrics.record(Metrics.timer("t"), 1)
        )
        const start = (options: Partial<Graphite.Options>) =>
          Effect.map(run(program, { quantiles: [], ...options }), ({ records }) => pathsOf(records).slice(0, 2))
        assert.deepStrictEqual(yield* start({}), ["c;host=h;route=users", "t.count;host=h"])
        assert.deepStrictEqual(yield* start({ naming: "dotted" }), ["c.host.h.route.users", "t.host.h.count"])
        const naming: Graphite.PathOf = (name, { host, ...rest }) => [host, name, ...Object.values(rest)].join(".")
        assert.deepStrictEqual(yield* start({ naming }), ["h.c.users", "h.t.count"])
      })
    )

    it.scopedLive("are refused one by one for their names, or sanitised where that is asked for", () =>
      Effect.gen(function* () {
        const program = Effect.all([
          Metrics.emit("a b", { value: 1 }),
          Metrics.emit("../c", { value: 2 }),
          Metrics.emit("fine", { value: 3 })
        ])
        const strict = yield* run(program)
        assert.deepStrictEqual(pathsOf(strict.records), ["fine;host=h"])
        assert.deepStrictEqual([strict.ledger.delivered, strict.ledger.dropped], [1, { invalid: 2 }])
        assert.match(strict.logged, /its name .* contains/)
        const sanitised = yield* run(program, { sanitise: true })
        assert.deepStrictEqual(pathsOf(sanitised.records), ["a_b;host=h", "__c;host=h", "fine;host=h"])
      })
    )

    it.scopedLive("of windows that are flushed within a second have seconds of their own", () =>
      Effect.gen(function* () {
        const { ledger, records } = yield* run(Effect.repeatN(Effect.zipRight(one, Metrics.flush), 2))
        assert.strictEqual(ledger.delivered, 3)
        assert.strictEqual(new Set(records.map(({ second }) => second)).size, records.length)
        assert.strictEqual(
          records.reduce((sum, { value }) => sum + value, 0),
          3
        )
      })
    )

    it.scopedLive("of points that find no second of their own are dropped and counted, unless they have a time", () =>
      Effect.gen(function* () {
        const emit = (timestamp?: number) =>
          Metrics.emit("p", { value: 1 }, timestamp === undefined ? {} : { timestamp })
        const busy = yield* run(Effect.repeatN(emit(), 99))
        const { delivered, dropped } = busy.ledger
        assert.deepStrictEqual(dropped, { same_timestamp: 100 - delivered })
        assert.strictEqual(new Set(busy.records.map(({ second }) => second)).size, delivered)
        const timed = yield* run(Effect.forEach([1, 2, 3], (n) => emit(n * 1000 + 1)))
        assert.deepStrictEqual(
          timed.records.map(({ second }) => second),
          [1, 2, 3]
        )
      })
    )
  })

  describe("the tag of the host", () => {
    const pathOf = (options: Partial<Graphite.Options>) =>
      Effect.map(run(one, { tags: {}, ...options }), ({ records }) => records[0]?.path)

    it.scopedLive("is there by default, and as one segment where names are dotted", () =>
      Effect.gen(function* () {
        const flat = hostname().replaceAll(".", "_")
        assert.strictEqual(yield* pathOf({ hostTag: undefined }), `hits;host=${hostname()}`)
        assert.strictEqual(yield* pathOf({ hostTag: undefined, naming: "dotted" }), `hits.host.${flat}`)
        assert.strictEqual(yield* pathOf({ hostTag: "auto", naming: "dotted" }), `hits.host.${flat}`)
        assert.strictEqual(yield* pathOf({ hostTag: { key: "node" }, naming: "dotted" }), `hits.node.${flat}`)
        assert.strictEqual(yield* pathOf({ hostTag: { value: "w1" }, naming: "dotted" }), "hits.host.w1")
      })
    )

    it.scopedLive("is missed with a warning, as processes would overwrite each other", () =>
      Effect.gen(function* () {
        const { logged, records } = yield* run(one, { tags: {} })
        assert.deepStrictEqual(pathsOf(records), ["hits"])
        assert.match(logged, /two processes with equal tags would overwrite each other/)
      })
    )
  })

  describe("a connection", () => {
    it.scopedLive("is one for all writes", () =>
      Effect.gen(function* () {
        const points = Effect.forEach(Array.from({ length: 50 }), (_, i) => Metrics.emit(`p${i}`, { value: i }))
        const { ledger, records, server } = yield* run(points, { batchSize: 10 })
        assert.deepStrictEqual([ledger.sent.writes, server.connections.length, records.length], [5, 1, 50])
      })
    )

    it.scopedLive("that was reset is replaced, and what was not written goes over the new one", () =>
      Effect.gen(function* () {
        let server: StandIn.StandIn | undefined
        const program = Effect.gen(function* () {
          yield* Metrics.emit("before", { value: 1 })
          yield* Metrics.flush
          // What the kernel has and the other side has not read would be lost with the connection.
          yield* Effect.repeat(server!.records, {
            until: ({ length }) => length === 1,
            schedule: Schedule.spaced("2 millis")
          })
          yield* server!.reset
          // It is noticed when it happens, not by the next write; by whom, nobody can see from here.
          yield* Effect.sleep("50 millis")
          yield* Metrics.emit("after", { value: 2 })
        })
        const { ledger, records } = yield* run(program, {}, (made) => Effect.sync(() => (server = made)))
        assert.deepStrictEqual(pathsOf(records), ["before;host=h", "after;host=h"])
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, {}])
      })
    )

    it.scopedLive("that cannot be made keeps all, and says so", () =>
      Effect.gen(function* () {
        const { ledger, logged, records } = yield* run(one, { port: 1, shutdownTimeout: "1 second" })
        assert.deepStrictEqual([records.length, ledger.dropped], [0, { shutdown_deadline: 1 }])
        assert.match(logged, /connection refused \(ECONNREFUSED\) at 127\.0\.0\.1:1/)
      })
    )
  })

  describe("check", () => {
    it.scopedLive("connects, and writes nothing", () =>
      Effect.gen(function* () {
        const { connections, host, port, records } = yield* StandIn.make("plaintext")
        yield* Graphite.check({ host, port })
        assert.deepStrictEqual(yield* records, [])
        assert.isAtMost(connections.length, 1)
        const refused = yield* Effect.flip(Graphite.check({ host, port: 1, name: "mine" }))
        assert.deepStrictEqual([refused._tag, (refused as Sink.Unavailable).sink], ["Unavailable", "mine"])
      })
    )

    it.scopedLive("comes first where the layer is checked", () =>
      Effect.gen(function* () {
        const { host, port } = yield* StandIn.make("plaintext")
        yield* Layer.build(Graphite.layerChecked({ ...quick, host, port }))
        const error = yield* Effect.flip(Layer.build(Graphite.layerChecked({ ...quick, host, port: 1 })))
        assert.strictEqual(error._tag, "Unavailable")
        yield* Layer.build(Graphite.layer({ ...quick, host, port: 1 }))
      })
    )
  })

  describe("options", () => {
    it.effect("that cannot work are named when the layer is built", () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [options: unknown, message: RegExp]> = [
          [{ host: "" }, /^graphite: option host: "" is not the name or address of a server/],
          [{ host: "http://h" }, /^graphite: option host: "http:\/\/h" is not/],
          [{ host: "h:2003" }, /^graphite: option host: "h:2003" is not/],
          [{ host: "[::1]" }, /^graphite: option host/],
          [{ host: "user:secret@h" }, /^graphite: option host: the text given is not/],
          [{}, /^graphite: option host: undefined is not/],
          [{ host: "h", port: 0 }, /^graphite: option port: 0 is not a port/],
          [{ host: "h", port: 1.5 }, /^graphite: option port/],
          [{ host: "h", port: 70_000 }, /^graphite: option port/],
          [{ host: "h", protocol: "udp" }, /^graphite: option protocol: "udp" is not one of plaintext, pickle$/],
          [{ host: "h", naming: "flat" }, /^graphite: option naming: "flat" is not/],
          [{ host: "h", quantiles: [0.5, 99] }, /^graphite: option quantiles: 99 is not/],
          [{ host: "h", batchSize: 0 }, /^graphite: option batchSize/],
          [{ host: "h", naming: "dotted", hostTag: "always" }, /^graphite: option hostTag/]
        ]
        for (const [options, message] of cases) assert.match((yield* faultOf(options)).message, message)
      })
    )

    it.scopedLive("take names and addresses for hosts", () =>
      Effect.gen(function* () {
        for (const host of ["localhost", "graphite.example.org", "10.0.0.1", "::1", "fe80::1%eth0"])
          yield* Layer.build(Graphite.layer({ ...quick, host, port: 1 }))
      })
    )

    it.scopedLive("come from a configuration", () =>
      Effect.gen(function* () {
        const { host, port, records } = yield* StandIn.make("plaintext")
        const layer = Graphite.layerConfig({
          host: Config.string("GRAPHITE_HOST"),
          port: Config.port("GRAPHITE_PORT"),
          hostTag: Config.succeed("none"),
          tags: Config.succeed({ host: "h" })
        })
        const from = (entries: ReadonlyArray<readonly [string, string]>) =>
          Effect.provide(
            Effect.exit(Effect.provide(one, layer)),
            Layer.setConfigProvider(ConfigProvider.fromMap(new Map(entries)))
          )
        const fine = yield* from([
          ["GRAPHITE_HOST", host],
          ["GRAPHITE_PORT", String(port)]
        ])
        assert.isTrue(Exit.isSuccess(fine))
        assert.deepStrictEqual(pathsOf(yield* records), ["hits;host=h"])
        const missing = yield* from([])
        const failure = Option.getOrThrow(Exit.causeOption(missing))
        assert.match(Cause.pretty(failure), /GRAPHITE_HOST/)
      })
    )

    it.scopedLive("turn it off", () =>
      Effect.gen(function* () {
        const { host, port, records } = yield* StandIn.make("plaintext")
        yield* Effect.provide(one, Graphite.layer({ ...quick, host, port, enabled: false }))
        assert.deepStrictEqual(yield* records, [])
      })
    )
  })
})
