import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Redacted, TestClock } from "effect"
import { createServer, type AddressInfo } from "node:net"
import * as Measurement from "../../src/Measurement.js"
import * as Metrics from "../../src/Metrics.js"
import * as OpenTsdb from "../../src/sinks/OpenTsdb.js"
import { bare, run, runHttp, until } from "./opentsdb/harness.js"
import { serve, type Tsd } from "./opentsdb/server.js"

const hits = Metrics.counter("hits")
const one = Metrics.increment(hits)
const start = 1_700_000_000_000
const points = (count: number, name = "p") =>
  Effect.forEach(
    Array.from({ length: count }),
    (_, i) => Metrics.emit(name, { value: i }, { tags: { i: String(i) } }),
    {
      discard: true
    }
  )
const at = (name: string, value: number, millis: number) =>
  Metrics.emit(name, { value }, { timestamp: new Date(millis) })

/** Records one, and goes on once it was tried to write it. */
const tried = (isTried: () => boolean) =>
  Effect.scoped(Effect.zipRight(Effect.zipRight(one, Effect.forkScoped(Metrics.flush)), until(isTried)))

const everyKind = Effect.gen(function* () {
  yield* Metrics.incrementBy(Metrics.counter("c", { valueType: "int" }), 3)
  yield* Metrics.set(Metrics.gauge("g"), 1.5)
  yield* Metrics.record(Metrics.distribution("d", { boundaries: [1, 2] }), 2)
  yield* Metrics.record(Metrics.timer("raw", { aggregate: false }), 1.5)
  yield* Metrics.emit("p", { value: 1, b: true, s: "text", i: 2n ** 53n + 1n, j: Measurement.int(-6) })
})

const everyPoint = [
  ["c", 3n],
  ["d.count", 1n],
  ["d.le_1", 0n],
  ["d.le_2", 1n],
  ["d.le_inf", 1n],
  ["d.max", 2n],
  ["d.mean", 2n],
  ["d.min", 2n],
  ["d.p50", 2n],
  ["d.p95", 2n],
  ["d.p99", 2n],
  ["d.sum", 2n],
  ["g", 1.5],
  ["p", 1n],
  ["p.b", 1n],
  ["p.i", 2n ** 53n + 1n],
  ["p.j", -6n],
  ["raw", 1.5]
]

const storedBy = ({ stored }: Tsd) =>
  stored.map(({ metric, value }) => [metric, value] as const).sort(([a], [b]) => (a < b ? -1 : 1))

describe("OpenTsdb over TCP", () => {
  it.scopedLive("makes one of series that are one once sanitised, so that no time has two points", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.increment(hits, { tags: { route: "a b" } })
        yield* Metrics.incrementBy(hits, 2, { tags: { route: "a;b" } })
      })
      const { ledger, tsd } = yield* run(program, { sanitise: "_" })
      assert.deepStrictEqual(storedBy(tsd), [["hits", 3n]])
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [2, {}])
    })
  )

  it.scopedLive("puts every kind of measurement, and leaves out text by count", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run(everyKind)
      assert.deepStrictEqual<unknown>(storedBy(tsd), everyPoint)
      assert.deepStrictEqual(tsd.complaints, [])
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [5, {}])
      assert.deepStrictEqual(ledger.refused, { unsupported_field: 1 })
    })
  )

  it.scopedLive("says times in seconds, or in milliseconds where that is asked for", () =>
    Effect.gen(function* () {
      const seconds = yield* run(at("p", 1, start + 250))
      assert.deepStrictEqual(seconds.tsd.lines, ["put p 1700000000 1 host=h"])
      const millis = yield* run(at("p", 1, start + 250), { resolution: "ms" })
      assert.deepStrictEqual(millis.tsd.lines, ["put p 1700000000250 1 host=h"])
    })
  )

  it.scopedLive("drops what the server would not take by itself, and says why", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.emit("good", { value: 1 })
        yield* Metrics.emit("no good", { value: 1 })
        yield* Metrics.emit("injected\nput evil 1 1 a=b", { value: 1 })
        yield* Metrics.emit("text", { value: "a" })
        yield* Metrics.emit("x".repeat(1100), { value: 1 })
        yield* at("early", 1, 0)
      })
      const { ledger, logged, tsd } = yield* run(program)
      assert.deepStrictEqual(bare(tsd), ["put good 1 host=h"])
      assert.deepStrictEqual(ledger.dropped, { invalid: 3, unsupported: 1, too_large: 1 })
      assert.match(logged, /its name .* contains/)
    })
  )

  it.scopedLive("puts what is sanitised", () =>
    Effect.gen(function* () {
      const { tsd } = yield* run(Metrics.emit("a b:c", { value: 1, "x y": 2 }, { tags: { "k y": "é=1 " } }), {
        sanitise: "_"
      })
      assert.deepStrictEqual(bare(tsd), ["put a_b_c 1 host=h k_y=__1_", "put a_b_c.x_y 2 host=h k_y=__1_"])
      assert.deepStrictEqual(tsd.complaints, [])
    })
  )

  it.scopedLive("puts a thousand points over one connection, once each", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run(points(1000), { batchSize: 100 })
      assert.deepStrictEqual([ledger.delivered, ledger.sent.writes, tsd.connections()], [1000, 10, 1])
      assert.strictEqual(new Set(tsd.stored.map(({ tags }) => tags["i"])).size, 1000)
      assert.deepStrictEqual(tsd.complaints, [])
    })
  )

  it.scopedLive("keeps all until the server is there", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run((tsd) =>
        Effect.gen(function* () {
          yield* Effect.promise(tsd.stop)
          yield* Effect.zipRight(one, points(10))
          const flushing = yield* Effect.fork(Metrics.flush)
          yield* Effect.sleep("30 millis")
          yield* one
          yield* Effect.promise(tsd.start)
          yield* flushing.await
        })
      )
      assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, ledger.dropped], [12, 0, {}])
      const counted = tsd.stored.filter(({ metric }) => metric === "hits")
      assert.strictEqual(
        counted.reduce((sum, { value }) => sum + Number(value), 0),
        2
      )
    })
  )

  it.scopedLive("makes a new connection when the server ends its side, before the next write", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run((tsd) =>
        Effect.gen(function* () {
          yield* Effect.zipRight(points(3, "a"), Metrics.flush)
          yield* until(() => tsd.stored.length === 3)
          tsd.halfClose()
          yield* until(() => tsd.open() === 0)
          yield* Effect.zipRight(points(3, "b"), Metrics.flush)
        })
      )
      assert.deepStrictEqual([ledger.delivered, tsd.stored.length, tsd.connections()], [6, 6, 2])
    })
  )

  it.scopedLive("puts the following lines in order when the server resets after the first", () =>
    Effect.gen(function* () {
      const { tsd } = yield* run((tsd) =>
        Effect.gen(function* () {
          tsd.behaviour.resetsAfter = 1
          yield* Effect.zipRight(at("p", 1, start), Metrics.flush)
          yield* until(() => tsd.lines.length === 1 && tsd.open() === 0)
          for (let i = 2; i < 5; i++) yield* Effect.zipRight(at("p", i, start + i * 1000), Metrics.flush)
        })
      )
      assert.deepStrictEqual(
        tsd.stored.map(({ value }) => value),
        [1n, 2n, 3n, 4n]
      )
    })
  )

  it.scopedLive("never cuts a line or joins two when a connection breaks in the middle of a write", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run(points(2000), { acknowledge: "version", batchSize: 500 }, ({ behaviour }) => {
        behaviour.resetsAfter = 700
      })
      assert.deepStrictEqual(tsd.complaints, [])
      assert.strictEqual(new Set(tsd.stored.map(({ tags }) => tags["i"])).size, 2000)
      assert.isAtLeast(ledger.ambiguous, 1)
      assert.strictEqual(ledger.delivered, 2000)
    })
  )

  it.scopedLive("counts and logs what the server complains about: the first, and every doubling", () =>
    Effect.gen(function* () {
      const { ledger, logged, tsd } = yield* run(
        (tsd) =>
          Effect.zipRight(
            points(10, "nobody.knows"),
            Effect.zipRight(
              Metrics.flush,
              until(() => tsd.complaints.length === 10)
            )
          ),
        { acknowledge: "version" },
        (tsd) => {
          tsd.behaviour.unknown = new Set(["nobody.knows"])
        }
      )
      assert.strictEqual(tsd.complaints.length, 10)
      const times = [...logged.matchAll(/complained about lines, (\d+) times/g)].map(([, count]) => Number(count))
      assert.deepStrictEqual(times, [1, 2, 4, 8, 10])
      assert.match(logged, /No such name for 'metrics': 'nobody.knows'/)
      assert.strictEqual(ledger.delivered, 10)
    })
  )

  it.live("waits when the server asks for patience, and loses nothing of what it held back", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { ledger, logged, tsd } = yield* run(
          (tsd) =>
            Effect.gen(function* () {
              yield* Effect.zipRight(points(5, "early"), Metrics.flush)
              yield* until(() => tsd.complaints.length === 5)
              yield* Effect.zipRight(points(5, "late"), Metrics.flush)
            }),
          { acknowledge: "version" },
          (tsd) => {
            tsd.behaviour.throttles = 5
          }
        )
        assert.match(logged, /it asks for patience: put: Please throttle writes/)
        assert.strictEqual(tsd.stored.filter(({ metric }) => metric === "late").length, 5)
        assert.deepStrictEqual([ledger.delivered, ledger.dropped, ledger.ambiguous], [10, {}, 0])
      })
    )
  )

  describe("with acknowledge", () => {
    it.scopedLive("has delivered what the server has read", () =>
      Effect.gen(function* () {
        const { tsd } = yield* run(
          (tsd) =>
            Effect.gen(function* () {
              yield* Effect.zipRight(points(50), Metrics.flush)
              assert.strictEqual(tsd.stored.length, 50)
              assert.strictEqual((yield* Metrics.ledgers)[0]!.ledger.delivered, 50)
            }),
          { acknowledge: "version" }
        )
        assert.strictEqual(tsd.lines.at(-1), "version")
      })
    )

    it.scopedLive("gives a silent server up at the request timeout, and goes on over a new connection", () =>
      Effect.gen(function* () {
        const { ledger, tsd } = yield* run(
          (tsd) =>
            Effect.gen(function* () {
              yield* points(5)
              const flushing = yield* Effect.fork(Metrics.flush)
              yield* until(() => tsd.connections() >= 2)
              tsd.behaviour.version = "answers"
              yield* flushing.await
            }),
          { acknowledge: "version", requestTimeout: "50 millis" },
          (tsd) => {
            tsd.behaviour.version = "silent"
          }
        )
        assert.strictEqual(ledger.delivered, 5)
        assert.isAtLeast(ledger.ambiguous, 5)
        assert.isAtLeast(tsd.connections(), 2)
        assert.strictEqual(new Set(tsd.lines.filter((line) => line !== "version")).size, 5)
      })
    )

    it.scopedLive("keeps what was written when the connection ends before the answer", () =>
      Effect.gen(function* () {
        const { ledger, tsd } = yield* run(points(5), { acknowledge: "version" }, ({ behaviour }) => {
          behaviour.resetsAfter = 5
        })
        assert.deepStrictEqual([ledger.delivered, ledger.ambiguous], [5, 5])
        assert.strictEqual(new Set(tsd.stored.map(({ tags }) => tags["i"])).size, 5)
      })
    )

    it.scopedLive("says so where the server does not know the question", () =>
      Effect.gen(function* () {
        const { ledger, logged } = yield* run(
          // The second time it has been told of the first.
          (tsd) => tried(() => tsd.complaints.length > 1),
          { acknowledge: "version", shutdownTimeout: "100 millis" },
          (tsd) => {
            tsd.behaviour.version = "unknown"
          }
        )
        assert.deepStrictEqual(ledger.dropped, { shutdown_deadline: 1 })
        assert.match(logged, /set acknowledge to \\"none\\"/)
      })
    )

    it.scopedLive(
      "counts nothing twice when the server has put lines, and does not know the question behind them",
      () =>
        Effect.gen(function* () {
          const visits = Metrics.counter("visits")
          const { ledger, tsd } = yield* run(
            (tsd) =>
              Effect.gen(function* () {
                yield* Metrics.increment(visits)
                const flushing = yield* Effect.fork(Metrics.flush)
                yield* until(() => tsd.complaints.length > 0)
                yield* Metrics.increment(visits)
                tsd.behaviour.version = "answers"
                yield* flushing.await
              }),
            { acknowledge: "version" },
            (tsd) => {
              tsd.behaviour.version = "unknown"
            }
          )
          assert.strictEqual(ledger.delivered, 2)
          const kept = new Map(tsd.stored.map(({ timestamp, value }) => [timestamp, Number(value)]))
          assert.strictEqual(
            Array.from(kept.values()).reduce((sum, value) => sum + value, 0),
            2
          )
        })
    )
  })

  describe("check", () => {
    const checked = (options: OpenTsdb.Options) =>
      Effect.map(Effect.either(OpenTsdb.check(options)), (result) =>
        Either.isRight(result) ? "fine" : `${result.left._tag}: ${result.left.message}`
      )

    it.scopedLive("opens a connection and closes it", () =>
      Effect.gen(function* () {
        const { open, port } = yield* serve
        assert.strictEqual(yield* checked({ host: "127.0.0.1", port }), "fine")
        yield* until(() => open() === 0)
      })
    )

    it.scopedLive("fails where nobody listens", () =>
      Effect.gen(function* () {
        const { port, stop } = yield* serve
        yield* Effect.promise(stop)
        assert.match(yield* checked({ host: "127.0.0.1", port }), /^Unavailable/)
      })
    )

    it.scopedLive("asks for the version where that is the answer to writes", () =>
      Effect.gen(function* () {
        const { behaviour, lines, port } = yield* serve
        assert.strictEqual(yield* checked({ host: "127.0.0.1", port, acknowledge: "version" }), "fine")
        assert.deepStrictEqual(lines, ["version"])
        behaviour.version = "unknown"
        assert.match(yield* checked({ host: "127.0.0.1", port, acknowledge: "version" }), /^Misconfigured/)
      })
    )

    it.scopedLive("waits no longer than 3 seconds", () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(
          Effect.async<ReturnType<typeof createServer>>((resume) => {
            const server = createServer((socket) => socket.on("error", () => {}).pause())
            server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.sync(() => server.close())
        )
        const { port } = server.address() as AddressInfo
        const outcome = yield* checked({ host: "127.0.0.1", port, acknowledge: "version" })
        assert.match(outcome, /^Unavailable: .*within 3s/)
      })
    )

    it.scopedLive("is in the way of the start with layerChecked", () =>
      Effect.gen(function* () {
        const { port, stop } = yield* serve
        yield* Effect.promise(stop)
        const result = yield* Effect.either(Effect.provide(one, OpenTsdb.layerChecked({ host: "127.0.0.1", port })))
        assert.strictEqual(Either.isLeft(result) && result.left._tag, "Unavailable")
      })
    )
  })
})

describe("OpenTsdb over HTTP", () => {
  it.scopedLive("posts every kind of measurement to /api/put, and asks for details", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* runHttp(everyKind)
      assert.deepStrictEqual<unknown>(storedBy(tsd), everyPoint)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [5, {}])
      const [asked] = tsd.asked
      assert.strictEqual(asked!.url, "/api/put?details")
      assert.strictEqual(asked!.headers["content-type"], "application/json")
      assert.strictEqual(asked!.headers["content-length"], String(asked!.bytes))
      assert.strictEqual(asked!.headers["transfer-encoding"], undefined)
      assert.match(asked!.body, /"value":"9007199254740993"/)
      assert.match(asked!.body, /"timestamp":\d{13},/)
    })
  )

  it.scopedLive("gzips from a size on, and always says how long a body is", () =>
    Effect.gen(function* () {
      const { tsd } = yield* runHttp(points(200))
      assert.strictEqual(tsd.asked[0]!.headers["content-encoding"], "gzip")
      assert.isBelow(tsd.asked[0]!.bytes, tsd.asked[0]!.body.length / 2)
      assert.strictEqual(tsd.asked[0]!.headers["content-length"], String(tsd.asked[0]!.bytes))
      assert.lengthOf(tsd.stored, 200)
    })
  )

  it.scopedLive("halves what the server takes for chunked, as it is too large for it", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* runHttp(points(500), { gzip: Infinity })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [500, {}])
      assert.strictEqual(new Set(tsd.stored.map(({ tags }) => tags["i"])).size, 500)
      assert.lengthOf(tsd.stored, 500)
      assert.isAbove(tsd.asked.length, 5)
    })
  )

  it.scopedLive("carries letters of all scripts", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* runHttp(Metrics.emit("日本", { value: 1 }, { tags: { ключ: "значение" } }))
      assert.deepStrictEqual(tsd.stored[0]!.tags, { host: "h", ключ: "значение" })
      assert.strictEqual(ledger.delivered, 1)
    })
  )

  it.scopedLive("drops just the measurements that the server rejects, and sends the others once", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* points(7, "known")
        yield* points(3, "unknown")
        yield* Metrics.record(Metrics.distribution("half"), 1)
      })
      const { ledger, logged, tsd } = yield* runHttp(program, {}, ({ behaviour }) => {
        behaviour.unknown = new Set(["unknown", "half.p99"])
      })
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [7, { rejected: 4 }])
      assert.lengthOf(tsd.asked, 1)
      assert.match(logged, /point rejected: unknown metric/)
    })
  )

  it.scopedLive("writes once more, byte for byte, what could not be stored", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* runHttp(
        Effect.zipRight(one, points(5)),
        { acknowledge: "stored" },
        ({ behaviour }) => {
          behaviour.storageFails = 2
        }
      )
      assert.deepStrictEqual([ledger.delivered, ledger.ambiguous, ledger.dropped], [6, 6, {}])
      assert.lengthOf(tsd.asked, 2)
      assert.strictEqual(tsd.asked[0]!.body, tsd.asked[1]!.body)
      assert.match(tsd.asked[0]!.url, /^\/api\/put\?details&sync&sync_timeout=9000$/)
    })
  )

  it.scopedLive("reads a password anew for every write, and never tells it", () =>
    Effect.gen(function* () {
      let refused = 0
      const password = Effect.sync(() => Redacted.make(refused < 2 ? "stale-canary" : "fresh-canary"))
      const { ledger, logged } = yield* runHttp(
        points(3),
        { username: "u", password, headers: { "x-key": Redacted.make("header-canary") } },
        ({ behaviour }) => {
          behaviour.answers = ({ headers }, response) => {
            const isFresh = headers.authorization === `Basic ${Buffer.from("u:fresh-canary").toString("base64")}`
            if (isFresh) return false
            refused++
            response.writeHead(401).end(`no ${headers.authorization} ${String(headers["x-key"])}`)
            return true
          }
        }
      )
      assert.deepStrictEqual([ledger.delivered, refused], [3, 2])
      assert.match(logged, /401: no Basic <redacted> <redacted>/)
      assert.notMatch(logged, /canary/)
    })
  )

  it.scopedLive("does not follow redirects", () =>
    Effect.gen(function* () {
      const other = yield* serve
      const { ledger, logged } = yield* runHttp(
        (tsd) => tried(() => tsd.asked.length > 1),
        { shutdownTimeout: "100 millis" },
        ({ behaviour }) => {
          behaviour.answers = (_, response) => {
            response.writeHead(307, { location: `${other.url}/api/put` }).end()
            return true
          }
        }
      )
      assert.deepStrictEqual(ledger.dropped, { shutdown_deadline: 1 })
      assert.lengthOf(other.asked, 0)
      assert.match(logged, /it redirects to/)
    })
  )

  it.scopedLive("is checked without storing anything", () =>
    Effect.gen(function* () {
      const { asked, behaviour, stop, stored, url } = yield* serve
      const check = OpenTsdb.checkHttp({ url }).pipe(
        Effect.either,
        Effect.map((result) => (Either.isRight(result) ? "fine" : result.left._tag)),
        Effect.provide(FetchHttpClient.layer)
      )
      assert.strictEqual(yield* check, "fine")
      assert.deepStrictEqual([stored.length, asked[0]!.body], [0, "[]"])
      behaviour.answers = (_, response) => {
        response.writeHead(404).end()
        return true
      }
      assert.strictEqual(yield* check, "Misconfigured")
      yield* Effect.promise(stop)
      assert.strictEqual(yield* check, "Unavailable")
    })
  )

  it.scopedLive("starts only once it was checked with layerHttpChecked", () =>
    Effect.gen(function* () {
      const { stop, url } = yield* serve
      yield* Effect.promise(stop)
      const layer = OpenTsdb.layerHttpChecked({ url })
      const result = yield* Effect.either(one.pipe(Effect.provide(layer), Effect.provide(FetchHttpClient.layer)))
      assert.strictEqual(Either.isLeft(result) && result.left._tag, "Unavailable")
    })
  )
})

describe("points of one time", () => {
  it.scopedLive("that were sent are not sent again with other values, write by write", () =>
    Effect.gen(function* () {
      for (const over of [run, runHttp]) {
        const program = Effect.forEach([1, 2, 3], (value) => Effect.zipRight(at("p", value, start), Metrics.flush))
        const { ledger, tsd } = yield* over(program, { duplicates: "last" })
        assert.deepStrictEqual(
          tsd.stored.map(({ value }) => value),
          [1n]
        )
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { same_timestamp: 2 }])
      }
    })
  )

  it.scopedLive("are not sent by several writes at once", () =>
    Effect.gen(function* () {
      const forty = Effect.forEach(
        Array.from({ length: 40 }, (_, i) => i),
        (i) => at("p", i, start + (i % 10))
      )
      const { ledger, tsd } = yield* runHttp(forty, { duplicates: "last", concurrency: 4, batchSize: 10 })
      assert.deepStrictEqual([tsd.stored.length, ledger.dropped], [10, { same_timestamp: 30 }])
    })
  )

  it.scopedLive("are counted where the server took none of them, and one of another write takes their place", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* runHttp(
        ({ behaviour }) =>
          Effect.gen(function* () {
            behaviour.unknown = new Set(["p"])
            yield* Effect.zipRight(at("p", 1, start), Metrics.flush)
            behaviour.unknown = new Set()
            yield* at("p", 2, start)
          }),
        { duplicates: "last" }
      )
      assert.deepStrictEqual(
        tsd.stored.map(({ value }) => value),
        [2n]
      )
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { rejected: 1 }])
    })
  )

  it.effect("by the clock are moved to the next free second, or leave the last", () =>
    Effect.gen(function* () {
      for (const [duplicates, stored, delivered] of [
        ["spread", [0n, 1n], 2],
        ["last", [9n], 1]
      ] as const) {
        const ten = Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (value) => Metrics.emit("p", { value }))
        yield* TestClock.setTime(start)
        const { ledger, tsd } = yield* Effect.scoped(run(ten, { duplicates }))
        assert.deepStrictEqual<unknown>(
          tsd.stored.map(({ value }) => value),
          stored
        )
        assert.deepStrictEqual([ledger.delivered, ledger.dropped], [delivered, { same_timestamp: 10 - delivered }])
      }
    })
  )

  it.scopedLive("of a counter never are: windows keep apart by themselves, whatever becomes of points", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run(Effect.repeatN(Effect.zipRight(one, Metrics.flush), 1), { duplicates: "last" })
      const times = tsd.stored.map(({ timestamp }) => timestamp)
      assert.deepStrictEqual([new Set(times).size, times.length], [2, 2])
      assert.strictEqual(ledger.delivered, 2)
    })
  )
})

describe("totals of counters", () => {
  it.scopedLive("go on from write to write, over what was delivered", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* run(
        (tsd) =>
          Effect.gen(function* () {
            for (let i = 1; i <= 3; i++) {
              yield* Metrics.incrementBy(hits, i)
              yield* Metrics.flush
            }
            yield* until(() => tsd.stored.length === 3)
          }),
        { counters: "total", resolution: "ms" }
      )
      assert.deepStrictEqual(
        tsd.stored.map(({ value }) => value),
        [1n, 3n, 6n]
      )
      assert.strictEqual(ledger.delivered, 3)
    })
  )

  it.scopedLive("are the same when a write whose fate is unknown is repeated", () =>
    Effect.gen(function* () {
      const { tsd } = yield* run(
        Effect.zipRight(Metrics.incrementBy(hits, 5), Effect.zipRight(Metrics.flush, Metrics.incrementBy(hits, 2))),
        { counters: "total", acknowledge: "version", resolution: "ms" },
        ({ behaviour }) => {
          behaviour.resetsAfter = 1
        }
      )
      assert.deepStrictEqual(
        tsd.stored.map(({ value }) => value),
        [5n, 5n, 7n]
      )
      assert.strictEqual(tsd.stored[0]!.timestamp, tsd.stored[1]!.timestamp)
    })
  )

  it.scopedLive("leave out what was rejected", () =>
    Effect.gen(function* () {
      const { ledger, tsd } = yield* runHttp(
        (tsd) =>
          Effect.gen(function* () {
            tsd.behaviour.unknown = new Set(["hits"])
            yield* Effect.zipRight(Metrics.incrementBy(hits, 5), Metrics.flush)
            tsd.behaviour.unknown = new Set()
            yield* Metrics.incrementBy(hits, 2)
          }),
        { counters: "total" }
      )
      assert.deepStrictEqual([ledger.delivered, ledger.dropped], [1, { rejected: 1 }])
      assert.deepStrictEqual(
        tsd.stored.map(({ value }) => value),
        [2n]
      )
    })
  )
})
