/** A pipe that tells what this process has counted: NAMED_PIPE_DIR says where. Without it, this reads it by itself, and ends. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Metrics, NamedPipe } from "effect-metrics"
import { mkdtempSync, rmSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const requests = Metrics.counter("http.requests", { tagKeys: ["route"] })
const active = Metrics.gauge("http.active")
const duration = Metrics.timer("http.duration")

const handler = Effect.sleep("5 millis").pipe(
  Metrics.trackCount(requests, { tags: { route: "/users" } }),
  Metrics.trackDuration(duration),
  Metrics.trackInFlight(active)
)

/** Somewhere that is gone at the end. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "named-pipe-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true }))
)

const given = process.env["NAMED_PIPE_DIR"]

Effect.gen(function* () {
  const dir = given ?? (yield* temporary)
  yield* Effect.gen(function* () {
    yield* Effect.repeatN(handler, 19)
    if (given !== undefined) return yield* Effect.forever(handler)
    // What `cat` would print.
    const text = yield* Effect.promise(() => readFile(join(dir, `${process.pid}.stats`), "utf8"))
    yield* Effect.sync(() => process.stdout.write(text))
  }).pipe(Effect.provide(NamedPipe.layer({ dir })))
}).pipe(Effect.scoped, NodeRuntime.runMain)
