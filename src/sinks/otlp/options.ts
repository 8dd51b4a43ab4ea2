/**
 * The options of the OpenTelemetry sink, and what they come to. A combination that cannot work is an error when the layer is
 * built.
 */
import { Effect, Redacted } from "effect"
import * as Checks from "../../delivery/checks.js"
import type { Attribute, AttributeValue, Dialect, Temporality } from "../../encoding/otlp.js"
import { isBoundaries, usual, usualSeconds } from "../../recording/boundaries.js"
import type { DeliveryOptions, InvalidOption } from "../../Sink.js"
import { hostName } from "../../transport/host.js"
import { baseOf, headersOf } from "../../transport/poster.js"

/** What it is called unless it is given a name. */
export const sinkName = "otlp"

/** As in package.json. */
export const version = "0.1.0"

/**
 * All but `url` have defaults, also those of delivery: here at most 5000 measurements and 4 MB a request, and no `hostTag`, as
 * the host is an attribute of the resource.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /**
   * The receiver's address, `http` or `https`, without user name and query, such as `http://localhost:4318`. A path goes
   * before the endpoint's.
   */
  readonly url: string | URL
  /** The endpoint, behind the path of `url`. Default `/v1/metrics`. */
  readonly path?: string | undefined
  /** Both say the same; protobuf is less than half as long, and faster. Default `"protobuf"`. */
  readonly format?: "protobuf" | "json" | undefined
  /** Sent with every request, such as an API key. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Bodies of so many bytes and more are gzipped; `Infinity` for never. Default 1000. */
  readonly gzip?: number | undefined
  /**
   * Who is measured: attributes of all that is sent. They go over the defaults, of which `undefined` leaves one out:
   * `service.name` is `unknown_service`, `service.instance.id` another one each time, `host.name` the host's name,
   * `telemetry.sdk.name`, `telemetry.sdk.language` and `telemetry.sdk.version` are this library's.
   */
  readonly resource?: Readonly<Record<string, AttributeValue | undefined>> | undefined
  /** Who measures. Default: this library and its version. */
  readonly scope?: { readonly name: string; readonly version?: string | undefined } | undefined
  /**
   * What counters, timers and distributions say: `"cumulative"`, the total since the series began, or `"delta"`, what came
   * since the last time. A total that is lost is made good by the next one, and may be sent twice; an increase is lost, or
   * counted twice. Prometheus takes totals alone. Default `"cumulative"`.
   */
  readonly temporality?: Temporality | undefined
  /**
   * What timers and distributions without `boundaries` of their own are: `"exponential"` histograms, which lose nothing; or
   * `"explicit"` ones for backends without those, of about the values. Default `"exponential"`.
   */
  readonly histograms?: "exponential" | "explicit" | undefined
  /**
   * Upper bounds of explicit buckets where the instrument has none. Default: 5 ms to 10 s where the unit is `s`, else the
   * specification's, 0 to 10 000.
   */
  readonly boundaries?: ReadonlyArray<number> | undefined
  /**
   * Which names are taken: `"strict"`, those of OpenTelemetry's instruments, a letter and then letters, digits and
   * `_ . - /`; `"any"`, what has at most 255 characters. Others are dropped as `invalid`. Default `"strict"`.
   */
  readonly names?: "strict" | "any" | undefined
}

export interface Target extends Dialect {
  readonly url: string
  readonly format: "protobuf" | "json"
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** Over the network without TLS. */
  readonly isInClear: boolean
  readonly gzip: number
}

const isAttribute = (value: unknown): value is AttributeValue =>
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value)) ||
  (typeof value === "bigint" && BigInt.asIntN(64, value) === value)

/** A UUID of version 4. */
const anyId = Effect.sync(() => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6]! & 15) | 64
  bytes[8] = (bytes[8]! & 63) | 128
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
})

/** What is said of the process where the user says nothing. */
const usualResource: Effect.Effect<Readonly<Record<string, AttributeValue | undefined>>> = Effect.zipWith(
  hostName,
  anyId,
  (host, id) => ({
    "service.name": "unknown_service",
    "service.instance.id": id,
    "host.name": host,
    "telemetry.sdk.name": "effect-metrics",
    // A browser has no name to tell.
    "telemetry.sdk.language": host === undefined ? "webjs" : "nodejs",
    "telemetry.sdk.version": version
  })
)

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Effect.flatMap(usualResource, (resource) =>
    Checks.checked(options.name ?? sinkName, (refuse) => resolve(options, resource, refuse))
  )

const resolve = (
  options: Options,
  given: Readonly<Record<string, AttributeValue | undefined>>,
  refuse: Checks.Refuse
): Target | undefined => {
  const { boundaries, path = "/v1/metrics", scope = { name: "effect-metrics", version } } = options
  const base = baseOf(options.url, path === "/v1/metrics" ? /\/(v1\/metrics)?\/?$/ : /\/$/, refuse)
  if (typeof path !== "string" || !/^(\/[\w.~!$&'()*+,;=:@%-]*)+$/.test(path)) {
    refuse("path", Checks.show(path), "a path that starts with a slash, without query")
  }
  if (boundaries !== undefined && !isBoundaries(boundaries)) {
    refuse("boundaries", Checks.show(boundaries), "a list of ascending numbers")
  }
  const resource: Array<Attribute> = []
  for (const [key, value] of Object.entries({ ...given, ...options.resource })) {
    if (value === undefined) continue
    if (key === "" || !isAttribute(value)) {
      refuse(`resource.${key}`, Checks.show(value), "a text, a number, or a boolean, under a name")
    }
    resource.push([key, value])
  }
  if (typeof scope.name !== "string" || !["string", "undefined"].includes(typeof scope.version)) {
    refuse("scope", Checks.show(scope), "a name, and a version if there is one, as texts")
  }
  const headers = headersOf(options.headers, refuse)
  const hasSecrets = Object.values(options.headers ?? {}).some(Redacted.isRedacted)
  const target = {
    format: Checks.oneOf(refuse, "format", options.format ?? "protobuf", ["protobuf", "json"]),
    temporality: Checks.oneOf(refuse, "temporality", options.temporality ?? "cumulative", ["cumulative", "delta"]),
    histograms: Checks.oneOf(refuse, "histograms", options.histograms ?? "exponential", ["exponential", "explicit"]),
    names: Checks.oneOf(refuse, "names", options.names ?? "strict", ["strict", "any"]),
    gzip: Checks.gzip(refuse, options.gzip ?? 1000)
  }
  if (base === undefined) return undefined
  return {
    ...target,
    url: base.origin + base.pathname + path,
    headers,
    isInClear: hasSecrets && base.isInClear,
    resource,
    scope: { name: scope.name, version: scope.version },
    boundaries: (unit) => boundaries ?? (unit === "s" ? usualSeconds : usual)
  }
}
