/**
 * A request to a server, from its arrival until its response's body has been sent. It is counted once, when the last of
 * these has happened, however it ends: the handler is done, the response has been handed over, its stream has ended.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as ServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, type Clock, Context, Effect, Exit, type Fiber, FiberRef, HashSet, Option, Stream } from "effect"
import { int } from "../../Measurement.js"
import * as Metrics from "../../Metrics.js"
import type { Book, Measured } from "./book.js"
import { hasNoBody, type Key, lengthOf, unmatched } from "./names.js"
import { joined, ownTags, refused } from "./tags.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

export interface Point {
  readonly name: string
  readonly handler: string | undefined
  readonly remoteIp: "tag" | "field" | "none"
}

/** What a middleware's requests have in common. */
export interface Rules {
  /** Two middlewares with the same one record the same things: the inner one leaves it to the outer. */
  readonly identity: string
  readonly level: string | undefined
  readonly point: Point | undefined
  readonly hasSizes: boolean
  readonly isExcluded: (route: string) => boolean
  readonly tags: ((request: HttpServerRequest.HttpServerRequest, status: number) => Metrics.Tags) | undefined
}

/**
 * What a handler adds to its request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Annotations {
  readonly route?: string | undefined
  readonly tags?: Metrics.Tags | undefined
  readonly fields?: Metrics.Fields | undefined
}

const switchingProtocols = 101
const clientAborted = 499

/** Without a length a request has no body, or one in chunks, of which only its reader knows the size. */
const requestSize = ({ headers }: HttpServerRequest.HttpServerRequest): number | undefined =>
  lengthOf(headers["content-length"]) ?? (headers["transfer-encoding"] === undefined ? 0 : undefined)

const causeOfInterrupt = (fiber: AnyFiber): Cause.Cause<never> => fiber.getFiberRef(FiberRef.interruptedCause)
const clientIsGone = Cause.interrupt(HttpServerError.clientAbortFiberId)

/** Servers that answer web requests hand a stream over before it is run; the others have run it, or never will. */
const isWeb = ({ source }: HttpServerRequest.HttpServerRequest): boolean =>
  typeof globalThis.Request === "function" && source instanceof globalThis.Request

/** Why a request failed, without the response that platform puts beside it. */
const outcomeOfCause = (cause: Cause.Cause<unknown>): Metrics.Outcome => {
  const own = HttpServerError.causeResponseStripped(cause)[1]
  return Option.isNone(own) ? "success" : Metrics.outcomeOf(Exit.failCause(own.value))
}

export class Exchange {
  route: string | undefined
  private readonly startNanos: bigint
  private readonly startMillis: number
  private readonly remoteIp: string | undefined
  private outcome: Metrics.Outcome = "success"
  private status = 0
  /** As its header or its body says; of a stream without either, what went through. */
  private length: number | undefined
  private streamed = 0
  private stream: "none" | "waiting" | "running" | "ended" = "none"
  /** The stream that is counted. */
  private body: HttpBody.HttpBody | undefined
  private isHandled = false
  private isSent = false
  private isEnded = false
  private isUpgraded = false
  private readonly atEnd: Array<() => void> = []
  private ownTags: Metrics.Tags | undefined
  private ownFields: Metrics.Fields | undefined

  constructor(
    readonly rules: Rules,
    readonly outer: Exchange | undefined,
    readonly book: Book,
    private readonly clock: Clock.Clock,
    readonly request: HttpServerRequest.HttpServerRequest,
    private readonly method: string,
    private readonly scheme: string
  ) {
    this.startNanos = clock.unsafeCurrentTimeNanos()
    this.startMillis = rules.point === undefined ? 0 : clock.unsafeCurrentTimeMillis()
    // A connection that is closed does not know it any more.
    this.remoteIp =
      rules.point === undefined || rules.point.remoteIp === "none"
        ? undefined
        : Option.getOrUndefined(request.remoteAddress)
  }

  /** The exchange that records as this identity asks, here or around. */
  find(identity: string): Exchange | undefined {
    return this.rules.identity === identity ? this : this.outer?.find(identity)
  }

  enter(handle: Metrics.GaugeHandle | undefined): void {
    if (handle !== undefined) this.atEnd.push(handle.hold())
  }

  whenEnded(then: () => void): void {
    this.atEnd.push(then)
  }

  /** Clients also offer HTTP/2 by this header, and are answered as if they had not. */
  get wantsUpgrade(): boolean {
    return this.request.headers["upgrade"]?.toLowerCase() === "websocket"
  }

  /** It is a websocket now. */
  upgraded(): void {
    this.isUpgraded = true
  }

  /** Its connection is closed. Gives what ends it as of now, if nothing else has by then: no answer has left. */
  abandoned(): Effect.Effect<void> {
    const nanos = this.clock.unsafeCurrentTimeNanos()
    return Effect.suspend(() => {
      // Its handler may have something left to do.
      if (this.isUpgraded) return Effect.void
      this.length = 0
      this.stream = "none"
      return this.end(clientIsGone, nanos)
    })
  }

  matched(route: string): void {
    this.route = route
    this.outer?.matched(route)
  }

  annotate(given: Annotations): void {
    if (given.route !== undefined) this.route = given.route
    try {
      if (given.tags !== undefined) this.ownTags = joined(this.ownTags ?? {}, { ...given.tags })
      if (given.fields !== undefined) this.ownFields = { ...this.ownFields, ...given.fields }
    } catch {
      // What cannot be read must not be the handler's failure.
      this.ownTags = refused
    }
    this.outer?.annotate(given)
  }

  /** The response as the server is about to send it, and gives it to be sent. */
  sending(
    response: HttpServerResponse.HttpServerResponse,
    fiber: AnyFiber
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> {
    const { outer } = this
    const given = this.sends(response, fiber)
    return outer === undefined ? given : Effect.flatMap(given, (counted) => outer.sending(counted, fiber))
  }

  private sends(
    response: HttpServerResponse.HttpServerResponse,
    fiber: AnyFiber
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> {
    if (response.body === this.body) return Effect.succeed(response)
    // A stream that fails comes back as an error, whose response is not sent any more.
    if (this.isEnded || this.stream === "running" || this.stream === "ended") return Effect.succeed(response)
    this.isSent = true
    this.stream = "none"
    this.sees(response)
    // A server may wait forever for a client that has gone to take the body, and for a stream that it does not run.
    if (!Cause.isEmpty(causeOfInterrupt(fiber)) || (response.body._tag === "Stream" && this.method === "HEAD")) {
      return Effect.as(this.end(causeOfInterrupt(fiber)), response)
    }
    if (response.body._tag !== "Stream") return Effect.succeed(response)
    return Effect.succeed(this.counting(response, response.body))
  }

  private sees(response: HttpServerResponse.HttpServerResponse): void {
    this.status = response.status
    this.length =
      response.body._tag === "Empty" ? 0 : (response.body.contentLength ?? lengthOf(response.headers["content-length"]))
  }

  private counting(
    response: HttpServerResponse.HttpServerResponse,
    body: HttpBody.Stream
  ): HttpServerResponse.HttpServerResponse {
    this.stream = "waiting"
    const counted = Stream.suspend(() => {
      this.stream = "running"
      return Stream.mapChunks(body.stream, (chunk) => {
        for (const bytes of chunk) this.streamed += bytes.length
        return chunk
      })
    }).pipe(
      Stream.ensuringWith((exit) =>
        Effect.withFiberRuntime((fiber) => {
          this.stream = "ended"
          const outcome = Metrics.outcomeOf(exit)
          if (outcome !== "success") this.outcome = outcome
          return this.isHandled ? this.end(causeOfInterrupt(fiber)) : Effect.void
        })
      ),
      Stream.provideService(Current, this)
    )
    this.body = HttpBody.stream(counted, body.contentType, body.contentLength)
    return ServerResponse.setBody(response, this.body)
  }

  /** The handler is done: with its response, or where something else stands between it and the server, with a first one. */
  succeeded(response: HttpServerResponse.HttpServerResponse): boolean {
    // What a handler of the response that ran later has made of it.
    if (this.isSent && this.stream === "none") this.sees(response)
    if (!this.isSent) this.sees(response)
    return this.isSent
  }

  failed(cause: Cause.Cause<unknown>): Effect.Effect<boolean> {
    this.outcome = this.stream === "ended" && this.outcome !== "success" ? this.outcome : outcomeOfCause(cause)
    if (this.isSent) return Effect.succeed(true)
    return Effect.map(HttpServerError.causeResponse(cause), ([response]) => {
      this.sees(response)
      return false
    })
  }

  /** The server is done with the request. A stream may go on, in a fiber of its own. */
  handled(exit: Exit.Exit<unknown, unknown>, fiber: AnyFiber): Effect.Effect<void> {
    this.isHandled = true
    if (this.stream === "running" || (this.stream === "waiting" && isWeb(this.request))) return Effect.void
    if (Exit.isFailure(exit) && this.outcome === "success") this.outcome = outcomeOfCause(exit.cause)
    return this.end(causeOfInterrupt(fiber))
  }

  private end(interrupt: Cause.Cause<never>, nanos = this.clock.unsafeCurrentTimeNanos()): Effect.Effect<void> {
    if (this.isEnded) return Effect.void
    this.isEnded = true
    for (const then of this.atEnd) then()
    const route = this.route ?? unmatched
    if (this.rules.isExcluded(route)) return Effect.void
    const seconds = Math.max(0, Number(nanos - this.startNanos) / 1e9)
    const key: Key = { method: this.method, place: this.scheme, route, ...this.result(interrupt) }
    const recorded = this.book.end(key, this.tagsOfItsOwn(key.status), this.measured(key, seconds))
    const point = this.point(key, seconds)
    if (point === undefined) return recorded ?? Effect.void
    return recorded === undefined ? point : Effect.zipRight(recorded, point)
  }

  private result(interrupt: Cause.Cause<never>): Pick<Key, "outcome" | "status"> {
    const isInterrupted = !Cause.isEmpty(interrupt) && this.stream === "none"
    const outcome = isInterrupted ? "interrupt" : this.outcome
    if (this.isUpgraded) return { outcome, status: switchingProtocols }
    const isClient = isInterrupted && HashSet.has(Cause.interruptors(interrupt), HttpServerError.clientAbortFiberId)
    return { outcome, status: isClient ? clientAborted : this.status }
  }

  private tagsOfItsOwn(status: number): Metrics.Tags | undefined {
    const given = ownTags(this.rules.tags, this.request, status)
    return given === undefined ? this.ownTags : joined(given, this.ownTags)
  }

  private measured({ method, status }: Key, seconds: number): Measured {
    if (!this.rules.hasSizes) return { seconds, requestSize: undefined, responseSize: undefined }
    const sent = this.stream === "none" ? this.length : this.streamed
    return {
      seconds,
      requestSize: requestSize(this.request),
      responseSize: hasNoBody(method, status) ? 0 : sent
    }
  }

  private point({ method, route, status }: Key, seconds: number): Effect.Effect<void> | undefined {
    const { level, point } = this.rules
    if (point === undefined) return undefined
    const { remoteIp } = this
    return this.book.within(
      Metrics.emit(
        point.name,
        {
          content_length: int(this.length ?? this.streamed),
          duration: seconds,
          ...(point.remoteIp === "field" && remoteIp !== undefined ? { remote_ip: remoteIp } : undefined),
          ...this.ownFields
        },
        {
          level,
          timestamp: this.startMillis,
          tags: joined(
            {
              handler: point.handler,
              method,
              endpoint: route,
              status_code: String(status),
              remote_ip: point.remoteIp === "tag" ? remoteIp : undefined
            },
            this.ownTags
          )
        }
      )
    )
  }
}

/** The request that is being handled. */
export class Current extends Context.Reference<Current>()("effect-metrics/HttpServerMetrics/Current", {
  defaultValue: (): Exchange | undefined => undefined
}) {}
