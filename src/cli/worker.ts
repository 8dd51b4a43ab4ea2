/** `effect-metrics worker` */
import { Command, Options } from "@effect/cli"
import { Effect, Either, Option } from "effect"
import * as Worker from "../relay/Worker.js"
import { around } from "./around.js"
import { Usage } from "./failures.js"
import { whyNobody } from "./listening.js"
import * as Shared from "./options.js"
import { Shell } from "./shell.js"
import { merged } from "./sinks.js"
import { isLoop, type Source, sourceOf, transportOf } from "./source.js"
import { list, port as portOf, text } from "./values.js"

const from = Options.text("from").pipe(
  Options.withPseudoName("url"),
  Options.optional,
  Options.withDescription(
    "A broker, tcp://host:port, by the upper of its two ports, or a stream of NATS, nats://host:4222/stream. " +
      "Without it: tcp://127.0.0.1:5551"
  )
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
    "A sink, by URL: influxdb://host:8086/database, otlp://host:4318, opentsdb://host, statsd://host, graphite://host, " +
      "librato:, nats://host/stream, console: and others; may be repeated. Secrets are taken from the environment."
  )
)

const withoutLevel = "-"

const sourceFrom = (given: {
  readonly from: Option.Option<string>
  readonly host: Option.Option<string>
  readonly port: Option.Option<string>
}): Effect.Effect<Source, Usage> => {
  if (Option.isNone(given.from)) {
    const port = Option.getOrElse(given.port, () => "5551")
    return Effect.map(Shared.parse("--port", portOf, port), (port) => ({
      _tag: "broker",
      host: Option.getOrElse(given.host, () => "127.0.0.1"),
      port
    }))
  }
  return Option.isSome(given.host) || Option.isSome(given.port)
    ? Effect.fail(new Usage({ reason: "--from says host and port: leave out --host and --port" }))
    : Effect.flatMap(Shell, ({ environment }) =>
        Either.mapLeft(
          sourceOf(Option.getOrThrow(given.from), environment),
          ({ message }) => new Usage({ reason: `--from ${message}` })
        )
      )
}

export const worker = Command.make(
  "worker",
  { from, host, port, levels, to, flush: Shared.flush, shutdownTimeout: Shared.shutdownTimeout },
  (given) =>
    Effect.gen(function* () {
      const source = yield* sourceFrom(given)
      const levels = Option.isNone(given.levels)
        ? undefined
        : (yield* Shared.parse("--levels", list(text), given.levels.value)).map((level) =>
            level === withoutLevel ? "" : level
          )
      const { destinations, layers } = yield* Shared.prepare({ ...given, option: "--to", urls: given.to })
      const layer = merged(layers)
      if (layer === undefined) {
        return yield* new Usage({ reason: "--to is missing, or has no URL, such as statsd://localhost:8125" })
      }
      if (destinations.some((destination) => isLoop(source, destination))) {
        return yield* new Usage({ reason: "--to leads where --from does: everything would go round and round" })
      }
      const shown = levels === undefined ? "all levels" : `levels ${Option.getOrElse(given.levels, () => "")}`
      const work = Effect.zipRight(
        Effect.logInfo(`worker: from ${source._tag === "broker" ? placeOf(source) : source.shown}, ${shown}`),
        Worker.run({ levels, transport: transportOf(source) })
      )
      return yield* around(layer, source._tag === "broker" ? Effect.raceFirst(work, warned(source)) : work)
    })
).pipe(Command.withDescription("Receives what programs publish, merges it, and writes it to sinks."))

/** ZeroMQ tries for ever, and says nothing. */
const warned = (place: { readonly host: string; readonly port: number }): Effect.Effect<never> =>
  Effect.gen(function* () {
    const look = whyNobody(place.host, place.port)
    const reason = yield* look
    if (reason !== undefined) {
      yield* Effect.logWarning(`worker: no broker at ${placeOf(place)} yet: ${reason}; it is tried again and again`)
      yield* Effect.repeat(Effect.delay(look, "1 second"), { until: (reason) => reason === undefined })
      yield* Effect.logInfo(`worker: there is a broker at ${placeOf(place)} now`)
    }
    return yield* Effect.never
  })

const placeOf = ({ host, port }: { readonly host: string; readonly port: number }): string => `${host} port ${port}`
