/**
 * Sinks for OpenTSDB, and for whatever else takes its protocols, such as VictoriaMetrics: `put` lines over one TCP connection
 * (`layer`), or JSON to `/api/put` over HTTP, which answers for each point (`layerHttp`).
 *
 * A point of OpenTSDB is a number, so that some measurements are several:
 *
 * | measurement | points |
 * |---|---|
 * | window of a counter | the name: the increase, or the total since the layer was built (`counters`) |
 * | window of a gauge | the name: the last value |
 * | window of a timer or distribution | `.count`, `.sum`, `.min`, `.max`, `.mean`, `.p50`, `.p95`, `.p99` (see `quantiles`) behind the name; with `boundaries` also `.le_<bound>` and `.le_inf`: how many were at most that |
 * | recording of an instrument with `aggregate: false` | the name: its value |
 * | point | its field `value` has the name, others `.field` behind it; booleans are 1 and 0; text is left out and counted |
 *
 * All points of a measurement go into one write. Times of timers are in seconds. A window has the time at which it ended.
 * Whole numbers are 64-bit integers to OpenTSDB, others doubles. What it does not take is dropped as `invalid`, and said once:
 * names and tags with characters of other kinds, no tags or too many, and times out of range; lines over 1024 bytes are
 * `too_large`.
 *
 * Over TCP a good line has no answer, so `delivered` says that the kernel has taken it, or with `acknowledge: "version"` that
 * the server has read it. What the server complains about is logged. Over HTTP each point is answered for.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import type { Scope } from "effect"
import { Clock, Config, Duration, Effect, Layer } from "effect"
import type { ConfigError } from "effect"
import * as OpenTsdbJson from "../encoding/openTsdbJson.js"
import { type Alphabet, cleaner, spell } from "../encoding/openTsdbNames.js"
import * as OpenTsdbLine from "../encoding/openTsdbLine.js"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import * as Http from "../transport/http.js"
import * as Poster from "../transport/poster.js"
import { printAddress } from "../transport/stream.js"
import { judge } from "./opentsdb/answers.js"
import * as Connection from "./opentsdb/connection.js"
import type { HttpOptions, Options, PointOptions, Points } from "./opentsdb/options.js"
import { resolveHttpTarget, resolveTarget, sinkName } from "./opentsdb/options.js"
import * as Repeats from "./opentsdb/repeats.js"
import * as Totals from "./opentsdb/totals.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { HttpOptions, Options, PointOptions } from "./opentsdb/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Secret } from "../transport/credentials.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Body } from "../encoding/openTsdbJson.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Resolution } from "../encoding/openTsdbPoints.js"

const contentType = "application/json"

/** What both wires do before they encode, and after they have written. */
const sinkOf = <Payload>(
  { concurrency, counters, duplicates, resolution, sanitise }: Points,
  alphabet: Alphabet,
  encode: NonNullable<Sink.Sink<Payload>["encode"]>,
  write: (payload: Payload) => Effect.Effect<Sink.WriteResult, Sink.SinkError>
): Sink.Sink<Payload> => {
  const repeats = Repeats.make({
    resolution,
    keep: duplicates === "last" ? "last" : "first",
    clean: cleaner(alphabet, sanitise),
    isShared: concurrency > 1
  })
  const totals = counters === "total" ? Totals.make() : undefined
  return {
    encode: (measurements, maxBytes) => {
      const added = totals === undefined ? measurements : totals.add(measurements)
      const encoded = Repeats.leaveOut(encode, added, maxBytes, repeats.find(measurements))
      repeats.free(measurements, encoded.refused)
      return encoded
    },
    write: ({ measurements, payload }) =>
      Effect.map(write(payload), (result) => {
        repeats.settle(measurements, result)
        totals?.settle(measurements, result)
        return result
      })
  }
}

const makeConnection = (options: Options) =>
  Effect.gen(function* () {
    const target = yield* resolveTarget(options)
    const connection = yield* Connection.make(options.name ?? sinkName, target, options.shutdownTimeout)
    return { target, connection }
  })

type Started = Effect.Effect.Success<ReturnType<typeof makeConnection>>

const lineSink = ({ connection, target }: Started): Sink.Sink<Uint8Array> =>
  sinkOf(target, "ascii", OpenTsdbLine.make(target), (payload) => Effect.as(connection.write(payload), {}))

/** As long as a start may wait for a server. */
const startLimit = Duration.seconds(3)

const probe = (options: Options, { connection, target }: Started): Effect.Effect<void, Sink.SinkError> =>
  Poster.within(options.name ?? sinkName, printAddress(target.address), startLimit)(connection.probe)

/**
 * Whether the server can be reached, within 3 seconds, by a connection that is closed again; with `acknowledge: "version"`
 * also whether it answers. The error says what is wrong, for an operator.
 *
 * @example
 * import { Effect } from "effect"
 * import { OpenTsdb } from "effect-metrics"
 *
 * OpenTsdb.check({ host: "localhost" }).pipe(
 *   Effect.catchAll((error) => Effect.logWarning(`metrics will have to wait: ${error.message}`))
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: Options): Effect.Effect<void, Sink.SinkError | Sink.InvalidOption> =>
  Effect.scoped(Effect.flatMap(makeConnection(options), (started) => probe(options, started)))

/**
 * The sink of `put` lines by itself. Its connection ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Sink.Sink<Uint8Array>, Sink.InvalidOption, Scope.Scope> =>
  Effect.map(makeConnection(options), lineSink)

const common = ({ duplicates, resolution, sanitise }: PointOptions, fallback: "ms" | "s", alphabet: Alphabet) =>
  ({
    sink: sinkName,
    overwrites: resolution ?? fallback,
    spell: spell(alphabet, sanitise),
    pointTimes: duplicates === "last" ? "keep" : "spread"
  }) as const

const define = <E = never>(
  options: Options,
  startup: (started: Started) => Effect.Effect<void, E> = () => Effect.void
): Sink.Definition<Uint8Array, E | Sink.InvalidOption, Scope.Scope> => ({
  ...common(options, "s", "ascii"),
  defaults: { batchSize: 1000, batchBytes: 65_536, ambiguous: "retry", hostTag: "auto" },
  delivery: options,
  make: Effect.map(Effect.tap(makeConnection(options), startup), lineSink)
})

/**
 * Puts what is recorded below it, line by line, over one TCP connection, which is made anew when it breaks.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, OpenTsdb } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(Effect.provide(OpenTsdb.layer({ host: "localhost" })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption> =>
  Sink.layerEffect(Effect.sync(() => define(options)))

/**
 * As `layer`, after `check`: the app does not start where the server cannot be reached.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerChecked = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption | Sink.SinkError> =>
  Sink.layerEffect(Effect.sync(() => define(options, (started) => probe(options, started))))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { OpenTsdb } from "effect-metrics"
 *
 * OpenTsdb.layerConfig({
 *   host: Config.string("TSD_HOST"),
 *   port: Config.port("TSD_PORT").pipe(Config.withDefault(4242))
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError> =>
  Sink.layerEffect(Effect.map(Config.unwrap(config), (options) => define(options)))

const makePoster = (options: HttpOptions) =>
  Effect.gen(function* () {
    const target = yield* resolveHttpTarget(options)
    const sink = options.name ?? sinkName
    const poster = yield* Poster.make({ sink, ...target })
    const post = (body: OpenTsdbJson.Body): Effect.Effect<Sink.WriteResult, Sink.SinkError> =>
      Effect.gen(function* () {
        const packet = { bytes: body.bytes, contentType }
        const answer = yield* poster.send({ method: "POST", url: target.url, body: packet })
        const { sync } = target
        const verdict = judge(answer, { sink, body, sync, nowMillis: yield* Clock.currentTimeMillis })
        return verdict._tag === "Written" ? verdict.result : yield* Effect.fail(verdict.error)
      })
    return { target, post }
  })

type HttpStarted = Effect.Effect.Success<ReturnType<typeof makePoster>>

const jsonSink = ({ post, target }: HttpStarted): Sink.Sink<OpenTsdbJson.Body> =>
  sinkOf(target, "letters", OpenTsdbJson.make(target), post)

/** Servers refuse a body without points, but only once they have read it. */
const nothing: OpenTsdbJson.Body = { bytes: new TextEncoder().encode("[]"), points: [] }

const probeHttp = (options: HttpOptions, { post, target }: HttpStarted): Effect.Effect<void, Sink.SinkError> =>
  post(nothing).pipe(
    Effect.catchTag("Rejected", () => Effect.void),
    Poster.within(options.name ?? sinkName, Http.printUrl(target.url), options.requestTimeout ?? startLimit),
    Effect.asVoid
  )

/**
 * Whether the server can be reached, and points can be put there. Nothing is stored. It waits for `requestTimeout`, or 3
 * seconds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const checkHttp = (
  options: HttpOptions
): Effect.Effect<void, Sink.SinkError | Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.flatMap(makePoster(options), (poster) => probeHttp(options, poster))

/**
 * The sink of JSON over HTTP by itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeHttp = (
  options: HttpOptions
): Effect.Effect<Sink.Sink<OpenTsdbJson.Body>, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.map(makePoster(options), jsonSink)

const defineHttp = <E = never>(
  options: HttpOptions,
  startup: (poster: HttpStarted) => Effect.Effect<void, E> = () => Effect.void
): Sink.Definition<OpenTsdbJson.Body, E | Sink.InvalidOption, HttpClient.HttpClient> => ({
  ...common(options, "ms", "letters"),
  defaults: { batchSize: 500, batchBytes: 65_536, ambiguous: "retry", hostTag: "auto" },
  delivery: options,
  make: Effect.map(Effect.tap(makePoster(options), startup), jsonSink)
})

/**
 * Posts what is recorded below it to `/api/put`, through the `HttpClient` of your choice. The server answers for each point:
 * what it rejects is dropped by itself, and the rest is not sent again.
 *
 * @example
 * import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
 * import { Layer } from "effect"
 * import { OpenTsdb } from "effect-metrics"
 *
 * const MetricsLive = OpenTsdb.layerHttp({ url: "http://localhost:4242" }).pipe(
 *   Layer.provide(NodeHttpClient.layerUndici)
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttp = (options: HttpOptions): Layer.Layer<Metrics, Sink.InvalidOption, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.sync(() => defineHttp(options)))

/**
 * As `layerHttp`, with `fetch` under it.
 *
 * @example
 * import { Effect } from "effect"
 * import { Metrics, OpenTsdb } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(Effect.provide(OpenTsdb.layerHttpFetch({ url: "http://localhost:4242" })))
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpFetch = (options: HttpOptions): Layer.Layer<Metrics, Sink.InvalidOption> =>
  Layer.provide(layerHttp(options), FetchHttpClient.layer)

/**
 * As `layerHttp`, after `checkHttp`: the app does not start where metrics cannot be written.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpChecked = (
  options: HttpOptions
): Layer.Layer<Metrics, Sink.InvalidOption | Sink.SinkError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.sync(() => defineHttp(options, (poster) => probeHttp(options, poster))))

/**
 * As `layerHttp`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { OpenTsdb } from "effect-metrics"
 *
 * OpenTsdb.layerHttpConfig({
 *   url: Config.string("TSD_URL"),
 *   username: Config.string("TSD_USER"),
 *   password: Config.redacted("TSD_PASSWORD")
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpConfig = (
  config: Config.Config.Wrap<HttpOptions>
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.map(Config.unwrap(config), (options) => defineHttp(options)))
