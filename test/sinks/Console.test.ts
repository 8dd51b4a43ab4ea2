import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, TestClock } from "effect"
import { EventEmitter } from "node:events"
import * as Ledger from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import * as Console from "../../src/sinks/Console.js"
import { Terminal } from "./console/terminal.js"

const visits = Metrics.counter("visits", { tagKeys: ["page"] })
const duration = Metrics.timer("duration")
const active = Metrics.gauge("active")

const collected = () => {
  const texts: Array<string> = []
  return { texts, write: (text: string) => texts.push(text) }
}

const record = Effect.gen(function* () {
  yield* Metrics.incrementBy(visits, 5, { tags: { page: "/" } })
  yield* Metrics.record(duration, 0.25)
  yield* Metrics.set(active, 3)
  yield* Metrics.emit("order", { amount: 12.5 }, { timestamp: 1_700_000_000_000 })
})

/** Runs it with the sink, and gives the ledger once the sink has closed. */
const within = <A, E>(options: Console.Options, effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const hub = yield* Effect.zipLeft(Metrics.Metrics, effect).pipe(Effect.provide(Console.layer(options)))
    const [lane] = Metrics.ledgersOf(hub)
    if (lane === undefined) return yield* Effect.dieMessage("no lane")
    return lane
  })

describe("Console", () => {
  it.effect("writes a line for each measurement where there is no terminal", () =>
    Effect.gen(function* () {
      const output = collected()
      const effect = Effect.zipRight(record, TestClock.adjust("1 second"))
      const { ledger, name } = yield* within({ output, color: "never" }, effect)
      const lines = output.texts.join("").split("\n").sort()
      assert.deepStrictEqual(lines, [
        "",
        "active value=3",
        "duration count=1 rate=1/s mean=250ms min=250ms p50=250ms p95=250ms p99=250ms max=250ms total=1",
        "order amount=12.5 time=2023-11-14T22:13:20.000Z",
        "visits{page=/} count=5 rate=5/s total=5"
      ])
      assert.strictEqual(name, "console")
      assert.strictEqual(ledger.recorded, 4)
      assert.strictEqual(ledger.delivered, 4)
      assert.strictEqual(Ledger.imbalance(ledger), 0)
    })
  )

  it.effect("writes every second, and when the scope closes", () =>
    Effect.gen(function* () {
      const output = collected()
      const effect = Effect.gen(function* () {
        yield* Metrics.increment(visits)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(output.texts.join(""), "visits count=1 rate=1/s total=1\n")
        yield* Metrics.increment(visits)
        yield* TestClock.adjust("500 millis")
        assert.lengthOf(output.texts, 1)
      })
      yield* within({ output, color: "never" }, effect)
      assert.strictEqual(output.texts[1], "visits count=1 rate=2/s total=2\n")
      assert.lengthOf(output.texts, 2)
    })
  )

  it.effect("draws a table on a terminal, and leaves it there when the scope closes", () =>
    Effect.gen(function* () {
      const terminal = new Terminal(80, 20)
      const own = terminal.write
      terminal.write("$ start\n")
      const effect = Effect.gen(function* () {
        yield* record
        yield* TestClock.adjust("1 second")
        assert.match(terminal.screen[1] ?? "", /^metrics {2}up 1s {2}4 series/)
        terminal.write("a line of the app\n")
        yield* Metrics.increment(visits, { tags: { page: "/" } })
      })
      const { ledger } = yield* within({ output: terminal, color: "never" }, effect)
      terminal.write("done\n")
      const [first, second, title, header, ...rest] = terminal.screen
      assert.deepStrictEqual([first, second], ["$ start", "a line of the app"])
      assert.match(title ?? "", /^metrics/)
      assert.match(header ?? "", /^name .* rate\/s/)
      assert.match(rest[0] ?? "", /^active /)
      assert.match(rest[3] ?? "", /^visits\{page=\/\} .* 6 /)
      assert.strictEqual(rest.at(-1), "done")
      assert.strictEqual(terminal.write, own)
      assert.strictEqual(ledger.delivered, 5)
    })
  )

  it.effect("goes on drawing while nothing is recorded, so that rates fall", () =>
    Effect.gen(function* () {
      const terminal = new Terminal(80, 20)
      const effect = Effect.gen(function* () {
        yield* Metrics.incrementBy(visits, 10)
        yield* TestClock.adjust("1 second")
        assert.match(terminal.screen[2] ?? "", /^visits +10 /)
        yield* TestClock.adjust("20 seconds")
        assert.match(terminal.screen[2] ?? "", /^visits +0 /)
        assert.match(terminal.screen[0] ?? "", /up 2\ds/)
      })
      yield* within({ output: terminal, color: "never" }, effect)
    })
  )

  it.effect("draws again at once when the terminal's size changes, and no more when it has closed", () =>
    Effect.gen(function* () {
      const emitter = new EventEmitter()
      const terminal = new Terminal(80, 20)
      // A stream says when it has written.
      const stream = Object.assign(emitter, {
        isTTY: true,
        columns: 80,
        rows: 20,
        write: (text: string, done?: () => void) => {
          terminal.write(text)
          done?.()
        }
      })
      const effect = Effect.gen(function* () {
        yield* record
        yield* TestClock.adjust("1 second")
        stream.columns = terminal.columns = 30
        emitter.emit("resize")
        assert.match(terminal.screen.at(-1) ?? "", /…$/)
      })
      yield* within({ output: stream, color: "never" }, effect)
      assert.strictEqual(emitter.listenerCount("resize"), 0)
    })
  )

  it.effect("lets a second console on the same terminal write lines above the first one's table", () =>
    Effect.gen(function* () {
      const terminal = new Terminal(80, 30)
      const one = Console.layer({ output: terminal, color: "never", name: "one" })
      const two = Console.layer({ output: terminal, color: "never", name: "two" })
      yield* record.pipe(Effect.zipRight(TestClock.adjust("1 second")), Effect.provide(two), Effect.provide(one))
      const titles = terminal.history.filter((line) => line.startsWith("metrics "))
      assert.lengthOf(titles, 1)
      const plain = terminal.history.indexOf("visits{page=/} count=5 rate=5/s total=5")
      assert.isAtLeast(plain, 0)
      assert.isBelow(
        plain,
        terminal.history.findIndex((line) => line.startsWith("metrics "))
      )
    })
  )

  it.effect("rejects what it cannot write because the reader has gone, and counts it", () =>
    Effect.gen(function* () {
      const output = {
        write: (): never => {
          throw new Error("EPIPE")
        }
      }
      const { ledger } = yield* within({ output }, record)
      assert.deepStrictEqual(ledger.dropped, { rejected: 4 })
      assert.strictEqual(ledger.delivered, 0)
      assert.strictEqual(Ledger.imbalance(ledger), 0)
    })
  )

  it.effect("writes nothing at all when it is not enabled", () =>
    Effect.gen(function* () {
      const terminal = new Terminal(80, 20)
      yield* record.pipe(Effect.provide(Console.layer({ output: terminal, enabled: false })))
      assert.deepStrictEqual(terminal.received, [])
    })
  )

  it.effect("shows tags and prefix of the lane", () =>
    Effect.gen(function* () {
      const output = collected()
      yield* within({ output, color: "never", prefix: "app.", tags: { env: "test" } }, Metrics.increment(visits))
      assert.match(output.texts.join(""), /^app\.visits\{env=test\} count=1 /)
    })
  )

  it.effect("fails to be made with an option that cannot be", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [options: object, message: string]> = [
        [{ batchSize: 0 }, "console: option batchSize: 0 is not a whole number"],
        [{ name: "mine", format: "tabel" }, 'mine: option format: "tabel" is not one of auto, table, lines'],
        [{ color: true }, "console: option color: true is not one of auto, always, never"],
        [{ maxRows: 0 }, "console: option maxRows: 0 is not a whole number from 1 on"],
        [{ maxPoints: 1.5 }, "console: option maxPoints: 1.5 is not a whole number from 0 on"],
        [{ output: {} }, "console: option output: [object Object] is not an object with a method write"]
      ]
      for (const [options, message] of bad) {
        // As a program without types would give them.
        const error = yield* Layer.build(Console.layer(options as Console.Options)).pipe(Effect.scoped, Effect.flip)
        assert.strictEqual(error._tag, "InvalidOption")
        assert.include(error.message, message)
      }
    })
  )
})
