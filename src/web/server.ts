/**
 * The web service over a source: which request gets which answer. It only reads, so it knows GET and HEAD alone.
 *
 * | path | what |
 * |---|---|
 * | `/stats` (see `path`) | statvent's JSON |
 * | `/metrics` | Prometheus' text |
 * | `/api/snapshot`, `/api/series?key=` | what the page shows |
 * | `/` and the page's files | the page |
 *
 * Answers are the same for every client, as no request reaches the file system, and no other site's page may read them: there
 * is no CORS, and names that are not this machine's are refused, which a page needs that had its own name lead here.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Effect, Option, type Redacted } from "effect"
import { gzip } from "../transport/gzip.js"
import { type Asset, loadAssets } from "./assets.js"
import * as Json from "./json.js"
import type { Source } from "./model.js"
import { hasBody, isServedAs, leastCompressed, ownNames, takesGzip } from "./request.js"
import { authorizer } from "./token.js"

export interface ServerOptions {
  /** Where statvent's JSON is. */
  readonly path: string
  /** Wanted for everything but the page and its files. */
  readonly token: Redacted.Redacted | undefined
  /** Names in `Host`, beside addresses, `localhost` and the machine's own name. */
  readonly hosts: ReadonlyArray<string>
  /** The status of a path that is not there. */
  readonly notFound: 400 | 404
  /** The page's files. Default: all there are. */
  readonly assets?: ReadonlyArray<Asset> | undefined
}

/** Paths of our own, which `path` cannot be. */
export const reserved: ReadonlyArray<string> = ["/", "/metrics", "/api/snapshot", "/api/series"]

const security = {
  "content-security-policy": [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin"
} as const

const json = "application/json; charset=utf-8"
const prometheus = "text/plain; version=0.0.4; charset=utf-8"

const notFound = "The requested resource was not found"

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

const data = (contentType: string, body: string): Answer => ({
  status: 200,
  contentType,
  body,
  headers: { "cache-control": "no-store" }
})

const told = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  contentType: json,
  body: Json.message(text),
  headers: { "cache-control": "no-store", ...headers }
})

type Headers = HttpServerRequest.HttpServerRequest["headers"]

const utf8 = new TextEncoder()

const respond = (answer: Answer, headers: Headers): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.gen(function* () {
    const plain = typeof answer.body === "string" ? utf8.encode(answer.body) : answer.body
    const compressed =
      plain.length >= leastCompressed && takesGzip(headers["accept-encoding"]) ? yield* gzip(plain) : undefined
    return HttpServerResponse.uint8Array(compressed ?? plain, {
      status: answer.status,
      contentType: answer.contentType,
      headers: {
        ...security,
        vary: "accept-encoding",
        ...(compressed === undefined ? {} : { "content-encoding": "gzip" }),
        ...answer.headers
      }
    })
  })

/** What a request for something that is not data gets; `undefined` for one that goes on. */
const refusalOf = (
  { headers, method }: HttpServerRequest.HttpServerRequest,
  hosts: ReadonlySet<string>
): Answer | undefined => {
  if (!isServedAs(headers, hosts)) {
    return told(421, "This is not served under the name in Host: the option hosts allows names")
  }
  if (method !== "GET" && method !== "HEAD") return told(405, "This can only be read", { allow: "GET, HEAD" })
  // Nobody reads it, and it may have no end.
  return hasBody(headers) ? told(413, "A request has no body here", { connection: "close" }) : undefined
}

/**
 * Answers all requests. It needs nothing, fails never, and neither reads nor writes anything but what the source gives.
 */
export const make = (source: Source, options: ServerOptions): Effect.Effect<HttpApp.Default> =>
  Effect.gen(function* () {
    const assets = yield* loadAssets(options.assets)
    const authorized = yield* authorizer(options.token)
    const hosts = yield* ownNames(options.hosts)

    const seriesOf = (query: string): Effect.Effect<Answer> => {
      const key = new URLSearchParams(query).get("key")
      if (key === null) return Effect.succeed(told(400, "Which series? There is no key in the query"))
      return Effect.map(
        source.series(key),
        Option.match({
          onNone: () => told(404, "No process has a series of this key"),
          onSome: (found) => data(json, Json.byProcess(found))
        })
      )
    }

    const routes = new Map<string, (query: string) => Effect.Effect<Answer>>([
      ["/metrics", () => Effect.map(source.metrics, (body) => data(prometheus, body))],
      ["/api/snapshot", () => Effect.map(source.snapshot, (found) => data(json, Json.snapshot(found)))],
      ["/api/series", seriesOf],
      [options.path, () => Effect.map(source.stats, (body) => data(json, body))]
    ])

    const assetOf = (path: string, headers: Headers): Answer | undefined => {
      const asset = assets.get(path)
      if (asset === undefined) return undefined
      const cached = { "cache-control": "no-cache", etag: asset.etag }
      return headers["if-none-match"] === asset.etag
        ? { status: 304, contentType: asset.contentType, body: "", headers: cached }
        : { status: 200, contentType: asset.contentType, body: asset.bytes, headers: cached }
    }

    const answer = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Answer> => {
      const refusal = refusalOf(request, hosts)
      if (refusal !== undefined) return Effect.succeed(refusal)
      const [, path = "", query = ""] = /^([^?#]*)\??([^#]*)/.exec(request.url) ?? []
      const asset = assetOf(path, request.headers)
      if (asset !== undefined) return Effect.succeed(asset)
      const route = routes.get(path)
      if (route === undefined) {
        // The files are read beside this module, and a bundler takes the module alone.
        const text =
          path === "/" ? "The page's files are not there: bundlers have to leave effect-metrics outside" : notFound
        const body = Json.message(text, path)
        return Effect.succeed({ ...told(options.notFound, ""), body })
      }
      return Effect.flatMap(authorized(request.headers["authorization"]), (isAuthorized) =>
        isAuthorized
          ? route(query)
          : Effect.succeed(
              told(401, "This needs a token: Authorization: Bearer ...", {
                "www-authenticate": 'Bearer realm="effect-metrics"'
              })
            )
      )
    }

    return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      answer(request).pipe(
        Effect.catchAllCause((cause) =>
          // Who asked has gone.
          Cause.isInterruptedOnly(cause)
            ? Effect.failCause(cause)
            : Effect.as(
                Effect.logError("the web service could not answer", cause),
                told(500, "This could not be answered")
              )
        ),
        Effect.flatMap((found) => respond(found, request.headers))
      )
    )
  })
