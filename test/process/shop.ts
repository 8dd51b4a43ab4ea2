/** A process with a pipe that sells when it is told to: `dir`. Each number it is sent is so many orders more. */
import { Effect, Logger, Queue } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as NamedPipe from "../../src/sinks/NamedPipe.js"

const [, , dir = ""] = process.argv

const orders = Metrics.counter("orders", { tagKeys: ["shop"] })
const waiting = Metrics.gauge("queue.length")
const checkout = Metrics.timer("checkout")

const program = Effect.gen(function* () {
  const told = yield* Queue.unbounded<number>()
  process.on("message", (count: number) => void Queue.unsafeOffer(told, count))
  yield* Metrics.set(waiting, 2)
  process.send?.("ready")
  while (true) {
    const count = yield* Queue.take(told)
    yield* Metrics.incrementBy(orders, count, { tags: { shop: "eu" } })
    yield* Metrics.record(checkout, 0.25)
    process.send?.("sold")
  }
})

void program.pipe(
  Effect.provide(NamedPipe.layer({ dir })),
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  Effect.runPromise
)
