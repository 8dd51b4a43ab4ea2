/**
 * A sink for Graphite's carbon, and for whatever else takes its plaintext or its pickles over TCP, such as VictoriaMetrics.
 *
 * Each measurement comes to one record or more, of a path, a number and a second:
 *
 * | measurement | records |
 * |---|---|
 * | window of a counter | the name: the increase |
 * | window of a gauge | the name: the last value |
 * | window of a timer or distribution | `name.count`, `name.sum`, `.min`, `.max`, `.mean`, `.p50`, `.p95`, `.p99` (see `quantiles`); with `boundaries` also `.le_<bound>` and `.le_inf`: how many were at most that. Dots of numbers become `_`: `.le_0_5` |
 * | recording of an instrument with `aggregate: false` | the name: the value |
 * | point | the name for the field `value`, `name.field` for others: numbers as they are, booleans as 1 and 0. Text cannot be carried: such a field is left out and counted as `refused: unsupported_field`, a point of nothing else is dropped as `unsupported` |
 *
 * Tags go behind all that: `name.count;key=value`; `naming` has other ways. Times of timers are in seconds. Tags without a value
 * are left out. carbon makes files of paths, so what could lead to another file, or to one that no query finds, is dropped as
 * `invalid`, and said once: blanks, control characters, `/ \ * ? [ ] { } ( ) , ; ' " |` and empty segments in names; blanks, control
 * characters and `;` in tags, `! ^ =` in their keys, `~` at the start of their values. `sanitise` writes `_` instead.
 *
 * Graphite keeps the last number of each path and second. So the windows and points of a series get seconds of their own: a
 * window waits for a free one, and a point that finds none within a second is dropped as `same_timestamp`. Two processes need a
 * tag that tells them apart: by default `host`.
 *
 * carbon says nothing in return: delivered is what the kernel has taken, and what is then on its way when carbon ends is lost. A
 * write that breaks off is repeated on a new connection, which stores it once.
 *
 * @since 0.1.0
 */
import { Config, Duration, Effect } from "effect"
import type { ConfigError, Layer, Scope } from "effect"
import { spell } from "../encoding/graphiteNames.js"
import * as GraphitePickle from "../encoding/graphitePickle.js"
import * as GraphiteText from "../encoding/graphiteText.js"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import { hostName } from "../transport/host.js"
import * as Stream from "../transport/stream.js"
import type { Options } from "./graphite/options.js"
import { hostTagOf, resolveTarget, sinkName } from "./graphite/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./graphite/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { PathOf } from "../encoding/graphiteNames.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { TlsOptions } from "../transport/stream.js"

/** Writes to one server. */
interface Writer {
  readonly encode: GraphiteText.Encode
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, Sink.SinkError>
  readonly open: Effect.Effect<void, Sink.SinkError>
}

const makeWriter = (options: Options): Effect.Effect<Writer, Sink.InvalidOption, Scope.Scope> =>
  Effect.gen(function* () {
    const { address, dialect, protocol } = yield* resolveTarget(options)
    const sink = options.name ?? sinkName
    const stream = yield* Stream.make({ address, linger: options.shutdownTimeout })
    const orUnavailable = Effect.mapError(
      ({ ambiguous, reason }: { readonly ambiguous: boolean; readonly reason: string }) =>
        new Sink.Unavailable({ sink, reason, ambiguous })
    )
    return {
      encode: (protocol === "pickle" ? GraphitePickle : GraphiteText).make(dialect),
      write: (bytes) => orUnavailable(stream.write(bytes)),
      open: orUnavailable(stream.open)
    }
  })

/**
 * Whether the server can be connected to. The error says what is wrong, for an operator. Nothing is written, and nobody can ask
 * carbon whether it would take it.
 *
 * @example
 * import { Effect } from "effect"
 * import { Graphite } from "effect-metrics"
 *
 * Graphite.check({ host: "localhost" }).pipe(
 *   Effect.catchAll((error) => Effect.logWarning(`metrics will have to wait: ${error.message}`))
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: Options): Effect.Effect<void, Sink.SinkError | Sink.InvalidOption> =>
  Effect.scoped(Effect.flatMap(makeWriter(options), (writer) => probe(options, writer)))

const probe = (options: Options, { open }: Writer): Effect.Effect<void, Sink.SinkError> => {
  const duration = options.requestTimeout ?? "10 seconds"
  return Effect.timeoutFail(open, {
    duration,
    onTimeout: () =>
      new Sink.Unavailable({
        sink: options.name ?? sinkName,
        reason: `no connection to ${options.host} within ${Duration.format(duration)}`
      })
  })
}

/**
 * The sink by itself. Its connection ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Sink.Sink<Uint8Array>, Sink.InvalidOption, Scope.Scope> =>
  Effect.map(makeWriter(options), sinkOf)

const sinkOf = ({ encode, write }: Writer): Sink.Sink<Uint8Array> => ({
  encode,
  write: ({ payload }) => write(payload)
})

const define = <E = never>(
  options: Options,
  startup: (writer: Writer) => Effect.Effect<void, E> = () => Effect.void
): Effect.Effect<Sink.Definition<Uint8Array, E | Sink.InvalidOption, Scope.Scope>> =>
  Effect.map(hostName, (host) => ({
    sink: sinkName,
    overwrites: "s",
    spell: spell({ naming: options.naming ?? "tagged", sanitise: options.sanitise === true }),
    defaults: { batchSize: 5000, batchBytes: 1_000_000, ambiguous: "retry", hostTag: "auto" },
    delivery: { ...options, hostTag: hostTagOf(options, host) },
    make: makeWriter(options).pipe(Effect.tap(startup), Effect.map(sinkOf))
  }))

/**
 * Ships what is recorded below it to Graphite.
 *
 * @example
 * import { Effect } from "effect"
 * import { Graphite, Metrics } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(
 *   Effect.provide(Graphite.layer({ host: "localhost" }))
 * )
 *
 * @example
 * import { Graphite } from "effect-metrics"
 *
 * // As Graphite was before it had tags: servers.web1.http.requests
 * Graphite.layer({
 *   host: "graphite.example.org",
 *   protocol: "pickle",
 *   naming: (name, { host = "unknown", ...tags }) =>
 *     ["servers", host.replaceAll(".", "_"), name, ...Object.values(tags)].join("."),
 *   sanitise: true
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption> => Sink.layerEffect(define(options))

/**
 * As `layer`, after `check`: the app does not start where Graphite cannot be connected to.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerChecked = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption | Sink.SinkError> =>
  Sink.layerEffect(define(options, (writer) => probe(options, writer)))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { Graphite } from "effect-metrics"
 *
 * Graphite.layerConfig({
 *   host: Config.string("GRAPHITE_HOST"),
 *   port: Config.withDefault(Config.port("GRAPHITE_PORT"), 2003)
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError> =>
  Sink.layerEffect(Effect.flatMap(Config.unwrap(config), (options) => define(options)))
