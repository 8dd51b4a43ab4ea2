/**
 * A sink for StatsD: etsy's daemon and what speaks its protocol (telegraf, statsd_exporter), and Datadog's agent. Over UDP, a
 * Unix socket or TCP.
 *
 * | measurement | etsy | DogStatsD |
 * |---|---|---|
 * | window of a counter | <code>name:12&#124;c</code>, the increase | the same |
 * | window of a gauge | <code>name:4&#124;g</code>; below 0 behind a <code>name:0&#124;g</code>, as a sign would be a step | <code>name:-4&#124;g</code> |
 * | recording of a timer | <code>name:320&#124;ms</code>, in milliseconds, to the nanosecond | the same |
 * | recording of a distribution | <code>name:3.5&#124;ms</code>, see `histogramAs` | <code>name:3.5&#124;h</code> |
 * | window of a timer or distribution, with `aggregate: true` | `name.count`, `name.sum` and `name.le_<bound>`, counters; `name.min`, `.max`, `.mean`, `.p50`, `.p95`, `.p99`, gauges; of a timer in milliseconds | the same |
 * | point | a gauge for each number: the field `value` has the name, others `name.field`; a text as `value` is a member of a set, <code>name:text&#124;s</code> | the same |
 * | `event`, `serviceCheck` | refused as `unsupported` | <code>_e{...}</code>, <code>_sc&#124;...</code> |
 *
 * Recordings that `sampleRate` keeps say so, `@0.1`, and the server scales them up; gauges, sets, events and checks are never
 * sampled. Names hold letters, digits and `_./-`; what else a name or tag may not hold is refused as `invalid`, see `sanitise`;
 * in the values of etsy's tags it becomes `_`.
 *
 * Nobody answers: `delivered` is what the kernel took. What a receiver loses over UDP, nobody counts. Where nobody listens on
 * this host, that is noticed, and what is recorded meanwhile is kept and sent later. See `pacing` for receivers that are slow.
 *
 * @since 0.1.0
 */
import { Config, Duration, Effect, type Layer } from "effect"
import type { ConfigError, Scope } from "effect"
import type { Event, ServiceStatus } from "../encoding/dogstatsd.js"
import { checkFields, eventFields } from "../encoding/dogstatsd.js"
import type { Packets } from "../encoding/packets.js"
import * as Lines from "../encoding/statsd.js"
import * as Metrics from "../Metrics.js"
import * as Sink from "../Sink.js"
import type * as Datagram from "../transport/datagram.js"
import type { Carrier } from "./statsd/carrier.js"
import { carrierOf } from "./statsd/carrier.js"
import { fromEnvironment } from "./statsd/environment.js"
import type { Options, Target } from "./statsd/options.js"
import { resolveTarget, sinkName } from "./statsd/options.js"
import * as Telemetry from "./statsd/telemetry.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./statsd/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Event, ServiceStatus } from "../encoding/dogstatsd.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Packets } from "../encoding/packets.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Server, TagStyle } from "../encoding/statsdNames.js"

const isWhole = (sent: Datagram.Sent | undefined): sent is undefined =>
  sent === undefined || sent.fates.every((fate) => fate === "sent")

/** What became of the measurements whose lines the packets hold. */
const resultOf = (
  measurements: number,
  { lastPacketOf, packetOf }: Packets,
  { fates }: Datagram.Sent
): Sink.WriteResult => {
  const keep: Array<number> = []
  const rejected: Array<{ readonly index: number; readonly reason: string }> = []
  for (let index = 0; index < measurements; index++) {
    const first = packetOf[index]!
    const own = fates.slice(first, (lastPacketOf.get(index) ?? first) + 1)
    if (own.every((fate) => fate === "sent")) continue
    if (own.every((fate) => fate === "unsent")) keep.push(index)
    else {
      const reason = own.includes("rejected")
        ? "a packet is larger than the socket takes: lower maxPacketBytes"
        : "the connection was lost in the midst of its lines"
      rejected.push({ index, reason })
    }
  }
  return { keep, rejected }
}

const sinkOf = (options: Options, target: Target, { carry }: Carrier): Effect.Effect<Sink.Sink<Packets>> =>
  Effect.gen(function* () {
    const sink = options.name ?? sinkName
    const telemetry = target.telemetry ? yield* Telemetry.make(target, carry) : undefined
    return {
      encode: Lines.make(target.dialect),
      write: ({ measurements, payload }) =>
        Effect.matchEffect(carry(payload), {
          onFailure: ({ ambiguous, reason }) => Effect.fail(new Sink.Unavailable({ sink, reason, ambiguous })),
          onSuccess: (sent) => {
            const result = isWhole(sent) ? undefined : resultOf(measurements.length, payload, sent)
            return Effect.as(telemetry?.(measurements, payload, sent?.fates, result) ?? Effect.void, result)
          }
        })
    }
  })

const openIn =
  (options: Options) =>
  ({ open }: Pick<Carrier, "open">): Effect.Effect<void, Sink.SinkError> => {
    const sink = options.name ?? sinkName
    const duration = options.requestTimeout ?? "10 seconds"
    return open.pipe(
      Effect.mapError(({ reason }) => new Sink.Unavailable({ sink, reason })),
      Effect.timeoutFail({
        duration,
        onTimeout: () => new Sink.Unavailable({ sink, reason: `no connection within ${Duration.format(duration)}` })
      })
    )
  }

/**
 * Whether there is somebody to write to: over TCP and Unix sockets, by connecting; over UDP, whether the host's name can be
 * looked up, and on the same host also whether anybody listens.
 *
 * @example
 * import { Effect } from "effect"
 * import { StatsD } from "effect-metrics"
 *
 * StatsD.check({ host: "localhost", protocol: "tcp" }).pipe(
 *   Effect.catchAll((error) => Effect.logWarning(`metrics will have to wait: ${error.message}`))
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: Options = {}): Effect.Effect<void, Sink.SinkError | Sink.InvalidOption> =>
  Effect.scoped(
    Effect.flatMap(resolveTarget(options), (target) => Effect.flatMap(carrierOf(options, target), openIn(options)))
  )

/**
 * The sink by itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Sink.Sink<Packets>, Sink.InvalidOption, Scope.Scope> =>
  Effect.flatMap(resolveTarget(options), (target) =>
    Effect.flatMap(carrierOf(options, target), (carrier) => sinkOf(options, target, carrier))
  )

const define = <E = never>(
  options: Options,
  startup: (carrier: Carrier) => Effect.Effect<void, E> = () => Effect.void
): Sink.Definition<Packets, Sink.InvalidOption | E, Scope.Scope> => ({
  sink: sinkName,
  unsampled: ["gauge", "point"],
  defaults: {
    batchSize: 5000,
    batchBytes: 262_144,
    ambiguous: "drop",
    aggregate: { timer: false, distribution: false }
  },
  delivery: options,
  make: Effect.flatMap(resolveTarget(options), (target) =>
    Effect.flatMap(carrierOf(options, target), (carrier) =>
      Effect.zipRight(startup(carrier), sinkOf(options, target, carrier))
    )
  )
})

/**
 * Ships what is recorded below it to StatsD.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, StatsD } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(Effect.provide(StatsD.layer({ host: "localhost", dialect: "dogstatsd" })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics.Metrics, Sink.InvalidOption> =>
  Sink.layerEffect(Effect.sync(() => define(options)))

/**
 * As `layer`, after `check`: the app does not start where nobody listens.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerChecked = (
  options: Options = {}
): Layer.Layer<Metrics.Metrics, Sink.InvalidOption | Sink.SinkError> =>
  Sink.layerEffect(Effect.sync(() => define(options, openIn(options))))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { StatsD } from "effect-metrics"
 *
 * StatsD.layerConfig({
 *   host: Config.string("METRICS_HOST"),
 *   prefix: Config.succeed("app.")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics.Metrics, Sink.InvalidOption | ConfigError.ConfigError> =>
  Sink.layerEffect(Effect.map(Config.unwrap(config), (options) => define(options)))

/**
 * As `layer`, with options from the environment variables of sprockets-statsd, or of Datadog's clients. What is given here
 * wins over a variable. A value that makes no sense is a `ConfigError` that names its variable; an empty one counts as not
 * set. The agent's are read where one of `DD_AGENT_HOST`, `DD_DOGSTATSD_PORT`, `DD_DOGSTATSD_URL` and `DD_DOGSTATSD_SOCKET` is
 * set and `STATSD_HOST` is not, or by `dialect`.
 *
 * | variable | default | here |
 * |---|---|---|
 * | `STATSD_ENABLED` | true | `enabled`: `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off` and nothing, in any case |
 * | `STATSD_HOST` | | `host`; needed, unless an agent's address is set |
 * | `STATSD_PORT` | 8125 | `port` |
 * | `STATSD_PROTOCOL` | tcp | `protocol`, `tcp` or `udp` |
 * | `STATSD_PREFIX` | `applications.$SERVICE.$ENVIRONMENT` | `prefix`, with a dot behind it; without any of them an error |
 * | | | `view`: `counters.`, `gauges.`, `timers.`, `distributions.` or `points.` goes before names, as it did |
 * | `DD_DOGSTATSD_URL` | | `udp://host:port`; `unix:///path` with `socket: "either"`, `unixgram:///path`, `unixstream:///path` |
 * | `DD_DOGSTATSD_SOCKET` | | `path` of a Unix socket, with `socket: "either"` |
 * | `DD_AGENT_HOST` | localhost | `host`, over UDP |
 * | `DD_DOGSTATSD_PORT` | 8125 | `port` |
 * | `DD_DOGSTATSD_DISABLE` | false | `enabled`, the other way round |
 * | `DD_TAGS` | none | `tags`, as in `team:a,tier:web`, or with blanks for commas |
 * | `DD_ENV`, `DD_SERVICE`, `DD_VERSION` | none | the tags `env`, `service` and `version` |
 * | `DD_ENTITY_ID` | none | the tag `dd.internal.entity_id` |
 * | `DD_ORIGIN_DETECTION_ENABLED` | true | `containerId: "auto"` |
 * | `DD_EXTERNAL_ENV` | none | `externalData` |
 * | `DD_CARDINALITY` | none | `cardinality` |
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv = (
  overrides: Partial<Options> = {}
): Layer.Layer<Metrics.Metrics, Sink.InvalidOption | ConfigError.ConfigError> =>
  Sink.layerEffect(Effect.map(fromEnvironment(overrides), (options) => define(options ?? { enabled: false })))

/**
 * Adds a member to a set: a server counts how many different ones there are. A point whose field `value` is the member.
 *
 * @example
 * import { StatsD } from "effect-metrics"
 *
 * StatsD.set("visitors", "user-17", { tags: { site: "shop" } })
 *
 * @since 0.1.0
 * @category recording
 */
export const set = (name: string, member: string | number, options?: Metrics.EmitOptions): Effect.Effect<void> =>
  Metrics.emit(name, { value: String(member) }, options)

/**
 * Records an event, for DogStatsD. A point named `event` with the fields `event_title`, `event_text` and, where they are given,
 * `event_hostname`, `event_aggregation_key`, `event_priority`, `event_source_type` and `event_alert_type`, so that other sinks
 * can store it too. Over 8 KiB it is `too_large`.
 *
 * @example
 * import { StatsD } from "effect-metrics"
 *
 * StatsD.event({ title: "deployed", text: "version 1.2.3", alertType: "success" }, { tags: { service: "shop" } })
 *
 * @since 0.1.0
 * @category recording
 */
export const event = (event: Event, options?: Metrics.EmitOptions): Effect.Effect<void> =>
  Metrics.emit("event", eventFields(event), options)

/**
 * Records the outcome of a check, for DogStatsD. A point of that name with the fields `check_status` (an integer: 0 ok,
 * 1 warning, 2 critical, 3 unknown) and, where they are given, `check_message` and `check_hostname`.
 *
 * @example
 * import { StatsD } from "effect-metrics"
 *
 * StatsD.serviceCheck("shop.database", "critical", { message: "no connection", tags: { service: "shop" } })
 *
 * @since 0.1.0
 * @category recording
 */
export const serviceCheck = (
  name: string,
  status: ServiceStatus,
  options: Metrics.EmitOptions & {
    readonly message?: string | undefined
    readonly hostname?: string | undefined
  } = {}
): Effect.Effect<void> => Metrics.emit(name, checkFields(status, options.message, options.hostname), options)
