/**
 * A sink that writes to Prometheus, and to whatever else takes its remote write, such as VictoriaMetrics, Mimir, Thanos and
 * Grafana's cloud: 2.0, or 1.0 where that is all that is known. `Prometheus` is for being scraped.
 *
 * | measurement | samples |
 * |---|---|
 * | window of a counter `http.requests` | the total since the series began, of `http_requests_total`; of a gauge `http_requests` where it may be stepped down (`monotonic: false`) |
 * | window of a gauge `memory`, unit `By` | the last value, of `memory_bytes` |
 * | window of a timer `http.duration`, or distribution | totals of `http_duration_seconds_bucket` for each bucket, `_sum` and `_count`, and by option (`histograms`) a native histogram |
 * | recording of an instrument with `aggregate: false` | one of a gauge, with its own time |
 * | point | one of a gauge for each field that is a number: its field `value` has the name, others `_field` behind it; booleans are 1 and 0; text is left out and counted |
 *
 * Names, units and buckets are as `Prometheus` has them. Names that Prometheus did not have at first have underscores in their
 * place; of two that come to the same, the later has a mark behind it. Tags are labels, those without a value are none. Times are
 * milliseconds, and no series has two samples at one.
 *
 * All series are told each time, whether recorded or not, as Prometheus takes one for gone that it has not heard of for 5 minutes. A
 * request whose answer is lost is repeated as it was, which stores it once.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { Clock, Config, Effect, Layer, type Scope } from "effect"
import type { ConfigError } from "effect"
import * as Cumulative from "../delivery/cumulative.js"
import * as RemoteWrite from "../encoding/remoteWrite.js"
import * as Names from "../encoding/remoteWriteSeries.js"
import { compress } from "../encoding/snappy.js"
import type { Metrics } from "../Metrics.js"
import { bucketsOf } from "../recording/buckets.js"
import * as Sink from "../Sink.js"
import { processName } from "../transport/host.js"
import * as Http from "../transport/http.js"
import * as Poster from "../transport/poster.js"
import { judge } from "./prometheusRemoteWrite/answers.js"
import type { Options, Target } from "./prometheusRemoteWrite/options.js"
import { escapingOf, resolveTarget, sinkName, usualBatch } from "./prometheusRemoteWrite/options.js"
import * as Repeats from "./prometheusRemoteWrite/repeats.js"
import * as Told from "./prometheusRemoteWrite/told.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./prometheusRemoteWrite/options.js"

/**
 * What is written: a request, and the same in 1.0.
 *
 * @since 0.1.0
 * @category models
 */
export interface Payload extends RemoteWrite.Body {
  readonly older: () => RemoteWrite.Body
}

/**
 * @since 0.1.0
 * @category models
 */
export type { Body } from "../encoding/remoteWrite.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Version } from "../encoding/remoteWriteSeries.js"

const contentTypes = {
  1: "application/x-protobuf",
  2: "application/x-protobuf;proto=io.prometheus.write.v2.Request"
} as const

const versions = { 1: "0.1.0", 2: "2.0.0" } as const

type Send = (payload: Payload) => Effect.Effect<void, Sink.SinkError>

interface Writer {
  readonly target: Target
  readonly encode: NonNullable<Sink.Sink<Payload>["encode"]>
  readonly send: Send
  /** Says that these have ended. */
  readonly end: (all: ReadonlyArray<Sink.Measurement["series"]>, millis: number) => Effect.Effect<void, Sink.SinkError>
}

const makeWriter = (options: Options): Effect.Effect<Writer, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const target = yield* resolveTarget(options)
    const { dialect, headers, url } = target
    const sink = options.name ?? sinkName
    const encoders = {
      1: RemoteWrite.make({ ...dialect, version: 1 }),
      2: RemoteWrite.make({ ...dialect, version: 2 })
    }
    const poster = yield* Poster.make({
      sink,
      ...target,
      headers: { ...headers, "content-encoding": "snappy" },
      // Receivers take bodies as they are compressed already, and no other way.
      gzip: Infinity
    })
    let { version } = target
    let isKnown = false

    const post = ({ bytes, version }: RemoteWrite.Body) =>
      Effect.gen(function* () {
        const body = { bytes: compress(bytes), contentType: contentTypes[version] }
        const more = { "x-prometheus-remote-write-version": versions[version] }
        const answer = yield* poster.send({ method: "POST", url, body, headers: more })
        return judge(answer, { sink, version, isKnown, nowMillis: yield* Clock.currentTimeMillis })
      })

    const send: Send = (payload) =>
      Effect.gen(function* () {
        const body = payload.version > version ? payload.older() : payload
        let verdict = yield* post(body)
        if (verdict._tag === "Written" && body.version === 2) isKnown = true
        if (verdict._tag === "Older") {
          const { reason } = verdict
          verdict = yield* post(payload.older())
          if (verdict._tag === "Written" && version === 2) {
            version = 1
            yield* Effect.logInfo(
              `${sink}: the receiver knows version 1.0 alone, which is written from now on: ${reason}`
            )
          }
        }
        if (verdict._tag === "Failed") return yield* Effect.fail(verdict.error)
      })

    const encode: Writer["encode"] = (measurements, maxBytes) => {
      const encoded = encoders[version].encode(measurements, maxBytes)
      const { payload, taken } = encoded
      const older = () => encoders[1].encode(measurements.slice(0, taken), Infinity).payload
      return { ...encoded, payload: { ...payload, older } }
    }

    const end: Writer["end"] = (all, millis) =>
      Effect.suspend(() => {
        // They are known to the encoder that encoded them last.
        const bodies = ([1, 2] as const).map((one) => encoders[one].end(all, millis))
        return Effect.forEach(
          bodies.filter(({ samples }) => samples > 0),
          (body) => send({ ...body, older: () => body }),
          { discard: true }
        )
      })

    return { target, encode, send, end }
  })

const sinkOf = ({ encode, send, target }: Writer, told?: Told.Told): Sink.Sink<Payload> => {
  const { boundaries, histograms } = target.dialect
  const isExplicit = histograms !== "native"
  return Cumulative.sinkOf(
    {
      encode,
      write: Repeats.known(({ measurements, payload }) =>
        Effect.zipLeft(
          send(payload),
          Effect.sync(() => told?.add(measurements))
        )
      )
    },
    ({ histogram, series }) =>
      isExplicit && series.boundaries === undefined ? bucketsOf(histogram, boundaries(series.unit)) : undefined
  )
}

/** A request without series: receivers read it, and store nothing. */
const probe = ({ encode, send }: Writer): Effect.Effect<void, Sink.SinkError> =>
  Effect.suspend(() => send(encode([], Infinity).payload))

const bounded = ({ name, requestTimeout, url }: Options) =>
  Poster.within(name ?? sinkName, Http.printUrl(String(url)), requestTimeout ?? "10 seconds")

/**
 * Whether the receiver can be reached, and takes samples with these credentials. The error says what is wrong, for an operator.
 * Nothing is stored.
 *
 * @example
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import { Effect } from "effect"
 * import { PrometheusRemoteWrite } from "effect-metrics"
 *
 * PrometheusRemoteWrite.check({ url: "http://localhost:9090" }).pipe(
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
 * The sink by itself, which does not say that series have ended.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Sink.Sink<Payload>, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.map(makeWriter(options), (writer) => sinkOf(writer))

/** With the end of its series, where that is to be told, when the scope closes. */
const scoped = (options: Options, writer: Writer): Effect.Effect<Sink.Sink<Payload>, never, Scope.Scope> =>
  Effect.gen(function* () {
    if (!writer.target.staleMarkers) return sinkOf(writer)
    const told = Told.make()
    const sink = options.name ?? sinkName
    yield* Effect.addFinalizer(() =>
      told.end(writer.end).pipe(
        bounded(options),
        Effect.catchAll(({ reason }) => Effect.logWarning(`${sink}: that series have ended was not told: ${reason}`))
      )
    )
    return sinkOf(writer, told)
  })

const define = <E = never>(
  options: Options,
  startup: (writer: Writer) => Effect.Effect<void, E> = () => Effect.void
): Effect.Effect<Sink.Definition<Payload, E | Sink.InvalidOption, HttpClient.HttpClient | Scope.Scope>> =>
  Effect.map(processName, (instance) => defined(options, startup, instance))

const defined = <E>(
  options: Options,
  startup: (writer: Writer) => Effect.Effect<void, E>,
  instance: string
): Sink.Definition<Payload, E | Sink.InvalidOption, HttpClient.HttpClient | Scope.Scope> => ({
  sink: sinkName,
  overwrites: "ms",
  spell: Names.spell({ escaping: escapingOf(options) }),
  resends: "totals",
  defaults: {
    batchSize: usualBatch,
    batchBytes: 4_000_000,
    ambiguous: "retry",
    hostTag: { key: "instance", value: instance },
    resend: "always"
  },
  delivery: options,
  make: Effect.flatMap(Effect.tap(makeWriter(options), startup), (writer) => scoped(options, writer))
})

/**
 * Writes what is recorded below it to Prometheus, through the `HttpClient` of your choice.
 *
 * @example
 * import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
 * import { Layer, Redacted } from "effect"
 * import { PrometheusRemoteWrite } from "effect-metrics"
 *
 * const MetricsLive = PrometheusRemoteWrite.layer({
 *   url: "https://mimir.example.org",
 *   path: "/api/v1/push",
 *   username: "shop",
 *   password: Redacted.make("..."),
 *   tags: { job: "shop" }
 * }).pipe(Layer.provide(NodeHttpClient.layerUndici))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.suspend(() => define(options)))

/**
 * As `layer`, with `fetch` under it.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, PrometheusRemoteWrite } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(Effect.provide(PrometheusRemoteWrite.layerFetch({ url: "http://localhost:9090" })))
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
  Sink.layerEffect(Effect.suspend(() => define(options, (writer) => bounded(options)(probe(writer)))))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { PrometheusRemoteWrite } from "effect-metrics"
 *
 * PrometheusRemoteWrite.layerConfig({
 *   url: Config.string("METRICS_URL"),
 *   token: Config.redacted("METRICS_TOKEN")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.flatMap(Config.unwrap(config), (options) => define(options)))
