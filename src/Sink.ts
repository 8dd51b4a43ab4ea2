/**
 * Making a sink: one call of `layer` with something that can `write` a batch. Queueing, batching, retry, rate limits, the
 * ledger and the shutdown are the lane's; a sink only sends, and says what went wrong with one of the errors here.
 *
 * @since 0.1.0
 */
import { Effect, type Layer, type Scope } from "effect"
import { layerOf, type Parts } from "./delivery/attach.js"
import type { DeliveryOptions, SeriesInfo } from "./delivery/options.js"
import type { InvalidOption } from "./delivery/checks.js"
import type { Metrics } from "./delivery/service.js"
import type { Sink } from "./delivery/sink.js"
import { layerOf as layerOfRead, type ReadDefinition } from "./delivery/totals.js"
import type { Kind } from "./recording/measurement.js"
import type { Identity as Spelled } from "./recording/config.js"
import type { Precision } from "./recording/stamps.js"

export type { DeliveryOptions, Renamed, SeriesInfo } from "./delivery/options.js"
export { InvalidOption } from "./delivery/checks.js"
export {
  type Batch,
  type Encoded,
  Misconfigured,
  Rejected,
  type Sink,
  type SinkError,
  Throttled,
  TooLarge,
  Unauthorized,
  Unavailable,
  type WriteResult
} from "./delivery/sink.js"
export type { Identity as Spelled } from "./recording/config.js"
export type { Precision } from "./recording/stamps.js"
export type { ReadDefinition, ReadOptions, Totals } from "./delivery/totals.js"
export type { DistributionTotal, Standing, Total } from "./recording/totals.js"

export type { Measurement } from "./recording/measurement.js"

/**
 * A sink of one's own, and what its user sets.
 *
 * @since 0.1.0
 * @category models
 */
export interface LayerOptions<Payload, E, R> extends DeliveryOptions {
  /** The sink's name, in logs, errors and ledgers. */
  readonly name: string
  /** Makes the backend's client; its scope is the layer's, and ends after the last write. */
  readonly make: Effect.Effect<Sink<Payload>, E, R>
  /** The backend keeps one value per series and timestamp of this precision, so timestamps are kept apart. Default: it does not. */
  readonly overwrites?: Precision | undefined
  /** The backend tells levels apart, so each level of an instrument is a series of its own. Default: they are one. */
  readonly byLevel?: boolean | undefined
}

/**
 * The layer of a sink. Provided alone it makes a hub; inside other sinks' layers it joins them: a recording goes to all.
 * Inside a sealed hub (`TestMetrics.layer`, `Metrics.layerNoop`) the sink is not made.
 *
 * Unless given: at most 1000 measurements a write, and a write without an answer is repeated (`ambiguous: "retry"`).
 *
 * @example
 * import { Sink } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const MyDb = Sink.layer({
 *   name: "mydb",
 *   make: Effect.succeed({
 *     write: (batch) => Effect.log(`${batch.measurements.length} measurements`)
 *   })
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <Payload, E, R>(
  options: LayerOptions<Payload, E, R>
): Layer.Layer<Metrics, E | InvalidOption, Exclude<R, Scope.Scope>> =>
  layerWith({
    sink: options.name,
    make: options.make,
    overwrites: options.overwrites,
    byLevel: options.byLevel,
    defaults: { batchSize: 1000, ambiguous: "retry" },
    delivery: options
  })

/**
 * What a sink knows of itself, apart from what its user sets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Definition<Payload, E, R> {
  /** The sink's name, unless the user gives the lane another. */
  readonly sink: string
  readonly make: Effect.Effect<Sink<Payload>, E, R>
  readonly overwrites?: Precision | undefined
  /** Timestamps are kept apart at this precision although nothing is overwritten here: it may be where they go from here. */
  readonly apart?: Precision | undefined
  /** Whether the lane keeps the times of points apart where the backend overwrites, or leaves that to the sink. Default `"spread"`. */
  readonly pointTimes?: "spread" | "keep" | undefined
  /**
   * How the backend spells a series, after views and prefix: what it replaces or leaves out. Series that come out equal are
   * one, so that none overwrites another. Tags are sorted by key; it must not throw, and give what it gave if asked again.
   * Default: as they are.
   */
  readonly spell?: ((series: Spelled) => Spelled) | undefined
  /** Whether each level of an instrument is a series of its own. Default `false`: they are one, of the level that was first. */
  readonly byLevel?: boolean | undefined
  /** The kinds whose points are all kept, whatever the `sampleRate`: the wire cannot say that others are missing. */
  readonly unsampled?: ReadonlyArray<Kind | "point"> | undefined
  /**
   * What `resend: "always"` sends again: gauges; or `"totals"`, everything, as an increase of nothing, which a sink of totals makes
   * what it was. Default `"gauges"`.
   */
  readonly resends?: "gauges" | "totals" | undefined
  /** What holds where the user sets nothing. */
  readonly defaults: DeliveryOptions & { readonly batchSize: number; readonly ambiguous: "retry" | "drop" }
  /** What the user set. */
  readonly delivery: DeliveryOptions
}

/**
 * As `layer`, for sinks that others use: their defaults and their users' options are kept apart.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = <Payload, E, R>(
  definition: Definition<Payload, E, R>
): Layer.Layer<Metrics, E | InvalidOption, Exclude<R, Scope.Scope>> => layerOf(Effect.succeed(toParts(definition)))

/**
 * A backend with several destinations, such as databases.
 *
 * @since 0.1.0
 * @category models
 */
export interface Partitioned<Payload, E, R> extends Omit<Definition<Payload, E, R>, "make"> {
  /** The destination of a series; asked once, when the series is created. */
  readonly partition: (series: SeriesInfo) => string
  readonly make: Effect.Effect<(partition: string) => Sink<Payload>, E, R>
}

/**
 * As `layerWith`, with one lane for each value of `partition`: a queue, retries and a ledger of its own, so that one that
 * fails holds back no other. At most 100; a series beyond is refused.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPartitioned = <Payload, E, R>(
  definition: Partitioned<Payload, E, R>
): Layer.Layer<Metrics, E | InvalidOption, Exclude<R, Scope.Scope>> => layerOf(Effect.succeed(toParts(definition)))

/**
 * As `layerWith` or `layerPartitioned`, for what is known only when the layer is built, such as options from a configuration.
 * Where the sink is not made, nothing is asked for.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEffect = <Payload, E, R, E2, R2>(
  definition: Effect.Effect<Definition<Payload, E, R> | Partitioned<Payload, E, R>, E2, R2>
): Layer.Layer<Metrics, E | E2 | InvalidOption, Exclude<R | R2, Scope.Scope>> =>
  layerOf(Effect.map(definition, toParts))

const toParts = <Payload, E, R>(
  definition: Definition<Payload, E, R> | Partitioned<Payload, E, R>
): Parts<Payload, E, R> => {
  const common = {
    overwrites: definition.overwrites,
    apart: definition.apart,
    pointTimes: definition.pointTimes,
    spell: definition.spell,
    byLevel: definition.byLevel,
    unsampled: definition.unsampled,
    resends: definition.resends,
    defaults: {
      ...definition.defaults,
      name: definition.defaults.name ?? definition.sink,
      batchBytes: definition.defaults.batchBytes ?? 16 * 1024 * 1024
    },
    delivery: definition.delivery
  }
  return "partition" in definition
    ? { ...common, make: definition.make, partition: definition.partition }
    : { ...common, make: Effect.map(definition.make, (sink) => () => sink) }
}

/**
 * A sink that is read when somebody asks, such as a page or a pipe. Its lane keeps totals since the layer was built, in memory that
 * `maxSeries` bounds; nothing is queued, written or retried. In its ledger, what stands ready to be read is `delivered`.
 *
 * @example
 * import { Sink } from "effect-metrics"
 * import { Console, Effect } from "effect"
 *
 * // What was recorded in all, when the scope closes.
 * const AtTheEnd = Sink.layerRead({
 *   sink: "at-the-end",
 *   options: {},
 *   make: (totals) =>
 *     Effect.addFinalizer(() =>
 *       Console.log(Array.from(totals.series(), ({ series, weight }) => `${series.name}: recorded ${weight} times`))
 *     )
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRead = <E, R>(
  definition: ReadDefinition<E, R>
): Layer.Layer<Metrics, E | InvalidOption, Exclude<R, Scope.Scope>> => layerOfRead(definition)
