import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Exit, Fiber } from "effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
import * as Metrics from "../../src/Metrics.js"
import * as Sink from "../../src/Sink.js"
import * as StatsD from "../../src/sinks/StatsD.js"
import { fromEnvironment } from "../../src/sinks/statsd/environment.js"
import { parseDogStatsD, parseEtsy } from "../encoding/statsdLines.js"
import { isBuilt, receiver } from "../transport/unixReceiver.js"
import { folder, linesOf, run, tcp, udp, unixStream } from "./statsd/harness.js"

const hits = Metrics.counter("hits")
const depth = Metrics.gauge("depth")
const duration = Metrics.timer("duration")
const size = Metrics.distribution("size")

const everything = Effect.gen(function* () {
  yield* Metrics.incrementBy(hits, 2)
  yield* Metrics.incrementBy(hits, 3)
  yield* Metrics.incrementBy(hits, 3, { tags: { route: "a" } })
  yield* Metrics.set(depth, -4)
  yield* Metrics.record(duration, 0.32)
  yield* Metrics.record(duration, 0.0005)
  yield* Metrics.record(size, 7.5)
  yield* StatsD.set("visitors", "u-17")
  yield* Metrics.emit("job", { value: 1, rows: 12n, done: true, state: "ok" })
})

describe("StatsD", () => {
  it.live("writes every kind of measurement as etsy's daemon reads it", () =>
    Effect.gen(function* () {
      const { ledger, lines } = yield* linesOf(everything)
      assert.sameMembers(
        [...lines],
        [
          "hits:5|c",
          "hits;route=a:3|c",
          "depth:0|g",
          "depth:-4|g",
          "duration:320|ms",
          "duration:0.5|ms",
          "size:7.5|ms",
          "visitors:u-17|s",
          "job:1|g",
          "job.rows:12|g",
          "job.done:1|g"
        ]
      )
      lines.forEach(parseEtsy)
      assert.strictEqual(ledger.delivered, 9)
      assert.deepStrictEqual(ledger.refused, { unsupported_field: 1 })
    })
  )

  it.live("writes every kind of measurement as Datadog's agent reads it, with the origin", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* everything
        yield* StatsD.event(
          { title: "deployed", text: "1.2", alertType: "success" },
          { timestamp: 1_700_000_000_000, tags: { service: "shop" } }
        )
        yield* StatsD.serviceCheck("shop.db", "warning", { message: "slow", timestamp: 1_700_000_000_000 })
      })
      const { ledger, lines } = yield* linesOf(program, {
        dialect: "dogstatsd",
        containerId: "ci-1",
        cardinality: "low"
      })
      assert.sameMembers(
        lines.map((line) => line.replace("|c:ci-1|card:low", "")),
        [
          "hits:5|c",
          "hits:3|c|#route:a",
          "depth:-4|g",
          "duration:320|ms",
          "duration:0.5|ms",
          "size:7.5|h",
          "visitors:u-17|s",
          "job:1|g",
          "job.rows:12|g",
          "job.done:1|g",
          "_e{8,3}:deployed|1.2|d:1700000000|t:success|#service:shop",
          "_sc|shop.db|1|d:1700000000|m:slow"
        ]
      )
      assert.isTrue(lines.every((line) => line.endsWith("|c:ci-1|card:low")))
      assert.strictEqual(ledger.delivered, 11)
    })
  )

  it.live("aggregates timers and distributions where that is asked for, each by its kind", () =>
    Effect.gen(function* () {
      const { ledger, lines } = yield* linesOf(everything, { aggregate: { timer: true }, quantiles: [] })
      assert.includeMembers(
        [...lines],
        ["duration.count:2|c", "duration.sum:320.5|c", "duration.max:320|g", "size:7.5|ms"]
      )
      assert.strictEqual(ledger.delivered, 9)
    })
  )

  it.live("says the rate of samples, and samples neither gauges nor sets nor events", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Effect.replicateEffect(Metrics.record(duration, 1), 400)
        yield* Effect.replicateEffect(Metrics.emit("job", { value: 1 }), 50)
        yield* Metrics.incrementBy(hits, 400)
      })
      const { ledger, lines } = yield* linesOf(program, { sampleRate: 0.25 })
      const timings = lines.filter((line) => line === "duration:1000|ms|@0.25")
      assert.isAbove(timings.length, 40)
      assert.isBelow(timings.length, 200)
      assert.lengthOf(
        lines.filter((line) => line === "job:1|g"),
        50
      )
      assert.include(lines, "hits:400|c")
      assert.strictEqual(ledger.delivered, timings.length + 50 + 1)
    })
  )

  it.live("packs lines into packets of at most 1432 bytes, or what else was chosen", () =>
    Effect.gen(function* () {
      const many = Effect.forEach(Array.from({ length: 500 }), (_, i) => Metrics.record(duration, i))
      const { lines, packets } = yield* linesOf(many)
      assert.lengthOf(lines, 500)
      assert.isTrue(packets.every((packet) => packet.length <= 1432))
      assert.isBelow(packets.length, 10)
      const small = yield* linesOf(many, { maxPacketBytes: 100 })
      assert.isTrue(small.packets.every((packet) => packet.length <= 100 && packet.length > 60))
      const packed = yield* linesOf(many, { dialect: "dogstatsd", packedValues: true })
      assert.deepStrictEqual(
        packed.lines.flatMap(parseDogStatsD).flatMap(({ values }) => values.map(Number)),
        Array.from({ length: 500 }, (_, i) => i * 1000)
      )
      assert.isBelow(packed.packets.join("\n").length, lines.join("\n").length / 2)
    })
  )

  it.live("names and tags series as the lane's options say", () =>
    Effect.gen(function* () {
      const options = { prefix: "app.", tags: { env: "x" }, tagStyle: "influx" } as const
      assert.deepStrictEqual((yield* linesOf(Metrics.increment(hits), options)).lines, ["app.hits,env=x:1|c"])
    })
  )

  it.live("drops what no line can carry as invalid, says it once, and sends the rest", () =>
    Effect.gen(function* () {
      const bad = Metrics.counter("a\nb:1|c")
      const program = Effect.zipRight(Effect.replicateEffect(Metrics.increment(bad), 3), Metrics.increment(hits))
      const { ledger, lines, logged } = yield* linesOf(program)
      assert.deepStrictEqual(lines, ["hits:1|c"])
      assert.deepStrictEqual(ledger.dropped, { invalid: 3 })
      assert.lengthOf(
        logged.filter((line) => line.includes("has characters")),
        1
      )
      const sanitised = yield* linesOf(program, { sanitise: true })
      assert.sameMembers([...sanitised.lines], ["a_b_1_c:3|c", "hits:1|c"])
    })
  )

  it.live("stamps counts and gauges, one a second for a series, where timestamps are chosen", () =>
    Effect.gen(function* () {
      const two = Metrics.flush.pipe(Effect.zipLeft(Metrics.increment(hits)), Effect.replicateEffect(2))
      const options = { dialect: "dogstatsd", timestamps: "numbers", tags: { host: "h" } } as const
      const { lines } = yield* linesOf(Effect.zipRight(Metrics.increment(hits), two), options)
      const times = lines.flatMap(parseDogStatsD).map(({ time }) => time)
      assert.lengthOf(times, new Set(times).size)
      assert.isAtLeast(times.length, 2)
    })
  )

  it.live(
    "counts what it sends as DogStatsD's clients do, where telemetry is on, within packets as large as others",
    () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* Metrics.increment(hits)
          yield* StatsD.event({ title: "t", text: "" })
          yield* StatsD.serviceCheck("s", "ok")
        })
        const options = { dialect: "dogstatsd", telemetry: true, maxPacketBytes: 150 } as const
        const { ledger, lines, packets } = yield* linesOf(program, options)
        const tags = "|#client:effect-metrics,client_transport:udp"
        const own = lines.filter((line) => line.startsWith("datadog.dogstatsd.client.") && line.endsWith(tags))
        const counts = own.map((line) => line.slice("datadog.dogstatsd.client.".length, -tags.length))
        assert.sameMembers(
          [...counts],
          [
            "metrics:1|c",
            "events:1|c",
            "service_checks:1|c",
            `bytes_sent:${packets[0]!.length}|c`,
            "bytes_dropped:0|c",
            "packets_sent:1|c",
            "packets_dropped:0|c"
          ]
        )
        assert.isTrue(packets.every((packet) => packet.length <= 150))
        assert.strictEqual(ledger.delivered, 3)
      })
  )
})

describe("StatsD over streams", () => {
  it.scopedLive("ends every line with a LF over TCP", () =>
    Effect.gen(function* () {
      const receiver = yield* tcp()
      const { ledger } = yield* run({ protocol: "tcp", host: "127.0.0.1", port: receiver.port }, everything)
      yield* receiver.until(11)
      assert.lengthOf(receiver.lines().flatMap(parseEtsy), 11)
      assert.strictEqual(ledger.delivered, 9)
    })
  )

  it.scopedLive("puts packets behind their lengths over a Unix socket", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const receiver = yield* unixStream(path)
      const many = Effect.forEach(Array.from({ length: 2000 }), (_, i) => Metrics.record(duration, i))
      const { ledger } = yield* run({ protocol: "uds", socket: "stream", path, dialect: "dogstatsd" }, many)
      yield* receiver.until(2000)
      assert.isTrue(receiver.packets.every((packet) => packet.length <= 8192))
      assert.isAbove(Math.max(...receiver.packets.map(({ length }) => length)), 4096)
      assert.strictEqual(ledger.delivered, 2000)
    })
  )

  it.scopedLive("keeps what is recorded while a server is away, over TCP", () =>
    Effect.gen(function* () {
      const first = yield* tcp()
      const program = Effect.gen(function* () {
        yield* Metrics.increment(hits)
        yield* Metrics.flush
        yield* first.until(1)
        yield* first.close
        yield* Effect.sleep("20 millis")
        yield* Metrics.incrementBy(hits, 2)
        const flushing = yield* Effect.fork(Metrics.flush)
        yield* Effect.sleep("50 millis")
        const second = yield* tcp(first.port)
        yield* Fiber.join(flushing)
        yield* second.until(1)
        assert.deepStrictEqual(second.lines(), ["hits:2|c"])
      }).pipe(Effect.scoped)
      const { ledger } = yield* run({ protocol: "tcp", host: "127.0.0.1", port: first.port }, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, {}])
    })
  )
})

describe.skipIf(!isBuilt)(`StatsD over Unix datagrams${isBuilt ? "" : " (unix-dgram was not built here)"}`, () => {
  it.scopedLive("keeps what a full socket does not take, and sends it once, when there is room", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const { go, until } = yield* receiver(path, "waits")
      const program = Effect.gen(function* () {
        yield* Effect.forEach(Array.from({ length: 20_000 }), (_, i) => Metrics.record(duration, i / 1000))
        const flushing = yield* Effect.fork(Metrics.flushWithin("20 seconds"))
        // Longer than a write waits for room.
        yield* Effect.sleep("1200 millis")
        yield* go
        yield* Fiber.join(flushing)
      })
      const options = { protocol: "uds", path, dialect: "dogstatsd", maxPacketBytes: 512 } as const
      const { ledger } = yield* run(options, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [20_000, {}])
      const valuesOf = (packets: ReadonlyArray<string>) =>
        packets.flatMap((packet) => packet.split("~").map((line) => /^duration:(\d+)\|ms$/.exec(line)?.[1]))
      let packets = yield* until(1)
      while (valuesOf(packets).length < 20_000) packets = yield* until(packets.length + 1)
      assert.deepStrictEqual(
        valuesOf(packets)
          .map(Number)
          .sort((a, b) => a - b),
        Array.from({ length: 20_000 }, (_, i) => i)
      )
    })
  )
})

describe.skipIf(!isBuilt)("StatsD over a Unix socket of either type (needs unix-dgram)", () => {
  it.scopedLive("asks the socket which it is, also when it is made again", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const first = yield* receiver(path)
      const program = Effect.gen(function* () {
        yield* Metrics.flush.pipe(Effect.zipRight(Metrics.increment(hits)), Effect.replicateEffect(2))
        yield* Metrics.flush
        assert.deepStrictEqual(yield* first.until(2), ["hits:1|c", "hits:1|c"])
        yield* first.kill
        rmSync(path)
        const second = yield* unixStream(path)
        yield* Metrics.incrementBy(hits, 2)
        yield* Metrics.flush
        yield* second.until(1)
        assert.deepStrictEqual(second.lines(), ["hits:2|c"])
      }).pipe(Effect.scoped)
      // As of DD_DOGSTATSD_SOCKET and of unix: in DD_DOGSTATSD_URL.
      const { ledger } = yield* run({ protocol: "uds", socket: "either", path, dialect: "dogstatsd" }, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [3, {}])
    })
  )

  it.scopedLive("is written to by many at once who do not know yet", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const { until } = yield* receiver(path)
      const { write } = yield* StatsD.make({ protocol: "uds", socket: "either", path })
      const payload = { bytes: Buffer.from("a:1|c\n"), bounds: [0, 5], packetOf: [], lastPacketOf: new Map() }
      const one = write({ id: "1", attempt: 1, measurements: [], payload })
      yield* Effect.replicateEffect(one, 100, { concurrency: "unbounded" })
      yield* until(100)
    })
  )
})

describe("StatsD where nobody listens", () => {
  it.scopedLive("keeps what is recorded, without spinning, and sends it once somebody does", () =>
    Effect.gen(function* () {
      const gone = yield* udp()
      yield* gone.close
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(hits, 7)
        yield* Metrics.record(duration, 1)
        const flushing = yield* Effect.fork(Metrics.flush)
        yield* Effect.sleep("300 millis")
        const receiver = yield* udp(gone.port)
        yield* Fiber.join(flushing)
        yield* receiver.until(2)
        assert.sameMembers([...receiver.lines()], ["hits:7|c", "duration:1000|ms"])
      }).pipe(Effect.scoped)
      const options = { host: "127.0.0.1", port: gone.port, retry: { initial: "20 millis", max: "50 millis" } } as const
      const { ledger, logged } = yield* run(options, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, {}])
      assert.isTrue(logged.some((line) => line.includes("nobody listens (ECONNREFUSED)")))
      // The first failure, some doublings, the recovery.
      assert.isBelow(logged.length, 8)
    })
  )

  it.scopedLive("loses what the kernel took before it was told, which counts as delivered, and nothing after", () =>
    Effect.gen(function* () {
      const first = yield* udp()
      const program = Effect.gen(function* () {
        yield* Metrics.increment(hits)
        yield* Metrics.flush
        yield* first.until(1)
        yield* first.close
        yield* Metrics.incrementBy(hits, 10)
        yield* Metrics.flush
        yield* Effect.sleep("20 millis")
        yield* Metrics.incrementBy(hits, 100)
        const flushing = yield* Effect.fork(Metrics.flush)
        yield* Effect.sleep("50 millis")
        const second = yield* udp(first.port)
        yield* Fiber.join(flushing)
        yield* second.until(1)
        assert.deepStrictEqual(second.lines(), ["hits:100|c"])
      }).pipe(Effect.scoped)
      const { ledger } = yield* run({ host: "127.0.0.1", port: first.port }, program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [3, {}])
    })
  )

  it.scopedLive("is noticed by check and layerChecked", () =>
    Effect.gen(function* () {
      const gone = yield* udp()
      yield* gone.close
      for (const protocol of ["udp", "tcp"] as const) {
        const options = { protocol, host: "127.0.0.1", port: gone.port } as const
        const error = yield* Effect.flip(StatsD.check(options))
        assert.strictEqual(error._tag, "Unavailable")
        assert.match(error.message, /ECONNREFUSED/)
        const checked = yield* Effect.exit(Effect.provide(Effect.void, StatsD.layerChecked(options)))
        assert.isTrue(Exit.isFailure(checked))
      }
      const receiver = yield* udp()
      yield* StatsD.check({ host: "127.0.0.1", port: receiver.port })
      yield* Effect.provide(Effect.void, StatsD.layerChecked({ host: "127.0.0.1", port: receiver.port }))
    })
  )
})

describe("StatsD's options", () => {
  const refused = (options: Record<string, unknown>) =>
    Effect.map(
      // As a program without types could give them.
      Effect.flip(Effect.provide(Effect.void, StatsD.layer(options as StatsD.Options))),
      ({ option }) => option
    )

  it.live("are refused by name where they cannot work", () =>
    Effect.gen(function* () {
      const dog = { dialect: "dogstatsd" }
      const bad: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
        ["protocol", { protocol: "sctp" }],
        ["dialect", { dialect: "x" }],
        ["host", { host: "http://a" }],
        ["host", { host: "localhost:8125" }],
        ["host", { host: "a", protocol: "uds", path: "/a" }],
        ["port", { port: 0 }],
        ["port", { port: 70_000 }],
        ["path", { protocol: "uds" }],
        ["path", { protocol: "uds", path: `/${"é".repeat(54)}` }],
        ["path", { path: "/a" }],
        ["socket", { socket: "stream" }],
        ["tagStyle", { tagStyle: "x" }],
        ["tagStyle", { ...dog, tagStyle: "influx" }],
        ["containerId", { containerId: "ci-1" }],
        ["containerId", { ...dog, containerId: "a|b" }],
        ["externalData", { ...dog, externalData: "a\nb" }],
        ["cardinality", { ...dog, cardinality: "x" }],
        ["packedValues", { packedValues: true }],
        ["telemetry", { telemetry: true }],
        ["timestamps", { timestamps: "all" }],
        ["timestamps", { ...dog, timestamps: "x" }],
        ["deltas", { ...dog, deltas: () => true }],
        ["histogramAs", { histogramAs: "x" }],
        ["maxPacketBytes", { maxPacketBytes: 70_000 }],
        ["maxPacketBytes", { maxPacketBytes: 10 }],
        ["maxPacketBytes", { maxPacketBytes: 1000, protocol: "tcp" }],
        ["quantiles", { quantiles: [2] }],
        ["pacing.burstBytes", { pacing: { burstBytes: 0 } }],
        ["pacing.pause", { pacing: { pause: 0 } }],
        ["pacing.pause", { pacing: { pause: "soon" } }],
        ["quantiles", { quantiles: 0.5 }],
        ["aggregate.timer", { aggregate: { timer: 1 } }]
      ]
      for (const [option, options] of bad) assert.strictEqual(yield* refused(options), option, JSON.stringify(options))
    })
  )

  it.live("say that unix-dgram is missing, where it is", () =>
    Effect.gen(function* () {
      const made = yield* Effect.exit(Effect.scoped(StatsD.make({ protocol: "uds", path: "/nowhere" })))
      if (isBuilt) return assert.isTrue(Exit.isSuccess(made))
      assert.match(String(made), /unix-dgram/)
    })
  )
})

describe("StatsD from the environment", () => {
  const linesWith = (
    variables: (port: number) => Record<string, string>,
    overrides: Partial<StatsD.Options> = {},
    expected = 2
  ) =>
    Effect.scoped(
      Effect.gen(function* () {
        const [overUdp, overTcp] = yield* Effect.all([udp(), tcp()])
        const port = overrides.protocol === "udp" || !("STATSD_HOST" in variables(0)) ? overUdp.port : overTcp.port
        yield* Effect.zipRight(Metrics.increment(hits), Metrics.record(duration, 1)).pipe(
          Effect.provide(StatsD.layerEnv(overrides)),
          Effect.withConfigProvider(
            // The tests may run in a container.
            ConfigProvider.fromMap(new Map(Object.entries({ DD_ORIGIN_DETECTION_ENABLED: "no", ...variables(port) })))
          )
        )
        const lines = Effect.sync(() => [...overUdp.lines(), ...overTcp.lines()].sort())
        // The kernel has them; this process has not read them all yet.
        return yield* Effect.repeat(Effect.delay(lines, "2 millis"), { until: ({ length }) => length >= expected })
      })
    )
  const failureOf = (variables: Record<string, string>) =>
    Effect.map(Effect.flip(linesWith(() => variables)), (error) => String(error))

  it.live("is that of sprockets-statsd", () =>
    Effect.gen(function* () {
      const at = (port: number) => ({ STATSD_HOST: "127.0.0.1", STATSD_PORT: String(port) })
      assert.deepStrictEqual(yield* linesWith((port) => ({ ...at(port), STATSD_PREFIX: "app" })), [
        "app.counters.hits:1|c",
        "app.timers.duration:1000|ms"
      ])
      const named = { SERVICE: "shop", ENVIRONMENT: "prod", STATSD_PROTOCOL: "udp" }
      assert.deepStrictEqual(yield* linesWith((port) => ({ ...at(port), ...named }), { protocol: "udp" }), [
        "applications.shop.prod.counters.hits:1|c",
        "applications.shop.prod.timers.duration:1000|ms"
      ])
      assert.deepStrictEqual(yield* linesWith(at, { prefix: "given." }), [
        "given.counters.hits:1|c",
        "given.timers.duration:1000|ms"
      ])
      assert.deepStrictEqual(yield* linesWith(() => ({ STATSD_ENABLED: "no" }), {}, 0), [])
    })
  )

  it.live("is that of Datadog's clients", () =>
    Effect.gen(function* () {
      const variables = (port: number) => ({
        DD_AGENT_HOST: "127.0.0.1",
        DD_DOGSTATSD_PORT: String(port),
        DD_TAGS: "team:a, tier:web",
        DD_EXTERNAL_ENV: "it-false,cn-web,pu-1",
        DD_CARDINALITY: "Low",
        DD_ENV: "prod",
        DD_SERVICE: "shop",
        DD_VERSION: "shop@1.2",
        DD_ENTITY_ID: "e-1"
      })
      const tags =
        "|#dd.internal.entity_id:e-1,env:prod,service:shop,team:b,tier:web,version:shop_1.2|e:it-false,cn-web,pu-1|card:low"
      assert.deepStrictEqual(yield* linesWith(variables, { tags: { team: "b" } }), [
        `duration:1000|ms${tags}`,
        `hits:1|c${tags}`
      ])
      assert.deepStrictEqual(yield* linesWith((port) => ({ DD_DOGSTATSD_URL: `udp://127.0.0.1:${port}` })), [
        "duration:1000|ms",
        "hits:1|c"
      ])
      const tagged = (port: number) => ({ DD_DOGSTATSD_PORT: String(port), DD_TAGS: "team:a:b  canary" })
      assert.include(yield* linesWith(tagged), "hits:1|c|#canary,team:a:b")
      for (const [given, expected] of [
        [{}, "auto"],
        [{ DD_ORIGIN_DETECTION_ENABLED: "" }, "auto"],
        [{ DD_ORIGIN_DETECTION_ENABLED: "False" }, undefined]
      ] as const) {
        const all = new Map(Object.entries({ DD_AGENT_HOST: "h", ...given }))
        const read = Effect.withConfigProvider(fromEnvironment({}), ConfigProvider.fromMap(all))
        assert.strictEqual((yield* read)?.containerId, expected)
      }
      const off = (port: number) => ({ ...variables(port), DD_DOGSTATSD_DISABLE: "true" })
      assert.deepStrictEqual(yield* linesWith(off, {}, 0), [])
    })
  )

  it.scopedLive("may name a Unix socket", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "s")
      const receiver = yield* unixStream(path)
      yield* Metrics.increment(hits).pipe(
        Effect.provide(StatsD.layerEnv()),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["DD_DOGSTATSD_URL", `unix://${path}`]])))
      )
      yield* receiver.until(1)
    })
  )

  it.live("says which variable makes no sense", () =>
    Effect.gen(function* () {
      assert.match(yield* failureOf({}), /STATSD_HOST/)
      assert.match(yield* failureOf({ STATSD_HOST: "h" }), /STATSD_PREFIX/)
      assert.match(yield* failureOf({ STATSD_HOST: "h", STATSD_PREFIX: "p", STATSD_PORT: "0" }), /STATSD_PORT/)
      assert.match(yield* failureOf({ STATSD_HOST: "h", STATSD_PROTOCOL: "sctp" }), /STATSD_PROTOCOL/)
      assert.match(yield* failureOf({ STATSD_ENABLED: "perhaps" }), /STATSD_ENABLED/)
      assert.match(yield* failureOf({ DD_DOGSTATSD_URL: "http://a" }), /DD_DOGSTATSD_URL/)
      for (const [name, value] of [
        ["DD_DOGSTATSD_PORT", "x"],
        ["DD_DOGSTATSD_URL", "udp://h:70000"],
        ["DD_EXTERNAL_ENV", "a|b"],
        ["DD_CARDINALITY", "most"]
      ] as const) {
        assert.include(yield* failureOf({ DD_AGENT_HOST: "h", [name]: value }), name)
      }
    })
  )

  it.live("of a configuration gives options as they are", () =>
    Effect.gen(function* () {
      const error = yield* Effect.void.pipe(
        Effect.provide(StatsD.layerConfig({ host: Config.string("WHERE"), port: Config.succeed(0) })),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["WHERE", "localhost"]]))),
        Effect.flip
      )
      assert.instanceOf(error, Sink.InvalidOption)
    })
  )
})
