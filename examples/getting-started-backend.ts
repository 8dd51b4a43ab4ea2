/** The same app, with a backend beside the Console: INFLUXDB_URL says where it is. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { Console, InfluxDb, Measurement, Metrics } from "effect-metrics"

const orders = Metrics.counter("orders", { description: "Orders taken", valueType: "int", tagKeys: ["country"] })
const waiting = Metrics.gauge("orders.waiting")
const duration = Metrics.timer("order.duration")

const order = (country: string, items: number) =>
  Effect.sleep("20 millis").pipe(
    // A point keeps its own time, and has fields of several types.
    Effect.zipRight(Metrics.emit("order", { items: Measurement.int(items), paid: true }, { tags: { country } })),
    Metrics.trackCount(orders, { tags: { country } }),
    Metrics.trackDuration(duration, { outcome: true }),
    Metrics.trackInFlight(waiting),
    // Of everything that is recorded in here.
    Effect.tagMetrics("shop", "books")
  )

const program = Effect.gen(function* () {
  yield* Metrics.required
  yield* order("de", 3)
  yield* order("pt", 1)
  for (const { ledger, name } of yield* Metrics.flush)
    yield* Effect.log(`${name}: ${ledger.delivered} of ${ledger.recorded} recordings delivered`)
})

const url = process.env["INFLUXDB_URL"]
const MetricsLive = Layer.mergeAll(
  Console.layer({ format: "lines" }),
  InfluxDb.layerFetch({
    url: url ?? "http://localhost:8086",
    database: "app",
    createDatabase: true,
    // Of everything that goes to this sink.
    tags: { service: "shop" },
    enabled: url !== undefined
  })
)

program.pipe(Effect.provide(MetricsLive), NodeRuntime.runMain)
