/**
 * Measures the requests that an HTTP server of @effect/platform answers: how many, how long, how many at once, how large. One
 * middleware does it, around a router, an `HttpApi` or any app, and finds the templates of routes by itself.
 *
 * A request is counted once, when its response's body has been sent, however it ends: answered, failed, aborted by the
 * client, broken off in the middle of a stream. Nothing of the request or the response is changed.
 *
 * @since 0.1.0
 */
import { currentPreResponseHandlers, type PreResponseHandler } from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Context, Effect, Exit, Fiber, FiberRef, Option, RuntimeFlags, Scope, Tracer } from "effect"
import * as Metrics from "../Metrics.js"
import { declare, library } from "./http/book.js"
import { isEncrypted, watch } from "./http/connection.js"
import { type Annotations, Current, Exchange, type Rules } from "./http/exchange.js"
import { type Instrument, methodOf, naming, type Semantics } from "./http/names.js"
import { check, oneOf } from "./http/options.js"
import { listening, matchedInside } from "./http/route.js"
import { hearUpgrade } from "./http/upgrade.js"

export type { Annotations } from "./http/exchange.js"
export type { Instrument, Semantics } from "./http/names.js"

/**
 * Of the point for each request. All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface PointOptions {
  /** Default `"request"`. */
  readonly name?: string | undefined
  /** The tag `handler`, for requests that do not say theirs by `annotate`. Default: none. */
  readonly handler?: string | undefined
  /**
   * Where the client's address goes. As a tag it makes a series for each client, which most backends pay for. Default
   * `"tag"`.
   */
  readonly remoteIp?: "tag" | "field" | "none" | undefined
}

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Names of instruments and tags: this library's own, or OpenTelemetry's conventions. Default `"default"`. */
  readonly semantics?: Semantics | undefined
  /** What the instruments' names begin with. Default `"http.server"`. */
  readonly prefix?: string | undefined
  /** Which instruments there are. Default: all; in OpenTelemetry's semantics, all but `requests`. */
  readonly instruments?: ReadonlyArray<Instrument> | undefined
  /** Routes that are not measured, by their templates, such as `"/health"`. Default: none. */
  readonly exclude?: ReadonlyArray<string> | undefined
  /**
   * Further tags, by the request and the status of its response. Their values must come from a bounded set. If it throws,
   * the recordings are refused as `threw`. Default: none.
   */
  readonly tags?: ((request: HttpServerRequest.HttpServerRequest, status: number) => Metrics.Tags) | undefined
  /** The level of all that is recorded. Default: none. */
  readonly level?: string | undefined
  /**
   * A point for each request too, as the request handlers of sprockets-influxdb sent it: tags `handler`, `method`, `endpoint`,
   * `status_code` and `remote_ip`, fields `content_length` (bytes) and `duration` (seconds), at the time of the request's
   * start. Default: none.
   */
  readonly point?: PointOptions | undefined
}

/**
 * A middleware for `HttpServer.serve`, `HttpApiBuilder.serve`, `HttpApiBuilder.middleware`, `HttpLayerRouter.middleware`, or
 * to be put around an app. Put it outermost, to measure what the middlewares inside of it do. It records into the hub of the
 * fiber that the server runs the request in.
 *
 * Requests that no route matches have the route `unmatched`; so have those to an app without a router, unless it says its
 * route by `annotate`.
 *
 * An option that cannot work is thrown as `Sink.InvalidOption` when the middleware is made.
 *
 * @example
 * import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
 * import { HttpServerMetrics } from "effect-metrics"
 *
 * const app = HttpRouter.empty.pipe(
 *   HttpRouter.get("/users/:id", HttpServerResponse.text("a user")),
 *   HttpServer.serve(HttpServerMetrics.middleware({ exclude: ["/health"] }))
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const middleware = (
  options: Options = {}
): (<E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>) => {
  check(options, oneOf("point.remoteIp", options.point?.remoteIp, ["tag", "field", "none"]))
  const named = naming("server", options.semantics, options.prefix)
  const instruments = declare(named, options.instruments, options.level)
  const books = library(instruments, named)
  const excluded = new Set(options.exclude)
  const { point } = options
  const rules: Rules = {
    identity: JSON.stringify([named.names, point?.name]),
    level: options.level,
    hasSizes: instruments.requestSize !== undefined || instruments.responseSize !== undefined,
    isExcluded: (route) => excluded.has(route),
    tags: options.tags,
    point: point && { name: point.name ?? "request", handler: point.handler, remoteIp: point.remoteIp ?? "tag" }
  }
  const unprovided = Metrics.emit(named.names.requests, {})

  return <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.withFiberRuntime<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>(
      (fiber, { runtimeFlags }) => {
        const context = fiber.currentContext
        const hub = serviceIn<Metrics.Service>(context, Metrics.Metrics.key)
        // The default hub drops it, and says once what is wrong.
        if (hub === undefined) return Effect.zipRight(unprovided, app)
        const request = Context.unsafeGet(context, HttpServerRequest.HttpServerRequest)
        const around = serviceIn<Exchange>(context, Current.key)
        // A handler may ask another app, in its own context.
        const outer = around?.request.source === request.source ? around : undefined
        const counted = outer?.find(rules.identity)
        if (counted !== undefined) {
          matchedInside(counted, context)
          return app
        }
        if (excluded.size > 0 && excluded.has(pathOf(request.url))) return app
        const method = methodOf(request.method)
        const scheme = schemeOf(request)
        const book = books.book(hub, fiber.getFiberRef(FiberRef.currentMetricLabels))
        const exchange = new Exchange(rules, outer, book, clockOf(fiber), request, method, scheme)
        matchedInside(exchange, context)
        watch(exchange)
        const enter = (restored: typeof app): typeof app => {
          const gauge = book.gauge(method, scheme)
          const run = measured(exchange, fiber, restored)
          if (gauge === undefined && instruments.inFlight !== undefined) {
            return Effect.flatMap(book.bindGauge(method, scheme), (bound) => {
              exchange.enter(bound)
              return run
            })
          }
          exchange.enter(gauge)
          return run
        }
        // A server runs it so.
        if (!RuntimeFlags.interruption(runtimeFlags)) return enter(app)
        return Effect.uninterruptibleMask((restore) => enter(restore(app)))
      }
    )
}

/**
 * Says more about the request that is being handled, from anywhere in its handler's fiber or the fibers forked in it: tags for
 * all that is recorded of it, fields for its point, the route where there is no router. Later calls win. Outside of a
 * request it does nothing.
 *
 * Values of tags and routes must come from a bounded set.
 *
 * @example
 * import { HttpServerResponse } from "@effect/platform"
 * import { HttpServerMetrics } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const handler = HttpServerMetrics.annotate({ tags: { plan: "free" }, fields: { rows: 12 } }).pipe(
 *   Effect.zipRight(HttpServerResponse.json({ rows: 12 }))
 * )
 *
 * @since 0.1.0
 * @category combinators
 */
export const annotate = (annotations: Annotations): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    serviceIn<Exchange>(fiber.currentContext, Current.key)?.annotate(annotations)
    return Effect.void
  })

// What is stored under a tag's key is the tag's service.
const serviceIn = <A>(context: Context.Context<never>, key: string): A | undefined =>
  context.unsafeMap.get(key) as A | undefined

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

const clockOf = (fiber: AnyFiber): Clock.Clock => Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)

const pathOf = (url: string): string => {
  const end = url.indexOf("?")
  return end === -1 ? url : url.slice(0, end)
}

const schemeOf = ({ headers, originalUrl, source }: HttpServerRequest.HttpServerRequest): string => {
  const forwarded = headers["x-forwarded-proto"]
  if (forwarded === "https" || forwarded === "http") return forwarded
  return isEncrypted(source) || originalUrl.startsWith("https:") ? "https" : "http"
}

/** A context where routers and handlers find the exchange. */
const within = (context: Context.Context<never>, exchange: Exchange): Context.Context<never> => {
  const map = new Map(context.unsafeMap)
  map.set(Current.key, exchange)
  map.set(Tracer.ParentSpan.key, listening(exchange, serviceIn<Tracer.AnySpan>(context, Tracer.ParentSpan.key)))
  return Context.unsafeMake(map)
}

/**
 * Where the app sends its response itself (the server puts its own middleware around the sending), the request is over when
 * the app is; else when the scope of the request closes. To set references and set them back costs a fraction of
 * `Effect.locally`.
 */
const measured = <E, R>(
  exchange: Exchange,
  fiber: AnyFiber,
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> => {
  const context = fiber.currentContext
  const scope = serviceIn<Scope.Scope>(context, Scope.Scope.key)
  const after = (
    isOver: boolean,
    exit: Exit.Exit<HttpServerResponse.HttpServerResponse, E>
  ): typeof exit | typeof app => {
    const isScoped = !isOver && scope !== undefined
    const end = isScoped
      ? Scope.addFinalizerExit(scope, (closed) => exchange.handled(closed, currentFiber(fiber)))
      : exchange.handled(exit, fiber)
    const ended = end === Effect.void ? exit : Effect.zipRight(end, exit)
    // What is left is the server's, which takes up its own.
    return isOver ? ended : Effect.zipRight(FiberRef.set(FiberRef.currentContext, context), ended)
  }
  const run = Effect.matchCauseEffect(app, {
    onSuccess: (response) => after(exchange.succeeded(response), Exit.succeed(response)),
    onFailure: (cause) => Effect.flatMap(exchange.failed(cause), (isOver) => after(isOver, Exit.failCause(cause)))
  })
  const set = FiberRef.set(FiberRef.currentContext, within(context, exchange))
  const handlers = handlersAfter(fiber.getFiberRef(currentPreResponseHandlers))
  carry(exchange)
  if (exchange.wantsUpgrade) hearUpgrade(exchange)
  return Effect.zipRight(
    handlers === undefined ? set : Effect.zipRight(FiberRef.set(currentPreResponseHandlers, handlers), set),
    run
  )
}

const carried = Symbol.for("effect-metrics/HttpServerMetrics/Exchange")

interface Carrier {
  [carried]?: Exchange
}

/**
 * As platform marks a request that it has answered: on what the server knows it by, since middlewares may replace it. An
 * assignment, which costs a fraction of `Reflect.set`.
 */
const carry = (exchange: Exchange): void => {
  const { source } = exchange.request
  try {
    // Servers' own requests are objects; nothing else has a property of this name.
    ;(source as Carrier)[carried] = exchange
  } catch {
    // One that takes no properties: its response is not heard of.
  }
}

/**
 * One handler for all requests: Effect hashes what a reference is set to, and a new function each time would fill the table
 * that it keeps of functions' hashes, which makes each collection of garbage slower.
 */
const sending: PreResponseHandler = ({ source }, response) => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  // Servers' own requests are objects; `carry` has put it there, or nobody has.
  const exchange = (source as Carrier | null | undefined)?.[carried]
  return exchange === undefined || fiber === undefined ? Effect.succeed(response) : exchange.sending(response, fiber)
}
const sendingAlone = Option.some(sending)

/** `undefined` where it is among them already. */
const handlersAfter = (before: Option.Option<PreResponseHandler>): Option.Option<PreResponseHandler> | undefined => {
  if (Option.isNone(before)) return sendingAlone
  const { value } = before
  if (value === sending) return undefined
  return Option.some((request, response) =>
    Effect.flatMap(value(request, response), (given) => sending(request, given))
  )
}

/** Of callbacks that Effect calls from the fiber that runs them. */
const currentFiber = (otherwise: AnyFiber): AnyFiber => Option.getOrElse(Fiber.getCurrentFiber(), () => otherwise)
