/**
 * Writes to what takes Prometheus' remote write: PROMETHEUS_URL says where it is, such as http://localhost:9090. Without it, a
 * receiver of this example's own says what it is asked for.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Metrics, PrometheusRemoteWrite } from "effect-metrics"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const orders = Metrics.counter("shop.orders", { description: "Orders taken.", tagKeys: ["country"] })
const duration = Metrics.timer("shop.order.duration", { boundaries: [0.01, 0.1, 1] })
const open = Metrics.gauge("shop.carts.open")

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

/** Stands in for Prometheus until the scope closes, on a free port. */
const receiver = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      const { "content-encoding": encoding, "x-prometheus-remote-write-version": version } = request.headers
      process.stdout.write(`${request.method} ${request.url} version ${version} in ${encoding}\n`)
      request
        .resume()
        .on("end", () => response.writeHead(204, { "x-prometheus-remote-write-samples-written": 1 }).end())
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

Effect.gen(function* () {
  const url = process.env["PROMETHEUS_URL"] ?? (yield* receiver).url
  const MetricsLive = PrometheusRemoteWrite.layerFetch({ url, tags: { job: "shop" }, staleMarkers: true })
  yield* Effect.provide(program, MetricsLive)
}).pipe(Effect.scoped, NodeRuntime.runMain)
