/**
 * How a middleware that stands before routing learns the template of the route. Routers tell it to the span around them, as
 * the attribute `http.route`; so the middleware puts a span there that listens, and is else the one that was there before.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Fiber, Option, Tracer } from "effect"
import type { Exchange } from "./exchange.js"

/** Spans that are made inside hang on the span behind: this is how Effect looks through one that is not to be seen. */
const seenThrough = Context.make(Tracer.DisablePropagation, true)

export const listening = (exchange: Exchange, behind: Tracer.AnySpan | undefined): Tracer.Span =>
  behind?._tag === "Span" ? new Proxy(behind, new Listener(exchange)) : new Placeholder(exchange, behind)

const heard = (exchange: Exchange, key: string, value: unknown): void => {
  if (key === "http.route" && typeof value === "string") matched(exchange, value)
}

/** A proxy, because tracers know their spans by class and by fields of their own. */
class Listener implements ProxyHandler<Tracer.Span> {
  constructor(private readonly exchange: Exchange) {}

  get(span: Tracer.Span, key: string | symbol): unknown {
    if (key === "attribute") {
      return (name: string, value: unknown) => {
        heard(this.exchange, name, value)
        span.attribute(name, value)
      }
    }
    if (key === "context") return seenThrough
    if (key === "parent") return Option.some(span)
    const value: unknown = Reflect.get(span, key)
    return typeof value === "function" ? value.bind(span) : value
  }
}

/** Where requests are not traced. */
class Placeholder implements Tracer.Span {
  readonly _tag = "Span"
  readonly name = "request"
  readonly kind = "server"
  readonly context = seenThrough
  readonly status: Tracer.SpanStatus = { _tag: "Started", startTime: 0n }
  readonly attributes = new Map<string, unknown>()
  readonly links = []
  readonly sampled: boolean
  readonly spanId: string
  readonly traceId: string
  readonly parent: Option.Option<Tracer.AnySpan>
  constructor(
    private readonly exchange: Exchange,
    behind: Tracer.AnySpan | undefined
  ) {
    this.parent = Option.fromNullable(behind)
    this.sampled = behind?.sampled ?? false
    this.spanId = behind?.spanId ?? "noop"
    this.traceId = behind?.traceId ?? "noop"
  }
  attribute(key: string, value: unknown): void {
    heard(this.exchange, key, value)
  }
  end(): void {}
  event(): void {}
  addLinks(): void {}
}

/** A router has found a route. One that is mounted under a prefix knows only the rest of the path. */
const matched = (exchange: Exchange, route: string): void => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  exchange.matched(fiber === undefined ? route : prefixOf(exchange, fiber.currentContext) + route)
}

/**
 * A middleware inside of the router, where the request is counted outside of it already, or where there is no other. The app
 * behind it may be one without routes, mounted under a prefix.
 */
export const matchedInside = (exchange: Exchange, context: Context.Context<never>): void => {
  const found = routeIn(context)
  if (found === undefined) return
  const { path, prefix } = found.route
  // A mounted app's route is all that is under its prefix; a route's own path has the prefix in it.
  const own = Option.isSome(prefix) && path === "/*" ? `${prefixOf(exchange, context)}/*` : path
  if (exchange.route === undefined || own !== path) exchange.matched(own)
}

const routeIn = (context: Context.Context<never>): HttpRouter.RouteContext | undefined =>
  // What is stored under the tag's key is the tag's service.
  context.unsafeMap.get(HttpRouter.RouteContext.key) as HttpRouter.RouteContext | undefined

const knownPrefixes = new Set<string>()
const maxPrefixes = 1000

/**
 * What routers around this one have cut off the path. Only what a mount has cut can be told from other rewriting: it ends in
 * the mount's own prefix, which is no pattern. Where mounts stand in each other, the outer prefixes are seen in the path alone,
 * so their number is bounded.
 */
const prefixOf = (exchange: Exchange, context: Context.Context<never>): string => {
  const whole = exchange.request.url
  const rest = (context.unsafeMap.get(HttpServerRequest.HttpServerRequest.key) as HttpServerRequest.HttpServerRequest)
    .url
  if (rest.length === whole.length) return ""
  const prefix = Option.getOrUndefined(routeIn(context)?.route.prefix ?? Option.none())
  if (prefix === undefined) return ""
  if (prefix.includes(":") || prefix.includes("*")) return prefix
  const end = rest === "/" ? whole.indexOf("?") : whole.length - rest.length
  const cut = end === -1 ? whole : whole.slice(0, end)
  if (cut === prefix || !cut.endsWith(prefix)) return prefix
  if (!knownPrefixes.has(cut)) {
    if (knownPrefixes.size >= maxPrefixes) return prefix
    knownPrefixes.add(cut)
  }
  return cut
}
