/**
 * Direct recording: effects that record, points, and handles for hot loops.
 */
import { Duration, Effect } from "effect"
import type { Fields } from "../delivery/options.js"
import { defaultHub, type LiveHub, reachedDefault } from "../delivery/service.js"
import type { PointEntry } from "../recording/entry.js"
import type { GivenTags, Hub } from "../recording/hub.js"
import { fieldsOf, timeOf, type Timestamp } from "../recording/point.js"
import {
  type AnyInstrument,
  type Counter,
  type Distribution,
  type Gauge,
  inside,
  type Tags,
  type Timer
} from "./declare.js"
import { clockOf, find, hubOf, labelsOf, recording } from "./site.js"

/**
 * What a recording can have beside its value.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecordOptions<TagKeys extends string = string> {
  /** They win over the tags of the fiber's region (`Effect.tagMetrics`), those over the lane's. Read when first run. */
  readonly tags?: Tags<TagKeys> | undefined
  /** In place of the instrument's level. */
  readonly level?: string | undefined
}

/**
 * Adds 1.
 *
 * @since 0.1.0
 * @category recording
 */
export const increment = <TagKeys extends string>(
  self: Counter<TagKeys> | Gauge<TagKeys>,
  options?: RecordOptions<NoInfer<TagKeys>>
): Effect.Effect<void> => recording(inside(self, options?.level), givenTags(options), (entry) => entry.increment())

/**
 * Adds a step: 0 or more for a monotonic counter, any finite number for a gauge. Others are refused as `negative`,
 * `not_finite` or `not_integer`.
 *
 * @since 0.1.0
 * @category recording
 */
export const incrementBy = <TagKeys extends string>(
  self: Counter<TagKeys> | Gauge<TagKeys>,
  step: number,
  options?: RecordOptions<NoInfer<TagKeys>>
): Effect.Effect<void> =>
  recording(inside(self, options?.level), givenTags(options), (entry) => entry.incrementBy(step))

/**
 * Sets a gauge.
 *
 * @since 0.1.0
 * @category recording
 */
export const set = <TagKeys extends string>(
  self: Gauge<TagKeys>,
  value: number,
  options?: RecordOptions<NoInfer<TagKeys>>
): Effect.Effect<void> => recording(inside(self, options?.level), givenTags(options), (entry) => entry.set(value))

/**
 * Records a value: for a timer seconds, or a `Duration`. A negative number of seconds is refused.
 *
 * @since 0.1.0
 * @category recording
 */
export const record: {
  <TagKeys extends string>(
    self: Timer<TagKeys>,
    value: number | Duration.Duration,
    options?: RecordOptions<NoInfer<TagKeys>>
  ): Effect.Effect<void>
  <TagKeys extends string>(
    self: Distribution<TagKeys>,
    value: number,
    options?: RecordOptions<NoInfer<TagKeys>>
  ): Effect.Effect<void>
} = (self: Timer | Distribution, value: number | Duration.Duration, options?: RecordOptions): Effect.Effect<void> => {
  const number = Duration.isDuration(value) ? Duration.toSeconds(value) : value
  return recording(inside(self, options?.level), givenTags(options), (entry) => entry.record(number))
}

/**
 * What a point can have beside its name and fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface EmitOptions extends RecordOptions {
  /**
   * When it happened: a `Date`, milliseconds since the epoch, or nanoseconds as a `bigint`. Default: now, by Effect's
   * `Clock`. It is sent as given, but for one unit more where it equals the series' last and the backend overwrites.
   */
  readonly timestamp?: Timestamp | undefined
}

/**
 * Records a point: one thing that happened, with typed fields. A `number` is a float, a `bigint` or `Measurement.int(n)` an
 * integer. A field that is NaN or infinite is left out and counted as refused; without fields there is no point.
 *
 * @example
 * import { Measurement, Metrics } from "effect-metrics"
 *
 * Metrics.emit("job", { rows: Measurement.int(120), seconds: 0.8, state: "done" }, { tags: { queue: "mail" } })
 *
 * @since 0.1.0
 * @category recording
 */
export const emit = (name: string, fields: Fields, options?: EmitOptions): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const hub = hubOf(fiber)
    if (hub === defaultHub) return reachedDefault(name)
    emitIn(hub, hub.region(labelsOf(fiber)), name, fields, options, clockOf(fiber).unsafeCurrentTimeMillis())
    return Effect.void
  })

const emitIn = (
  hub: LiveHub,
  region: ReturnType<Hub["region"]>,
  name: string,
  fields: Fields,
  options: EmitOptions | undefined,
  now: number
): void => {
  let instrument = hub.pointInstrument(name, undefined)
  const refuse = (reason: Parameters<Hub["refuse"]>[1]): void => hub.refuse(instrument, reason)
  try {
    if (options?.level !== undefined) instrument = hub.pointInstrument(name, options.level)
    // A point instrument's entry is a point entry.
    const entry = hub.entry(instrument, region, givenTags(options)) as PointEntry | undefined
    if (entry === undefined) return
    const time = timeOf(options?.timestamp, now)
    if (time === undefined) return refuse("invalid_timestamp")
    const read = fieldsOf(fields, refuse)
    if (read !== undefined) entry.emit(read.names, read.values, read.bytes, time.millis, time.nanos)
  } catch {
    // A getter of the caller's.
    refuse("threw")
  }
}

const givenTags = (options: RecordOptions | undefined): GivenTags | undefined => options?.tags

/**
 * A counter bound to tags, for hot loops: synchronous, some nanoseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface CounterHandle {
  readonly increment: () => void
  readonly incrementBy: (step: number) => void
}

/**
 * A gauge bound to tags.
 *
 * @since 0.1.0
 * @category models
 */
export interface GaugeHandle extends CounterHandle {
  readonly set: (value: number) => void
  /** Adds 1 now; what it gives takes it away again, once, in the sinks that saw it added. For what is in flight. */
  readonly hold: () => () => void
}

/**
 * A timer (seconds) or distribution bound to tags.
 *
 * @since 0.1.0
 * @category models
 */
export interface DistributionHandle {
  readonly record: (value: number) => void
}

/**
 * Binds an instrument and its tags to the fiber's hub and region: the handle's methods are synchronous. It sees sinks that
 * come later; after the scope of the sinks has closed, its recordings are refused as `closed`.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const rows = Metrics.counter("import.rows")
 *
 * const importAll = (lines: ReadonlyArray<string>) =>
 *   Effect.gen(function* () {
 *     const handle = yield* Metrics.bind(rows, { table: "users" })
 *     for (const line of lines) if (line !== "") handle.increment()
 *   })
 *
 * @since 0.1.0
 * @category recording
 */
export const bind: {
  <TagKeys extends string>(self: Counter<TagKeys>, tags?: Tags<NoInfer<TagKeys>>): Effect.Effect<CounterHandle>
  <TagKeys extends string>(self: Gauge<TagKeys>, tags?: Tags<NoInfer<TagKeys>>): Effect.Effect<GaugeHandle>
  <TagKeys extends string>(
    self: Timer<TagKeys> | Distribution<TagKeys>,
    tags?: Tags<NoInfer<TagKeys>>
  ): Effect.Effect<DistributionHandle>
} = (self: AnyInstrument, tags?: Tags): Effect.Effect<CounterHandle & GaugeHandle & DistributionHandle> =>
  Effect.withFiberRuntime((fiber) => {
    const hub = hubOf(fiber)
    const instrument = inside(self)
    // The overloads give each kind the methods that its entry has.
    type Bound = CounterHandle & GaugeHandle & DistributionHandle
    if (hub === defaultHub) return Effect.as(reachedDefault(instrument.name), unbound)
    const labels = labelsOf(fiber)
    const entry = find(hub, labels, instrument, tags) as Bound | undefined
    return Effect.succeed(entry ?? refusing(() => find(hub, labels, instrument, tags)))
  })

const refusing = (refuse: () => void): GaugeHandle & DistributionHandle => ({
  increment: refuse,
  incrementBy: refuse,
  set: refuse,
  hold: () => {
    refuse()
    return () => {}
  },
  record: refuse
})

const unbound = refusing(() => {})
