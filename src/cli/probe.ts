/** Whether a sink's backend is there and would take what is written: by asking, without writing. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { Effect, Schema } from "effect"
import { InvalidOption, type SinkError } from "../Sink.js"
import * as Graphite from "../sinks/Graphite.js"
import * as InfluxDb from "../sinks/InfluxDb.js"
import * as Librato from "../sinks/Librato.js"
import type * as Nats from "../sinks/Nats.js"
import * as OpenTsdb from "../sinks/OpenTsdb.js"
import * as Otlp from "../sinks/Otlp.js"
import * as StatsD from "../sinks/StatsD.js"
import type * as ZeroMq from "../sinks/ZeroMq.js"
import { connect, explain, isUnauthorized, isUnknownStream, modules } from "../transport/nats.js"
import { resolveServer } from "../transport/natsOptions.js"
import { publisher } from "../transport/zeroMq.js"
import type { Destination } from "./destinations.js"

/** The backend is not there, or would not take it. */
export class NotThere extends Schema.TaggedError<NotThere>("effect-metrics/cli/NotThere")("NotThere", {
  /** For an operator. */
  reason: Schema.String
}) {}

/** What was found out, in words. */
type Probe = Effect.Effect<string, NotThere | InvalidOption>

const explained = (error: SinkError): NotThere =>
  new NotThere({
    reason: error._tag === "Unauthorized" ? `credentials are missing or refused: ${error.reason}` : error.reason
  })

const found = <E extends SinkError | InvalidOption>(words: string, check: Effect.Effect<void, E>): Probe =>
  check.pipe(
    Effect.mapError((error: SinkError | InvalidOption) => (error._tag === "InvalidOption" ? error : explained(error))),
    Effect.as(words)
  )

export const probe = (destination: Destination): Probe => {
  switch (destination._tag) {
    case "influxdb": {
      const { bucket, database } = destination.options
      const named = bucket === undefined ? `the database ${String(database)}` : `the bucket ${String(bucket)}`
      const check = InfluxDb.check(destination.options).pipe(Effect.provide(FetchHttpClient.layer))
      return found(`the server takes writes to ${named}`, check)
    }
    case "otlp":
      return found(
        "the receiver takes metrics",
        Otlp.check(destination.options).pipe(Effect.provide(FetchHttpClient.layer))
      )
    case "opentsdb":
      return found(
        destination.options.acknowledge === "version"
          ? "connected, and it answers as OpenTSDB does"
          : "connected; whether it is OpenTSDB was not asked: ?acknowledge=version does",
        OpenTsdb.check(destination.options)
      )
    case "opentsdb+http":
      return found(
        "the server takes points",
        OpenTsdb.checkHttp(destination.options).pipe(Effect.provide(FetchHttpClient.layer))
      )
    case "statsd":
      return found(whatOfStatsD(destination.options), StatsD.check(destination.options))
    case "graphite":
      return found("connected; carbon does not say whether it takes anything", Graphite.check(destination.options))
    case "librato":
      return found(
        "the service takes the credentials",
        Librato.check(destination.options).pipe(Effect.provide(FetchHttpClient.layer))
      )
    case "zeromq":
      return broker(destination.options)
    case "nats":
      return stream(destination.options)
    case "console":
      return Effect.succeed("standard output")
  }
}

const whatOfStatsD = ({ host = "localhost", protocol }: StatsD.Options): string => {
  if (protocol === "udp") {
    return /^(localhost|127\..*|::1)$/.test(host)
      ? "somebody listens; over UDP nobody says whether anything arrives"
      : "the name is known; over UDP nobody says whether anybody listens, or anything arrives"
  }
  return protocol === "uds"
    ? "there is a socket, and somebody listens; StatsD does not say whether it takes anything"
    : "connected; StatsD does not say whether it takes anything"
}

const broker = ({ host = "127.0.0.1", port = 5550 }: ZeroMq.Options): Probe =>
  publisher({ host, port, highWaterMark: 1, linger: 0 }).pipe(
    Effect.flatMap(({ ready }) => ready),
    Effect.scoped,
    Effect.mapError(
      (error) => new NotThere({ reason: error._tag === "MissingPackage" ? error.message : error.reason })
    ),
    Effect.as("a broker or a worker listens; whether anybody receives it does not say")
  )

const stream = (options: Nats.Options): Probe =>
  Effect.gen(function* () {
    const resolved = resolveServer(options)
    if ("option" in resolved) {
      const { expected, option, value } = resolved
      return yield* new InvalidOption({ option, value: String(value), expected })
    }
    const loaded = yield* Effect.mapError(modules(), ({ message }) => new NotThere({ reason: message }))
    const connection = yield* Effect.acquireRelease(
      asked(() => connect(loaded, resolved.server, false)),
      (made) => Effect.promise(() => made.close().catch(() => {}))
    )
    const { stream } = resolved.settings
    const manager = yield* asked(() => loaded.jetstream.jetstreamManager(connection))
    return yield* asked(async () => {
      try {
        await manager.streams.info(stream)
        return `JetStream is there, and has the stream ${stream}`
      } catch (error) {
        if (!isUnknownStream(error)) throw error
        return `JetStream is there; the stream ${stream} is made by whoever writes or reads first`
      }
    })
  }).pipe(Effect.scoped)

const asked = <A>(ask: () => Promise<A>): Effect.Effect<A, NotThere> =>
  Effect.tryPromise({
    try: ask,
    catch: (error) =>
      new NotThere({
        reason: isUnauthorized(error) ? `credentials are missing or refused: ${explain(error)}` : explain(error)
      })
  })
