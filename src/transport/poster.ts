/**
 * What every backend over HTTP is written to with: headers and credentials on each request, bodies packed, and no secret in
 * what comes back. Knows no wire format, and judges no answer.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { Duration, Effect, Redacted } from "effect"
import { Unauthorized, Unavailable } from "../delivery/sink.js"
import { type Credentials, withoutSecrets } from "./credentials.js"
import { gzip } from "./gzip.js"
import * as Http from "./http.js"

export type Headers = Readonly<Record<string, string | Redacted.Redacted>>

export interface Options {
  /** The lane's or the sink's name, for errors and logs. */
  readonly sink: string
  /** Sent with every request. Lower-case names. */
  readonly headers: Headers
  /** Asked for each request; `undefined` where there are no credentials. Fails with the reason if they cannot be had. */
  readonly authorization: Effect.Effect<Credentials | undefined, string>
  /** Whether secrets go over the network without TLS, which is said once. */
  readonly isInClear: boolean
  /** Bodies of so many bytes and more are packed. */
  readonly gzip: number
}

type Sent = Omit<Http.Request, "headers"> & Partial<Pick<Http.Request, "headers">>

export interface Poster {
  /** With `headers` over those of every request. The answer's body is without secrets that the other side repeats. */
  readonly send: (request: Sent) => Effect.Effect<Http.Answer, Unauthorized | Unavailable>
}

export const make = (options: Options): Effect.Effect<Poster, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { authorization, headers, isInClear, sink } = options
    const client = Http.prepare(yield* HttpClient.HttpClient)
    if (isInClear) {
      yield* Effect.logWarning(
        `${sink}: credentials go over the network in clear: use https, or a proxy on this machine`
      )
    }
    const secretHeaders = Object.values(headers).flatMap((value) => (Redacted.isRedacted(value) ? [value] : []))
    const authorized = Effect.mapError(authorization, (reason) => new Unauthorized({ sink, reason }))

    // Made apart from `send`, whose closures know the body as it was: see `gzip`.
    const post = (request: Sent, encoding: string | undefined, credentials: Credentials | undefined) => {
      const sent = Http.send(client, {
        ...request,
        headers: {
          ...headers,
          ...request.headers,
          ...(credentials === undefined ? {} : { authorization: credentials.header }),
          ...(encoding === undefined ? {} : { "content-encoding": encoding })
        }
      })
      const secrets = [...(credentials?.secrets ?? []), ...secretHeaders]
      return Effect.mapBoth(sent, {
        onFailure: ({ ambiguous, reason }) => new Unavailable({ sink, reason, ambiguous }),
        onSuccess: (answer) => ({ ...answer, body: withoutSecrets(answer.body, secrets) })
      })
    }

    return {
      send: ({ body, ...request }) =>
        Effect.flatMap(authorized, (credentials) =>
          body === undefined || body.bytes.length < options.gzip
            ? post({ ...request, body }, undefined, credentials)
            : Effect.flatMap(gzip(body.bytes), (bytes) =>
                bytes === undefined
                  ? post({ ...request, body }, undefined, credentials)
                  : post({ ...request, body: { ...body, bytes } }, "gzip", credentials)
              )
        )
    }
  })

/** Gives a check so long, or what a close asks for, and says which server did not answer. */
export const within =
  (sink: string, at: string, limit: Duration.DurationInput) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Unavailable, R> =>
    // What waits in a finalizer would be waited for, however long it takes.
    Effect.timeoutFail(Effect.interruptible(self), {
      duration: limit,
      onTimeout: () => new Unavailable({ sink, reason: `no answer from ${at} within ${Duration.format(limit)}` })
    })

type Refuse = (option: string, value: string, expected: string) => void

/** An option's headers, which are `refuse`d if they are none. */
export const headersOf = (given: Headers | undefined, refuse: Refuse): Headers => {
  const headers: Record<string, string | Redacted.Redacted> = { "user-agent": "effect-metrics" }
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) refuse("headers", JSON.stringify(name), "a list of valid header names")
    // What `fetch` and Node let through.
    else if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(Redacted.isRedacted(value) ? Redacted.value(value) : value)) {
      refuse(`headers.${name}`, "the text given", "free of line breaks and of characters beyond Latin-1")
    }
    headers[name.toLowerCase()] = value
  }
  return headers
}

/** Where a server is, with a path that does not end in a slash. */
export interface Base {
  readonly origin: string
  readonly pathname: string
  /** Not over TLS, and not on this machine. */
  readonly isInClear: boolean
}

/** Without the endpoint's own path, if that was given too; refused, as `url`, if it is not the address of a server. */
export const baseOf = (url: string | URL, endpoint: RegExp, refuse: Refuse): Base | undefined => {
  const given = String(url)
  try {
    const { hash, hostname, origin, password, pathname, port, protocol, search, username } = new URL(given)
    if (
      (protocol === "http:" || protocol === "https:") &&
      [hash, password, search, username].every((part) => part === "") &&
      port !== "0"
    ) {
      const isLocal = /^(localhost|127\..*|\[::1\])$/.test(hostname)
      return {
        origin,
        pathname: pathname.replace(endpoint, "").replace(/\/$/, ""),
        isInClear: protocol === "http:" && !isLocal
      }
    }
  } catch {
    // Said below.
  }
  // Without a scheme it is no address in which a password could be told from the rest, unless it has an @.
  if (/^[\w.[\]-]+(:\d+)?(\/[\w./-]*)?$/.test(given)) {
    refuse("url", JSON.stringify(given), `an address with a scheme, such as http://${given}`)
  } else {
    refuse("url", Http.printUrl(given), "an http or https address without user name, password, query and fragment")
  }
  return undefined
}
