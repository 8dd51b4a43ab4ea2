/**
 * What Prometheus scrapes: everything that was recorded, as it is when somebody asks. It keeps totals in memory; nothing is sent
 * anywhere, and nothing computed between two scrapes. `layer` serves it on a port of its own, `layerHandler` gives a handler for the
 * app's own server.
 *
 * | recorded | exposed |
 * |---|---|
 * | counter `http.requests` | counter `http_requests_total`; a gauge `http_requests` where it may be stepped down (`monotonic: false`) |
 * | gauge `memory`, unit `By` | gauge `memory_bytes` |
 * | timer `http.duration`, distribution | histogram `http_duration_seconds` with the instrument's `boundaries` or the sink's; by option a summary |
 * | point | none: it is dropped as `unsupported` |
 *
 * The format is the one that the scraper would rather have: OpenMetrics 1.0.0, with the time since which each series is counted, or
 * the text 0.0.4. Names that Prometheus did not have at first, such as those with dots, have underscores in their place; two that
 * come to the same name, and labels that mean something to Prometheus, are kept apart. Nothing is left out for its name.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import { Context, Effect, Layer, type Scope } from "effect"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import * as PrometheusTotals from "../encoding/prometheusTotals.js"
import type { WebError } from "./failure.js"
import { listen } from "./listen.js"
import * as Handler from "./prometheus/handler.js"
import { kept, type Options, resolve, resolveScrape, type ScrapeOptions, sinkName } from "./prometheus/options.js"
import * as Scrape from "./prometheus/scrape.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options, ScrapeOptions } from "./prometheus/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Exposition } from "./prometheus/handler.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { WebError } from "./failure.js"

const define = <E>(
  options: ScrapeOptions,
  make: (totals: Sink.Totals) => Effect.Effect<void, E, Scope.Scope>
): Layer.Layer<Metrics, E | Sink.InvalidOption> =>
  Sink.layerRead({ sink: sinkName, ...kept(options), spell: PrometheusTotals.spell, options, make })

const serve = (
  totals: Sink.Totals,
  options: Options
): Effect.Effect<void, Sink.InvalidOption | WebError, Scope.Scope> =>
  Effect.gen(function* () {
    const resolved = yield* resolve(options)
    const handler = yield* Handler.make(Scrape.make(totals, resolved.quantiles), resolved)
    const { url } = yield* listen(yield* Handler.only(handler, resolved), resolved.listen)
    yield* Effect.logInfo(`${totals.name}: ${url}${resolved.path}`)
  })

/**
 * Serves what is recorded below it to Prometheus, by default at `http://127.0.0.1:9464/metrics`; the address is logged once. It needs
 * the optional package `@effect/platform-node`. Inside a sealed hub, such as that of tests, it is not made.
 *
 * It fails with `InvalidOption` for an option that cannot work, such as a `host` that others can reach without a token or password, and
 * with `WebError` where the port is taken.
 *
 * @example
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Effect, Layer, Schedule } from "effect"
 * import { Metrics, Prometheus, RuntimeMetrics } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * const MetricsLive = Layer.mergeAll(Prometheus.layer({ tags: { service: "shop" } }), RuntimeMetrics.layer())
 *
 * Metrics.increment(visits).pipe(
 *   Effect.repeat(Schedule.spaced("1 second")),
 *   Effect.provide(MetricsLive),
 *   NodeRuntime.runMain
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics, Sink.InvalidOption | WebError> =>
  define(options, (totals) => serve(totals, options))

/**
 * What a scrape gets, where an app serves it itself: see {@link layerHandler}.
 *
 * @since 0.1.0
 * @category tags
 */
export class Exposer extends Context.Tag("effect-metrics/Prometheus/Exposer")<
  Exposer,
  {
    /** Answers on whatever path it stands. */
    readonly handler: HttpApp.Default
    /** For servers that are none of @effect/platform's: the text in the format that `Accept` would rather have. */
    readonly expose: (accept?: string | undefined) => Effect.Effect<Handler.Exposition>
  }
>() {}

/**
 * A handler for a route of the app's own server. Where the sink is not made, as in tests or with `enabled: false`, it answers 404.
 *
 * @example
 * import * as HttpRouter from "@effect/platform/HttpRouter"
 * import * as HttpServer from "@effect/platform/HttpServer"
 * import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
 * import { Layer } from "effect"
 * import { Prometheus } from "effect-metrics"
 *
 * const Served = HttpRouter.empty.pipe(
 *   HttpRouter.get("/", HttpServerResponse.text("hello")),
 *   HttpRouter.get("/metrics", Prometheus.handler),
 *   HttpServer.serve(),
 *   Layer.provide(Prometheus.layerHandler())
 * )
 *
 * @since 0.1.0
 * @category handlers
 */
export const handler: HttpApp.Default<never, Exposer> = Effect.flatMap(Exposer, ({ handler }) => handler)

/**
 * As `layer`, without a port: {@link handler} is a route of the app's own server, and {@link Exposer} what any other server needs. It
 * looks neither at the path nor at the name in `Host`, and whoever can reach the route can read it unless there is a `token`, or
 * `username` and `password`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHandler = (options: ScrapeOptions = {}): Layer.Layer<Metrics | Exposer, Sink.InvalidOption> =>
  Layer.suspend(() => {
    let found = Handler.none
    const sink = define(options, (totals) =>
      Effect.gen(function* () {
        const resolved = yield* resolveScrape(options)
        found = yield* Handler.make(Scrape.make(totals, resolved.quantiles), resolved)
      })
    )
    const exposer = Layer.succeed(Exposer, {
      handler: Effect.suspend(() => found.handler),
      expose: (accept) => Effect.suspend(() => found.expose(accept))
    })
    return Layer.merge(sink, exposer)
  })
