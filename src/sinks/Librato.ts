/**
 * A sink for Librato and its successor AppOptics, and for whatever took over their protocols: JSON over HTTP, to `/v1/metrics`,
 * where a gauge has a source, or to `/v1/measurements`, where it has tags.
 *
 * | measurement | sent as |
 * |---|---|
 * | window of a counter | a gauge: the increase. The service's own counters are readings that only grow |
 * | window of a gauge | a gauge: the last value |
 * | window of a timer or distribution | a gauge of several samples: `count`, `sum`, `min`, `max`, and `sum_squares` or, with tags, `stddev`; with `quantiles` also `name.p95` and the like |
 * | recording of an instrument with `aggregate: false` | a gauge: its value |
 * | point | a gauge for each field: the field `value` by the name, others by `name.field`. Booleans are 1 and 0; text is left out and counted |
 *
 * Times are whole seconds, of a window those at which it ended; times of timers are in seconds. How far values are spread is
 * found from the histogram's buckets, wrong by about as much as they are wide: a few parts in a hundred. Integers beyond 2^53
 * are written in full, but the service keeps doubles.
 *
 * What the service would refuse, with the whole request, is dropped as `invalid` and said once: names and sources of more than
 * 255 characters or of others than `A-Za-z0-9.:_-`, such tags, and numbers beyond 1e126. It takes upper and lower case for the
 * same: series that differ in nothing else are one to it.
 *
 * The service adds up what it gets twice for one second, so a request whose answer is lost is not repeated, but
 * `dropped: ambiguous`.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { Clock, Config, Effect, Layer, Redacted } from "effect"
import type { ConfigError } from "effect"
import * as LibratoJson from "../encoding/librato.js"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import * as Http from "../transport/http.js"
import * as Poster from "../transport/poster.js"
import { judge } from "./librato/answers.js"
import { fromEnvironment } from "./librato/environment.js"
import type { Options, Target } from "./librato/options.js"
import { batchSize, resolveTarget, sinkName, urlOf } from "./librato/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Named, Options } from "./librato/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Secret } from "../transport/credentials.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Body } from "../encoding/librato.js"

const contentType = "application/json"

interface Started {
  readonly target: Target
  readonly post: (body: LibratoJson.Body) => Effect.Effect<Sink.WriteResult, Sink.SinkError>
}

const makePoster = (options: Options): Effect.Effect<Started, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const target = yield* resolveTarget(options)
    const sink = options.name ?? sinkName
    const poster = yield* Poster.make({ sink, ...target })
    const post: Started["post"] = (body) =>
      Effect.gen(function* () {
        const answer = yield* poster.send({ method: "POST", url: target.url, body: { bytes: body.bytes, contentType } })
        const verdict = judge(answer, { sink, body, nowMillis: yield* Clock.currentTimeMillis })
        return verdict._tag === "Written" ? verdict.result : yield* verdict.error
      })
    return { target, post }
  })

const sinkOf = ({ post, target }: Started): Sink.Sink<LibratoJson.Body> => ({
  encode: LibratoJson.make(target),
  write: ({ payload }) => post(payload)
})

/** The service refuses a body without measurements, but only once it has found that they may be written. */
const probe = (options: Options, { post, target }: Started): Effect.Effect<void, Sink.SinkError> => {
  const asked = post(LibratoJson.make(target)([], Infinity).payload).pipe(
    Effect.catchTag("Rejected", () => Effect.void),
    Effect.asVoid
  )
  const limit = options.requestTimeout ?? "10 seconds"
  return Poster.within(options.name ?? sinkName, Http.printUrl(urlOf(options)), limit)(asked)
}

/**
 * Whether the service can be reached, and takes the credentials. Nothing is stored. The error says what is wrong, for an
 * operator.
 *
 * @example
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import { Effect, Redacted } from "effect"
 * import { Librato } from "effect-metrics"
 *
 * Librato.check({ email: "ops@example.org", token: Redacted.make("...") }).pipe(
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
  Effect.flatMap(makePoster(options), (poster) => probe(options, poster))

/**
 * The sink by itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Sink.Sink<LibratoJson.Body>, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.map(makePoster(options), sinkOf)

const define = <E = never>(
  options: Options,
  startup: (poster: Started) => Effect.Effect<void, E> = () => Effect.void
): Sink.Definition<LibratoJson.Body, E | Sink.InvalidOption, HttpClient.HttpClient> => ({
  sink: sinkName,
  defaults: { batchSize, batchBytes: 1_000_000, ambiguous: "drop", hostTag: "auto" },
  delivery: options,
  make: Effect.map(Effect.tap(makePoster(options), startup), sinkOf)
})

/**
 * Posts what is recorded below it, through the `HttpClient` of your choice.
 *
 * @example
 * import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
 * import { Layer, Redacted } from "effect"
 * import { Librato } from "effect-metrics"
 *
 * const MetricsLive = Librato.layer({ service: "appoptics", token: Redacted.make("...") }).pipe(
 *   Layer.provide(NodeHttpClient.layerUndici)
 * )
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
 * import { Effect, Redacted } from "effect"
 * import { Librato, Metrics } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(
 *   Effect.provide(Librato.layerFetch({ email: "ops@example.org", token: Redacted.make("...") }))
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
  Sink.layerEffect(Effect.sync(() => define(options, (poster) => probe(options, poster))))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { Librato } from "effect-metrics"
 *
 * Librato.layerConfig({
 *   email: Config.string("METRICS_ACCOUNT"),
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
 * As `layer`, with options from the environment variables that the services' own clients read. What is given here wins over a
 * variable. One that makes no sense, or is missing, is a `ConfigError` that names it; an empty one counts as not set.
 *
 * | variable | here |
 * |---|---|
 * | `APPOPTICS_TOKEN` | `token`, and `service: "appoptics"`; the others are then `APPOPTICS_` too |
 * | `LIBRATO_USER`, `LIBRATO_TOKEN` | `email` and `token` |
 * | `LIBRATO_SOURCE` | the tag `source`, and so the source of all that has none of its own. It takes the place of the host |
 * | `LIBRATO_TAGS` | tags, as `host=web1,environment=staging`, and `api: "measurements"`. Not together with a source |
 * | `LIBRATO_PREFIX` | `prefix`, with a dot behind it |
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEnv = (
  overrides: Partial<Options> = {}
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(
    Effect.map(fromEnvironment(overrides), (options) => define(options ?? { token: Redacted.make(""), enabled: false }))
  )
