import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, LogLevel, Schedule, Scope, TestClock, Exit } from "effect"
import { Unavailable } from "../../src/delivery/sink.js"
import { dropped } from "../../src/Ledger.js"
import { counter, hubOf } from "../recording/harness.js"
import { close, collectLogs, pointIds, settle, start, weight } from "./harness.js"

const hour = 3_600_000

describe("a delivered lane", () => {
  it.effect("writes what has gathered at every recurrence of its schedule, the first time after one", () =>
    Effect.gen(function* () {
      const running = yield* start({ schedule: Schedule.fixed("10 seconds"), triggerSize: 100 })
      const { backend, increment, points } = running
      increment("a", 3)
      points(2)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(backend.writes.length, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(weight(backend.stored), 5)
      increment("a", 4)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(weight(backend.stored), 9)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(backend.writes.length, 2, "nothing recorded, nothing written")
      yield* close(running)
    })
  )

  it.live("lets others have their turn between the writes of a long flush, though its sink answers at once", () =>
    Effect.gen(function* () {
      const turns: Array<number> = []
      let turn = 0
      const count = (): void => {
        turn++
        if (turns.length < 20) setImmediate(count)
      }
      const running = yield* start({ batchSize: 10, triggerSize: 1000 }, () => ({
        encode: (measurements) => {
          const until = performance.now() + 2
          while (performance.now() < until);
          return { payload: undefined, taken: measurements.length, bytes: 1, refused: [] }
        },
        write: () => Effect.sync(() => void turns.push(turn))
      }))
      running.points(200)
      setImmediate(count)
      yield* running.delivery.flush
      assert.strictEqual(running.ledger().delivered, 200)
      assert.isAtLeast(new Set(turns).size, 5)
      yield* close(running)
    })
  )

  it.live("lets others have their turn while everything is refused by its encoder", () =>
    Effect.gen(function* () {
      let turns = 0
      const count = (): void => {
        turns++
        if (running.ledger().buffered.queued > 0) setImmediate(count)
      }
      const running = yield* start({ batchSize: 10, triggerSize: 1000 }, () => ({
        encode: (measurements) => {
          const until = performance.now() + 2
          while (performance.now() < until);
          const refused = Array.from(measurements, (_, index) => ({ index, drop: "invalid", reason: "" }) as const)
          return { payload: undefined, taken: measurements.length, bytes: 0, refused }
        },
        write: () => Effect.void
      }))
      running.points(200)
      setImmediate(count)
      yield* running.delivery.flush
      assert.deepStrictEqual(running.ledger().dropped, { invalid: 200 })
      assert.isAtLeast(turns, 5)
      yield* close(running)
    })
  )

  it.effect("counts fields that its wire cannot carry as refused, once however often the batch is written", () =>
    Effect.gen(function* () {
      let writes = 0
      const running = yield* start({}, () => ({
        encode: (measurements) => ({
          payload: undefined,
          taken: measurements.length,
          bytes: 1,
          refused: [],
          skipped: [{ index: 1, fields: 2 }]
        }),
        write: () =>
          Effect.suspend(() =>
            writes++ === 0 ? Effect.fail(new Unavailable({ sink: "test", reason: "down" })) : Effect.void
          )
      }))
      running.points(3)
      const flushing = yield* Effect.fork(running.delivery.flush)
      yield* TestClock.adjust("1 minute")
      yield* flushing.await
      assert.strictEqual(writes, 2)
      const { delivered, dropped, refused } = running.ledger()
      assert.deepStrictEqual([delivered, dropped, refused], [3, {}, { unsupported_field: 2 }])
      yield* close(running)
    })
  )

  it.effect("loses nothing to a queue that is smaller than a batch while its backend takes everything", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 100, capacity: 10 })
      for (let i = 0; i < 5; i++) {
        running.points(10)
        yield* settle
      }
      assert.strictEqual(running.ledger().delivered, 50)
      assert.deepStrictEqual(running.ledger().dropped, {})
      yield* close(running)
    })
  )

  it.effect("writes a full batch of points at once, and windows with the next recurrence", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 3 })
      running.increment("a")
      running.points(3)
      yield* settle
      assert.deepStrictEqual(
        running.backend.stored.map(({ _tag }) => _tag),
        ["point", "point", "point"]
      )
      yield* close(running)
    })
  )

  it.effect("goes on after any defect of its sink, and drops only what the sink cannot write", () =>
    Effect.gen(function* () {
      for (const mode of ["dies", "throws"] as const) {
        const running = yield* start({ batchSize: 2 })
        running.backend.mode = mode
        running.points(2)
        yield* settle
        assert.strictEqual(running.ledger().dropped.rejected, 2)
        running.backend.mode = "ok"
        running.points(2)
        yield* settle
        assert.strictEqual(running.ledger().delivered, 2)
        yield* close(running)
      }
    })
  )

  it.effect("takes a write that died for one of unknown fate: never stored twice where the wire sums", () =>
    Effect.gen(function* () {
      for (const [ambiguous, stored, dropped] of [
        ["drop", 8, { ambiguous: 8 }],
        ["retry", 32, { rejected: 8 }]
      ] as const) {
        const lines: Parameters<typeof collectLogs>[0] = []
        const running = yield* start({ batchSize: 8, ambiguous }, (backend) => ({
          write: ({ measurements }) =>
            Effect.sync(() => {
              backend.stored.push(...measurements)
              throw new Error("a bug after it was stored")
            })
        })).pipe(Effect.provide(collectLogs(lines)))
        running.points(8)
        yield* running.delivery.flush
        yield* settle
        assert.strictEqual(running.backend.stored.length, stored)
        assert.deepStrictEqual(running.ledger().dropped, dropped)
        assert.strictEqual(running.ledger().ambiguous, 8)
        assert.isTrue(lines.some(({ message }) => message.includes("a bug after it was stored")))
        yield* close(running)
      }
    })
  )

  it.effect("isolates what its encoder throws for, and goes on", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 4 }, (backend) => ({
        write: (batch) => backend.sink.write({ ...batch, payload: undefined }),
        encode: (measurements) => {
          if (pointIds(measurements).includes(2)) throw new Error("cannot encode 2")
          return { payload: pointIds(measurements).join(), taken: measurements.length, bytes: 7, refused: [] }
        }
      }))
      running.points(8)
      yield* settle
      assert.deepStrictEqual(pointIds(running.backend.stored), [0, 1, 3, 4, 5, 6, 7])
      assert.strictEqual(running.ledger().dropped.rejected, 1)
      assert.deepStrictEqual(running.ledger().sent, { measurements: 7, bytes: 21, writes: 3 })
      yield* close(running)
    })
  )

  it.effect("takes an answer about measurements that it did not send for a defect", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 1, ambiguous: "retry" }, () => ({
        write: () => Effect.succeed({ keep: [7] })
      }))
      running.points(1)
      yield* settle
      assert.deepStrictEqual(running.ledger().dropped, { rejected: 1 })
      assert.strictEqual(running.ledger().ambiguous, 1)
      yield* close(running)
    })
  )

  it.effect("keeps its ledger at every moment at which a sink could look", () =>
    Effect.gen(function* () {
      const looks: Array<number> = []
      const running = yield* start({ batchSize: 2 }, (backend) => ({
        encode: (measurements) => {
          looks.push(running.ledger().recorded)
          return {
            payload: undefined,
            taken: 1,
            bytes: 1,
            refused: measurements.length > 3 ? [{ index: 0, drop: "invalid", reason: "" }] : []
          }
        },
        write: (batch) =>
          Effect.suspend(() => {
            looks.push(running.ledger().recorded)
            return backend.sink.write({ ...batch, payload: undefined })
          })
      }))
      running.lane.onMark = () => void looks.push(running.ledger().recorded)
      running.points(5)
      running.increment("a", 2)
      running.backend.mode = "down"
      yield* TestClock.adjust("30 seconds")
      running.backend.mode = "ok"
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running.ledger().delivered, 7)
      assert.isAbove(looks.length, 10)
      yield* close(running)
    })
  )

  it.effect("gives a write its whole time, and then writes the same again under the same id", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 2, requestTimeout: "5 seconds", retry: { jitter: "none" } })
      running.backend.mode = "hangs"
      running.points(2)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(running.ledger().ambiguous, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(running.ledger().ambiguous, 2)
      assert.strictEqual(running.backend.interrupted, 1)
      running.backend.mode = "ok"
      yield* TestClock.adjust("250 millis")
      const [first, second] = running.backend.writes
      assert.strictEqual(second!.id, first!.id)
      assert.deepStrictEqual([first!.attempt, second!.attempt], [1, 2])
      assert.deepStrictEqual(second!.measurements, first!.measurements)
      assert.strictEqual(running.ledger().delivered, 2)
      assert.strictEqual(running.ledger().retried, 2)
      yield* close(running)
    })
  )

  it.effect("leaves a write behind that cannot be interrupted, at its timeout and at the deadline of a close", () =>
    Effect.gen(function* () {
      let writes = 0
      const running = yield* start({ batchSize: 1, requestTimeout: "5 seconds", shutdownTimeout: "20 millis" }, () => ({
        write: () => {
          writes++
          return Effect.uninterruptible(Effect.never)
        }
      }))
      running.points(1)
      yield* TestClock.adjust("1 minute")
      assert.isAbove(writes, 1)
      assert.strictEqual(yield* close(running), "closed")
      assert.deepStrictEqual(running.ledger().dropped, { shutdown_deadline: 1 })
    })
  )

  it.effect("drops points that wait longer than maxAge for a backend", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 2, maxAge: "1 minute", retry: { jitter: "none" }, capacity: 100 })
      running.backend.mode = "down"
      running.points(10)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(dropped(running.ledger()), 0)
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(running.ledger().dropped, { expired: 10 })
      yield* close(running)
    })
  )

  it.effect("keeps windows however long a backend is down, in one window for the outage", () =>
    Effect.gen(function* () {
      const running = yield* start({ retry: { jitter: "none" } })
      running.backend.mode = "down"
      for (let n = 0; n < 10; n++) {
        running.increment("a", 10)
        yield* TestClock.adjust("1 minute")
        running.ledger()
      }
      running.backend.mode = "ok"
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running.ledger().delivered, 100)
      assert.strictEqual(running.backend.stored.length, 1)
      yield* close(running)
    })
  )

  it.effect("counts no window as retried that grew too large meanwhile, and was dropped", () =>
    Effect.gen(function* () {
      const running = yield* start({ retry: { jitter: "none" } })
      const entry = counter(hubOf(running.lane), "a")
      running.backend.mode = "down"
      entry.incrementBy(Number.MAX_VALUE)
      yield* TestClock.adjust("10 seconds")
      entry.incrementBy(Number.MAX_VALUE)
      running.backend.mode = "ok"
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(running.ledger().dropped, { invalid: 2 })
      entry.increment()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([running.ledger().delivered, running.ledger().retried], [1, 0])
      yield* close(running)
    })
  )

  it.effect("counts windows as retried when they are written again, and not before", () =>
    Effect.gen(function* () {
      const running = yield* start({ retry: { initial: "1 minute", jitter: "none" }, shutdownTimeout: "20 millis" })
      running.backend.mode = "down"
      running.increment("a", 3)
      yield* TestClock.adjust("10 seconds")
      running.increment("a", 2)
      assert.strictEqual(running.backend.writes.length, 1)
      assert.strictEqual(running.ledger().retried, 0)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running.backend.writes.length, 2)
      assert.strictEqual(running.ledger().retried, 3)
      running.backend.mode = "ok"
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(running.ledger().delivered, 5)
      assert.strictEqual(running.ledger().retried, 8)
      running.increment("a")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running.ledger().retried, 8)
      yield* close(running)
    })
  )

  it.effect("writes as many batches at a time as concurrency says, and one of a series", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 1, concurrency: 3 })
      running.backend.mode = "hangs"
      running.points(5)
      running.increment("a")
      yield* settle
      assert.strictEqual(running.backend.writes.length, 3)
      running.backend.mode = "ok"
      yield* TestClock.adjust("1 minute")
      running.increment("a")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running.ledger().delivered, 7)
      yield* close(running)
    })
  )

  it.effect("flushes on demand: done when what was buffered is settled, two at once write once", () =>
    Effect.gen(function* () {
      const running = yield* start({ triggerSize: 100, resend: "always" })
      running.points(3)
      running.increment("a", 5)
      running.backend.yields = 3
      yield* Effect.all([running.delivery.flush, running.delivery.flush], { concurrency: "unbounded" })
      assert.strictEqual(running.ledger().delivered, 8)
      assert.strictEqual(running.backend.writes.length, 1)
      yield* running.delivery.flush
      assert.strictEqual(running.backend.writes.length, 1)

      running.backend.mode = "down"
      running.points(1)
      const flush = yield* Effect.fork(running.delivery.flush)
      yield* settle
      assert.isNull(flush.unsafePoll())
      running.backend.mode = "ok"
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(flush)
      assert.strictEqual(running.ledger().delivered, 9)
      yield* close(running)
      yield* running.delivery.flush
    })
  )

  it.effect("writes nothing for a flush that was interrupted before its turn", () =>
    Effect.gen(function* () {
      const gate = yield* Effect.makeLatch(false)
      const running = yield* start({}, (backend) => ({
        write: (batch) => Effect.zipRight(gate.await, backend.sink.write({ ...batch, payload: undefined }))
      }))
      running.points(1)
      const first = yield* Effect.fork(running.delivery.flush)
      yield* settle
      running.increment("a")
      const later = yield* Effect.fork(running.delivery.flush)
      yield* settle
      yield* Fiber.interrupt(later)
      yield* gate.open
      yield* Fiber.join(first)
      yield* settle
      assert.strictEqual(running.backend.writes.length, 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(running.ledger().delivered, 2)
      yield* close(running)
    })
  )

  it.effect("survives a caller of flush that is interrupted", () =>
    Effect.gen(function* () {
      const running = yield* start()
      running.backend.mode = "hangs"
      running.points(1)
      const flush = yield* Effect.fork(running.delivery.flush)
      yield* settle
      yield* Fiber.interrupt(flush)
      running.backend.mode = "ok"
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running.ledger().delivered, 1)
      yield* close(running)
    })
  )

  it.effect(
    "says once that its schedule has ended or failed, and still writes full batches, flushes and the close",
    () =>
      Effect.gen(function* () {
        const broken = Schedule.mapEffect(Schedule.spaced("1 second"), () =>
          Effect.die(new Error("a bug in the schedule"))
        )
        for (const schedule of [Schedule.recurs(2).pipe(Schedule.addDelay(() => "1 second")), Schedule.stop, broken]) {
          const lines: Parameters<typeof collectLogs>[0] = []
          const running = yield* start({ schedule, batchSize: 4 }).pipe(Effect.provide(collectLogs(lines)))
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(lines.filter(({ message }) => message.includes("the schedule has ended")).length, 1)
          running.points(4)
          yield* settle
          assert.strictEqual(running.ledger().delivered, 4)
          running.points(1)
          yield* running.delivery.flush
          running.increment("a")
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(running.ledger().delivered, 5)
          yield* close(running)
          assert.strictEqual(running.ledger().delivered, 6)
        }
      })
  )

  it.effect(
    "logs what its recording side noticed, under its sink's name, and never a secret of a defect's message",
    () =>
      Effect.gen(function* () {
        const lines: Parameters<typeof collectLogs>[0] = []
        const running = yield* start({ batchSize: 1 }).pipe(Effect.provide(collectLogs(lines)))
        running.lane.refuse("not_finite", "latency")
        running.lane.refuse("unsupported_field", "login")
        running.backend.mode = "throws"
        running.points(1)
        yield* TestClock.adjust("10 seconds")
        running.backend.mode = "leaks"
        running.points(1)
        yield* TestClock.adjust("10 seconds")
        const messages = lines.map(({ message }) => message).join("\n")
        assert.include(messages, '"latency": recordings are refused: not_finite')
        assert.include(messages, '"login": fields are left out: unsupported_field')
        assert.include(messages, "a bug in the sink")
        assert.include(messages, "no route to")
        assert.notInclude(messages, "secret")
        assert.notInclude(messages, "unhandled")
        assert.isTrue(
          lines.every(
            ({ annotations }) => annotations.get("package") === "effect-metrics" && annotations.get("sink") === "test"
          )
        )
        running.backend.mode = "ok"
        yield* close(running)
      }).pipe(Logger.withMinimumLogLevel(LogLevel.All))
  )

  it.effect("goes on after a defect of its recording side or of a logger", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 1 }).pipe(
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            Logger.make(() => {
              throw new Error("a bug in the logger")
            })
          )
        )
      )
      const { lane } = running
      const { takeNotices } = lane
      lane.takeNotices = () => {
        lane.takeNotices = takeNotices
        throw new Error("a bug in the recording side")
      }
      lane.onMark = () => {
        lane.onMark = () => {}
        throw new Error("another one")
      }
      lane.refuse("not_finite", "latency")
      yield* TestClock.adjust("10 seconds")
      running.backend.mode = "down"
      running.points(1)
      yield* settle
      assert.strictEqual(running.backend.writes.length, 1, "the flusher still wakes")
      running.backend.mode = "ok"
      running.increment("a")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(running.ledger().delivered, 2)
      yield* close(running)
    })
  )

  it.effect("does not trace, so that a sink's requests are no spans of the app", () =>
    Effect.gen(function* () {
      const enabled: Array<boolean> = []
      const running = yield* start({ batchSize: 1 }, () => ({
        write: () =>
          Effect.currentSpan.pipe(
            Effect.withSpan("write"),
            Effect.map((span) => void enabled.push(span.sampled)),
            Effect.orDie
          )
      }))
      running.points(1)
      yield* settle
      yield* close(running)
      assert.deepStrictEqual(enabled, [false])
    })
  )
})

describe("closing a scope", () => {
  it.effect("writes everything that is buffered, in as many batches as it takes", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 2, triggerSize: 1000, capacity: 1000 })
      running.points(21)
      running.increment("a", 5)
      running.increment("b", 5)
      assert.strictEqual(yield* close(running), "closed")
      assert.deepStrictEqual(
        pointIds(running.backend.stored),
        Array.from({ length: 21 }, (_, id) => id)
      )
      assert.strictEqual(running.ledger().delivered, 31)
      assert.strictEqual(running.backend.interrupted, 0)
    })
  )

  it.effect("lets the write that is under way end, and refuses what is recorded from then on", () =>
    Effect.gen(function* () {
      const gate = yield* Effect.makeLatch(false)
      const running = yield* start({ batchSize: 2 }, (backend) => ({
        write: (batch) =>
          Effect.zipRight(gate.await, backend.sink.write({ ...batch, payload: undefined })).pipe(
            Effect.onInterrupt(() => Effect.sync(() => backend.interrupted++))
          )
      }))
      running.points(3)
      running.increment("a")
      yield* settle
      const closing = yield* Effect.forkDaemon(Scope.close(running.scope, Exit.void))
      yield* settle
      running.points(1)
      running.increment("a", 2)
      assert.deepStrictEqual(running.ledger().refused, { closed: 3 })
      assert.isNull(closing.unsafePoll())
      yield* gate.open
      yield* Fiber.join(closing)
      assert.strictEqual(running.backend.interrupted, 0)
      assert.strictEqual(running.ledger().delivered, 4)
      assert.deepStrictEqual(running.ledger().dropped, {})
    })
  )

  it.effect("ends at its deadline though the backend hangs, and says in one line exactly what was lost", () =>
    Effect.gen(function* () {
      const lines: Parameters<typeof collectLogs>[0] = []
      const running = yield* start({ batchSize: 2, triggerSize: 1000, shutdownTimeout: "500 millis" }).pipe(
        Effect.provide(collectLogs(lines))
      )
      running.backend.mode = "hangs"
      running.points(5)
      running.increment("a", 3)
      assert.strictEqual(yield* close(running), "closed")
      const { ambiguous, buffered, dropped } = running.ledger()
      assert.deepStrictEqual(dropped, { shutdown_deadline: 8 })
      assert.deepStrictEqual(buffered, { queued: 0, open: 0, inFlight: 0 })
      assert.strictEqual(ambiguous, 4, "the batch that was being written")
      assert.strictEqual(running.backend.interrupted, 1)
      assert.deepStrictEqual(
        lines.map(({ level, message }) => `${level} ${message}`),
        ["WARN test: closed, delivered 0, lost 8 (shutdown_deadline 8), 4 of unknown fate"]
      )
    })
  )

  it.effect("ends at its deadline though the backend is down, and loses exactly what was buffered", () =>
    Effect.gen(function* () {
      for (const mode of ["down", "throttled", "answer lost"] as const) {
        const running = yield* start({ batchSize: 2, shutdownTimeout: "20 millis" })
        running.backend.mode = mode
        running.points(5)
        running.increment("a", 3)
        assert.strictEqual(yield* close(running), "closed")
        assert.deepStrictEqual(running.ledger().dropped, { shutdown_deadline: 8 })
      }
    })
  )

  it.effect("does not wait for a schedule that cannot be interrupted", () =>
    Effect.gen(function* () {
      const schedule = Schedule.mapEffect(Schedule.spaced("1 second"), () => Effect.uninterruptible(Effect.never))
      const running = yield* start({ schedule, shutdownTimeout: "10 seconds" })
      running.points(1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* close(running), "closed")
      assert.strictEqual(running.ledger().delivered, 1)
    })
  )

  it.effect("tries at once though a wait was under way", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 2, retry: { initial: "1 minute", jitter: "none" } })
      running.backend.mode = "down"
      running.points(5)
      yield* settle
      running.backend.mode = "ok"
      assert.strictEqual(yield* close(running), "closed")
      assert.strictEqual(running.ledger().delivered, 5)
    })
  )

  it.live("tries again while it closes", () =>
    Effect.gen(function* () {
      const running = yield* start({ batchSize: 2, retry: { initial: "2 millis", jitter: "none" } }, (backend) => ({
        write: (batch) => {
          backend.mode = backend.writes.length < 4 ? "down" : "ok"
          return backend.sink.write({ ...batch, payload: undefined })
        }
      }))
      running.points(3)
      running.increment("a", 3)
      assert.strictEqual(yield* close(running), "closed")
      assert.strictEqual(running.ledger().delivered, 6)
      assert.strictEqual(running.backend.interrupted, 0)
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None))
  )

  it.effect("stops everything: no timer, no schedule, no write runs on", () =>
    Effect.gen(function* () {
      let recurrences = 0
      const schedule = Schedule.tapOutput(Schedule.spaced("10 seconds"), () => Effect.sync(() => void recurrences++))
      const running = yield* start({ schedule })
      running.points(1)
      yield* TestClock.adjust("25 seconds")
      yield* close(running)
      const before = recurrences
      const writes = running.backend.writes.length
      running.points(9)
      yield* TestClock.adjust(hour)
      assert.strictEqual(running.backend.writes.length, writes)
      assert.isAbove(before, 0)
      assert.strictEqual(recurrences, before)
      assert.strictEqual(running.ledger().refused.closed, 9)
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None))
  )

  it.effect("loses nothing, wherever it comes between two steps", () =>
    Effect.gen(function* () {
      for (let steps = 0; steps <= 40; steps++) {
        const running = yield* start({ batchSize: 2 })
        running.backend.yields = 3
        running.points(5)
        running.increment("a", 2)
        for (let n = 0; n < steps; n++) {
          yield* Effect.yieldNow()
          running.ledger()
        }
        assert.strictEqual(yield* close(running), "closed")
        assert.deepStrictEqual(pointIds(running.backend.stored), [0, 1, 2, 3, 4], `after ${steps} steps`)
        assert.strictEqual(running.ledger().delivered, 7)
      }
    })
  )

  it.effect("accounts for everything, wherever the fiber that holds the scope is interrupted", () =>
    Effect.gen(function* () {
      for (let steps = 0; steps <= 40; steps++) {
        const running = yield* start({ batchSize: 2 })
        running.backend.yields = 3
        const holder = yield* Effect.forkDaemon(
          Effect.gen(function* () {
            for (let n = 0; n < 4; n++) {
              running.points(2)
              running.increment("a")
              yield* Effect.yieldNow()
              yield* running.delivery.flush
            }
          }).pipe(Effect.ensuring(Scope.close(running.scope, Exit.void)))
        )
        for (let n = 0; n < steps; n++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(holder)
        const { buffered, delivered, recorded } = running.ledger()
        assert.deepStrictEqual(buffered, { queued: 0, open: 0, inFlight: 0 })
        assert.strictEqual(delivered, recorded, `after ${steps} steps`)
        assert.strictEqual(weight(running.backend.stored), recorded)
      }
    })
  )
})
