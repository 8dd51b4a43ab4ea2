/** Writes to InfluxDB: INFLUXDB_URL says where it is, and INFLUXDB_DATABASE may name the database. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { InfluxDb, Measurement, Metrics } from "effect-metrics"

const uploads = Metrics.counter("uploads", { valueType: "int", tagKeys: ["kind"] })
const duration = Metrics.timer("upload.duration", { boundaries: [0.01, 0.1, 1] })

const upload = (kind: string, bytes: number) =>
  Effect.sleep("5 millis").pipe(
    Effect.zipRight(Metrics.emit("upload", { bytes: Measurement.int(bytes) }, { tags: { kind } })),
    Metrics.trackCount(uploads, { tags: { kind } }),
    Metrics.trackDuration(duration, { outcome: true })
  )

const program = Effect.gen(function* () {
  yield* upload("image", 20_000)
  yield* upload("video", 3_000_000)
  const ledgers = yield* Metrics.flushWithin("5 seconds")
  yield* Effect.log(`delivered ${ledgers.map(({ ledger, name }) => `${name}: ${ledger.delivered}`).join()}`)
})

const url = process.env["INFLUXDB_URL"]
const MetricsLive = InfluxDb.layerFetch({
  url: url ?? "http://localhost:8086",
  database: process.env["INFLUXDB_DATABASE"] ?? "app",
  createDatabase: true,
  tags: { service: "uploader" },
  enabled: url !== undefined
})

program.pipe(Effect.provide(MetricsLive), NodeRuntime.runMain)
