/** Writes to StatsD: STATSD_HOST says where it is. Without it, a receiver of this example's own prints the lines. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Metrics, StatsD } from "effect-metrics"
import { createSocket } from "node:dgram"

const requests = Metrics.counter("http.requests", { tagKeys: ["route"] })
const duration = Metrics.timer("http.duration")

const handler = Effect.sleep("5 millis").pipe(
  Metrics.trackCount(requests, { tags: { route: "/users" } }),
  Metrics.trackDuration(duration, { outcome: true })
)

const program = Effect.gen(function* () {
  yield* Effect.repeatN(handler, 9)
  yield* StatsD.set("http.users", "user-17")
  yield* StatsD.event({ title: "deployed", text: "version 1.2.3", alertType: "success" })
  for (const { ledger, name } of yield* Metrics.flush)
    yield* Effect.log(`${name}: ${ledger.delivered} of ${ledger.recorded} recordings delivered`)
})

/** Stands in for an agent until the scope closes, on a free port. */
const receiver = Effect.acquireRelease(
  Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
    const socket = createSocket("udp4", (packet) => void process.stdout.write(`${packet.toString().trim()}\n`))
    socket.bind(0, "127.0.0.1", () => {
      resume(Effect.succeed({ port: socket.address().port, close: () => void socket.close() }))
    })
  }),
  // What the kernel has taken is read first.
  ({ close }) => Effect.delay(Effect.sync(close), "50 millis")
)

const host = process.env["STATSD_HOST"]

Effect.gen(function* () {
  const port = host === undefined ? (yield* receiver).port : 8125
  const layer = StatsD.layer({ host: host ?? "127.0.0.1", port, dialect: "dogstatsd", tags: { service: "api" } })
  yield* Effect.provide(program, layer)
}).pipe(Effect.scoped, NodeRuntime.runMain)
