/**
 * A sink that pushes to Prometheus' Pushgateway, for jobs that are done before anything could scrape them. What lives for longer is
 * better scraped (`Prometheus`), or written (`PrometheusRemoteWrite`).
 *
 * | measurement | pushed |
 * |---|---|
 * | window of a counter `jobs` | counter `jobs_total`, the total since the series began; a gauge `jobs` where it may be stepped down (`monotonic: false`) |
 * | window of a gauge `memory`, unit `By` | gauge `memory_bytes` |
 * | window of a timer `job.duration`, or distribution | histogram `job_duration_seconds` with the instrument's `boundaries` or the sink's |
 * | point, recording of an instrument with `aggregate: false` | none: it is dropped as `unsupported` |
 *
 * Each push is the whole of what there is, in Prometheus' text, and takes the place of what the group had: also of what another process
 * pushed there, which then is lost. Processes that run at the same time need groups of their own (`grouping`), which remain until
 * someone deletes them (`onClose: "delete"`). The Pushgateway says itself when the last push came (`push_time_seconds`); samples have
 * no times here.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { Clock, Config, Effect, Layer, type Scope } from "effect"
import type { ConfigError } from "effect"
import * as Cumulative from "../delivery/cumulative.js"
import * as Encoding from "../encoding/pushgateway.js"
import type { Metrics } from "../Metrics.js"
import { bucketsOf } from "../recording/buckets.js"
import * as Sink from "../Sink.js"
import * as Http from "../transport/http.js"
import * as Poster from "../transport/poster.js"
import { judge } from "./pushgateway/answers.js"
import type { Options, Target } from "./pushgateway/options.js"
import { groupKeys, resolveTarget, sinkName } from "./pushgateway/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./pushgateway/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Body } from "../encoding/pushgateway.js"

const contentType = "text/plain; version=0.0.4; charset=utf-8"

interface Writer {
  readonly target: Target
  readonly encoder: Encoding.Encoder
  readonly push: (body: Uint8Array) => Effect.Effect<void, Sink.SinkError>
  /** Removes the group. */
  readonly remove: Effect.Effect<void, Sink.SinkError>
  /** Whether it answers at all, to what leaves it as it is. */
  readonly probe: Effect.Effect<void, Sink.SinkError>
}

const makeWriter = (options: Options): Effect.Effect<Writer, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const target = yield* resolveTarget(options)
    const { method, url } = target
    const sink = options.name ?? sinkName
    const poster = yield* Poster.make({ sink, ...target })
    const send = (request: Parameters<Poster.Poster["send"]>[0]): Effect.Effect<void, Sink.SinkError> =>
      Effect.gen(function* () {
        const answer = yield* poster.send(request)
        const error = judge(answer, { sink, nowMillis: yield* Clock.currentTimeMillis })
        if (error !== undefined) return yield* Effect.fail(error)
      })
    return {
      target,
      encoder: Encoding.make(target),
      push: (bytes) => send({ method, url, body: { bytes, contentType } }),
      remove: send({ method: "DELETE", url }),
      probe: send({ method: "GET", url: target.readyUrl })
    }
  })

const sinkOf = ({ encoder, push, target }: Writer): Sink.Sink<Encoding.Body> =>
  Cumulative.sinkOf(
    {
      encode: encoder.encode,
      write: ({ payload }) =>
        Effect.zipLeft(
          push(payload.bytes),
          Effect.sync(() => encoder.keep(payload))
        )
    },
    ({ histogram, series }) =>
      series.boundaries === undefined ? bucketsOf(histogram, target.boundaries(series.unit)) : undefined
  )

const bounded = ({ name, requestTimeout, url }: Options) =>
  Poster.within(name ?? sinkName, Http.printUrl(String(url)), requestTimeout ?? "10 seconds")

/**
 * Whether the Pushgateway can be reached and is ready. The error says what is wrong, for an operator. Nothing is pushed.
 *
 * @example
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import { Effect } from "effect"
 * import { Pushgateway } from "effect-metrics"
 *
 * Pushgateway.check({ url: "http://localhost:9091", job: "backup" }).pipe(
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
  Effect.flatMap(makeWriter(options), ({ probe }) => bounded(options)(probe))

/**
 * The sink by itself, which does not delete the group.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Sink.Sink<Encoding.Body>, Sink.InvalidOption, HttpClient.HttpClient> =>
  Effect.map(makeWriter(options), sinkOf)

/** With the end of the group, where it is to have one, when the scope closes: that is after the last push. */
const scoped = (options: Options, writer: Writer): Effect.Effect<Sink.Sink<Encoding.Body>, never, Scope.Scope> => {
  const sink = options.name ?? sinkName
  const remove = writer.remove.pipe(
    bounded(options),
    Effect.catchAll(({ reason }) => Effect.logWarning(`${sink}: the group could not be deleted: ${reason}`))
  )
  return Effect.as(writer.target.isDeleted ? Effect.addFinalizer(() => remove) : Effect.void, sinkOf(writer))
}

const define = <E = never>(
  options: Options,
  startup: (writer: Writer) => Effect.Effect<void, E> = () => Effect.void
): Sink.Definition<Encoding.Body, E | Sink.InvalidOption, HttpClient.HttpClient | Scope.Scope> => ({
  sink: sinkName,
  // So that no window of a series ends when it begins.
  apart: "ms",
  spell: Encoding.spell(groupKeys(options)),
  resends: "totals",
  defaults: {
    batchSize: 10_000,
    ambiguous: "retry",
    hostTag: "none",
    resend: "always"
  },
  delivery: options,
  make: Effect.flatMap(Effect.tap(makeWriter(options), startup), (writer) => scoped(options, writer))
})

/**
 * Pushes what is recorded below it to a Pushgateway, through the `HttpClient` of your choice: at each recurrence of the schedule,
 * and when it closes.
 *
 * @example
 * import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
 * import { Layer } from "effect"
 * import { Pushgateway } from "effect-metrics"
 *
 * const MetricsLive = Pushgateway.layer({ url: "http://pushgateway:9091", job: "backup" }).pipe(
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
 * import { Effect } from "effect"
 * import { Metrics, Pushgateway } from "effect-metrics"
 *
 * const files = Metrics.counter("files")
 *
 * Metrics.increment(files).pipe(
 *   Effect.provide(Pushgateway.layerFetch({ url: "http://localhost:9091", job: "backup" }))
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch = (options: Options): Layer.Layer<Metrics, Sink.InvalidOption> =>
  Layer.provide(layer(options), FetchHttpClient.layer)

/**
 * As `layer`, after `check`: the app does not start where there is no Pushgateway.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerChecked = (
  options: Options
): Layer.Layer<Metrics, Sink.InvalidOption | Sink.SinkError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.sync(() => define(options, ({ probe }) => bounded(options)(probe))))

/**
 * As `layer`, with options from a configuration.
 *
 * @example
 * import { Config } from "effect"
 * import { Pushgateway } from "effect-metrics"
 *
 * Pushgateway.layerConfig({ url: Config.string("PUSHGATEWAY_URL"), job: Config.succeed("backup") })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<Metrics, Sink.InvalidOption | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Sink.layerEffect(Effect.map(Config.unwrap(config), (options) => define(options)))
