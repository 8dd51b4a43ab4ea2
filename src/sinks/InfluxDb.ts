/**
 * A sink for InfluxDB 1, 2 and 3, and for whatever else takes line protocol over HTTP, such as VictoriaMetrics.
 *
 * Each measurement is a line of its own. A field's type depends on the instrument, never on a value:
 *
 * | measurement | fields |
 * |---|---|
 * | window of a counter | `value`: the increase, a float, or an integer where the instrument's `valueType` is `"int"` |
 * | window of a gauge | `value`: the last one, typed likewise |
 * | window of a timer or distribution | `count`, an integer; `sum`, `min`, `max`, `mean`, `p50`, `p95`, `p99` (see `quantiles`), floats; with `boundaries` also `le_<bound>` and `le_inf`, integers: how many were at most that |
 * | recording of an instrument with `aggregate: false` | `value`, typed as a counter's |
 * | point | its own: a number is a float, a `bigint` or `Measurement.int` an integer, `Measurement.uint` unsigned, a boolean, a string |
 *
 * Times of timers are in seconds. A window has the time at which it ended. Tags without a value are left out. What line
 * protocol cannot carry is dropped as `invalid`, and said once: names with line breaks or a backslash at the end, names that
 * start with `#` or `_`, keys `time`, `_field` and `_measurement`. Unsigned fields are `unsupported` by version 1.
 *
 * A write whose answer is lost is repeated byte for byte, which stores it once, as InfluxDB keeps one value per series and
 * time. For the same reason two processes need a tag that tells them apart: by default `host`.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { Clock, Config, Effect, Layer } from "effect"
import type { ConfigError } from "effect"
import * as InfluxLine from "../encoding/influxLine.js"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import * as Http from "../transport/http.js"
import * as Poster from "../transport/poster.js"
import type { Verdict } from "./influxdb/answers.js"
import { judge } from "./influxdb/answers.js"
import { fromEnvironment } from "./influxdb/environment.js"
import type { Options, Target } from "./influxdb/options.js"
import { resolveTarget, sinkName } from "./influxdb/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./influxdb/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Secret } from "../transport/credentials.js"

const contentType = "text/plain; charset=utf-8"

/** Writes lines to databases (or buckets) of one server. */
interface Writer {
  readonly target: Target
  readonly encode: InfluxLine.Encode
  /** Posts what is in line protocol, `lines` lines of it. */
  readonly writeTo: (
    destination: string
  ) => (body: Uint8Array, lines: number) => Effect.Effect<Sink.WriteResult, Sink.SinkError>
  readonly ping: Effect.Effect<void, Sink.SinkError>
}

const makeWriter = (options: Options): Effect.Effect<Writer, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const target = yield* resolveTarget(options)
    const sink = options.name ?? sinkName
    const poster = yield* Poster.make({ sink, ...target })

    const send = (
      lines: number,
      request: Parameters<Poster.Poster["send"]>[0]
    ): Effect.Effect<Verdict, Sink.SinkError> =>
      Effect.flatMap(poster.send(request), (answer) =>
        Effect.map(Clock.currentTimeMillis, (nowMillis) => judge(answer, { sink, lines, nowMillis }))
      )

    const createDatabase = (database: string) => {
      const statement = `CREATE DATABASE "${database.replace(/["\\]/g, "\\$&")}"`
      const bytes = new TextEncoder().encode(new URLSearchParams({ q: statement }).toString())
      const body = { bytes, contentType: "application/x-www-form-urlencoded" }
      return Effect.flatMap(send(1, { method: "POST", url: target.queryUrl, body }), settle)
    }

    const writeTo: Writer["writeTo"] = (destination) => {
      const url = target.writeUrl(destination)
      return (bytes, lines) => {
        const post = send(lines, { method: "POST", url, body: { bytes, contentType } })
        return Effect.flatMap(post, (verdict) =>
          verdict._tag === "NoDatabase" && target.createDatabase
            ? createDatabase(destination).pipe(Effect.zipRight(post), Effect.flatMap(settle))
            : settle(verdict)
        )
      }
    }

    const ping = Effect.flatMap(send(1, { method: "GET", url: target.pingUrl }), settle)

    return { target, encode: InfluxLine.make(target), writeTo, ping: Effect.asVoid(ping) }
  })

const settle = (verdict: Verdict): Effect.Effect<Sink.WriteResult, Sink.SinkError> =>
  verdict._tag === "Written" ? Effect.succeed(verdict.result) : Effect.fail(verdict.error)

const sinkOf = ({ encode, writeTo }: Writer, destination: string): Sink.Sink<Uint8Array> => {
  const write = writeTo(destination)
  return { encode, write: ({ measurements, payload }) => write(payload, measurements.length) }
}

/** Servers skip comments, but look up the database and the credentials first. */
const comment = new TextEncoder().encode("# effect-metrics asks whether it may write here")

const probe = ({ ping, target, writeTo }: Writer): Effect.Effect<void, Sink.SinkError> =>
  typeof target.destination === "function"
    ? ping
    : writeTo(target.destination)(comment, 1).pipe(
        // It got as far as the lines, and found none.
        Effect.catchTag("Rejected", () => Effect.void),
        Effect.asVoid
      )

const bounded = ({ name, requestTimeout, url }: Options) =>
  Poster.within(name ?? sinkName, Http.printUrl(String(url)), requestTimeout ?? "10 seconds")

/**
 * Whether the server can be reached, takes the credentials, and has the database (version 1: and the retention policy). The
 * error says what is wrong, for an operator. Nothing is stored; a missing database is created if `createDatabase` says so.
 * Where a function chooses the database, it only asks whether the server answers.
 *
 * @example
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import { Effect } from "effect"
 * import { InfluxDb } from "effect-metrics"
 *
 * InfluxDb.check({ url: "http://localhost:8086", database: "app" }).pipe(
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
 * The sink by itself, for one database or bucket.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options & ({ readonly database: string } | { readonly bucket: string })
): Effect.Effect<Sink.Sink<Uint8Array>, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.map(makeWriter(options), (writer) => sinkOf(writer, String(writer.target.destination)))

type Definition<E> =
  | Sink.Definition<Uint8Array, E | Sink.InvalidOption, HttpClient.HttpClient>
  | Sink.Partitioned<Uint8Array, E | Sink.InvalidOption, HttpClient.HttpClient>

const define = <E = never>(
  options: Options,
  startup: (writer: Writer) => Effect.Effect<void, E> = () => Effect.void
): Definition<E> => {
  const common = {
    sink: sinkName,
    overwrites: options.precision ?? ("ns" as const),
    spell: InfluxLine.spell,
    // The smallest limit of a server as it is delivered is that of InfluxDB 3: 10 MiB.
    defaults: { batchSize: 5000, batchBytes: 10_000_000, ambiguous: "retry", hostTag: "auto" } as const,
    delivery: options
  }
  const started = Effect.tap(makeWriter(options), startup)
  const destination = options.version === 2 ? options.bucket : options.database
  return typeof destination === "function"
    ? {
        ...common,
        partition: destination,
        make: Effect.map(started, (writer) => (name: string) => sinkOf(writer, name))
      }
    : { ...common, make: Effect.map(started, (writer) => sinkOf(writer, String(writer.target.destination))) }
}

/**
 * Ships what is recorded below it to InfluxDB, through the `HttpClient` of your choice.
 *
 * @example
 * import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
 * import { Layer, Redacted } from "effect"
 * import { InfluxDb } from "effect-metrics"
 *
 * const MetricsLive = InfluxDb.layer({
 *   version: 2,
 *   url: "https://influx.example.org",
 *   org: "acme",
 *   bucket: "app",
 *   token: Redacted.make("...")
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
 * import { InfluxDb, Metrics } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(
 *   Effect.provide(InfluxDb.layerFetch({ url: "http://localhost:8086", database: "app" }))
 * )
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
 * import { InfluxDb } from "effect-metrics"
 *
 * InfluxDb.layerConfig({
 *   url: Config.string("METRICS_URL"),
 *   database: Config.succeed("app"),
 *   token: Config.redacted("METRICS_TOKEN")
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
 * As `layer`, with options from the environment variables of sprockets-influxdb. What is given here wins over a variable. A
 * value that makes no sense is a `ConfigError` that names its variable; an empty one counts as not set.
 *
 * | variable | default | here |
 * |---|---|---|
 * | `INFLUXDB_SCHEME`, `_HOST`, `_PORT` | http, localhost, 8086 | `url` |
 * | `INFLUXDB_USER`, `_PASSWORD` | none | `username` and `password`, if both are set; the variable stays as it is |
 * | `INFLUXDB_ENABLED` | true | `enabled`: `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off` and nothing, in any case. Only `true` was on |
 * | `INFLUXDB_INTERVAL` | 60000 | `schedule`, in milliseconds, from the start. It was counted from the first measurement after a write |
 * | `INFLUXDB_MAX_BATCH_SIZE` | 10000 | `batchSize` |
 * | `INFLUXDB_MAX_BUFFER_SIZE` | 25000 | `capacity`, of points; counters, gauges and distributions need none. It was one for all databases, and held one more |
 * | `INFLUXDB_TRIGGER_SIZE` | 5000 | `triggerSize` |
 * | `INFLUXDB_SAMPLE_PROBABILITY` | 1 | `sampleRate`, of points one by one. It was not read, and the option dropped whole batches |
 * | `INFLUXDB_TAG_HOSTNAME` | true | `hostTag` with the key `hostname`, read as `INFLUXDB_ENABLED` is |
 * | `ENVIRONMENT` | none | the tag `environment` |
 * | `INFLUXDB_DATABASE` (version 2: `INFLUXDB_BUCKET`) | | new: `database`, unless that is given. It was named for each measurement |
 *
 * `SERVICE` is not read, as it has not been since 1.0.4: give `tags: { service }`. Timestamps are in nanoseconds, where they were in
 * milliseconds: `precision: "ms"` gives the old ones.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv = (
  overrides: Partial<Options> = {}
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.map(fromEnvironment(overrides), (options) => define(options ?? { url: "", enabled: false })))
