/**
 * Declaring instruments, and the types that hold them.
 */
import * as Instrument from "../recording/instrument.js"
import type { ValueType } from "../recording/measurement.js"

interface Declared<TagKeys extends string> {
  readonly name: string
  readonly description: string | undefined
  readonly unit: string | undefined
  readonly level: string | undefined
  readonly tagKeys: ReadonlyArray<TagKeys> | undefined
}

/**
 * Counts things that happen. Monotonic unless declared otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counter<out TagKeys extends string = string> extends Declared<TagKeys> {
  readonly kind: "counter"
}

/**
 * A value that goes up and down, such as a number of connections or a temperature; the last one counts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gauge<out TagKeys extends string = string> extends Declared<TagKeys> {
  readonly kind: "gauge"
}

/**
 * Durations, in seconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timer<out TagKeys extends string = string> extends Declared<TagKeys> {
  readonly kind: "timer"
}

/**
 * Values whose spread matters, such as sizes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Distribution<out TagKeys extends string = string> extends Declared<TagKeys> {
  readonly kind: "distribution"
}

/**
 * An instrument of any kind.
 *
 * @since 0.1.0
 * @category models
 */
export type AnyInstrument<TagKeys extends string = string> =
  Counter<TagKeys> | Gauge<TagKeys> | Timer<TagKeys> | Distribution<TagKeys>

/**
 * Tags for an instrument that declares these keys; each may be left out.
 *
 * @since 0.1.0
 * @category models
 */
export type Tags<TagKeys extends string = string> = { readonly [Key in TagKeys]?: string | undefined }

/**
 * What every instrument can have.
 *
 * @since 0.1.0
 * @category models
 */
export interface InstrumentOptions<TagKeys extends string = string> {
  /** What it measures, for backends that show it. */
  readonly description?: string | undefined
  /** The unit of its values, such as `By` (UCUM). A timer's is `s`. */
  readonly unit?: string | undefined
  /** A label such as `debug`, by which lanes choose. */
  readonly level?: string | undefined
  /** The keys that its tags may have, checked by the type; others are not read. Default: any. */
  readonly tagKeys?: ReadonlyArray<TagKeys> | undefined
  /** `false` makes each recording a point with its own timestamp, in every lane. Default `true`. */
  readonly aggregate?: boolean | undefined
}

/**
 * What counters and gauges can have.
 *
 * @since 0.1.0
 * @category models
 */
export interface NumberOptions<TagKeys extends string = string> extends InstrumentOptions<TagKeys> {
  /** `"int"` refuses fractions and is an integer on wires that tell the two apart. Default `"float"`. */
  readonly valueType?: ValueType | undefined
}

/**
 * What timers and distributions can have.
 *
 * @since 0.1.0
 * @category models
 */
export interface DistributionOptions<TagKeys extends string = string> extends InstrumentOptions<TagKeys> {
  /** Upper bounds (inclusive) of fixed buckets, for backends that want them; a bucket to infinity is added. */
  readonly boundaries?: ReadonlyArray<number> | undefined
}

/**
 * Declares a counter. `monotonic: false` lets it be stepped down.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 *
 * const requests = Metrics.counter("http.requests", { description: "Requests served", tagKeys: ["route"] })
 *
 * Metrics.increment(requests, { tags: { route: "/users" } })
 *
 * @since 0.1.0
 * @category constructors
 */
export const counter = <const TagKeys extends string = string>(
  name: string,
  options?: NumberOptions<TagKeys> & { readonly monotonic?: boolean | undefined }
): Counter<TagKeys> => declare("counter", name, options)

/**
 * Declares a gauge.
 *
 * @since 0.1.0
 * @category constructors
 */
export const gauge = <const TagKeys extends string = string>(
  name: string,
  options?: NumberOptions<TagKeys>
): Gauge<TagKeys> => declare("gauge", name, options)

/**
 * Declares a timer. Its values are seconds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const timer = <const TagKeys extends string = string>(
  name: string,
  options?: DistributionOptions<TagKeys>
): Timer<TagKeys> => declare("timer", name, options)

/**
 * Declares a distribution.
 *
 * @since 0.1.0
 * @category constructors
 */
export const distribution = <const TagKeys extends string = string>(
  name: string,
  options?: DistributionOptions<TagKeys>
): Distribution<TagKeys> => declare("distribution", name, options)

const declare = <K extends AnyInstrument["kind"], TagKeys extends string>(
  kind: K,
  name: string,
  options: (Instrument.Declaration & { readonly tagKeys?: ReadonlyArray<TagKeys> | undefined }) | undefined
): Declared<TagKeys> & { readonly kind: K } =>
  // `make` keeps kind and tag keys as they are.
  Instrument.make(kind, name, options) as unknown as Declared<TagKeys> & { readonly kind: K }

/** Every instrument is made by `declare`, so behind the public shape there is the whole. */
export const inside = <K extends AnyInstrument["kind"]>(
  self: { readonly kind: K },
  level?: string | undefined
): Instrument.Instrument & { readonly kind: K } =>
  Instrument.withLevel(self as unknown as Instrument.Instrument, level) as Instrument.Instrument & { readonly kind: K }
