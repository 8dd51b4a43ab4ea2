/**
 * From a sink and its options to a lane on a hub, delivered until the scope closes.
 */
import { Effect, ExecutionStrategy, Layer, Option, Runtime, Scope } from "effect"
import * as Ledger from "../Ledger.js"
import { GaugeEntry } from "../recording/entry.js"
import { make as makeInstrument } from "../recording/instrument.js"
import type { Identity, LaneConfig, View } from "../recording/config.js"
import { Lane, type Target } from "../recording/lane.js"
import type { Kind, Tag } from "../recording/measurement.js"
import { type Partition, Partitions } from "../recording/partitions.js"
import type { Precision } from "../recording/stamps.js"
import * as Tags from "../recording/tags.js"
import { hostName } from "../transport/host.js"
import { type Delivery, make as deliver } from "./flusher.js"
import type { DeliveryOptions } from "./options.js"
import { seeded } from "./random.js"
import type { InvalidOption } from "./checks.js"
import { resolve, type Resolved, type SinkDefaults } from "./resolve.js"
import { type LiveHub, Metrics, noopHub, onAmbient } from "./service.js"
import type { Sink } from "./sink.js"
import type { MarkedBy } from "./state.js"

export interface Parts<P, E, R> {
  readonly make: Effect.Effect<(partition: string) => Sink<P>, E, R>
  readonly partition?: Partition | undefined
  readonly overwrites?: Precision | undefined
  readonly apart?: Precision | undefined
  readonly pointTimes?: "spread" | "keep" | undefined
  readonly spell?: ((series: Identity) => Identity) | undefined
  readonly byLevel?: boolean | undefined
  readonly unsampled?: ReadonlyArray<Kind | "point"> | undefined
  readonly resends?: "gauges" | "totals" | undefined
  readonly defaults: SinkDefaults
  readonly delivery: DeliveryOptions
}

/**
 * Each call is a sink of its own, attached at most once on the way from a hub to its root. Its parts are asked for only where
 * it is attached.
 */
export const layerOf = <P, E, R, E2, R2>(
  parts: Effect.Effect<Parts<P, E, R>, E2, R2>
): Layer.Layer<Metrics, E | E2 | InvalidOption, Exclude<R | R2, Scope.Scope>> => {
  const key = {}
  return onAmbient((hub) =>
    hub.has(key)
      ? Layer.empty
      : Layer.scopedDiscard(
          Effect.flatMap(parts, (parts) =>
            Effect.flatMap(resolve(parts.delivery, parts.defaults), (options) =>
              options.enabled ? attach(hub, key, parts, options) : Effect.void
            )
          )
        )
  )
}

const attach = <P, E, R>(
  hub: LiveHub,
  key: object,
  parts: Parts<P, E, R>,
  options: Resolved
): Effect.Effect<void, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const sinkFor = yield* parts.make
    const config = yield* laneConfig(parts, options)
    const own = typeof options.hostTag === "object" ? options.hostTag.key : undefined
    if (parts.overwrites !== undefined && !config.tags.some(([key]) => key === own || identifying.has(key))) {
      yield* Effect.logWarning(
        `${options.name}: no tag says which process this is, and the backend keeps one value per series and timestamp: two processes with equal tags would overwrite each other. Set hostTag, or a tag such as instance.`
      )
    }
    const { partition } = parts
    const pull = (by: MarkedBy): Effect.Effect<void> => hub.pull(by)
    // Registered before the lane's own finalizer, so that it runs after it.
    const detachOnceClosed = (target: Target): Effect.Effect<void, never, Scope.Scope> =>
      Effect.addFinalizer(() => Effect.sync(() => hub.detach(key, target)))
    if (partition === undefined) {
      const lane = new Lane(config)
      yield* detachOnceClosed(lane)
      const delivery = yield* deliver(lane, sinkFor(""), options, pull)
      hub.add(delivery)
      if (options.selfMetrics) reportItself(delivery, options)
      return hub.attach(key, lane)
    }
    // One scope for all partitions, so that they close side by side, within one deadline.
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.parallel)
    const runtime = yield* Effect.runtime<never>()
    const front = new Partitions(config, partition, (lane, name) => {
      const start = deliver(lane, sinkFor(name), { ...options, name: lane.name }, pull).pipe(Scope.extend(scope))
      const delivery = Runtime.runSync(runtime)(start)
      hub.add(delivery)
      if (options.selfMetrics) reportItself(delivery, options)
    })
    yield* detachOnceClosed(front)
    // Nothing is ever written from there: it counts and logs what has no destination, and has sources read, by which the
    // first partitions may be opened, and before the front closes.
    const home = yield* deliver(front.home, { write: () => Effect.void }, options, pull)
    hub.add(home)
    hub.attach(key, front)
  }).pipe(Effect.provideService(Metrics, noopHub))

/** Tags by which operators tell processes apart. */
const identifying = new Set(["host", "hostname", "instance", "pod", "container", "service.instance.id"])

type Keeping = Pick<
  Parts<never, never, never>,
  "overwrites" | "apart" | "pointTimes" | "spell" | "byLevel" | "unsampled" | "resends"
>

export const laneConfig = (parts: Keeping, options: Resolved): Effect.Effect<LaneConfig> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const random = yield* seeded
    const host = yield* hostTags(options.hostTag)
    const overwrites = parts.overwrites ?? parts.apart ?? null
    return {
      name: options.name,
      now: () => clock.unsafeCurrentTimeMillis(),
      random,
      levels: options.levels ?? null,
      view: viewOf(options.view),
      viewPoint: viewOf(options.viewPoint),
      prefix: options.prefix,
      tags: Tags.merge(host, Tags.fromRecord(options.tags) ?? []),
      maxSeries: options.maxSeries,
      expireAfterMillis: options.expireAfter ?? null,
      raw: options.raw,
      resendGauges: options.resend === "always",
      resendTotals: parts.resends === "totals",
      sampleRate: options.sampleRate,
      unsampled: new Set(parts.unsampled),
      overwrites,
      keepPointTimes: parts.pointTimes === "keep",
      spell: parts.spell,
      byLevel: parts.byLevel === true,
      nanos:
        overwrites === "ns" ? Math.floor(random() * 1e6) : overwrites === "us" ? Math.floor(random() * 1e3) * 1e3 : 0
    }
  })

const viewOf = (view: DeliveryOptions["view"]): View | null =>
  view === undefined ? null : (series) => Option.getOrNull(view(series))

const hostTags = (hostTag: Resolved["hostTag"]): Effect.Effect<ReadonlyArray<Tag>> => {
  if (hostTag === "none") return Effect.succeed([])
  const { key = "host", value = undefined } = hostTag === "auto" ? {} : hostTag
  return value === undefined
    ? Effect.map(hostName, (name) => (name === undefined ? [] : [[key, name]]))
    : Effect.succeed([[key, value]])
}

/** The lane's ledger as gauges of its own, taken whenever it writes what has gathered. */
const reportItself = ({ lane, ledger, name }: Delivery, { levels }: Resolved): void => {
  // Of a level that the lane takes.
  const level = levels?.values().next().value
  const owner = { root: { epoch: 0 }, path: () => [lane] }
  const gauges = ["recorded", "delivered", "dropped", "buffered", "refused", "retried", "ambiguous"] as const
  const entries = gauges.map(
    (gauge) =>
      new GaugeEntry(owner, makeInstrument("gauge", `effect_metrics.lane.${gauge}`, { valueType: "int", level }), [
        ["lane", name]
      ])
  )
  lane.onMark = () => {
    if (lane.closed) return
    const now = ledger()
    const values = [
      now.recorded,
      now.delivered,
      Ledger.dropped(now),
      Ledger.buffered(now),
      Ledger.refused(now),
      now.retried,
      now.ambiguous
    ]
    entries.forEach((entry, i) => entry.set(values[i]!))
  }
}
