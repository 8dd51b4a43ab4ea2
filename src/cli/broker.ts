/** `effect-metrics broker` */
import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import * as Broker from "../relay/Broker.js"
import { around } from "./around.js"
import { Usage } from "./failures.js"
import * as Shared from "./options.js"
import { merged } from "./sinks.js"
import { port as portOf } from "./values.js"

const host = Options.text("host").pipe(
  Options.withDefault("127.0.0.1"),
  Options.withDescription(
    "The address of this machine to listen at; * is all. There is no authentication. Without it: 127.0.0.1"
  )
)

const port = Options.text("port").pipe(
  Options.withPseudoName("port"),
  Options.withDefault("5550"),
  Options.withDescription("Where programs publish. Without it: 5550")
)

const workerPort = Options.text("worker-port").pipe(
  Options.withPseudoName("port"),
  Options.optional,
  Options.withDescription("Where workers connect. Without it: the port after --port.")
)

const report = Options.text("report").pipe(
  Options.withPseudoName("url"),
  Options.repeated,
  Options.withDescription("A sink, by URL, for what the broker measures of itself; may be repeated.")
)

export const broker = Command.make(
  "broker",
  { host, port, workerPort, report, flush: Shared.flush, shutdownTimeout: Shared.shutdownTimeout },
  ({ flush, host, port, report, shutdownTimeout, workerPort }) =>
    Effect.gen(function* () {
      const lower = yield* Shared.parse("--port", portOf, port)
      if (Option.isNone(workerPort) && lower === 65_535) {
        return yield* new Usage({ reason: "there is no port after --port 65535: --worker-port says another" })
      }
      const upper = Option.isNone(workerPort)
        ? lower + 1
        : yield* Shared.parse("--worker-port", portOf, workerPort.value)
      const prepared = yield* Shared.prepare({ option: "--report", urls: report, flush, shutdownTimeout })
      const forward = Effect.scoped(
        Effect.gen(function* () {
          const forward = yield* Broker.make({
            host,
            port: lower,
            workerPort: upper,
            shutdownTimeout: prepared.shutdownTimeout
          })
          yield* Effect.logInfo(`broker: programs publish at ${host} port ${lower}, workers connect to port ${upper}`)
          return yield* forward
        })
      )
      const layer = merged(prepared.layers)
      return yield* layer === undefined ? forward : around(layer, forward)
    })
).pipe(Command.withDescription("Forwards what programs publish to all workers. It keeps nothing and changes nothing."))
