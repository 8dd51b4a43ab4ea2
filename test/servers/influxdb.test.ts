/**
 * InfluxDB 1.6 itself: what is recorded must be there, once, whatever happens to the server meanwhile.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Either, Redacted, Ref, Schedule } from "effect"
import * as fc from "fast-check"
import * as InfluxLine from "../../src/encoding/influxLine.js"
import * as Ledger from "../../src/Ledger.js"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import type { Series, Tag } from "../../src/recording/measurement.js"
import { Int } from "../../src/recording/measurement.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import { layerOf } from "../sinks/influxdb/harness.js"
import type { Server } from "./harness.js"
import { influxDb, noInfluxDb, query } from "./harness.js"

/** So long that no busy machine is too slow for a close that delivers everything. */
const shutdownTimeout = "30 seconds"

/** Runs a program above the sink until its scope has closed, and gives the ledgers of its lanes. */
const run = (
  server: Server,
  program: Effect.Effect<unknown>,
  options: Partial<InfluxDb.Options> = {}
): Effect.Effect<Readonly<Record<string, Ledger.Ledger>>> =>
  Effect.gen(function* () {
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(layerOf({ url: server.url, shutdownTimeout, ...options })),
      Effect.orDie
    )
    const ledgers = Object.fromEntries(Metrics.ledgersOf(hub).map(({ ledger, name }) => [name, ledger]))
    for (const ledger of Object.values(ledgers)) assert.strictEqual(Ledger.imbalance(ledger), 0)
    return ledgers
  })

const runOne = (...args: Parameters<typeof run>) => Effect.map(run(...args), (ledgers) => ledgers["influxdb"]!)

const ask = (server: Server, text: string, database?: string) =>
  Effect.promise(() => query(server, text, database === undefined ? {} : { database }))

let databases = 0
const freshDatabase = (server: Server, more = "") =>
  Effect.gen(function* () {
    const name = `db${++databases}`
    yield* ask(server, `CREATE DATABASE ${name} ${more}`)
    return name
  })

const points = (name: string, count: number, from = 0) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => from + i),
    (i) => Metrics.emit(name, { i: Measurement.int(i) }),
    { discard: true }
  )

/** How many points of a name there are, and how many different ones. */
const countOf = (server: Server, database: string, name: string) =>
  Effect.map(ask(server, `SELECT i FROM "${name}"`, database), (rows) => ({
    rows: rows.length,
    different: new Set(rows.map(({ i }) => i)).size
  }))

const sumOf = (server: Server, database: string, name: string) =>
  Effect.map(ask(server, `SELECT SUM(value) FROM "${name}"`, database), ([row]) => row?.["sum"])

const none: ReadonlyArray<Record<string, unknown>> = []

describe.skipIf(noInfluxDb !== false)(`InfluxDB 1${noInfluxDb === false ? "" : ` (${noInfluxDb})`}`, () => {
  let server: Server
  beforeAll(async () => {
    server = await influxDb()
  })
  afterAll(() => server?.stop())

  it.live("stores every kind of measurement with its type", () =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server)
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(Metrics.counter("c", { valueType: "int" }), 3)
        yield* Metrics.set(Metrics.gauge("g"), 3)
        yield* Metrics.record(Metrics.distribution("d", { boundaries: [1, 5] }), 2)
        yield* Metrics.emit("p", { f: 1, b: true, s: 'a "b" \\ c\nd, e=f', i: 2n ** 53n + 1n })
      })
      const ledger = yield* runOne(server, program, { database })
      assert.strictEqual(ledger.delivered, 4)
      const types = yield* ask(server, "SHOW FIELD KEYS", database)
      const typeOf = (name: string) =>
        types.filter(({ _name }) => _name === name).map(({ fieldKey, fieldType }) => `${fieldKey} ${fieldType}`)
      assert.deepStrictEqual(typeOf("c"), ["value integer"])
      assert.deepStrictEqual(typeOf("g"), ["value float"])
      assert.deepStrictEqual(typeOf("d"), [
        "count integer",
        "le_1 integer",
        "le_5 integer",
        "le_inf integer",
        ...["max", "mean", "min", "p50", "p95", "p99", "sum"].map((name) => `${name} float`)
      ])
      assert.deepStrictEqual(typeOf("p"), ["b boolean", "f float", "i integer", "s string"])
      const [row] = yield* ask(server, "SELECT b, f, s, i - 9007199254740992 AS i, host FROM p", database)
      assert.deepInclude(row, { b: true, f: 1, s: 'a "b" \\ c\nd, e=f', i: 1, host: "h" })
    })
  )

  it.live("reads back every name, tag and field key that the encoder lets through", () =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server)
      const letters = fc.constantFrom("a", "b", "é", "🚀", "\\", ",", "=", " ", '"', "'", "#", "{", "/", ".")
      const word = fc.string({ unit: letters, minLength: 1, maxLength: 5 })
      const tags = fc
        .uniqueArray(fc.tuple(word, word), { maxLength: 3, selector: ([key]) => key })
        .map((tags): ReadonlyArray<Tag> => tags.sort(([a], [b]) => (a < b ? -1 : 1)))
      const seriesOf = (name: string, tags: ReadonlyArray<Tag>): Series => ({
        ...{ name, tags, kind: "point", valueType: "float", unit: undefined, description: undefined },
        ...{ level: undefined, boundaries: undefined, encoded: undefined }
      })
      const pointOf = (series: Series, i: number, field: string, text: string) => ({
        ...({ _tag: "point", series, weight: 1, millis: 1_700_000_000_000 + i, nanos: 0, sampleRate: 1 } as const),
        fieldNames: [field, "text"],
        fieldValues: [new Int(i), text]
      })
      const named = fc.sample(fc.tuple(word, tags), 1000)
      const keys = fc.sample(word, 300)
      const texts = fc.sample(fc.string({ unit: fc.oneof(letters, fc.constant("\n")), maxLength: 6 }), keys.length)
      const all = [
        ...named.map(([name, tags], i) => pointOf(seriesOf(`n${name}`, tags), i, "f", "")),
        ...keys.map((key, i) => pointOf(seriesOf("various", []), i, `k${key}`, texts[i]!))
      ]
      const encode = InfluxLine.make({ version: 1, precision: "ns", uint: "unsupported", quantiles: [] })
      const { payload, refused } = encode(all, Infinity)
      assert.isBelow(refused.length, all.length / 2)
      for (const { reason } of refused) assert.match(reason, /backslash/)
      const answer = yield* Effect.promise(() =>
        fetch(`${server.url}/write?db=${database}`, { method: "POST", body: payload.slice() })
      )
      assert.strictEqual(yield* Effect.promise(() => answer.text()), "")
      const bad = new Set(refused.map(({ index }) => index))
      const stored = yield* ask(server, "SELECT f FROM /^n/ GROUP BY *", database)
      const read = stored.map(({ _name, f, time: _, ...tags }) => {
        const present = Object.entries(tags).filter(([, value]) => value !== "")
        return JSON.stringify([f, _name, present.sort(([a], [b]) => (a < b ? -1 : 1))])
      })
      const written = named
        .map(([name, tags], i) => JSON.stringify([i, `n${name}`, tags]))
        .filter((_, i) => !bad.has(i))
      assert.sameMembers(read, written)
      const rows = yield* ask(server, "SELECT * FROM various", database)
      const readKeys = rows.flatMap(({ _name, text, time: _, ...fields }) =>
        Object.entries(fields).flatMap(([key, value]) => (value === null ? [] : [JSON.stringify([value, key, text])]))
      )
      const writtenKeys = keys
        .map((key, i) => JSON.stringify([i, `k${key}`, texts[i]]))
        .filter((_, i) => !bad.has(named.length + i))
      assert.sameMembers(readKeys, writtenKeys)
    })
  )

  it.live("loses one point of a wrong type and stores those beside it", () =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server)
      yield* runOne(server, Metrics.emit("typed", { v: 1 }), { database })
      const program = Effect.gen(function* () {
        yield* points("good", 30)
        yield* Metrics.emit("typed", { v: "text" })
        yield* points("good", 30, 30)
      })
      const ledger = yield* runOne(server, program, { database })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [60, { rejected: 1 }])
      assert.deepStrictEqual(yield* countOf(server, database, "good"), { rows: 60, different: 60 })
    })
  )

  it.live("loses points older than the retention policy, and those alone", () =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server, "WITH DURATION 2h")
      const old = Date.now() - 86_400_000
      const program = Effect.zipRight(
        Effect.forEach([1, 2, 3], (i) => Metrics.emit("p", { i: Measurement.int(-i) }, { timestamp: old + i })),
        points("p", 20)
      )
      const ledger = yield* runOne(server, program, { database })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [20, { rejected: 3 }])
      assert.deepStrictEqual(yield* countOf(server, database, "p"), { rows: 20, different: 20 })
    })
  )

  it.live("takes twenty thousand points in gzipped batches, several at a time", () =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server)
      const ledger = yield* runOne(server, points("p", 20_000), { database, concurrency: 4, batchSize: 1000 })
      assert.deepStrictEqual([ledger.delivered, ledger.sent.writes], [20_000, 20])
      assert.deepStrictEqual(yield* countOf(server, database, "p"), { rows: 20_000, different: 20_000 })
    })
  )

  it.live("has a missing database created, and not without being told to", () =>
    Effect.gen(function* () {
      const database = `new "db" ${++databases}`
      const kept = yield* runOne(server, points("p", 3), { database, shutdownTimeout: "1 second" })
      assert.deepStrictEqual([kept.delivered, kept.dropped], [0, { shutdown_deadline: 3 }])
      const ledger = yield* runOne(server, points("p", 3), { database, createDatabase: true })
      assert.strictEqual(ledger.delivered, 3)
      assert.deepStrictEqual(yield* countOf(server, database, "p"), { rows: 3, different: 3 })
    })
  )

  it.live("keeps a database that is missing from holding up the others", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* freshDatabase(server), yield* freshDatabase(server)]
      const hits = Metrics.counter("hits")
      const program = Effect.gen(function* () {
        for (const db of ["missing", a, b]) yield* Effect.repeatN(Metrics.increment(hits, { tags: { db } }), 9)
        yield* Metrics.flushWithin("3 seconds")
      })
      const ledgers = yield* run(server, program, {
        database: ({ tags }) => tags["db"] ?? a,
        shutdownTimeout: "100 millis"
      })
      assert.deepStrictEqual(ledgers["influxdb/missing"]!.dropped, { shutdown_deadline: 10 })
      for (const database of [a, b]) {
        assert.strictEqual(ledgers[`influxdb/${database}`]!.delivered, 10)
        assert.strictEqual(yield* sumOf(server, database, "hits"), 10)
      }
    })
  )

  it.live("is checked without a trace", () =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server)
      const check = (options: Partial<InfluxDb.Options> = {}) =>
        InfluxDb.check({ url: server.url, database, ...options }).pipe(
          Effect.provide(FetchHttpClient.layer),
          Effect.either,
          Effect.map((result) => (Either.isRight(result) ? "fine" : `${result.left._tag} ${result.left.message}`))
        )
      assert.strictEqual(yield* check(), "fine")
      assert.strictEqual(yield* check({ database: () => database }), "fine")
      assert.match(yield* check({ database: "nosuch" }), /^Misconfigured/)
      assert.match(yield* check({ retentionPolicy: "nosuch" }), /^Misconfigured/)
      assert.match(yield* check({ url: "http://127.0.0.1:1" }), /^Unavailable/)
      assert.deepStrictEqual(yield* ask(server, "SHOW SERIES", database), none)
      assert.notInclude(JSON.stringify(yield* ask(server, "SHOW DATABASES")), "nosuch")
    })
  )
})

describe.skipIf(noInfluxDb !== false)(`InfluxDB 1 with users${noInfluxDb === false ? "" : ` (${noInfluxDb})`}`, () => {
  const admin = { user: "admin", password: "secret" }
  let server: Server
  beforeAll(async () => {
    server = await influxDb({ auth: true, maxBodySize: 5000 })
    await query(server, "CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES")
    for (const text of ["CREATE DATABASE app", "CREATE USER r WITH PASSWORD 'r'", "GRANT READ ON app TO r"]) {
      await query(server, text, admin)
    }
  })
  afterAll(() => server?.stop())

  const counted = (name: string) =>
    Effect.promise(() => query(server, `SELECT COUNT(i) FROM "${name}"`, { ...admin, database: "app" })).pipe(
      Effect.map(([row]) => row?.["count"])
    )

  it.live("delivers everything once the password is right", () =>
    Effect.gen(function* () {
      const tries = yield* Ref.make(0)
      const password = Effect.map(
        Ref.updateAndGet(tries, (n) => n + 1),
        (n) => Redacted.make(n < 3 ? "wrong" : "secret")
      )
      const ledger = yield* runOne(server, points("rotated", 50), { username: "admin", password })
      assert.deepStrictEqual([ledger.delivered, yield* Ref.get(tries)], [50, 3])
      assert.strictEqual(yield* counted("rotated"), 50)
    })
  )

  it.live("delivers everything once the user may write", () =>
    Effect.gen(function* () {
      const options = { username: "r", password: Redacted.make("r") }
      const program = Effect.gen(function* () {
        yield* points("granted", 50)
        const [refused] = yield* Metrics.flushWithin("200 millis")
        assert.deepStrictEqual([refused!.ledger.delivered, Ledger.buffered(refused!.ledger)], [0, 50])
        yield* Effect.promise(() => query(server, "GRANT WRITE ON app TO r", admin))
      })
      const ledger = yield* runOne(server, program, options)
      assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [50, 0])
      assert.strictEqual(yield* counted("granted"), 50)
    })
  )

  it.live("takes in parts what is too large for it", () =>
    Effect.gen(function* () {
      const options = { username: "admin", password: Redacted.make("secret"), gzip: Infinity }
      const program = Effect.zipRight(points("large", 1000), Metrics.emit("huge", { s: "x".repeat(10_000) }))
      const ledger = yield* runOne(server, program, options)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1000, { too_large: 1 }])
      assert.strictEqual(yield* counted("large"), 1000)
    })
  )
})

describe.skipIf(noInfluxDb !== false)(`InfluxDB 1 in trouble${noInfluxDb === false ? "" : ` (${noInfluxDb})`}`, () => {
  const total = Metrics.counter("total")
  const took = Metrics.distribution("took")

  /** Records for as long as the trouble takes, all the time writing. */
  const during = (server: Server, trouble: Effect.Effect<void>) =>
    Effect.gen(function* () {
      const database = yield* freshDatabase(server)
      const recorded = yield* Ref.make(0)
      const load = Effect.gen(function* () {
        const i = yield* Ref.getAndUpdate(recorded, (n) => n + 1)
        yield* Metrics.increment(total)
        yield* Metrics.record(took, i)
        yield* Metrics.emit("p", { i: Measurement.int(i) })
      })
      const program = Effect.gen(function* () {
        const loading = yield* Effect.fork(Effect.repeat(load, Schedule.spaced("5 millis")))
        yield* trouble
        // On a busy machine that may have been too short for so many.
        yield* Effect.repeat(Effect.delay(Ref.get(recorded), "5 millis"), { until: (count) => count > 100 })
        yield* loading.interruptAsFork(loading.id())
        yield* loading.await
      })
      const options = {
        database,
        schedule: Schedule.fixed("50 millis"),
        // Shorter than the trouble, and longer than a busy server takes.
        requestTimeout: "1 second",
        retry: { initial: "20 millis", max: "200 millis" }
      } as const
      const ledger = yield* runOne(server, program, options)
      const count = yield* Ref.get(recorded)
      return { count, database, ledger }
    })

  const proved = (server: Server, { count, database, ledger }: Effect.Effect.Success<ReturnType<typeof during>>) =>
    Effect.gen(function* () {
      assert.isAbove(count, 100)
      assert.deepStrictEqual([ledger.recorded, ledger.delivered, ledger.dropped], [3 * count, 3 * count, {}])
      assert.deepStrictEqual(yield* countOf(server, database, "p"), { rows: count, different: count })
      assert.strictEqual(yield* sumOf(server, database, "total"), count)
      const [sums] = yield* ask(server, "SELECT SUM(count) AS count, SUM(sum) AS sum FROM took", database)
      assert.deepInclude(sums, { count, sum: (count * (count - 1)) / 2 })
    })

  let server: Server
  beforeAll(async () => {
    server = await influxDb()
  })
  afterAll(() => server?.stop())

  it.live("stopped for five seconds and continued: nothing is lost and nothing is there twice", () =>
    Effect.gen(function* () {
      const result = yield* during(
        server,
        Effect.gen(function* () {
          yield* Effect.sleep("300 millis")
          server.signal("SIGSTOP")
          yield* Effect.sleep("5 seconds")
          server.signal("SIGCONT")
          yield* Effect.sleep("300 millis")
        })
      )
      assert.isAbove(result.ledger.ambiguous, 0)
      yield* proved(server, result)
    })
  )

  it.live("killed and started again: nothing is lost and nothing is there twice", () =>
    Effect.gen(function* () {
      const result = yield* during(
        server,
        Effect.gen(function* () {
          yield* Effect.sleep("300 millis")
          yield* Effect.promise(() => server.kill())
          yield* Effect.sleep("1 second")
          yield* Effect.promise(() => server.restart())
          yield* Effect.sleep("300 millis")
        })
      )
      yield* proved(server, result)
    })
  )
})
