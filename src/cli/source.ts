/** Where a worker takes messages from: a broker, or a stream of NATS. */
import { type Effect, Either, type Scope } from "effect"
import { type MissingPackage, type NatsOptions, nats, type Subscriber, zeroMq } from "../relay/Transport.js"
import type { InvalidOption } from "../Sink.js"
import type { Destination } from "./destinations.js"
import { natsOf } from "./natsUrl.js"
import type { Environment } from "./secrets.js"
import { natsWorker } from "./sinkOptions.js"
import { BadSink, partsOf, schemeOf } from "./sinkUrl.js"

interface Address {
  readonly host: string
  readonly port: number
}

export type Source =
  | ({ readonly _tag: "broker" } & Address)
  | { readonly _tag: "nats"; readonly shown: string; readonly options: NatsOptions }

const defaultPort = 5551

const addressOf = (given: string): Address | undefined => {
  const [, host, port] = /^tcp:\/\/(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(given) ?? []
  return host === undefined ? undefined : { host: host.replace(/^\[|\]$/g, ""), port: Number(port ?? defaultPort) }
}

/** What `tcp://host:port` or `nats://host:port/stream` says. */
export const sourceOf = (text: string, environment: Environment): Either.Either<Source, BadSink> => {
  const scheme = schemeOf(text)
  if (scheme === "tcp") {
    const address = addressOf(text)
    return address === undefined
      ? Either.left(new BadSink({ sink: "tcp", reason: "not the address of a broker, as in tcp://127.0.0.1:5551" }))
      : Either.right({ _tag: "broker", ...address })
  }
  if (scheme !== "nats" && scheme !== "nats+tls") {
    const reason =
      "neither a broker, as in tcp://127.0.0.1:5551, nor a stream of NATS, as in nats://127.0.0.1:4222/METRICS"
    return Either.left(new BadSink({ sink: "", reason }))
  }
  return Either.flatMap(partsOf(scheme, text, environment), ({ parts, shown }) =>
    Either.mapBoth(natsOf<NatsOptions>(parts, scheme === "nats" ? undefined : true, natsWorker), {
      onLeft: (reason) => new BadSink({ sink: shown, reason }),
      onRight: (options) => ({ _tag: "nats", shown, options })
    })
  )
}

export const transportOf = (source: Source): Effect.Effect<Subscriber, InvalidOption | MissingPackage, Scope.Scope> =>
  source._tag === "nats" ? nats(source.options) : zeroMq(source)

/** Whether what the worker writes there comes back to it. */
export const isLoop = (source: Source, destination: Destination): boolean => {
  if (source._tag === "nats" && destination._tag === "nats") {
    const [from, to] = [source.options, destination.options]
    return (
      [from.servers].flat().some((server) => [to.servers].flat().includes(server)) &&
      (from.stream ?? "METRICS") === (to.stream ?? "METRICS") &&
      (from.subject ?? "metrics") === (to.subject ?? "metrics")
    )
  }
  return (
    source._tag === "broker" &&
    destination._tag === "zeromq" &&
    source.host === destination.options.host &&
    // Its two ports are next to each other, unless somebody wanted otherwise.
    [source.port, source.port - 1].includes(destination.options.port ?? 5550)
  )
}
