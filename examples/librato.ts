/** Writes to AppOptics, if APPOPTICS_TOKEN is set. Without it, a receiver of this example's own prints what Librato would get. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Redacted } from "effect"
import { Librato, Metrics } from "effect-metrics"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const mails = Metrics.counter("mail.sent", { tagKeys: ["kind"] })
const duration = Metrics.timer("mail.duration")
const waiting = Metrics.gauge("mail.waiting")

const send = (kind: string) =>
  Effect.sleep("2 millis").pipe(Metrics.trackCount(mails, { tags: { kind } }), Metrics.trackDuration(duration))

const program = Effect.gen(function* () {
  yield* Metrics.set(waiting, 2)
  yield* Effect.repeatN(send("invoice"), 4)
  yield* send("reminder")
  for (const { ledger, name } of yield* Metrics.flushWithin("5 seconds"))
    yield* Effect.log(`${name}: ${ledger.delivered} of ${ledger.recorded} recordings delivered`)
})

/** Stands in for Librato until the scope closes, on a free port. */
const receiver = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      process.stdout.write(`${request.method} ${request.url}\n`)
      request.on("data", (json) => process.stdout.write(json))
      request.on("end", () => {
        process.stdout.write("\n")
        response.end()
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

const token = process.env["APPOPTICS_TOKEN"] ?? ""

Effect.gen(function* () {
  const MetricsLive =
    token === ""
      ? Librato.layerFetch({
          url: (yield* receiver).url,
          email: "ops@example.org",
          token: Redacted.make("secret"),
          tags: { source: "mailer-1" }
        })
      : Librato.layerFetch({ service: "appoptics", token: Redacted.make(token), tags: { service: "mailer" } })
  yield* Effect.provide(program, MetricsLive)
}).pipe(Effect.scoped, NodeRuntime.runMain)
