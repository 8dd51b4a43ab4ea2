/**
 * How a middleware that stands before routing learns the template of the route. Routers tell it to the span around them, as
 * the attribute `http.route`: so the middleware puts a span of its own there, through which Effect looks as if it were not
 * there (it disables propagation: children and `Effect.currentSpan` get the span behind it).
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Fiber, Option, Tracer } from "effect"
import type { Exchange } from "./exchange.js"

const seenThrough = Context.make(Tracer.DisablePropagation, true)
const noAttributes = new Map<string, unknown>()

export class RouteSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly context = seenThrough
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly kind = "server"
  constructor(
    private readonly exchange: Exchange,
    private readonly behind: Tracer.AnySpan | undefined
  ) {
    this.parent = Option.fromNullable(behind)
  }

  private get span(): Tracer.Span | undefined {
    return this.behind?._tag === "Span" ? this.behind : undefined
  }

  attribute(key: string, value: unknown): void {
    if (key === "http.route" && typeof value === "string") matched(this.exchange, value)
    this.span?.attribute(key, value)
  }

  /** Stack traces name it. */
  get name(): string {
    return `${this.exchange.request.method} ${this.exchange.route ?? "?"}`
  }
  get spanId(): string {
    return this.behind?.spanId ?? "noop"
  }
  get traceId(): string {
    return this.behind?.traceId ?? "noop"
  }
  get sampled(): boolean {
    return this.behind?.sampled ?? false
  }
  get status(): Tracer.SpanStatus {
    return this.span?.status ?? { _tag: "Started", startTime: 0n }
  }
  get attributes(): ReadonlyMap<string, unknown> {
    return this.span?.attributes ?? noAttributes
  }
  get links(): ReadonlyArray<Tracer.SpanLink> {
    return this.span?.links ?? []
  }
  end(): void {}
  event(name: string, startTime: bigint, attributes?: Record<string, unknown>): void {
    this.span?.event(name, startTime, attributes)
  }
  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.span?.addLinks(links)
  }
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
