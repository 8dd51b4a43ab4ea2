/**
 * The options of the sink that pushes to a Pushgateway, and what they come to. A combination that cannot work is an error when
 * the layer is built.
 */
import { type Effect, Redacted } from "effect"
import * as Checks from "../../delivery/checks.js"
import * as Encoding from "../../encoding/pushgateway.js"
import { isBoundaries, usual, usualSeconds } from "../../recording/boundaries.js"
import type { Tag } from "../../recording/measurement.js"
import type { DeliveryOptions, InvalidOption } from "../../Sink.js"
import type { Credentials, Secret } from "../../transport/credentials.js"
import { authorizationOf, checkLogin } from "../../transport/login.js"
import { baseOf, headersOf } from "../../transport/poster.js"

/** What it is called unless it is given a name. */
export const sinkName = "pushgateway"

/**
 * All but `url` and `job` have defaults, also those of delivery: here `resend: "always"`, as each push has everything, at most 10 000
 * series that are new in a push, and no `concurrency`, as a push takes the place of the one before.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /** The Pushgateway's address, `http` or `https`, without user name and query, such as `http://localhost:9091`. */
  readonly url: string | URL
  /** What runs: the label `job` of the group. Not empty. */
  readonly job: string
  /**
   * The other labels of the group, such as `instance`. A push takes the place of what another process pushed to the same group.
   * Default: none, so that the last run of a job is seen.
   */
  readonly grouping?: Readonly<Record<string, string>> | undefined
  /**
   * What a push takes the place of: `"group"`, everything in the group; or `"metrics"`, those in it with the same names, so that
   * several can push different ones. Default `"group"`.
   */
  readonly replaces?: "group" | "metrics" | undefined
  /**
   * What the close does after the last push: `"keep"` leaves the group to be scraped for as long as the Pushgateway runs, as for a
   * job that is done; `"delete"` removes it, as for one of many instances. Default `"keep"`.
   */
  readonly onClose?: "keep" | "delete" | undefined
  /**
   * Upper bounds of buckets of timers and distributions without `boundaries`. Default: 5 ms to 10 s where the unit is `s`, else 0 to
   * 10 000.
   */
  readonly boundaries?: ReadonlyArray<number> | undefined
  /** Bodies of so many bytes and more are gzipped; `Infinity` for never. Default `Infinity`, as not all Pushgateways take it. */
  readonly gzip?: number | undefined
  /** Sent as `Bearer`. */
  readonly token?: Secret | undefined
  /** With `password`, instead of `token`. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  /** Sent with every request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
}

export interface Target extends Encoding.Options {
  readonly url: string
  /** Which says whether it is there. */
  readonly readyUrl: string
  readonly method: "PUT" | "POST"
  readonly isDeleted: boolean
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** `undefined` where there are no credentials. Fails with the reason if they cannot be had. */
  readonly authorization: Effect.Effect<Credentials | undefined, string>
  /** Over the network without TLS. */
  readonly isInClear: boolean
  readonly gzip: number
}

/** Labels that the group has, and no series of its own. */
export const groupKeys = ({ grouping }: Pick<Options, "grouping">): ReadonlySet<string> =>
  new Set(["job", ...Object.keys(grouping ?? {})])

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const { boundaries, concurrency = 1, expireAfter, grouping = {}, job, password, token } = options
    const base = baseOf(options.url, /\/(metrics)?\/?$/, refuse)
    if (typeof job !== "string" || Encoding.groupFault("job", job) !== undefined) {
      refuse("job", Checks.show(job), "a name that is not empty")
    }
    for (const [key, value] of Object.entries<unknown>(grouping)) {
      if (typeof value !== "string" || key === "job" || Encoding.groupFault(key, value) !== undefined) {
        refuse(`grouping.${key}`, Checks.show(value), "a text, under the name of a label other than job")
      }
    }
    const replaces = Checks.oneOf(refuse, "replaces", options.replaces ?? "group", ["group", "metrics"])
    const onClose = Checks.oneOf(refuse, "onClose", options.onClose ?? "keep", ["keep", "delete"])
    if (boundaries !== undefined && !isBoundaries(boundaries)) {
      refuse("boundaries", Checks.show(boundaries), "a list of ascending numbers")
    }
    if (concurrency !== 1)
      refuse("concurrency", Checks.show(concurrency), "1: a push takes the place of the one before")
    const gzip = Checks.gzip(refuse, options.gzip ?? Infinity)
    checkLogin(options, refuse)
    const headers = headersOf(options.headers, refuse)
    const hasSecrets =
      (token ?? password) !== undefined || Object.values(options.headers ?? {}).some(Redacted.isRedacted)
    const group = Object.entries(grouping).map(([key, value]): Tag => [key, String(value)])
    if (base === undefined) return undefined
    return {
      url: base.origin + base.pathname + Encoding.pathOf(String(job), group),
      readyUrl: `${base.origin}${base.pathname}/-/ready`,
      method: replaces === "group" ? "PUT" : "POST",
      isDeleted: onClose === "delete",
      boundaries: (unit) => boundaries ?? (unit === "s" ? usualSeconds : usual),
      // What it cannot be is refused where all sinks' options are.
      expireAfter: expireAfter === undefined ? Infinity : (Checks.toMillis(expireAfter) ?? Infinity),
      headers,
      authorization: authorizationOf(options),
      isInClear: hasSecrets && base.isInClear,
      gzip
    }
  })
