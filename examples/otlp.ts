/**
 * Writes to an OpenTelemetry receiver: OTEL_EXPORTER_OTLP_ENDPOINT says where it is. Without it, a receiver of this example's own
 * prints what it gets, in JSON.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { Metrics, Otlp } from "effect-metrics"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const orders = Metrics.counter("shop.orders", { description: "Orders taken", unit: "{order}", tagKeys: ["country"] })
const duration = Metrics.timer("shop.order.duration")
const open = Metrics.gauge("shop.carts.open", { valueType: "int" })

const order = (country: string) =>
  Effect.sleep("2 millis").pipe(Metrics.trackCount(orders, { tags: { country } }), Metrics.trackDuration(duration))

const program = Effect.gen(function* () {
  yield* Metrics.set(open, 3)
  yield* order("de")
  yield* order("pt")
  yield* order("de")
  for (const { ledger, name } of yield* Metrics.flushWithin("5 seconds"))
    yield* Effect.log(`${name}: ${ledger.delivered} of ${ledger.recorded} recordings delivered`)
})

/** Stands in for a collector until the scope closes, on a free port. */
const receiver = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      process.stdout.write(`${request.method} ${request.url}\n`)
      request.on("data", (json) => process.stdout.write(json))
      request.on("end", () => {
        process.stdout.write("\n")
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      const close = () => {
        server.close()
        server.closeAllConnections()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const resource = { "service.name": "shop", "service.version": "1.2.3" }

Effect.gen(function* () {
  const MetricsLive =
    process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] === undefined
      ? Otlp.layer({ url: (yield* receiver).url, format: "json", gzip: Infinity, resource })
      : Otlp.layerEnv({ resource })
  yield* Effect.provide(program, Layer.provide(MetricsLive, FetchHttpClient.layer))
}).pipe(Effect.scoped, NodeRuntime.runMain)
