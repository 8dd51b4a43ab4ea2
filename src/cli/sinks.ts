/** The layers of sinks that are given as URLs. Nothing is connected to before a layer is built. */
import { type Duration, Either, Layer, type Schedule } from "effect"
import type { Metrics } from "../Metrics.js"
import type { InvalidOption, Unavailable } from "../Sink.js"
import * as Console from "../sinks/Console.js"
import * as Graphite from "../sinks/Graphite.js"
import * as InfluxDb from "../sinks/InfluxDb.js"
import * as Librato from "../sinks/Librato.js"
import * as Nats from "../sinks/Nats.js"
import * as OpenTsdb from "../sinks/OpenTsdb.js"
import * as Otlp from "../sinks/Otlp.js"
import * as StatsD from "../sinks/StatsD.js"
import * as ZeroMq from "../sinks/ZeroMq.js"
import { type Destination, destinationOf } from "./destinations.js"
import type { Environment } from "./secrets.js"
import type { BadSink } from "./sinkUrl.js"

/** What holds for all sinks of a command, unless a URL says otherwise. */
export interface Common {
  readonly schedule: Schedule.Schedule<unknown>
  readonly shutdownTimeout: Duration.Duration
  /** Of the lane. Default: the sink's. */
  readonly name?: string | undefined
}

/** Why a layer cannot be built: an option that cannot be, an address that cannot be, or a package that is not installed. */
export type LayerError = InvalidOption | Unavailable | Nats.MissingPackage

export type SinkLayer = Layer.Layer<Metrics, LayerError>

export const layerOf = (destination: Destination, common: Common): SinkLayer => {
  switch (destination._tag) {
    case "influxdb":
      return InfluxDb.layerFetch({ ...common, ...destination.options })
    case "otlp":
      return Otlp.layerFetch({ ...common, ...destination.options })
    case "opentsdb":
      return OpenTsdb.layer({ ...common, ...destination.options })
    case "opentsdb+http":
      return OpenTsdb.layerHttpFetch({ ...common, ...destination.options })
    case "statsd":
      return StatsD.layer({ ...common, ...destination.options })
    case "graphite":
      return Graphite.layer({ ...common, ...destination.options })
    case "librato":
      return Librato.layerFetch({ ...common, ...destination.options })
    case "zeromq":
      return ZeroMq.layer({ ...common, ...destination.options })
    case "nats":
      return Nats.layer({ ...common, ...destination.options })
    case "console":
      return Console.layer({ ...common, ...destination.options })
  }
}

/** All of them at once, each by a name of its own: of one kind, the second is `statsd#2`. */
export const layersOf = (
  destinations: ReadonlyArray<Destination>,
  common: Omit<Common, "name">
): ReadonlyArray<SinkLayer> => {
  const seen = new Map<string, number>()
  return destinations.map((destination) => {
    const kind = destination._tag.replace("+http", "")
    const nth = (seen.get(kind) ?? 0) + 1
    seen.set(kind, nth)
    return layerOf(destination, { ...common, name: nth === 1 ? undefined : `${kind}#${nth}` })
  })
}

/** Where several texts lead. */
export const destinationsOf = (
  texts: ReadonlyArray<string>,
  environment: Environment
): Either.Either<ReadonlyArray<Destination>, BadSink> =>
  Either.all(texts.map((text) => destinationOf(text, environment)))

export const merged = ([first, ...others]: ReadonlyArray<SinkLayer>): SinkLayer | undefined =>
  first === undefined ? undefined : Layer.mergeAll(first, ...others)
