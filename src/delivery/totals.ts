/**
 * Sinks that are read, such as a pipe or a page: their lane has no queue, flusher or retry. It keeps totals for as long as
 * its scope lives, and whoever reads sees them as they stand.
 */
import { Effect, Layer, Runtime, type Scope } from "effect"
import type { Identity } from "../recording/config.js"
import type { Instrument } from "../recording/instrument.js"
import { Lane } from "../recording/lane.js"
import type { Point, Series } from "../recording/measurement.js"
import { short } from "../recording/notices.js"
import { type Cell, isSendable } from "../recording/series.js"
import { forEachStanding, LastPoints, Silence, type Standing, type Total, totals, untold } from "../recording/totals.js"
import { laneConfig } from "./attach.js"
import { logNotice } from "./log.js"
import type { DeliveryOptions } from "./options.js"
import type { InvalidOption } from "./checks.js"
import { resolve, type Resolved } from "./resolve.js"
import { type LiveHub, Metrics, noopHub, onAmbient } from "./service.js"

/**
 * The options of every sink that is read: what {@link DeliveryOptions} has that is not about writing.
 *
 * @since 0.1.0
 * @category models
 */
export type ReadOptions = Pick<
  DeliveryOptions,
  "name" | "enabled" | "levels" | "view" | "viewPoint" | "prefix" | "tags" | "hostTag" | "maxSeries"
>

/**
 * Everything that was recorded into a lane that is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals {
  /** The lane's name. */
  readonly name: string
  /** Has sources such as `RuntimeMetrics` read, unless they just were: run it before `series`. */
  readonly refresh: Effect.Effect<void>
  /**
   * Every series that was recorded, as it stands. Synchronous and lazy: what it gives holds until something is recorded, so use
   * it up before the next turn of the event loop.
   */
  readonly series: () => Iterable<Total>
  /** As `series`, at once and in a third of the time: for what has a hundred thousand. */
  readonly forEach: (use: (standing: Standing) => void) => void
  /** The last points, oldest first. */
  readonly points: () => ReadonlyArray<Point>
  /**
   * Has `series` leave out what cannot be told: for which `faultOf` says why, the same each time, as a rule by what it keeps in
   * `encoded`. Its recordings are dropped as `invalid`, and the reason is logged once.
   */
  readonly leaveOut: (faultOf: (series: Series) => string | undefined) => void
}

/**
 * A sink that is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadDefinition<E, R> {
  /** The sink's name, unless the user gives the lane another. */
  readonly sink: string
  /** How many of the last values of each distribution are kept, as `recent`. Default 0. */
  readonly samples?: number | undefined
  /** How many of the last points are kept, in at most 1 MiB. Default 0: points are dropped as `unsupported`. */
  readonly maxPoints?: number | undefined
  /**
   * The boundaries of timers and distributions that declare none; asked when a series is created. Finite and ascending. Default:
   * none.
   */
  readonly boundaries?:
    | ((declared: {
        readonly kind: "timer" | "distribution"
        readonly unit: string | undefined
      }) => ReadonlyArray<number> | undefined)
    | undefined
  /**
   * How what reads spells a series, after views and prefix: series that come out equal are one. As in `Definition`. Default: as
   * they are.
   */
  readonly spell?: ((series: Identity) => Identity) | undefined
  /** What the user set. Series are forgotten (`expireAfter`) where it is looked at them, by `refresh`. */
  readonly options: ReadOptions & Pick<DeliveryOptions, "expireAfter">
  /** Opens what is read. Its scope is the layer's, and ends before the lane closes. */
  readonly make: (totals: Totals) => Effect.Effect<void, E, R>
}

const pointBytes = 1024 * 1024

export const layerOf = <E, R>(
  definition: ReadDefinition<E, R>
): Layer.Layer<Metrics, E | InvalidOption, Exclude<R, Scope.Scope>> => {
  const key = {}
  return onAmbient((hub) =>
    hub.has(key)
      ? Layer.empty
      : Layer.scopedDiscard(
          Effect.flatMap(
            resolve(definition.options, { name: definition.sink, batchSize: 1, batchBytes: 1, ambiguous: "drop" }),
            (options) => (options.enabled ? attach(hub, key, definition, options) : Effect.void)
          )
        )
  )
}

const attach = <E, R>(
  hub: LiveHub,
  key: object,
  { boundaries, make, maxPoints = 0, samples = 0, spell }: ReadDefinition<E, R>,
  options: Resolved
): Effect.Effect<void, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const boundariesOf = ({ kind, unit }: Pick<Instrument, "kind" | "unit">) =>
      kind === "timer" || kind === "distribution" ? boundaries?.({ kind, unit }) : undefined
    const lane = new Lane({
      ...(yield* laneConfig({ spell }, options)),
      totals: { samples, boundaries: boundariesOf }
    })
    const silence = options.expireAfter === undefined ? undefined : new Silence(lane, options.expireAfter)
    const points = new LastPoints(maxPoints, pointBytes)
    lane.queue = {
      offer: (point, bytes) => {
        lane.account.recorded += point.weight
        if (points.add(point, bytes)) lane.account.delivered += point.weight
        else lane.account.drop("unsupported", point.weight)
      }
    }
    let faultOf: ((series: Series) => string | undefined) | undefined
    const isTold = (cell: Cell): boolean => {
      const { series } = cell
      const reason = isSendable(cell) ? faultOf?.(series) : "a sum grew too large"
      if (reason !== undefined) {
        lane.warn("invalid", series.name, () => `${JSON.stringify(short(series.name))} is left out: ${reason}`)
      }
      return reason === undefined
    }
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())
    lane.onNotice = () => {
      for (const notice of lane.takeNotices()) runFork(logNotice(lane.name, notice))
    }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        lane.close()
        hub.detach(key, lane)
      })
    )
    // What is recorded while it is being opened is read as well.
    hub.attach(key, lane)
    hub.add({
      name: lane.name,
      lane,
      flush: Effect.void,
      // What stands ready to be read has arrived.
      ledger: () => {
        const recorded = lane.gathered()
        const ledger = lane.account.snapshot(recorded, { queued: 0, open: 0, inFlight: 0 })
        const invalid = untold(lane, isTold)
        const dropped = invalid === 0 ? ledger.dropped : { ...ledger.dropped, invalid }
        return { ...ledger, delivered: ledger.delivered + recorded - invalid, dropped }
      }
    })
    yield* make({
      name: lane.name,
      refresh: Effect.zipLeft(
        Effect.suspend(() => hub.pull("schedule")),
        Effect.sync(() => silence?.look(lane.config.now()))
      ),
      series: () => totals(lane, lane.config.now(), isTold),
      forEach: (use) => forEachStanding(lane, isTold, use),
      points: () => points.read(),
      leaveOut: (found) => void (faultOf = found)
    })
  }).pipe(Effect.provideService(Metrics, noopHub))
