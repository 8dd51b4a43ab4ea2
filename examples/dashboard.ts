/** A page that shows what this app records: its address is logged. `npx tsx examples/dashboard.ts`, Ctrl-C ends it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Random } from "effect"
import { Dashboard, Metrics } from "effect-metrics"

const uploads = Metrics.counter("uploads", { description: "Files received.", tagKeys: ["kind"] })
const size = Metrics.distribution("upload.size", { unit: "By" })
const duration = Metrics.timer("upload.duration")

const upload = Effect.gen(function* () {
  const bytes = yield* Random.nextIntBetween(1_000, 5_000_000)
  const kind = bytes > 1_000_000 ? "video" : "image"
  yield* Effect.sleep(`${Math.ceil(bytes / 100_000)} millis`)
  yield* Metrics.increment(uploads, { tags: { kind } })
  yield* Metrics.record(size, bytes)
  if (bytes > 4_900_000) yield* Metrics.emit("upload.large", { bytes }, { tags: { kind } })
}).pipe(Metrics.trackDuration(duration))

Effect.forever(upload).pipe(Effect.provide(Dashboard.layer()), NodeRuntime.runMain)
