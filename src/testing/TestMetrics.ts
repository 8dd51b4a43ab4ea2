/**
 * Metrics in unit tests: a layer that keeps everything that is recorded, each recording by itself, and readers for it. It is
 * sealed: sinks that the code under test provides for itself are not made, and what they would have got is seen here.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 * import { TestMetrics } from "effect-metrics/testing"
 * import { Effect } from "effect"
 *
 * const sent = Metrics.counter("mail.sent")
 *
 * const test = Effect.gen(function* () {
 *   yield* Metrics.increment(sent, { tags: { to: "staff" } })
 *   return yield* TestMetrics.counterValue(sent) // 1
 * }).pipe(Effect.provide(TestMetrics.layer))
 *
 * @since 0.1.0
 */
import { Clock, Effect, Layer } from "effect"
import { LiveHub, Metrics } from "../delivery/service.js"
import type { RefuseReason } from "../Ledger.js"
import type { Counter, Distribution, Gauge, Tags, Timer } from "../Metrics.js"
import { Lane } from "../recording/lane.js"
import type { FieldValue, Kind, Point } from "../recording/measurement.js"
import { toRecord } from "../recording/tags.js"

/**
 * One recording, as it was made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recorded {
  readonly kind: Kind | "point"
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  /** A point's fields; for instruments the field `value`: a counter's step, a gauge's new value, a timer's seconds. */
  readonly fields: Readonly<Record<string, FieldValue>>
  /** Milliseconds since the epoch. */
  readonly millis: number
  readonly level: string | undefined
}

interface Memory {
  readonly lane: Lane
  readonly points: Array<Point>
}

const memories = new WeakMap<LiveHub, Memory>()

/**
 * A sealed hub that keeps everything, from new each time it is provided.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Metrics> = Layer.effect(
  Metrics,
  Effect.map(Clock.clockWith(Effect.succeed), (clock) => {
    const points: Array<Point> = []
    const lane = new Lane({
      name: "test",
      now: () => clock.unsafeCurrentTimeMillis(),
      random: Math.random,
      levels: null,
      view: null,
      viewPoint: null,
      prefix: "",
      tags: [],
      maxSeries: Number.MAX_SAFE_INTEGER,
      expireAfterMillis: null,
      raw: new Set(["counter", "gauge", "timer", "distribution"]),
      resendGauges: false,
      sampleRate: 1,
      unsampled: new Set(),
      overwrites: null,
      nanos: 0
    })
    lane.queue = {
      offer: (point) => {
        lane.account.recorded += 1
        points.push(point)
      }
    }
    const hub = new LiveHub(null, "sealed")
    hub.attach(lane, lane)
    hub.add({
      name: "test",
      lane,
      flush: Effect.void,
      ledger: () => lane.account.snapshot(0, { queued: points.length, open: 0, inFlight: 0 })
    })
    memories.set(hub, { lane, points })
    return hub
  })
)

const memory: Effect.Effect<Memory> = Effect.flatMap(Metrics, (hub) => {
  const found = memories.get(hub)
  return found === undefined
    ? Effect.dieMessage("TestMetrics: nothing to read, TestMetrics.layer is not provided here")
    : Effect.succeed(found)
})

const recordedOf = (point: Point): Recorded => {
  const fields: Record<string, FieldValue> = Object.create(null)
  point.fieldNames.forEach((name, i) => (fields[name] = point.fieldValues[i]!))
  const { kind, level, name, tags } = point.series
  return { kind, name, tags: toRecord(tags), fields, millis: point.millis, level }
}

const nameOf = (self: string | { readonly name: string }): string => (typeof self === "string" ? self : self.name)

/** What has the name and at least these tags, in the order in which it was recorded. */
const select = (
  self: string | { readonly name: string },
  tags: Tags | undefined,
  isWanted: (kind: Recorded["kind"]) => boolean
): Effect.Effect<ReadonlyArray<Recorded>> =>
  Effect.map(memory, ({ points }) =>
    points
      .filter(({ series }) => series.name === nameOf(self) && isWanted(series.kind))
      .map(recordedOf)
      .filter((recorded) => Object.entries(tags ?? {}).every(([key, value]) => recorded.tags[key] === value))
  )

/** Instruments record one number each. */
const numberOf = (recorded: Recorded): number => recorded.fields["value"] as number

/**
 * What a counter has counted, over all series that have at least the given tags. 0 if it was never recorded.
 *
 * @since 0.1.0
 * @category readers
 */
export const counterValue = <TagKeys extends string>(
  self: Counter<TagKeys> | string,
  tags?: Tags<NoInfer<TagKeys>>
): Effect.Effect<number> =>
  Effect.map(
    select(self, tags, (kind) => kind === "counter"),
    (all) => all.reduce((sum, recorded) => sum + numberOf(recorded), 0)
  )

/**
 * A gauge's last value among the series that have at least the given tags; `undefined` if it was never recorded.
 *
 * @since 0.1.0
 * @category readers
 */
export const gaugeValue = <TagKeys extends string>(
  self: Gauge<TagKeys> | string,
  tags?: Tags<NoInfer<TagKeys>>
): Effect.Effect<number | undefined> =>
  Effect.map(
    select(self, tags, (kind) => kind === "gauge"),
    (all) => {
      const last = all.at(-1)
      return last === undefined ? undefined : numberOf(last)
    }
  )

/**
 * All that a timer (in seconds) or distribution has recorded, in order.
 *
 * @since 0.1.0
 * @category readers
 */
export const timings = <TagKeys extends string>(
  self: Timer<TagKeys> | Distribution<TagKeys> | string,
  tags?: Tags<NoInfer<TagKeys>>
): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(
    select(self, tags, (kind) => kind === "timer" || kind === "distribution"),
    (all) => all.map(numberOf)
  )

/**
 * The points emitted under a name, in order.
 *
 * @since 0.1.0
 * @category readers
 */
export const points = (name: string, tags?: Tags): Effect.Effect<ReadonlyArray<Recorded>> =>
  select(name, tags, (kind) => kind === "point")

/**
 * Everything recorded, in order.
 *
 * @since 0.1.0
 * @category readers
 */
export const all: Effect.Effect<ReadonlyArray<Recorded>> = Effect.map(memory, (kept) => kept.points.map(recordedOf))

/**
 * What was refused, by reason: a test that expects clean instrumentation asserts that it is empty.
 *
 * @since 0.1.0
 * @category readers
 */
export const refused: Effect.Effect<Readonly<Partial<Record<RefuseReason, number>>>> = Effect.map(memory, ({ lane }) =>
  Object.fromEntries(lane.account.refused)
)
