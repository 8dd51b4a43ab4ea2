/**
 * What the instruments of HTTP servers and clients are called, in the default semantics and in OpenTelemetry's, and the tags
 * that they have. Every value of a tag comes from a bounded set: a raw method or path is never one.
 */
import type { Outcome } from "../../Metrics.js"

/**
 * Whose names and tags: this library's own, or OpenTelemetry's conventions.
 *
 * @since 0.1.0
 * @category models
 */
export type Semantics = "default" | "opentelemetry"

/**
 * What is measured of requests; each can be left out.
 *
 * @since 0.1.0
 * @category models
 */
export type Instrument = "requests" | "duration" | "inFlight" | "requestSize" | "responseSize"

export type Side = "server" | "client"

/** What tells one series of ended requests from another. */
export interface Key {
  readonly method: string
  /** The server's scheme; the client's origin. */
  readonly place: string
  readonly route: string | undefined
  /** 0 where there was no response. */
  readonly status: number
  readonly outcome: Outcome
}

type Tags = Readonly<Record<string, string | undefined>>

export interface Naming {
  readonly names: Readonly<Record<Instrument, string>>
  /** The instruments that are made where the options do not say. */
  readonly standard: ReadonlyArray<Instrument>
  readonly boundaries: ReadonlyArray<number> | undefined
  readonly inFlightTags: (method: string, place: string) => Tags
  readonly tags: (key: Key) => Tags
}

export const unmatched = "unmatched"

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"])

/** A known method, in upper case; all others are one. */
export const methodOf = (method: string): string => {
  if (methods.has(method)) return method
  const upper = method.toUpperCase()
  return methods.has(upper) ? upper : "_OTHER"
}

/** The buckets, in seconds, that OpenTelemetry's conventions advise for the durations of requests. */
const advised = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

export const all: ReadonlyArray<Instrument> = ["requests", "duration", "inFlight", "requestSize", "responseSize"]

const schemeOf = (origin: string): string => origin.slice(0, origin.indexOf(":"))

export const hostOf = (origin: string): string => origin.slice(origin.indexOf("//") + 2)

const statusTag = (status: number): string | undefined => (status === 0 ? undefined : String(status))

/** Of a server only a status of 500 and more is an error; of a client, one of 400 and more. */
const errorOf = (side: Side, { outcome, status }: Key): string | undefined => {
  if (status >= (side === "server" ? 500 : 400)) return String(status)
  if (outcome === "success") return undefined
  return side === "server" && outcome === "failure" && status >= 400 ? undefined : outcome
}

const withoutPort = /:\d+$/

const address = (origin: string): Tags => {
  const host = hostOf(origin)
  return {
    "server.address": host.replace(withoutPort, ""),
    "server.port": withoutPort.exec(host)?.[0].slice(1) ?? (schemeOf(origin) === "https" ? "443" : "80")
  }
}

const placeTags = (side: Side, place: string): Tags => (side === "server" ? { "url.scheme": place } : address(place))

const byConvention = (side: Side, prefix: string): Naming => ({
  names: {
    requests: `${prefix}.requests`,
    duration: `${prefix}.request.duration`,
    inFlight: `${prefix}.active_requests`,
    requestSize: `${prefix}.request.body.size`,
    responseSize: `${prefix}.response.body.size`
  },
  standard: all.slice(1),
  boundaries: advised,
  inFlightTags: (method, place) => ({ "http.request.method": method, ...placeTags(side, place) }),
  tags: (key) => ({
    "http.request.method": key.method,
    ...placeTags(side, key.place),
    [side === "server" ? "http.route" : "url.template"]: key.route === unmatched ? undefined : key.route,
    "http.response.status_code": statusTag(key.status),
    "error.type": errorOf(side, key)
  })
})

const byDefault = (side: Side, prefix: string): Naming => {
  const host = (place: string): Tags => (side === "server" ? {} : { host: hostOf(place) })
  return {
    names: {
      requests: `${prefix}.requests`,
      duration: `${prefix}.duration`,
      inFlight: `${prefix}.in_flight`,
      requestSize: `${prefix}.request.size`,
      responseSize: `${prefix}.response.size`
    },
    standard: all,
    boundaries: undefined,
    inFlightTags: (method, place) => ({ method, ...host(place) }),
    tags: ({ method, outcome, place, route, status }) => ({
      method,
      ...host(place),
      route,
      status: statusTag(status),
      outcome
    })
  }
}

export const naming = (side: Side, semantics: Semantics | undefined, prefix: string | undefined): Naming =>
  (semantics === "opentelemetry" ? byConvention : byDefault)(side, prefix ?? `http.${side}`)

/** A `content-length`, in bytes. */
export const lengthOf = (header: string | undefined): number | undefined => {
  if (header === undefined) return undefined
  const bytes = Number(header)
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined
}

/** What the `content-length` of such a response says is not sent. */
export const hasNoBody = (method: string, status: number): boolean =>
  method === "HEAD" || status === 101 || status === 204 || status === 304
