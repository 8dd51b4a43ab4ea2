/** What is answered to a scraper: it only reads, so GET and HEAD alone. */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Chunk, Effect, Stream } from "effect"
import { gzip } from "../../transport/gzip.js"
import { hasBody, isServedAs, leastCompressed, ownNames, takesGzip } from "../request.js"
import { authorizer } from "../token.js"
import { negotiate } from "./negotiate.js"
import type { Exposed, Served } from "./options.js"
import type { Scrape } from "./scrape.js"

/**
 * A text in one of Prometheus' formats.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exposition {
  /** With version and character set. */
  readonly contentType: string
  readonly body: Uint8Array
}

export interface Handler {
  readonly handler: HttpApp.Default
  readonly expose: (accept: string | undefined) => Effect.Effect<Exposition>
}

const common = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const

const told = (status: number, text: string, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.text(`${text}\n`, {
    status,
    contentType: "text/plain; charset=utf-8",
    headers: { ...common, ...headers }
  })

/** How many bytes are read by slow clients at most, but for one answer that has more. */
const maxHeld = 64 * 1024 * 1024

/** What is written before it is seen whether the client takes it. */
const pieceBytes = 64 * 1024

function* piecesOf(bytes: Uint8Array): IterableIterator<Chunk.Chunk<Uint8Array>> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield Chunk.of(bytes.subarray(at, at + pieceBytes))
}

/** Whoever is authorized gets what there is, on whatever path it is. */
export const make = (scrape: Scrape, { access, names }: Exposed): Effect.Effect<Handler> =>
  Effect.map(authorizer(access.secret, access.scheme), (authorized) => {
    const challenge =
      access.scheme === "basic" ? 'Basic realm="effect-metrics", charset="UTF-8"' : 'Bearer realm="effect-metrics"'
    let held = 0

    const streamed = (bytes: Uint8Array): Stream.Stream<Uint8Array> =>
      Stream.acquireRelease(
        Effect.sync(() => void (held += bytes.length)),
        () => Effect.sync(() => void (held -= bytes.length))
      ).pipe(Stream.flatMap(() => Stream.fromChunks(...piecesOf(bytes))))

    const respond = (bytes: Uint8Array, contentType: string, encoding: Readonly<Record<string, string>>) => {
      const headers = { ...common, vary: "accept, accept-encoding", ...encoding }
      if (bytes.length <= pieceBytes) return HttpServerResponse.uint8Array(bytes, { contentType, headers })
      return held > 0 && held + bytes.length > maxHeld
        ? told(503, "Too many answers are being read slowly", { "retry-after": "1" })
        : HttpServerResponse.stream(streamed(bytes), { contentType, contentLength: bytes.length, headers })
    }

    const answer = ({ headers, method }: HttpServerRequest.HttpServerRequest) =>
      Effect.gen(function* () {
        if (method !== "GET" && method !== "HEAD") return told(405, "This can only be read", { allow: "GET, HEAD" })
        if (!(yield* authorized(headers["authorization"]))) {
          const wanted = access.scheme === "basic" ? "a name and a password" : "a token: Authorization: Bearer ..."
          return told(401, `This needs ${wanted}`, { "www-authenticate": challenge })
        }
        const negotiated = negotiate(headers["accept"], names)
        const bytes = yield* scrape(negotiated)
        const compressed =
          bytes.length >= leastCompressed && takesGzip(headers["accept-encoding"]) ? yield* gzip(bytes) : undefined
        return compressed === undefined
          ? respond(bytes, negotiated.contentType, {})
          : respond(compressed, negotiated.contentType, { "content-encoding": "gzip" })
      }).pipe(
        Effect.catchAllCause((cause) =>
          // Who asked has gone.
          Cause.isInterruptedOnly(cause)
            ? Effect.failCause(cause)
            : Effect.as(
                Effect.logError("a scrape could not be answered", cause),
                told(500, "This could not be answered")
              )
        )
      )

    return {
      handler: Effect.flatMap(HttpServerRequest.HttpServerRequest, answer),
      expose: (accept) => {
        const negotiated = negotiate(accept, names)
        return Effect.map(scrape(negotiated), (body) => ({ contentType: negotiated.contentType, body }))
      }
    }
  })

/** As it is on a port of its own: at one path, and where nothing is asked for under own names alone, as for all that is served. */
export const only = (
  { handler }: Handler,
  { access, hosts, path }: Pick<Exposed, "access"> & Pick<Served, "hosts" | "path">
): Effect.Effect<HttpApp.Default> =>
  Effect.map(ownNames(hosts), (names) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, url }) => {
      // Whoever has the token is no page of another site.
      if (access.secret === undefined && !isServedAs(headers, names)) {
        return Effect.succeed(told(421, "This is not served under the name in Host: the option hosts allows names"))
      }
      if (hasBody(headers)) return Effect.succeed(told(413, "A request has no body here", { connection: "close" }))
      return /^[^?#]*/.exec(url)?.[0] === path ? handler : Effect.succeed(told(404, `Metrics are at ${path}`))
    })
  )

/** Where there is no sink. */
export const none: Handler = {
  handler: Effect.succeed(told(404, "No metrics are exposed here: the sink is turned off, or this is a test")),
  expose: (accept) =>
    Effect.sync(() => {
      const { contentType, format } = negotiate(accept, "underscores")
      return { contentType, body: new TextEncoder().encode(format === "text" ? "" : "# EOF\n") }
    })
}
