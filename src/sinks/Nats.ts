/**
 * A sink that publishes to a stream of NATS JetStream, for workers elsewhere to merge and to write on: see `Worker` and
 * `Transport.nats`. What a message carries is what one lane wrote at once at one level, and loses nothing: counts, gauges, whole
 * histograms and points with all their fields.
 *
 * Delivered is what the stream has acknowledged: it is then on the disk of the server, or of most of its replicas, though a
 * server by default syncs its disk every two minutes only. What is published again, because no acknowledgement came, is stored
 * once: each message has an id, which the stream knows for `duplicateWindow`. While the stream is full, without a leader or out
 * of reach, the lane keeps what it has and counts what it loses, as with any backend that is down.
 *
 * The stream is made where there is none: a work queue in files, that refuses what is new when it is full. One that exists is
 * left as it is, and what in it may lose messages unseen is warned about.
 *
 * @since 0.1.0
 */
import { Config, Effect } from "effect"
import type { ConfigError, Layer, Scope } from "effect"
import * as RelayFrame from "../encoding/relayFrame.js"
import * as RelayWriter from "../encoding/relayWriter.js"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import type { MissingPackage } from "../transport/missing.js"
import { processName } from "../transport/host.js"
import type { Message } from "../transport/messages.js"
import { type NatsPublisher, publisher, type PublishFailure } from "../transport/natsPublisher.js"
import type { Options, Target } from "./nats/options.js"
import { resolveTarget, sinkName } from "./nats/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./nats/options.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { MissingPackage } from "../transport/missing.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Message } from "../transport/messages.js"

/**
 * Makes a message, once it is known which batch it is in, and as which part.
 *
 * @since 0.1.0
 * @category models
 */
export type Part = (batch: string, at: number) => Message

const encodeAs = (publisher: string) => {
  const encode = RelayWriter.make()
  return (measurements: ReadonlyArray<Sink.Measurement>, maxBytes: number): Sink.Encoded<ReadonlyArray<Part>> => {
    const encoded = encode(measurements, maxBytes)
    return {
      ...encoded,
      payload: encoded.payload.map((section) => (batch, at) => {
        const id = `${batch}.${at}`
        return {
          id,
          level: section.level ?? "",
          frames: [RelayFrame.frame({ publisher, batch: id, level: section.level }, section)]
        }
      })
    }
  }
}

const toSinkError = (sink: string, { ambiguous, kind, reason }: PublishFailure): Sink.SinkError => {
  switch (kind) {
    case "unavailable":
      return new Sink.Unavailable({ sink, reason, ambiguous })
    case "unauthorized":
      return new Sink.Unauthorized({ sink, reason, ambiguous })
    case "too_large":
      return new Sink.TooLarge({ sink, reason, ambiguous })
  }
}

const sinkOf = (to: NatsPublisher, publisher: string, sink: string): Sink.Sink<ReadonlyArray<Part>> => ({
  encode: encodeAs(publisher),
  write: ({ id, payload }) =>
    payload.length === 0
      ? Effect.void
      : Effect.mapError(to.publish(payload.map((part, at) => part(id, at))), (failure) => toSinkError(sink, failure))
})

const makeSink = (
  options: Options,
  target: Target
): Effect.Effect<Sink.Sink<ReadonlyArray<Part>>, MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const made = yield* publisher(target.server, target.settings)
    const id = target.publisher ?? (yield* processName)
    // So that a stream which may lose messages is told of at the start; what fails here fails at the first write as well.
    yield* Effect.forkScoped(Effect.ignore(made.ready))
    return sinkOf(made, id, options.name ?? sinkName)
  })

/**
 * The sink by itself. Its connection ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<Sink.Sink<ReadonlyArray<Part>>, Sink.InvalidOption | MissingPackage, Scope.Scope> =>
  Effect.flatMap(resolveTarget(options), (target) => makeSink(options, target))

const define = (
  options: Options
): Effect.Effect<Sink.Definition<ReadonlyArray<Part>, MissingPackage, Scope.Scope>, Sink.InvalidOption> =>
  Effect.map(resolveTarget(options), (target) => ({
    sink: sinkName,
    byLevel: true,
    // A worker's backend may overwrite by timestamp.
    apart: "ns",
    defaults: { batchSize: 1000, batchBytes: 900_000, ambiguous: "retry", hostTag: "auto" },
    delivery: options,
    make: makeSink(options, target)
  }))

/**
 * Publishes what is recorded below it to a stream.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, Nats } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits", { level: "info" })
 *
 * Metrics.increment(visits).pipe(Effect.provide(Nats.layer({ servers: ["localhost:4222"] })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics, Sink.InvalidOption | MissingPackage> =>
  Sink.layerEffect(define(options))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { Nats } from "effect-metrics"
 *
 * Nats.layerConfig({
 *   servers: Config.string("NATS_SERVER"),
 *   token: Config.redacted("NATS_TOKEN"),
 *   tls: Config.succeed(true)
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | MissingPackage | ConfigError.ConfigError> =>
  Sink.layerEffect(Effect.flatMap(Config.unwrap(config), define))
