import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { Console, InfluxDb, Metrics } from "effect-metrics"

const requests = Metrics.counter("http.requests", { description: "Requests served", tagKeys: ["route"] })
const duration = Metrics.timer("http.duration")
const active = Metrics.gauge("http.active")

const handler = Effect.sleep("20 millis").pipe(
  Metrics.trackCount(requests, { tags: { route: "/users" } }),
  Metrics.trackDuration(duration, { outcome: true }),
  Metrics.trackInFlight(active),
  Effect.tagMetrics("region", "eu")
)

// InfluxDB is sent to if INFLUXDB_URL says where it is.
const url = process.env["INFLUXDB_URL"]
const MetricsLive = Layer.mergeAll(
  Console.layer(),
  InfluxDb.layerFetch({
    url: url ?? "http://localhost:8086",
    database: "app",
    createDatabase: true,
    enabled: url !== undefined
  })
)

handler.pipe(Effect.repeatN(99), Effect.provide(MetricsLive), NodeRuntime.runMain)
