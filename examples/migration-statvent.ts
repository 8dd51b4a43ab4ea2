/**
 * What a program with statvent was, and the service over its pipes. STATS_DIR is the folder, and STATS_PORT where the service listens,
 * until it is ended; without them, this asks it once, as a client of statvent's would.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { Metrics, NamedPipe, StatsServer } from "effect-metrics"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const requests = Metrics.counter("requests")
const bytes = Metrics.counter("bytes")
const queue = Metrics.gauge("queue length")
const took = Metrics.timer("took.{0}")

const work = Effect.gen(function* () {
  yield* Metrics.increment(requests)
  yield* Metrics.incrementBy(bytes, 512)
  yield* Metrics.set(queue, 3)
  yield* Metrics.record(took, 0.25)
})

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "stats-pipe-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true }))
)

const given = process.env["STATS_DIR"]

Effect.gen(function* () {
  const dir = given ?? (yield* temporary)
  const port = Number(process.env["STATS_PORT"] ?? 0)
  yield* Effect.gen(function* () {
    yield* work
    if (given !== undefined) return yield* Effect.never
    const { url } = yield* StatsServer.Address
    const answer = yield* Effect.promise(() => fetch(`${url}/stats`).then((response) => response.text()))
    yield* Effect.sync(() => process.stdout.write(`${answer}\n`))
    // Mostly it is a process of its own: `npx effect-metrics web`.
  }).pipe(
    Effect.provide(Layer.mergeAll(NamedPipe.layer({ dir }), StatsServer.layer({ dir, port, timeout: "10 seconds" })))
  )
}).pipe(Effect.scoped, NodeRuntime.runMain)
