/** Serves what it records to Prometheus: PORT says where, 9464 without it. `npx tsx examples/prometheus.ts`, Ctrl-C ends it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Random } from "effect"
import { Metrics, Prometheus, RuntimeMetrics } from "effect-metrics"

const orders = Metrics.counter("orders", { description: "Orders placed.", tagKeys: ["kind"] })
const duration = Metrics.timer("order.duration", { description: "From the click to the answer." })
const active = Metrics.gauge("orders.active")

const order = Effect.gen(function* () {
  const kind = (yield* Random.nextBoolean) ? "book" : "record"
  yield* Effect.sleep(`${yield* Random.nextIntBetween(2, 40)} millis`)
  yield* Metrics.increment(orders, { tags: { kind } })
}).pipe(Metrics.trackDuration(duration), Metrics.trackInFlight(active))

const port = Number(process.env["PORT"] ?? 9464)

const MetricsLive = Layer.mergeAll(
  Prometheus.layer({ port, tags: { service: "shop" } }),
  RuntimeMetrics.layer({ groups: ["cpu", "memory"] })
)

Effect.forever(order).pipe(Effect.provide(MetricsLive), NodeRuntime.runMain)
