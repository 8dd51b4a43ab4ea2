/**
 * Measures the requests that a client of @effect/platform makes: how many, how long until the head of the response is there,
 * how many at once, how large. It goes around any `HttpClient`, or around the one in the context as a layer.
 *
 * Each request is counted once, however it ends; where something above retries, each try. Sinks that send through the same
 * client are not measured: what delivers measurements never makes more of them.
 *
 * @since 0.1.0
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Cause, Clock, Context, Effect, Exit, type Fiber, FiberRef, Layer, Option } from "effect"
import { dual } from "effect/Function"
import * as Metrics from "../Metrics.js"
import { declare, library } from "./http/book.js"
import { hasNoBody, type Instrument, type Key, lengthOf, methodOf, naming, type Semantics } from "./http/names.js"
import { check } from "./http/options.js"
import { ownTags } from "./http/tags.js"

export type { Instrument, Semantics } from "./http/names.js"

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Names of instruments and tags: this library's own, or OpenTelemetry's conventions. Default `"default"`. */
  readonly semantics?: Semantics | undefined
  /** What the instruments' names begin with. Default `"http.client"`. */
  readonly prefix?: string | undefined
  /** Which instruments there are. Default: all; in OpenTelemetry's semantics, all but `requests`. */
  readonly instruments?: ReadonlyArray<Instrument> | undefined
  /**
   * What is said of a host, such as `api.example.com:8080`, for clients that talk to hosts without bound: `() => "any"`. If it throws, `unknown`.
   * Default: the host, with its port if that is not the scheme's.
   */
  readonly host?: ((host: string) => string) | undefined
  /**
   * Further tags, by the request and the status of its response (0 without one). Their values must come from a bounded set.
   * If it throws, the recordings are refused as `threw`. Default: none.
   */
  readonly tags?: ((request: HttpClientRequest.HttpClientRequest, status: number) => Metrics.Tags) | undefined
  /** The level of all that is recorded. Default: none. */
  readonly level?: string | undefined
}

/**
 * The template of the requests' path that an effect makes, as the tag `route`; without it there is none, since a raw path has
 * no bound.
 *
 * @example
 * import { HttpClient } from "@effect/platform"
 * import { HttpClientMetrics } from "effect-metrics"
 *
 * const user = (id: string) =>
 *   HttpClient.get(`https://api.example.com/users/${id}`).pipe(HttpClientMetrics.withRoute("/users/:id"))
 *
 * @since 0.1.0
 * @category combinators
 */
export const withRoute: {
  (template: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, template: string): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, template: string): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Route, template)
)

class Route extends Context.Reference<Route>()("effect-metrics/HttpClientMetrics/Route", {
  defaultValue: (): string | undefined => undefined
}) {}

/**
 * Measures the requests of a client. What is below it (a middleware of the client's that retries, say) is one request. The
 * duration is that until the head of the response is there, its size what its `content-length` says. An option that cannot
 * work is thrown as `Sink.InvalidOption`.
 *
 * @example
 * import { HttpClient } from "@effect/platform"
 * import { HttpClientMetrics } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const client = HttpClient.HttpClient.pipe(
 *   Effect.map(HttpClientMetrics.instrument()),
 *   Effect.map(HttpClient.retryTransient({ times: 3 }))
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const instrument = (
  options: Options = {}
): (<E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>) => {
  check(options)
  const named = naming("client", options.semantics, options.prefix)
  const instruments = declare(named, options.instruments, options.level)
  const books = library(instruments, named)
  const unprovided = Metrics.emit(named.names.requests, {})
  const placeOf = places(options.host)

  const measured = <E, R>(
    self: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>,
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, E, R> =>
    Effect.withFiberRuntime((fiber) => {
      // What is stored under the references' keys is the references' types.
      const hub = fiber.currentContext.unsafeMap.get(Metrics.Metrics.key) as Metrics.Service | undefined
      const route = fiber.currentContext.unsafeMap.get(Route.key) as string | undefined
      // The default hub drops it, and says once what is wrong.
      if (hub === undefined) return Effect.zipRight(unprovided, self)
      const method = methodOf(request.method)
      const place = placeOf(request.url)
      const book = books.book(hub, fiber.getFiberRef(FiberRef.currentMetricLabels))
      const clock = clockOf(fiber)
      const start = clock.unsafeCurrentTimeNanos()

      const end = (
        exit: Exit.Exit<HttpClientResponse.HttpClientResponse, E>,
        release: (() => void) | undefined
      ): Effect.Effect<void> => {
        const seconds = Math.max(0, Number(clock.unsafeCurrentTimeNanos() - start) / 1e9)
        release?.()
        const response = responseOf(exit)
        const key: Key = { method, place, route, status: response?.status ?? 0, outcome: Metrics.outcomeOf(exit) }
        const measured = {
          seconds,
          requestSize: sizeOf(request.body),
          responseSize: response && responseSize(method, response)
        }
        return book.end(key, ownTags(options.tags, request, key.status), measured) ?? Effect.void
      }

      return Effect.uninterruptibleMask((restore) => {
        const run = (
          gauge: Metrics.GaugeHandle | undefined
        ): Effect.Effect<HttpClientResponse.HttpClientResponse, E, R> => {
          const release = gauge?.hold()
          return Effect.matchCauseEffect(restore(self), {
            onSuccess: (response) => {
              const exit = Exit.succeed(response)
              return Effect.zipRight(end(exit, release), exit)
            },
            onFailure: (cause) => {
              const exit = Exit.failCause(cause)
              return Effect.zipRight(end(exit, release), exit)
            }
          })
        }
        const gauge = book.gauge(method, place)
        return gauge === undefined ? Effect.flatMap(book.bindGauge(method, place), run) : run(gauge)
      })
    })

  return (client) => HttpClient.transform(client, measured)
}

/**
 * Measures the requests of the client in the context: provide the client to it, and it to the app.
 *
 * @example
 * import { FetchHttpClient } from "@effect/platform"
 * import { HttpClientMetrics } from "effect-metrics"
 * import { Layer } from "effect"
 *
 * const ClientLive = HttpClientMetrics.layer().pipe(Layer.provide(FetchHttpClient.layer))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, instrument(options)))

const clockOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Clock.Clock =>
  Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)

const responseOf = (
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown>
): HttpClientResponse.HttpClientResponse | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return HttpClientError.isHttpClientError(error) && error._tag === "ResponseError" ? error.response : undefined
}

const sizeOf = (body: HttpBody.HttpBody): number | undefined => (body._tag === "Empty" ? 0 : body.contentLength)

const responseSize = (
  method: string,
  { headers, status }: HttpClientResponse.HttpClientResponse
): number | undefined => (hasNoBody(method, status) ? 0 : lengthOf(headers["content-length"]))

const origin = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#]*@)?([^/?#@]*)/i
const schemePort: Readonly<Record<string, string>> = { http: ":80", https: ":443" }

/** Scheme and host of a URL, without the credentials that may be in it. Most clients talk to one host. */
const places = (rename: ((host: string) => string) | undefined): ((url: string) => string) => {
  let last = ""
  let place = ""
  return (url) => {
    const found = origin.exec(url)
    const whole = found?.[0] ?? ""
    if (place !== "" && whole === last) return place
    const scheme = found?.[1]?.toLowerCase() ?? "http"
    const given = found?.[2]?.toLowerCase() ?? "unknown"
    const port = schemePort[scheme]
    const host = port !== undefined && given.endsWith(port) ? given.slice(0, -port.length) : given
    last = whole
    place = `${scheme}://${renamed(rename, host)}`
    return place
  }
}

/** A request does not fail because its host's name for measuring does. */
const renamed = (rename: ((host: string) => string) | undefined, host: string): string => {
  if (rename === undefined) return host
  try {
    return rename(host)
  } catch {
    return "unknown"
  }
}
