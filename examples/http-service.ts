/**
 * An HTTP service under load, and its metrics live on the terminal and on a page, whose address it prints; with INFLUXDB_URL set
 * also in InfluxDB. Requests, the runtime and what is recorded with Effect's own `Metric` are measured without a word in the
 * handlers. `npm run demo`.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Data, Effect, Layer, Metric, Option, Random } from "effect"
import { Console, Dashboard, EffectMetrics, HttpServerMetrics, InfluxDb, Metrics, RuntimeMetrics } from "effect-metrics"
import { createServer } from "node:http"
import { accounted, durationOf, refuse, teardown } from "./support/demo.js"

// --- what is measured

const reportSize = Metrics.distribution("report.size", { unit: "By" })

/** Effect's own: exported as well. */
const lookups = Metric.counter("users.lookups", { incremental: true })

// --- the service

class WarehouseUnavailable extends Data.TaggedError("WarehouseUnavailable") {}

const work = (from: number, to: number) => Effect.flatMap(Random.nextRange(from, to), (millis) => Effect.sleep(millis))

const users = Effect.as(work(2, 12), ["Ada", "Grace", "Barbara"]).pipe(Metric.trackAll(lookups, 1))

const report = Effect.zipRight(work(80, 400), Random.nextIntBetween(10_000, 2_000_000)).pipe(
  Metrics.trackSuccessWith(reportSize, (bytes) => bytes)
)

const reserve = Effect.zipRight(work(5, 25), Random.next).pipe(
  Effect.filterOrFail(
    (luck) => luck > 0.1,
    () => new WarehouseUnavailable()
  ),
  Metrics.track("warehouse.reserve")
)

const order = Effect.gen(function* () {
  yield* reserve
  const items = yield* Random.nextIntBetween(1, 5)
  const amount = items * 12.5
  yield* Metrics.emit("order.placed", { amount, items, currency: "EUR" }, { tags: { shop: "eu" } })
  return { amount, items }
})

const router = HttpRouter.empty.pipe(
  HttpRouter.get("/users/:id", Effect.flatMap(users, HttpServerResponse.json)),
  HttpRouter.get(
    "/report",
    Effect.flatMap(report, (bytes) => HttpServerResponse.json({ bytes }))
  ),
  HttpRouter.get(
    "/order",
    Effect.flatMap(order, HttpServerResponse.json).pipe(
      Effect.catchTag("WarehouseUnavailable", () => HttpServerResponse.empty({ status: 503 }))
    )
  ),
  HttpRouter.get("/health", HttpServerResponse.text("ok"))
)

const ServerLive = HttpServer.serve(router, HttpServerMetrics.middleware()).pipe(
  HttpServer.withLogAddress,
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 }))
)

// --- its clients: 16 at a time, some 400 requests a second

const load = Effect.gen(function* () {
  const server = yield* HttpServer.HttpServer
  if (server.address._tag !== "TcpAddress") return yield* Effect.dieMessage("the server has no port")
  const url = `http://127.0.0.1:${server.address.port}`
  const client = yield* HttpClient.HttpClient
  // A visitor who is told to leave waits for the answer first, so that no request is cut off in the middle.
  const visit = Effect.gen(function* () {
    const luck = yield* Random.next
    const route =
      luck < 0.5 ? `/users/${Math.floor(luck * 1000)}` : luck < 0.85 ? "/order" : luck < 0.9 ? "/report" : "/health"
    const response = yield* client.get(url + route)
    yield* response.text
  }).pipe(Effect.ignore, Effect.uninterruptible)
  const visitors = Array.from({ length: 16 }, () => Effect.forever(Effect.zipRight(visit, work(10, 30))))
  return yield* Effect.all(visitors, { concurrency: "unbounded", discard: true })
})

// --- where the metrics go

const MetricsLive = Layer.unwrapEffect(
  Effect.gen(function* () {
    const url = yield* Config.option(Config.nonEmptyString("INFLUXDB_URL"))
    const database = yield* Config.withDefault(Config.nonEmptyString("INFLUXDB_DATABASE"), "effect_metrics_demo")
    const influx = { url: Option.getOrElse(url, () => ""), database, createDatabase: true, enabled: Option.isSome(url) }
    const sinks = Layer.mergeAll(Console.layer(), Dashboard.layer({ title: "shop" }), InfluxDb.layerFetch(influx))
    const runtime = RuntimeMetrics.layer({ groups: ["eventLoop", "gc", "memory", "cpu"] })
    return Layer.mergeAll(sinks, EffectMetrics.layer(), runtime)
  })
)

// --- the program: metrics are provided last, so that all is measured to the very end

const program = Effect.gen(function* () {
  const duration = yield* durationOf(process.argv.slice(2))
  const end = Option.match(duration, { onNone: () => Effect.never, onSome: Effect.sleep })
  yield* Effect.forkScoped(load).pipe(
    Effect.zipRight(end),
    Effect.scoped,
    Effect.provide([ServerLive, NodeHttpClient.layerUndici]),
    accounted(MetricsLive)
  )
}).pipe(Effect.catchTags({ UsageError: refuse, InvalidOption: refuse, ConfigError: refuse }))

NodeRuntime.runMain(program, { teardown })
