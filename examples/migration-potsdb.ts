/** Puts to OpenTSDB as potsdb did: OPENTSDB_HOST says where it is. Without it, a server of this example's own prints the lines. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Metrics, OpenTsdb } from "effect-metrics"
import { type AddressInfo, createServer } from "node:net"

const orders = Metrics.counter("shop.orders", { valueType: "int", tagKeys: ["country"] })

const program = Effect.gen(function* () {
  // What happens often is counted: three of these are one line, and none is lost to the second it falls into.
  yield* Effect.repeatN(Metrics.increment(orders, { tags: { country: "de" } }), 2)
  // What potsdb sent is a point with the field `value`.
  yield* Metrics.emit("shop.room", { value: 21.5 }, { tags: { room: "cellar" } })
  yield* Metrics.emit(
    "shop.room",
    { value: 19 },
    { tags: { room: "cellar" }, timestamp: new Date("2024-01-01T09:00:00Z") }
  )
  yield* Metrics.emit("shop.door", { value: true }, { tags: { host: "door-1" } })
  // Where potsdb had `wait()`; the end of the scope does the same.
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
  const layer = OpenTsdb.layer({
    host: host ?? "127.0.0.1",
    port,
    hostTag: "auto",
    capacity: 100_000,
    overflow: "drop-oldest",
    rateLimit: 1000
  })
  yield* Effect.provide(program, layer)
}).pipe(Effect.scoped, NodeRuntime.runMain)
