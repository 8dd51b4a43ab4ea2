/** Puts to OpenTSDB: OPENTSDB_HOST says where it is. Without it, a server of this example's own prints the lines. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Metrics, OpenTsdb } from "effect-metrics"
import { type AddressInfo, createServer } from "node:net"

const orders = Metrics.counter("shop.orders", { valueType: "int", tagKeys: ["country"] })
const duration = Metrics.timer("shop.order.duration")

const order = (country: string, amount: number) =>
  Effect.sleep("5 millis").pipe(
    Effect.zipRight(Metrics.emit("shop.order", { value: amount }, { tags: { country } })),
    Metrics.trackCount(orders, { tags: { country } }),
    Metrics.trackDuration(duration, { outcome: true })
  )

const program = Effect.gen(function* () {
  yield* order("de", 19.5)
  yield* order("pt", 40)
  // With a time of its own, as for what happened while nobody looked.
  yield* Metrics.emit("shop.visitors", { value: 7 }, { timestamp: new Date("2024-01-01T09:00:00Z") })
  for (const { ledger, name } of yield* Metrics.flushWithin("5 seconds"))
    yield* Effect.log(`${name}: ${ledger.delivered} of ${ledger.recorded} recordings delivered`)
})

/** Stands in for OpenTSDB until the scope closes, on a free port. */
const server = Effect.acquireRelease(
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

const host = process.env["OPENTSDB_HOST"]

Effect.gen(function* () {
  const port = host === undefined ? (yield* server).port : 4242
  // Where lines go to OpenTSDB itself, acknowledge: "version" waits until it has read them.
  yield* Effect.provide(program, OpenTsdb.layer({ host: host ?? "127.0.0.1", port, tags: { service: "shop" } }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
