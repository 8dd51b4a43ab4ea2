/**
 * What a lane hands to its sink: sealed windows of series, and points. Plain data, shared by recording, delivery and the
 * wire encoders, so that none of them depends on another.
 */
import type { Histogram } from "./histogram.js"

/**
 * The kinds of instruments.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "counter" | "gauge" | "timer" | "distribution"

/**
 * `float` unless the instrument says otherwise; an `int` instrument refuses fractions, so a wire type never depends on a value.
 *
 * @since 0.1.0
 * @category models
 */
export type ValueType = "float" | "int"

/**
 * A signed 64-bit integer field, for wires that tell integers from floats.
 *
 * @since 0.1.0
 * @category models
 */
export class Int {
  readonly _tag = "int"
  constructor(readonly value: number | bigint) {}
}

/**
 * An unsigned 64-bit integer field.
 *
 * @since 0.1.0
 * @category models
 */
export class UInt {
  readonly _tag = "uint"
  constructor(readonly value: number | bigint) {}
}

/**
 * A `number` is a float, a `bigint` a signed 64-bit integer.
 *
 * @since 0.1.0
 * @category models
 */
export type FieldValue = number | bigint | boolean | string | Int | UInt

/**
 * A key and its value.
 *
 * @since 0.1.0
 * @category models
 */
export type Tag = readonly [key: string, value: string]

/**
 * One instrument (or point name) with one set of tag values, as one lane knows it after its views.
 *
 * @since 0.1.0
 * @category models
 */
export interface Series {
  readonly name: string
  /** Sorted by key in UTF-16 order, keys unique. */
  readonly tags: ReadonlyArray<Tag>
  readonly kind: Kind | "point"
  readonly valueType: ValueType
  readonly unit: string | undefined
  readonly description: string | undefined
  readonly level: string | undefined
  /** Upper bounds of the fixed buckets that the instrument declares, ascending, without infinity. */
  readonly boundaries: ReadonlyArray<number> | undefined
  /** Whether a counter takes no negative steps. `undefined` where nobody says so, as behind the relay, whose frames do not tell. */
  readonly monotonic?: boolean | undefined
  /** The lane's encoder may keep what it derives from the fields above (an encoded prefix, a size). Starts `undefined`. */
  encoded: unknown
}

interface Timed {
  readonly series: Series
  /** How many recordings it stands for: what the ledger moves. */
  readonly weight: number
  /** Milliseconds since the epoch, whole. A window's is the time it was sealed. */
  readonly millis: number
  /** Nanoseconds after `millis`, 0 to 999 999. */
  readonly nanos: number
}

interface Window extends Timed {
  /** When the window was opened, in milliseconds since the epoch. Windows of a series do not overlap. */
  readonly startMillis: number
}

/**
 * A counter's increase within a window.
 *
 * @since 0.1.0
 * @category models
 */
export interface Count extends Window {
  readonly _tag: "count"
  readonly value: number
}

/**
 * A gauge's last value within a window. `weight` is 0 where it is resent unchanged.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gauge extends Window {
  readonly _tag: "gauge"
  readonly value: number
}

/**
 * A timer's (in seconds) or a distribution's values within a window.
 *
 * @since 0.1.0
 * @category models
 */
export interface Distribution extends Window {
  readonly _tag: "distribution"
  readonly histogram: Histogram
  /** Recordings per bucket of `series.boundaries`, not cumulative, one more than there are boundaries. */
  readonly buckets: ReadonlyArray<number> | undefined
}

/**
 * One thing that happened. `aggregate: false` instruments make points with the single field `value`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Point extends Timed {
  readonly _tag: "point"
  readonly fieldNames: ReadonlyArray<string>
  /** As many as `fieldNames`. */
  readonly fieldValues: ReadonlyArray<FieldValue>
  /** The probability with which it was kept, 1 unless the lane samples: so it stands for one divided by that. */
  readonly sampleRate: number
}

/**
 * What a sink receives: a sealed window, or a point.
 *
 * @since 0.1.0
 * @category models
 */
export type Measurement = Count | Gauge | Distribution | Point
