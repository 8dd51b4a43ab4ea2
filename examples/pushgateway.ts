/**
 * A job that leaves behind what it did: PUSHGATEWAY_URL says where the Pushgateway is, such as http://localhost:9091. Without it, a
 * server of this example's own prints what it is pushed.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Clock, Effect } from "effect"
import { Metrics, Pushgateway } from "effect-metrics"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const files = Metrics.counter("backup.files", { description: "Files copied.", tagKeys: ["kind"] })
const finished = Metrics.gauge("backup.finished", { description: "When the last backup was done.", unit: "s" })

const backup = Effect.gen(function* () {
  yield* Metrics.incrementBy(files, 120, { tags: { kind: "new" } })
  yield* Metrics.incrementBy(files, 7, { tags: { kind: "changed" } })
  yield* Metrics.set(finished, Math.floor((yield* Clock.currentTimeMillis) / 1000))
})

/** Stands in for a Pushgateway until the scope closes, on a free port. */
const gateway = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      process.stdout.write(`${request.method} ${request.url}\n`)
      request.on("data", (text) => process.stdout.write(text))
      request.on("end", () => response.writeHead(200).end())
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
  const url = process.env["PUSHGATEWAY_URL"] ?? (yield* gateway).url
  // Pushed when the layer's scope closes, at the latest.
  yield* Effect.provide(backup, Pushgateway.layerFetch({ url, job: "backup" }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
