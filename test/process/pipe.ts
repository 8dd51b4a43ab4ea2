/** A process with a pipe, for tests that read it: `dir number`. It ends in order when it is told to, or exits at once. */
import { Deferred, Effect, Logger } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as NamedPipe from "../../src/sinks/NamedPipe.js"

const [, , dir = "", number = "0"] = process.argv

const record = Effect.gen(function* () {
  yield* Metrics.incrementBy(Metrics.counter("req"), 3 + Number(number))
  yield* Metrics.incrementBy(Metrics.counter("f"), 1.5)
  yield* Metrics.set(Metrics.gauge("a: b"), 2)
  yield* Metrics.set(Metrics.gauge("日本"), -7)
  yield* Metrics.increment(Metrics.counter("by"), { tags: { route: '/"a":\n', number } })
  yield* Metrics.increment(Metrics.counter("not\na: 5\nline"))
  for (let i = 0; i < 150; i++) yield* Metrics.record(Metrics.distribution("took.{0}"), i)
})

const program = Effect.gen(function* () {
  const told = yield* Deferred.make<void>()
  process.on("message", (word) => {
    if (word === "exit") process.exit(0)
    Deferred.unsafeDone(told, Effect.void)
  })
  yield* record
  process.send?.("ready")
  yield* Deferred.await(told)
  process.disconnect()
})

void program.pipe(
  Effect.provide(NamedPipe.layer({ dir, maxSeries: 100 })),
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  Effect.runPromise
)
