/**
 * A sink that publishes to a broker over ZeroMQ, for workers elsewhere to merge and to write on: see `Broker` and `Worker`.
 *
 * In the native format a message is what one lane wrote at once at one level, and loses nothing: counts, gauges, whole histograms
 * and points with all their fields. In Zibrato's format each recording is a frame of its own, `level|type|name|value|time|source`,
 * for workers that know no other: see `format`.
 *
 * ZeroMQ has no acknowledgements: delivered is what its queue to the broker has taken. While no broker has subscribed, or the
 * queue is full, nothing is taken, and the lane keeps and counts it as with any backend that is down. What was taken is lost where
 *
 * 1. the connection breaks: what the kernels on both sides then hold, some megabytes at most; what is in the queue, at most
 *    `highWaterMark` messages, goes on over the next connection;
 * 2. this process dies: at most `highWaterMark` messages more. One that ends in order sends on for `shutdownTimeout`;
 * 3. the broker dies: what it has read and not yet forwarded;
 * 4. a worker is not there, or reads too slowly: the broker keeps nothing for who is not connected, and at most its own
 *    `highWaterMark` messages for each who is.
 *
 * Nothing is published twice, but the first fields of a point in Zibrato's format, where a frame is a field, if there was no room
 * for the others. Each native message says which batch of which publisher it is.
 *
 * @since 0.1.0
 */
import { Config, Effect } from "effect"
import type { ConfigError, Layer, Scope } from "effect"
import type { Section } from "../encoding/relayFrame.js"
import * as RelayFrame from "../encoding/relayFrame.js"
import * as RelayWriter from "../encoding/relayWriter.js"
import * as ZibratoFrame from "../encoding/zibratoFrame.js"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import { processName } from "../transport/host.js"
import type { Message, Publisher } from "../transport/messages.js"
import type { MissingPackage } from "../transport/missing.js"
import { publisher } from "../transport/zeroMq.js"
import type { Options, Target } from "./zeromq/options.js"
import { lingerOf, resolveTarget, sinkName } from "./zeromq/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./zeromq/options.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { MissingPackage } from "../transport/missing.js"

/**
 * One message, and which of the batch's measurements are in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Part {
  readonly message: (batch: string, at: number) => Message
  readonly indices: ReadonlyArray<number>
}

type Encode = (measurements: ReadonlyArray<Sink.Measurement>, maxBytes: number) => Sink.Encoded<ReadonlyArray<Part>>

const utf8 = new TextEncoder()

const native = (publisher: string): Encode => {
  const encode = RelayWriter.make()
  const partOf = (section: Section): Part => ({
    indices: section.indices,
    message: (batch, at) => ({
      id: `${batch}.${at}`,
      level: section.level ?? "",
      frames: [
        utf8.encode(RelayFrame.topicOf(section.level)),
        RelayFrame.frame({ publisher, batch: `${batch}.${at}`, level: section.level }, section)
      ]
    })
  })
  return (measurements, maxBytes) => {
    const encoded = encode(measurements, maxBytes)
    return { ...encoded, payload: encoded.payload.map(partOf) }
  }
}

const zibrato = (source: string): Encode => {
  const encode = ZibratoFrame.make({ level: "info", source })
  return (measurements, maxBytes) => {
    const encoded = encode(measurements, maxBytes)
    return {
      ...encoded,
      payload: encoded.payload.map(({ bytes, index, level }) => ({
        indices: [index],
        message: (batch, at) => ({ id: `${batch}.${at}`, level, frames: [bytes] })
      }))
    }
  }
}

const sinkOf = (
  { ready: _, ...publisher }: Publisher,
  encode: Encode,
  sink: string
): Sink.Sink<ReadonlyArray<Part>> => ({
  // Indices are into what `write` gets, where refused measurements are no more.
  encode: (measurements, maxBytes) => {
    const encoded = encode(measurements, maxBytes)
    if (encoded.refused.length === 0) return encoded
    const refused = encoded.refused.map(({ index }) => index)
    const kept = (index: number): number => index - refused.filter((other) => other < index).length
    return { ...encoded, payload: encoded.payload.map((part) => ({ ...part, indices: part.indices.map(kept) })) }
  },
  write: ({ id, payload }) =>
    payload.length === 0
      ? Effect.void
      : publisher.publish(payload.map(({ message }, at) => message(id, at))).pipe(
          Effect.mapError(({ ambiguous, reason }) => new Sink.Unavailable({ sink, reason, ambiguous })),
          Effect.map(({ published }) => ({
            keep: [...new Set(payload.slice(published).flatMap(({ indices }) => indices))]
          }))
        )
})

const makeSink = (
  options: Options,
  target: Target
): Effect.Effect<Sink.Sink<ReadonlyArray<Part>>, Sink.Unavailable | MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const sink = options.name ?? sinkName
    const made = yield* publisher({ ...target, linger: lingerOf(options) }).pipe(
      Effect.catchTag("TransportFailure", ({ ambiguous, reason }) =>
        Effect.fail(new Sink.Unavailable({ sink, reason, ambiguous }))
      )
    )
    const id = target.publisher ?? (yield* processName)
    return sinkOf(made, target.format === "zibrato" ? zibrato(target.source) : native(id), sink)
  })

/**
 * The sink by itself. Its connection ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<Sink.Sink<ReadonlyArray<Part>>, Sink.InvalidOption | Sink.Unavailable | MissingPackage, Scope.Scope> =>
  Effect.flatMap(resolveTarget(options), (target) => makeSink(options, target))

const define = (
  options: Options
): Effect.Effect<
  Sink.Definition<ReadonlyArray<Part>, Sink.Unavailable | MissingPackage, Scope.Scope>,
  Sink.InvalidOption
> =>
  Effect.map(resolveTarget(options), (target) => ({
    sink: sinkName,
    byLevel: true,
    defaults: {
      batchSize: 1000,
      batchBytes: 1_000_000,
      // Nothing that is published without an answer is of unknown fate: it is taken, or it is not.
      ambiguous: "drop",
      ...(target.format === "zibrato"
        ? { aggregate: { gauge: false, timer: false, distribution: false } }
        : { hostTag: "auto" })
    },
    delivery: options,
    make: makeSink(options, target)
  }))

/**
 * Publishes what is recorded below it to a broker.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, ZeroMq } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits", { level: "info" })
 *
 * Metrics.increment(visits).pipe(Effect.provide(ZeroMq.layer()))
 *
 * @example
 * import { ZeroMq } from "effect-metrics"
 *
 * // For Zibrato's workers
 * ZeroMq.layer({ host: "metrics.example.org", format: "zibrato", source: "web-1" })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Metrics, Sink.InvalidOption | Sink.Unavailable | MissingPackage> => Sink.layerEffect(define(options))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { ZeroMq } from "effect-metrics"
 *
 * ZeroMq.layerConfig({
 *   host: Config.string("METRICS_BROKER_HOST"),
 *   port: Config.withDefault(Config.port("METRICS_BROKER_PORT"), 5550)
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | Sink.Unavailable | MissingPackage | ConfigError.ConfigError> =>
  Sink.layerEffect(Effect.flatMap(Config.unwrap(config), define))
