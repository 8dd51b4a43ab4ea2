/**
 * A sink for OpenTelemetry: OTLP over HTTP, in protobuf or JSON, for collectors and for whatever else takes it, such as
 * Prometheus, Grafana's and Datadog's.
 *
 * | measurement | data points |
 * |---|---|
 * | window of a counter | one of a `Sum`, monotonic unless the counter may fall: the total since the series began, or the increase (`temporality`); an integer where the instrument's `valueType` is `"int"` |
 * | window of a gauge | one of a `Gauge`: the last value, typed likewise |
 * | window of a timer or distribution | one of an `ExponentialHistogram`, or with `boundaries` of a `Histogram` (see `histograms`), with extremes; its sum is left out where there are values below 0 |
 * | recording of an instrument with `aggregate: false` | one of a `Gauge`, with its own time |
 * | point | one of a `Gauge` for each field that is a number: its field `value` has the name, others `.field` behind it; a `number` is a double, a `bigint`, `Measurement.int` or `Measurement.uint` an integer, booleans are 1 and 0; text is left out and counted |
 *
 * Tags are attributes; unit and description go along. Times of timers are in seconds. All data points of a metric are together.
 * What OpenTelemetry does not take is dropped as `invalid`, and said once: names of another syntax (see `names`), tags with an
 * empty key, integers beyond 64 bits.
 *
 * Receivers add up what comes twice, and cannot tell. With `temporality: "cumulative"` a request whose answer is lost is
 * repeated, and counted once, as a total is what it was; with `"delta"` it is dropped and counted as `ambiguous`.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { Clock, Config, Effect, Layer } from "effect"
import type { ConfigError } from "effect"
import * as Cumulative from "../delivery/cumulative.js"
import type { Body, Encode } from "../encoding/otlp.js"
import { bucketsOf } from "../recording/buckets.js"
import * as OtlpJson from "../encoding/otlpJson.js"
import * as OtlpProtobuf from "../encoding/otlpProtobuf.js"
import type { Metrics } from "../Metrics.js"
import { isDoubling } from "../recording/notices.js"
import * as Sink from "../Sink.js"
import * as Http from "../transport/http.js"
import * as Poster from "../transport/poster.js"
import { judge } from "./otlp/answers.js"
import { fromEnvironment } from "./otlp/environment.js"
import type { Options, Target } from "./otlp/options.js"
import { resolveTarget, sinkName } from "./otlp/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./otlp/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { AttributeValue, Body, Temporality } from "../encoding/otlp.js"

const contentTypes = { protobuf: "application/x-protobuf", json: "application/json" } as const

interface Writer {
  readonly target: Target
  readonly encode: Encode
  readonly write: (
    batch: Pick<Sink.Batch<Body>, "measurements" | "payload">
  ) => Effect.Effect<Sink.WriteResult, Sink.SinkError>
}

const makeWriter = (options: Options): Effect.Effect<Writer, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const target = yield* resolveTarget(options)
    const { format, temporality, url } = target
    const sink = options.name ?? sinkName
    const poster = yield* Poster.make({ sink, ...target, authorization: Effect.succeed(undefined) })
    let warnings = 0
    const warn = (words: string): Effect.Effect<void> =>
      Effect.suspend(() =>
        isDoubling(++warnings)
          ? Effect.logWarning(`${sink}: the receiver took everything, and warns (${warnings} so far): ${words}`)
          : Effect.void
      )

    const write: Writer["write"] = ({ measurements, payload }) =>
      Effect.gen(function* () {
        const body = { bytes: payload.bytes, contentType: contentTypes[format] }
        const answer = yield* poster.send({ method: "POST", url, body, answer: "bytes" })
        const nowMillis = yield* Clock.currentTimeMillis
        const verdict = judge(answer, { sink, measurements, points: payload.points, nowMillis })
        if (verdict._tag === "Failed") return yield* Effect.fail(verdict.error)
        if (verdict._tag === "Lost") {
          const { reason } = verdict
          if (temporality === "delta" || measurements.length === 0) {
            return yield* Effect.fail(new Sink.Unavailable({ sink, reason, ambiguous: true }))
          }
          // The totals that follow make good what was not stored; a request that must not be repeated holds up nothing.
          return { rejected: measurements.map((_, index) => ({ index, reason })) }
        }
        if (verdict.warning !== undefined) yield* warn(verdict.warning)
        return verdict.result
      })

    return { target, encode: format === "json" ? OtlpJson.make(target) : OtlpProtobuf.make(target), write }
  })

const sinkOf = ({ encode, target, write }: Writer): Sink.Sink<Body> => {
  if (target.temporality === "delta") return { encode, write }
  const { boundaries, histograms } = target
  return Cumulative.sinkOf({ encode, write }, ({ histogram, series }) =>
    histograms === "explicit" && series.boundaries === undefined
      ? bucketsOf(histogram, boundaries(series.unit))
      : undefined
  )
}

/** A request without metrics: receivers read it, and store nothing. */
const probe = ({ encode, write }: Writer): Effect.Effect<void, Sink.SinkError> =>
  Effect.suspend(() => write({ measurements: [], payload: encode([], Infinity).payload })).pipe(
    // It got as far as the metrics, and found none.
    Effect.catchTag("Rejected", () => Effect.void),
    Effect.asVoid
  )

const bounded = ({ name, requestTimeout, url }: Options) =>
  Poster.within(name ?? sinkName, Http.printUrl(String(url)), requestTimeout ?? "10 seconds")

/**
 * Whether the receiver can be reached, and takes metrics with these headers. The error says what is wrong, for an operator.
 * Nothing is stored.
 *
 * @example
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import { Effect } from "effect"
 * import { Otlp } from "effect-metrics"
 *
 * Otlp.check({ url: "http://localhost:4318" }).pipe(
 *   Effect.catchAll((error) => Effect.logWarning(`metrics will have to wait: ${error.message}`)),
 *   Effect.provide(FetchHttpClient.layer)
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (
  options: Options
): Effect.Effect<void, Sink.SinkError | Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.flatMap(makeWriter(options), (writer) => bounded(options)(probe(writer)))

/**
 * The sink by itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Sink.Sink<Body>, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.map(makeWriter(options), sinkOf)

const define = <E = never>(
  options: Options,
  startup: (writer: Writer) => Effect.Effect<void, E> = () => Effect.void
): Sink.Definition<Body, E | Sink.InvalidOption, HttpClient.HttpClient> => ({
  sink: sinkName,
  // So that no window of a series ends when it begins; points have the times that they happened at.
  apart: "ms",
  pointTimes: "keep",
  defaults: {
    batchSize: 5000,
    // Receivers take some tens of megabytes, those that are gRPC behind a proxy 4.
    batchBytes: 4_000_000,
    ambiguous: options.temporality === "delta" ? "drop" : "retry",
    hostTag: "none"
  },
  delivery: options,
  make: Effect.map(Effect.tap(makeWriter(options), startup), sinkOf)
})

/**
 * Ships what is recorded below it to an OpenTelemetry receiver, through the `HttpClient` of your choice.
 *
 * @example
 * import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
 * import { Layer, Redacted } from "effect"
 * import { Otlp } from "effect-metrics"
 *
 * const MetricsLive = Otlp.layer({
 *   url: "https://otlp.example.org",
 *   headers: { "api-key": Redacted.make("...") },
 *   resource: { "service.name": "shop", "service.version": "1.2.3" }
 * }).pipe(Layer.provide(NodeHttpClient.layerUndici))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.sync(() => define(options)))

/**
 * As `layer`, with `fetch` under it.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, Otlp } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(Effect.provide(Otlp.layerFetch({ url: "http://localhost:4318" })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption> =>
  Layer.provide(layer(options), FetchHttpClient.layer)

/**
 * As `layer`, after `check`: the app does not start where metrics cannot be written.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerChecked = (
  options: Options
): Layer.Layer<Metrics, Sink.InvalidOption | Sink.SinkError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.sync(() => define(options, (writer) => bounded(options)(probe(writer)))))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { Otlp } from "effect-metrics"
 *
 * Otlp.layerConfig({
 *   url: Config.string("METRICS_URL"),
 *   headers: Config.map(Config.redacted("METRICS_KEY"), (key) => ({ "api-key": key }))
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.map(Config.unwrap(config), (options) => define(options)))

/**
 * As `layer`, with options from the environment variables that OpenTelemetry specifies. What is given here wins over a
 * variable; of `OTEL_EXPORTER_OTLP_…`, the variant `OTEL_EXPORTER_OTLP_METRICS_…` wins over the one for all signals. A value
 * that makes no sense is a `ConfigError` that names its variable; an empty one counts as not set.
 *
 * | variable | default | here |
 * |---|---|---|
 * | `OTEL_EXPORTER_OTLP_ENDPOINT` | `http://localhost:4318` | `url`; `/v1/metrics` goes behind it |
 * | `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` | | `url` and `path`, as it is |
 * | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf` | `format`: also `http/json`; `grpc` is an error |
 * | `OTEL_EXPORTER_OTLP_HEADERS` | none | `headers`: `key=value,key=value`, percent-encoded, all of them secret |
 * | `OTEL_EXPORTER_OTLP_COMPRESSION` | `none` | `gzip`: all bodies with `gzip`, else none |
 * | `OTEL_EXPORTER_OTLP_TIMEOUT` | 10000 | `requestTimeout`, in milliseconds |
 * | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative` | `temporality`: also `delta`, and `lowmemory`, which is `delta` |
 * | `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` | | `histograms`: `explicit_bucket_histogram`, `base2_exponential_bucket_histogram`. Not set: exponential |
 * | `OTEL_METRIC_EXPORT_INTERVAL` | 60000 | `schedule`, in milliseconds |
 * | `OTEL_RESOURCE_ATTRIBUTES` | none | `resource`: `key=value,key=value`, percent-encoded |
 * | `OTEL_SERVICE_NAME` | none | `service.name` of `resource`, over the former |
 * | `OTEL_SDK_DISABLED` | `false` | `enabled`: `true` turns it off |
 * | `OTEL_METRICS_EXPORTER` | `otlp` | `enabled`: off where `otlp` is not among them |
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv = (
  overrides: Partial<Options> = {}
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.map(fromEnvironment(overrides), (options) => define(options ?? { url: "", enabled: false })))
