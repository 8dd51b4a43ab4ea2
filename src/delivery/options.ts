/**
 * The options that every push sink has, and what they come to once checked.
 */
import type { Duration, Option, Schedule } from "effect"
import type { FieldValue, Kind } from "../recording/measurement.js"

/**
 * What a view sees of a series before it exists.
 *
 * @since 0.1.0
 * @category models
 */
export interface SeriesInfo {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly kind: Kind | "point"
  readonly level: string | undefined
}

/**
 * How a lane names a series.
 *
 * @since 0.1.0
 * @category models
 */
export interface Renamed {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
}

/**
 * The options of every push sink. All are optional; durations are given as `Duration.DurationInput`.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeliveryOptions {
  /** Names the lane in logs and ledgers. Default: the sink's name. */
  readonly name?: string | undefined
  /** `false` makes the layer a hub without this sink, so that a setting can turn it off. Default `true`. */
  readonly enabled?: boolean | undefined
  /**
   * When everything gathered so far is written; the first time after one recurrence. If it ends, only size and close write,
   * and one warning says so. Default `Schedule.fixed("10 seconds")`.
   */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /** So many waiting points are written at once, without waiting for the schedule. At most `capacity`. Default `batchSize`, or `capacity` if that is less. */
  readonly triggerSize?: number | undefined
  /** Most measurements in a write. Default: the sink's. */
  readonly batchSize?: number | undefined
  /** Most bytes in a write, before compression. Default: the sink's. */
  readonly batchBytes?: number | undefined
  /** Most points waiting in the queue; more are `dropped: queue_full`. Default 100 000. */
  readonly capacity?: number | undefined
  /** About how many bytes they may take; more are `dropped: queue_bytes`. Default 16 MiB. */
  readonly capacityBytes?: number | undefined
  /** Which point a full queue loses. Default `"drop-newest"`. */
  readonly overflow?: "drop-newest" | "drop-oldest" | undefined
  /** Writes in flight at a time; a series is in one at most. With more than 1, order is not kept. Default 1. */
  readonly concurrency?: number | undefined
  /** Waits between tries: `initial` (250 ms), doubling up to `max` (30 s), each drawn from 0 to that (`jitter: "full"`). */
  readonly retry?:
    | {
        readonly initial?: Duration.DurationInput | undefined
        readonly max?: Duration.DurationInput | undefined
        readonly jitter?: "full" | "none" | undefined
      }
    | undefined
  /** Points and sealed windows older than this are `dropped: expired`. Monotonic time. Default 15 minutes. */
  readonly maxAge?: Duration.DurationInput | undefined
  /** Most measurements written a second, evenly spread. Default: no limit. */
  readonly rateLimit?: number | undefined
  /** The probability with which a point is kept, 0 to 1; the others are not `recorded`. Default 1. */
  readonly sampleRate?: number | undefined
  /** Only recordings of these levels, by exact match. Default: all, also those without a level. */
  readonly levels?: ReadonlyArray<string> | undefined
  /** Renames, re-tags or excludes (`Option.none()`) a series when it is created in this lane. */
  readonly view?: ((series: SeriesInfo) => Option.Option<Renamed>) | undefined
  /** As `view`, for points. */
  readonly viewPoint?: ((point: SeriesInfo) => Option.Option<Renamed>) | undefined
  /** Goes before every name. Default: nothing. */
  readonly prefix?: string | undefined
  /** Tags of every series and point. Default: none. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /**
   * Tags everything with the host: `"auto"` asks the system for its name, `"none"` does not tag, an object fixes key
   * (default `host`) or value. Default: the sink's.
   */
  readonly hostTag?:
    "auto" | "none" | { readonly key?: string | undefined; readonly value?: string | undefined } | undefined
  /** Series in this lane; further ones share an overflow series per instrument, tagged `overflow=true`. Default 10 000. */
  readonly maxSeries?: number | undefined
  /** Forgets a series that was delivered and then silent for so long. Default: never. */
  readonly expireAfter?: Duration.DurationInput | undefined
  /**
   * `false` makes every recording a point of its own; by kind of instrument, as in `{ timer: false }`, where some are to be
   * told apart. Default: the sink's, else `true`.
   */
  readonly aggregate?: boolean | { readonly [K in Kind]?: boolean | undefined } | undefined
  /**
   * `"always"` sends a gauge with every flush, also unchanged (weight 0), and in some sinks of totals everything else too. Default
   * `"changed"`: when it was recorded, or the sink's.
   */
  readonly resend?: "changed" | "always" | undefined
  /**
   * What to do after a write without an answer: `"retry"` byte for byte (right where the backend overwrites by timestamp),
   * or `"drop"` and count (right where it sums). Default: the sink's.
   */
  readonly ambiguous?: "retry" | "drop" | undefined
  /** How long a closing scope waits for what is buffered. Live clock. Default 5 s. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
  /** The whole time a write may take. Default 10 s. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /** Reports the lane's ledger as gauges `effect_metrics.lane.*` through the lane itself. Default `false`. */
  readonly selfMetrics?: boolean | undefined
}

/**
 * Fields of a point.
 *
 * @since 0.1.0
 * @category models
 */
export type Fields = Readonly<Record<string, FieldValue>>
