/**
 * The options of the Librato sink, and what they come to. A value that cannot work is an error when the layer is built.
 */
import { Effect, Redacted } from "effect"
import type { Dialect } from "../../encoding/librato.js"
import type { DeliveryOptions } from "../../Sink.js"
import * as Checks from "../../delivery/checks.js"
import type { InvalidOption } from "../../Sink.js"
import type { Credentials, Secret } from "../../transport/credentials.js"
import { basic, secretOf } from "../../transport/credentials.js"
import { baseOf, headersOf } from "../../transport/poster.js"

/** What it is called unless it is given a name. */
export const sinkName = "librato"

/**
 * What a series is called where it has a source and no tags.
 *
 * @since 0.1.0
 * @category models
 */
export interface Named {
  readonly name: string
  /** Default: none. */
  readonly source?: string | undefined
}

/**
 * Only `token` is needed, and `email` by Librato. Delivery has defaults of its own here: at most 300 measurements and 1 MB a
 * request, `ambiguous: "drop"`, and `hostTag: "auto"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /** Whose address, endpoint and credentials are meant where others are not given. Default `"librato"`. */
  readonly service?: "librato" | "appoptics" | undefined
  /**
   * The service's address, `https`, or `http` for a proxy on this machine, without user name and query. A path goes before the
   * endpoint's. Default `https://metrics-api.librato.com`, of AppOptics `https://api.appoptics.com`.
   */
  readonly url?: string | URL | undefined
  /**
   * The endpoint: `"metrics"` has gauges with a source, as Zibrato wrote them; `"measurements"` has tags, and is all that
   * AppOptics knows. Default `"metrics"`, of AppOptics `"measurements"`.
   */
  readonly api?: "metrics" | "measurements" | undefined
  /** The account's. Librato asks for it together with the token, AppOptics does not. */
  readonly email?: string | undefined
  /** The API token, one that may record. */
  readonly token: Secret
  /**
   * With `api: "metrics"`: keys of tags, the first of which that a series has is its source. The others of these keys are left
   * out. Default `["source", "host"]`.
   */
  readonly sourceTags?: ReadonlyArray<string> | undefined
  /**
   * With `api: "metrics"`: what becomes of the tags that are not the source. `"folded"` puts them behind the name, as
   * `name.key.value`, so that series stay apart. `"bare"` leaves them out: series that differ in nothing else become one,
   * whose values the service puts together. A function gives name and source itself. Default `"folded"`.
   */
  readonly naming?: "folded" | "bare" | ((name: string, tags: Readonly<Record<string, string>>) => Named) | undefined
  /**
   * Writes a dash for each run of characters that the service does not take in names, sources and tags. Default `false`: such
   * measurements are `dropped: invalid`, with the reason in the log.
   */
  readonly sanitise?: boolean | undefined
  /**
   * Whole seconds between two measurements of a series, which the service keeps for metrics that are new. Set it to what
   * `schedule` says. Default: left out.
   */
  readonly period?: number | undefined
  /** Which of timers and distributions are sent as well, as gauges such as `name.p95`; 0 to 1. Default: none. */
  readonly quantiles?: ReadonlyArray<number> | undefined
  /** Bodies of so many bytes and more are gzipped, for a proxy that can read that. Default `Infinity`: never. */
  readonly gzip?: number | undefined
  /** Sent with every request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
}

export interface Target extends Dialect {
  /** Where measurements go. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** Fails with the reason if they cannot be had. */
  readonly authorization: Effect.Effect<Credentials, string>
  /** Over the network without TLS. */
  readonly isInClear: boolean
  readonly gzip: number
}

/** What the documents ask for. There is no hard limit in them, but a request of more took too long. */
export const batchSize = 300

const addresses = { librato: "https://metrics-api.librato.com", appoptics: "https://api.appoptics.com" } as const

export const urlOf = ({ service, url }: Options): string => String(url ?? addresses[service ?? "librato"])

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const service = Checks.oneOf(refuse, "service", options.service ?? "librato", ["librato", "appoptics"])
    const api = Checks.oneOf(refuse, "api", options.api ?? (service === "appoptics" ? "measurements" : "metrics"), [
      "metrics",
      "measurements"
    ])
    if (service === "appoptics" && api === "metrics") refuse("api", Checks.show(api), `"measurements" for AppOptics`)
    const base = baseOf(urlOf(options), /\/(v1\/(metrics|measurements)|v1)?\/?$/, refuse)
    const { email, gzip = Infinity, naming = "folded", period, quantiles = [], sanitise = false, token } = options
    const sourceTags = options.sourceTags ?? ["source", "host"]
    if (typeof naming !== "function") Checks.oneOf(refuse, "naming", naming, ["folded", "bare"])
    const areKeys = Array.isArray(sourceTags) && sourceTags.every((key) => typeof key === "string" && key !== "")
    if (!areKeys) refuse("sourceTags", Checks.show(sourceTags), "a list of keys of tags")
    for (const option of ["naming", "sourceTags"] as const) {
      if (api === "measurements" && options[option] !== undefined) {
        refuse(option, Checks.show(options[option]), `used with api: "metrics", as the other has tags`)
      }
    }
    Checks.oneOf(refuse, "sanitise", sanitise, [true, false])
    if (period !== undefined && !(Number.isSafeInteger(period) && period >= 1)) {
      refuse("period", Checks.show(period), "a whole number of seconds from 1 on")
    }
    Checks.quantiles(refuse, quantiles)
    Checks.gzip(refuse, gzip)

    const headers = headersOf(options.headers, refuse)
    if (token === undefined) refuse("token", "undefined", "an API token")
    else if (Redacted.isRedacted(token) && !isToken(Redacted.value(token))) refuse("token", "<redacted>", tokenExpected)
    if (service === "librato" && email === undefined) {
      refuse("email", "undefined", `that of the account (or service: "appoptics", which has tokens alone)`)
    }
    if (service === "appoptics" && email !== undefined)
      refuse("email", Checks.show(email), "left out: AppOptics has none")
    if (email !== undefined && (email === "" || /[:\p{Cc}]/u.test(email))) {
      refuse("email", Checks.show(email), "an address without colon and control characters")
    }
    if (base === undefined || token === undefined) return undefined

    const target: Target = {
      api,
      naming,
      sourceTags,
      sanitise,
      period,
      times: "s",
      quantiles,
      maxItems: options.batchSize ?? batchSize,
      url: `${base.origin}${base.pathname}/v1/${api}`,
      headers,
      authorization: authorizationOf(email, token),
      isInClear: base.isInClear,
      gzip
    }
    return target
  })

// In Base64 it could be anything, but no token has blanks or line breaks: they come from files.
const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

const tokenExpected = "of visible ASCII characters only, and not empty"

/** Librato knows by the account's address and the token, AppOptics by the token in the place of the address. */
const authorizationOf = (email: string | undefined, token: Secret): Target["authorization"] =>
  Effect.flatMap(secretOf("token", token), (secret) =>
    isToken(secret)
      ? Effect.succeed(basic(email ?? secret, email === undefined ? "" : secret, secret))
      : Effect.fail(`the token is not ${tokenExpected}`)
  )
