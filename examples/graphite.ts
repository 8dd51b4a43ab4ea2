/** Writes to Graphite: GRAPHITE_HOST says where carbon is. Without it, a receiver of this example's own prints the lines. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Graphite, Metrics } from "effect-metrics"
import { type AddressInfo, createServer } from "node:net"

const requests = Metrics.counter("http.requests", { tagKeys: ["route"] })
const duration = Metrics.timer("http.duration")

const handler = Effect.sleep("5 millis").pipe(
  Metrics.trackCount(requests, { tags: { route: "/users" } }),
  Metrics.trackDuration(duration, { outcome: true })
)

const program = Effect.gen(function* () {
  yield* Effect.repeatN(handler, 9)
  for (const { ledger, name } of yield* Metrics.flushWithin("5 seconds"))
    yield* Effect.log(`${name}: ${ledger.delivered} of ${ledger.recorded} recordings delivered`)
})

/** Stands in for carbon until the scope closes, on a free port. */
const receiver = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer((socket) => socket.on("data", (lines) => process.stdout.write(lines)))
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ port, close: () => void server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const host = process.env["GRAPHITE_HOST"]

Effect.gen(function* () {
  const port = host === undefined ? (yield* receiver).port : 2003
  yield* Effect.provide(program, Graphite.layer({ host: host ?? "127.0.0.1", port, tags: { service: "api" } }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
