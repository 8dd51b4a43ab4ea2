/** `effect-metrics worker` */
import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import * as Worker from "../relay/Worker.js"
import { around } from "./around.js"
import { Usage } from "./failures.js"
import * as Shared from "./options.js"
import { list, port as portOf, text, type Value } from "./values.js"

const from = Options.text("from").pipe(
  Options.withPseudoName("url"),
  Options.optional,
  Options.withDescription("The broker: tcp://host:port, the upper of its two ports. Without it: tcp://127.0.0.1:5551")
)

const host = Options.text("host").pipe(
  Options.optional,
  Options.withDescription("The broker's host, in place of --from.")
)

const port = Options.text("port").pipe(
  Options.withPseudoName("port"),
  Options.optional,
  Options.withDescription("The upper of the broker's two ports, in place of --from.")
)

const levels = Options.text("levels").pipe(
  Options.withPseudoName("list"),
  Options.optional,
  Options.withDescription("Just these levels, as in info,crit; - is what has none. Without it: everything.")
)

const to = Options.text("to").pipe(
  Options.withPseudoName("url"),
  Options.repeated,
  Options.withDescription(
    "A sink, by URL: influxdb://host:8086/database, opentsdb://host, statsd://host, graphite://host, librato:, console: " +
      "and others; may be repeated. Secrets are taken from the environment."
  )
)

interface Address {
  readonly host: string
  readonly port: number
}

/** Where `tcp://host:port` leads. */
export const address: Value<Address> = {
  expected: "the address of a broker, as in tcp://127.0.0.1:5551",
  read: (given) => {
    const [, host, port] = /^tcp:\/\/(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(given) ?? []
    return host === undefined ? undefined : { host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? 5551) }
  }
}

const withoutLevel = "-"

const addressFrom = (given: {
  readonly from: Option.Option<string>
  readonly host: Option.Option<string>
  readonly port: Option.Option<string>
}): Effect.Effect<Address, Usage> => {
  if (Option.isNone(given.from)) {
    return Effect.map(
      Shared.parse(
        "--port",
        portOf,
        Option.getOrElse(given.port, () => "5551")
      ),
      (port) => ({ host: Option.getOrElse(given.host, () => "127.0.0.1"), port })
    )
  }
  return Option.isSome(given.host) || Option.isSome(given.port)
    ? Effect.fail(new Usage({ reason: "--from says host and port: leave out --host and --port" }))
    : Shared.parse("--from", address, given.from.value)
}

export const worker = Command.make(
  "worker",
  { from, host, port, levels, to, flush: Shared.flush, shutdownTimeout: Shared.shutdownTimeout },
  (given) =>
    Effect.gen(function* () {
      const broker = yield* addressFrom(given)
      const levels = Option.isNone(given.levels)
        ? undefined
        : (yield* Shared.parse("--levels", list(text), given.levels.value)).map((level) =>
            level === withoutLevel ? "" : level
          )
      const { layers } = yield* Shared.prepare({ ...given, option: "--to", urls: given.to })
      const layer = Shared.merged(layers)
      if (layer === undefined) {
        return yield* new Usage({ reason: "--to is missing, or has no URL, such as statsd://localhost:8125" })
      }
      const work = Effect.zipRight(
        Effect.logInfo(
          `worker: from ${broker.host} port ${broker.port}, ` +
            `${levels === undefined ? "all levels" : `levels ${given.levels.pipe(Option.getOrElse(() => ""))}`}`
        ),
        Worker.run({ ...broker, levels })
      )
      return yield* around(layer, work)
    })
).pipe(Command.withDescription("Receives what programs publish through a broker, merges it, and writes it to sinks."))
