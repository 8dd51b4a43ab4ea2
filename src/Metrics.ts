/**
 * Instruments, the combinators that put them around effects, direct recording, and the service that takes it all. Nothing
 * here knows a backend: sinks are layers (`InfluxDb.layer`, `Console.layer`, `Sink.layer`), and an app is instrumented once.
 *
 * Recording never blocks, never fails and never throws; what cannot be measured (NaN, a negative step of a counter, tags that
 * throw) is refused and counted, and logged once.
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"
import { Effect, Layer, Schema } from "effect"
import { defaultHub, type LiveHub, Metrics, noopHub, onAmbient } from "./delivery/service.js"
import type { Ledger } from "./Ledger.js"

export { aligned } from "./delivery/aligned.js"
export type { Fields } from "./delivery/options.js"
export { Metrics } from "./delivery/service.js"
export {
  type AnyInstrument,
  type Counter,
  counter,
  type Distribution,
  distribution,
  type DistributionOptions,
  type Gauge,
  gauge,
  type InstrumentOptions,
  type NumberOptions,
  type Tags,
  type Timer,
  timer
} from "./instruments/declare.js"
export {
  bind,
  type CounterHandle,
  type DistributionHandle,
  emit,
  type EmitOptions,
  type GaugeHandle,
  increment,
  incrementBy,
  record,
  type RecordOptions,
  set
} from "./instruments/record.js"
export { type Outcome, outcomeOf } from "./instruments/site.js"
export type { Timestamp } from "./recording/point.js"
export {
  type Track,
  track,
  trackCount,
  trackDuration,
  type TrackExit,
  type TrackExitOptions,
  trackInFlight,
  type TrackOptions,
  trackSuccessWith,
  type When
} from "./instruments/track.js"

/**
 * The live hub, as `yield* Metrics.Metrics` gives it: for `ledgersOf`, and to be provided elsewhere.
 *
 * @since 0.1.0
 * @category models
 */
export type Service = LiveHub

/**
 * A hub without sinks. Recordings through it cost next to nothing and go nowhere, unless a hub around it has sinks.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Metrics> = onAmbient(() => Layer.empty)

/**
 * Measures nothing and keeps every sink inside it from being made: for tests of code that is instrumented.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNoop: Layer.Layer<Metrics> = Layer.succeed(Metrics, noopHub)

/**
 * No hub was provided where one is required.
 *
 * @since 0.1.0
 * @category errors
 */
export class MetricsNotProvided extends Schema.TaggedError<MetricsNotProvided>("effect-metrics/MetricsNotProvided")(
  "MetricsNotProvided",
  {}
) {
  override get message(): string {
    return "No Metrics is provided here: recordings would be lost. Provide a sink's layer, outermost."
  }
}

/**
 * The live hub, or a typed failure where none is provided: for apps that check their wiring at start.
 *
 * @since 0.1.0
 * @category accessors
 */
export const required: Effect.Effect<Service, MetricsNotProvided> = Effect.flatMap(Metrics, (hub) =>
  hub === defaultHub ? Effect.fail(new MetricsNotProvided()) : Effect.succeed(hub)
)

/**
 * The account of one sink.
 *
 * @since 0.1.0
 * @category models
 */
export interface LaneLedger {
  /** The sink's name, or the one given as `name`; with `/partition` where it writes to several destinations. */
  readonly name: string
  readonly ledger: Ledger
}

/**
 * The ledgers of a hub's sinks and of those of the hubs around it, now. They stay readable after the scope has closed.
 *
 * @since 0.1.0
 * @category accessors
 */
export const ledgersOf = (hub: Service): ReadonlyArray<LaneLedger> =>
  hub.allAttached().map(({ ledger, name }) => ({ name, ledger: ledger() }))

/**
 * The ledgers of the sinks here and around.
 *
 * @since 0.1.0
 * @category accessors
 */
export const ledgers: Effect.Effect<ReadonlyArray<LaneLedger>> = Effect.map(Metrics, ledgersOf)

/**
 * Writes what is buffered in the sinks here and around, waits for it, and gives their ledgers: for serverless handlers, and
 * before `process.exit`. Sinks whose backend does not answer are waited for 5 seconds (`flushWithin` has another deadline);
 * the ledgers say what is still buffered.
 *
 * @since 0.1.0
 * @category accessors
 */
export const flush: Effect.Effect<ReadonlyArray<LaneLedger>> = Effect.suspend(() => flushWithin("5 seconds"))

/**
 * As `flush`, with another deadline.
 *
 * @since 0.1.0
 * @category accessors
 */
export const flushWithin = (deadline: Duration.DurationInput): Effect.Effect<ReadonlyArray<LaneLedger>> =>
  Effect.flatMap(Metrics, (hub) =>
    hub.pullAll("flush").pipe(
      Effect.zipRight(
        Effect.suspend(() => {
          const lanes = hub.allAttached()
          // Not "unbounded", which makes two fibers also where there is but one lane.
          return Effect.forEach(lanes, ({ flush }) => flush, { concurrency: lanes.length, discard: true })
        })
      ),
      Effect.timeoutOption(deadline),
      Effect.interruptible,
      Effect.map(() => ledgersOf(hub))
    )
  )
