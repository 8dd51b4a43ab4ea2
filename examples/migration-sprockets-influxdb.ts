/**
 * What sprockets-influxdb did for a Tornado application, for a server of @effect/platform: the same variables, the same measurements.
 * INFLUXDB_HOST and INFLUXDB_PORT say where InfluxDB is. Without them, a server of this example's own prints what it gets.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Duration, Effect, Layer } from "effect"
import { HttpServerMetrics, InfluxDb, Measurement, Metrics } from "effect-metrics"
import { createServer } from "node:http"
import { standIn } from "./support/standIn.js"

const params = Effect.gen(function* () {
  const { id = "" } = yield* HttpRouter.params
  // What `self.influxdb.set_tag` and `set_field` were.
  yield* HttpServerMetrics.annotate({ tags: { plan: "paid" }, fields: { cache_hit: true } })
  // What a Measurement of one's own was: fields of several types, and a duration.
  const [took] = yield* Effect.timed(Effect.sleep("5 millis"))
  yield* Metrics.emit(
    "lookup",
    { rows: Measurement.int(3), text: id, found: true, duration: Duration.toSeconds(took) },
    { tags: { table: "params" } }
  )
  return yield* HttpServerResponse.json({ id })
})

const router = HttpRouter.empty.pipe(HttpRouter.get("/param/:id", params))

// What InfluxDBMixin was: a measurement for each request, and no metrics beside it.
const ServerLive = HttpServer.serve(
  router,
  HttpServerMetrics.middleware({
    instruments: [],
    point: { name: "request", handler: "params.Handler", remoteIp: "field" }
  })
)

const ask = HttpServer.addressFormattedWith((url) => HttpClient.get(`${url}/param/100`))

const program = Effect.gen(function* () {
  const url = process.env["INFLUXDB_HOST"] === undefined ? (yield* standIn).url : undefined
  // What `install` was: INFLUXDB_*, ENVIRONMENT. The database is a function of the measurement where there are several.
  const MetricsLive = InfluxDb.layerEnv({
    ...(url === undefined ? {} : { url }),
    database: ({ name }) => (name === "request" ? "requests" : "app")
  }).pipe(Layer.provide(FetchHttpClient.layer))
  yield* ask.pipe(
    Effect.provide(ServerLive),
    Effect.provide([NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }), FetchHttpClient.layer]),
    Effect.provide(MetricsLive)
  )
})

program.pipe(Effect.scoped, NodeRuntime.runMain)
