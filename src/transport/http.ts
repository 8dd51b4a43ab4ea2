/**
 * One request and its answer, whatever `HttpClient` the app has chosen. Knows no wire format and has no deadline: the lane
 * interrupts what takes too long, which aborts the request.
 *
 * Redirects are not followed, since credentials must not go where nobody sent them; neither spans nor trace headers are made,
 * since an exporter that is traced exports itself; an answer's body is read up to a limit; failures tell no secrets.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Context, Effect, FiberRef, FiberRefs, Redacted, Stream } from "effect"
import { classify, TransportFailure } from "./failure.js"

export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Without user name and password. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  readonly body?: { readonly bytes: Uint8Array; readonly contentType: string } | undefined
  /** How the answer's body is read: as text, or a character for each byte. Default `"text"`. */
  readonly answer?: "text" | "bytes" | undefined
}

export interface Answer {
  /** 0 stands for a redirect that a browser hides. */
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** At most {@link maxBodyBytes}; what follows is left unread. */
  readonly body: string
}

export const maxBodyBytes = 65_536

/** A client that is ready for {@link send}. */
export type Client = HttpClient.HttpClient

export const prepare = (client: HttpClient.HttpClient): Client =>
  // Fetch follows redirects unless told not to. This adds to what else the app has told it, such as a dispatcher.
  HttpClient.mapRequestInputEffect(client, (request) =>
    Effect.as(FiberRef.update(FiberRef.currentContext, withoutRedirects), request)
  )

const withoutRedirects = (context: Context.Context<never>): Context.Context<never> => {
  const init = Context.getOption(context, FetchHttpClient.RequestInit)
  const given = init._tag === "Some" ? init.value : {}
  return Context.add(context, FetchHttpClient.RequestInit, { ...given, redirect: "manual" })
}

export const send = (client: Client, request: Request): Effect.Effect<Answer, TransportFailure> =>
  apart(
    request,
    Effect.matchEffect(client.execute(toClientRequest(request)), {
      onSuccess: (response) => read(response, request.answer),
      onFailure: (error) =>
        // Clients may be set to fail on a status.
        error._tag === "ResponseError" && error.reason === "StatusCode"
          ? read(error.response, request.answer)
          : Effect.fail(failureOf(error))
    })
  )

/**
 * With fiber refs of its own: no tracing, and the names of all headers sent among those that are not to be printed. Set and
 * restored at once, as every `locally` costs several times what the rest of a request does.
 */
const apart = <A, E>(request: Request, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    let before: FiberRefs.FiberRefs | undefined
    const enter = Effect.updateFiberRefs((forkAs, refs) => {
      before = refs
      const names = [...FiberRefs.getOrDefault(refs, Headers.currentRedactedNames), ...Object.keys(request.headers)]
      return FiberRefs.updateManyAs(refs, {
        forkAs,
        entries: [
          [Headers.currentRedactedNames, [[forkAs, names]]],
          [FiberRef.currentTracerEnabled, [[forkAs, false]]],
          [HttpClient.currentTracerPropagation, [[forkAs, false]]]
        ]
      })
    })
    const leave = Effect.updateFiberRefs((_, refs) => before ?? refs)
    return Effect.ensuring(Effect.zipRight(enter, self), leave)
  })

const toClientRequest = ({ body, headers, method, url }: Request): HttpClientRequest.HttpClientRequest => {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers))
    plain[name] = Redacted.isRedacted(value) ? Redacted.value(value) : value
  return HttpClientRequest.make(method)(url, {
    headers: plain,
    ...(body === undefined ? {} : { body: HttpBody.uint8Array(body.bytes, body.contentType) })
  })
}

/** An answer whose body breaks off is an answer all the same: its status says what became of the request. */
const read = (
  response: HttpClientResponse.HttpClientResponse,
  as: Request["answer"] = "text"
): Effect.Effect<Answer> => {
  const { headers, status } = response
  const body = isShort(status, headers) ? readAll(response, as) : readStart(response, as)
  return Effect.map(body, (body) => ({ status, headers, body }))
}

const eachByte = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

// A body that is read as a stream costs the connection: the client aborts the request when the stream ends.
const isShort = (status: number, headers: Headers.Headers): boolean =>
  status === 204 ||
  (Number(headers["content-length"] ?? NaN) <= maxBodyBytes && headers["content-encoding"] === undefined)

/** Not by `text`, which on Node takes several times as long. */
const readAll = (response: HttpClientResponse.HttpClientResponse, as: "text" | "bytes"): Effect.Effect<string> =>
  Effect.match(response.arrayBuffer, {
    onFailure: () => "",
    onSuccess: (bytes) => {
      if (bytes.byteLength === 0) return ""
      return as === "text" ? new TextDecoder().decode(bytes) : eachByte(new Uint8Array(bytes))
    }
  })

const readStart = (response: HttpClientResponse.HttpClientResponse, as: "text" | "bytes"): Effect.Effect<string> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let left = maxBodyBytes
    let body = ""
    return response.stream.pipe(
      Stream.takeWhile(() => left > 0),
      Stream.runForEach((bytes) =>
        Effect.sync(() => {
          const read = bytes.subarray(0, left)
          body += as === "text" ? decoder.decode(read, { stream: true }) : eachByte(read)
          left -= bytes.length
        })
      ),
      // Also where there is no body at all.
      Effect.ignore,
      Effect.map(() => body)
    )
  })

const failureOf = (error: HttpClientError.HttpClientError): TransportFailure => {
  if (error._tag === "ResponseError")
    return new TransportFailure({ reason: "the answer could not be read", ambiguous: true })
  const at = ` at ${printUrl(error.request.url)}`
  if (error.reason !== "Transport")
    return new TransportFailure({ reason: `the request is not valid${at}`, ambiguous: false })
  const { ambiguous, what } = classify(error.cause, "the connection broke before an answer came")
  return new TransportFailure({ reason: what + at, ambiguous })
}

/** Fit for logs: without user name, password, query and fragment, where tokens may be. */
export const printUrl = (url: string): string => {
  try {
    const { host, pathname, protocol } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return "an address that is not valid"
  }
}

/** What `Retry-After` asks for, in milliseconds: seconds or a date, at least something. Nonsense is `undefined`. */
export const retryAfter = (header: string | undefined, nowMillis: number): number | undefined => {
  if (header === undefined) return undefined
  const text = header.trim()
  const millis = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : /^[A-Za-z]{3,9},? /.test(text)
      ? Date.parse(text) - nowMillis
      : NaN
  return millis > 0 && Number.isFinite(millis) ? Math.ceil(millis) : undefined
}
