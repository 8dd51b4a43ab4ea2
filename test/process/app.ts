/**
 * An app for the tests of how processes end: it records until it is told to stop, into a sink that writes lines to a server.
 * Arguments: the server's port, what to do (`load`, `exit`, `throw`), and the deadline of a close in milliseconds.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Schedule } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as Sink from "../../src/Sink.js"

const [port = "0", mode = "load", deadline = "5000"] = process.argv.slice(2)

const post = (lines: ReadonlyArray<string>): Effect.Effect<void, Sink.Unavailable> =>
  Effect.tryPromise({
    try: (signal) => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: lines.join("\n"), signal }),
    catch: (error) => new Sink.Unavailable({ sink: "test", reason: String(error), ambiguous: true })
  })

const TestSink = Sink.layer({
  name: "test",
  shutdownTimeout: Number(deadline),
  schedule: Schedule.fixed("50 millis"),
  make: Effect.succeed({
    write: (batch: Sink.Batch) =>
      post(batch.measurements.map((m) => `${m._tag} ${m.weight} ${m._tag === "count" ? m.value : 1}`))
  })
})

const hits = Metrics.counter("hits")

const load = Effect.gen(function* () {
  let count = 0
  yield* Effect.addFinalizer(() => Effect.sync(() => console.log(`recorded ${count}`)))
  yield* Effect.gen(function* () {
    yield* Metrics.increment(hits)
    yield* Metrics.emit("point", { n: 1 })
    count += 2
    if (count === 200) console.log("ready")
    yield* Effect.sleep("1 millis")
  }).pipe(Effect.forever)
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  if (mode === "load") return yield* load
  yield* Effect.forEach(Array.from({ length: 100 }), () => Metrics.increment(hits), { discard: true })
  console.log("recorded 100")
  if (mode === "exit") process.exit(0)
  if (mode === "flush-exit") {
    yield* Metrics.flush
    process.exit(0)
  }
  if (mode === "throw")
    setTimeout(() => {
      throw new Error("uncaught")
    }, 0)
  yield* Effect.never
})

program.pipe(Effect.provide(TestSink), NodeRuntime.runMain)
