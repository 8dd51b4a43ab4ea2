/**
 * The options of the sink that writes to Prometheus, and what they come to. A combination that cannot work is an error when the
 * layer is built.
 */
import { type Effect, Redacted } from "effect"
import * as Checks from "../../delivery/checks.js"
import type { Dialect, Version } from "../../encoding/remoteWriteSeries.js"
import { isBoundaries, usual, usualSeconds } from "../../recording/boundaries.js"
import type { DeliveryOptions, InvalidOption } from "../../Sink.js"
import type { Credentials, Secret } from "../../transport/credentials.js"
import { authorizationOf, checkLogin } from "../../transport/login.js"
import { baseOf, headersOf } from "../../transport/poster.js"

/** What it is called unless it is given a name. */
export const sinkName = "prometheus-remote-write"

/** Of samples, unless the user says another: as many as Prometheus itself sends at once. */
export const usualBatch = 2000

/**
 * All but `url` have defaults, also those of delivery: here at most 2000 samples and 4 MB a request; `resend: "always"`, which tells
 * all series each time, as Prometheus takes one for gone that it has not heard of for 5 minutes; and as `hostTag` the label
 * `instance`, of the host's name and something that is another each time: two processes that write the same series spoil each
 * other's totals.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /**
   * The receiver's address, `http` or `https`, without user name and query, such as `http://localhost:9090`. A path goes before the
   * endpoint's.
   */
  readonly url: string | URL
  /** The endpoint, behind the path of `url`. Default `/api/v1/write`. */
  readonly path?: string | undefined
  /**
   * Which version is written first. Where the receiver does not know 2.0, 1.0 is written from then on, and that is logged once; it
   * has no room for descriptions, units and the time since which a series is counted. Default `"2.0"`.
   */
  readonly version?: "1.0" | "2.0" | undefined
  /**
   * What timers and distributions are. `"classic"`: series for each bucket, sum and count. `"native"`: one of an exponential
   * histogram, which receivers must have turned on; those with `boundaries` of their own are classic. `"both"`. Default `"classic"`.
   */
  readonly histograms?: "classic" | "native" | "both" | undefined
  /**
   * Upper bounds of classic buckets where the instrument has none. Default: 5 ms to 10 s where the unit is `s`, else 0 to 10 000.
   */
  readonly boundaries?: ReadonlyArray<number> | undefined
  /**
   * How names are told that have other characters than Prometheus had at first, such as dots: with `"underscores"` in their place,
   * or as they are (`"utf-8"`), which takes Prometheus 3. Default `"underscores"`.
   */
  readonly names?: "underscores" | "utf-8" | undefined
  /** Whether the close tells that all series have ended, so that they are not shown for 5 minutes more. Default `false`. */
  readonly staleMarkers?: boolean | undefined
  /** Sent as `Bearer`. */
  readonly token?: Secret | undefined
  /** With `password`, instead of `token`. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  /** Sent with every request, such as a tenant's `X-Scope-OrgID`. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
}

export interface Target {
  readonly url: string
  /** The first one that is tried. */
  readonly version: Version
  readonly dialect: Omit<Dialect, "version">
  readonly staleMarkers: boolean
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** `undefined` where there are no credentials. Fails with the reason if they cannot be had. */
  readonly authorization: Effect.Effect<Credentials | undefined, string>
  /** Over the network without TLS. */
  readonly isInClear: boolean
}

export const escapingOf = ({ names }: Pick<Options, "names">): "underscores" | "allow-utf-8" =>
  names === "utf-8" ? "allow-utf-8" : "underscores"

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => resolve(options, refuse))

const resolve = (options: Options, refuse: Checks.Refuse): Target | undefined => {
  const { boundaries, password, path = "/api/v1/write", staleMarkers = false, token } = options
  const base = baseOf(options.url, path === "/api/v1/write" ? /\/(api\/v1\/write)?\/?$/ : /\/$/, refuse)
  if (typeof path !== "string" || !/^(\/[\w.~!$&'()*+,;=:@%-]*)+$/.test(path)) {
    refuse("path", Checks.show(path), "a path that starts with a slash, without query")
  }
  const version = Checks.oneOf(refuse, "version", options.version ?? "2.0", ["1.0", "2.0"])
  const histograms = Checks.oneOf(refuse, "histograms", options.histograms ?? "classic", ["classic", "native", "both"])
  Checks.oneOf(refuse, "names", options.names ?? "underscores", ["underscores", "utf-8"])
  if (boundaries !== undefined && !isBoundaries(boundaries)) {
    refuse("boundaries", Checks.show(boundaries), "a list of ascending numbers")
  }
  if (typeof staleMarkers !== "boolean") refuse("staleMarkers", Checks.show(staleMarkers), "true or false")
  checkLogin(options, refuse)
  const headers = headersOf(options.headers, refuse)
  const hasSecrets = (token ?? password) !== undefined || Object.values(options.headers ?? {}).some(Redacted.isRedacted)
  if (base === undefined) return undefined
  return {
    url: base.origin + base.pathname + path,
    version: version === "1.0" ? 1 : 2,
    dialect: {
      escaping: escapingOf(options),
      conflicts: "rename",
      histograms,
      boundaries: (unit) => boundaries ?? (unit === "s" ? usualSeconds : usual),
      maxSamples: options.batchSize ?? usualBatch
    },
    staleMarkers,
    headers,
    authorization: authorizationOf(options),
    isInClear: hasSecrets && base.isInClear
  }
}
