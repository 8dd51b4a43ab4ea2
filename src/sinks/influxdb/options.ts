/**
 * The options of the InfluxDB sink, and what they come to: an address and headers for each version of the server. A
 * combination that cannot work is an error when the layer is built.
 */
import { Effect, Redacted } from "effect"
import type { Precision } from "../../encoding/influxLine.js"
import type { DeliveryOptions, SeriesInfo } from "../../Sink.js"
import * as Checks from "../../delivery/checks.js"
import type { InvalidOption } from "../../Sink.js"
import { basic, type Credentials, type Secret, secretOf } from "../../transport/credentials.js"
import { type Base, baseOf, headersOf } from "../../transport/poster.js"

/** What it is called unless it is given a name. */
export const sinkName = "influxdb"

/**
 * All but `url` and the name of a database or bucket have defaults, also those of delivery: here at most 5000 lines and
 * 10 MB a write, and `hostTag: "auto"`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends DeliveryOptions {
  /** The server's address, `http` or `https`, without user name and query. A path goes before the endpoint's. */
  readonly url: string | URL
  /** InfluxDB's major version, which says how to write to it. VictoriaMetrics takes 1 and 2. Default 1. */
  readonly version?: 1 | 2 | 3 | undefined
  /**
   * Versions 1 and 3. A function chooses for each series, and each database has a lane of its own: one that is missing or
   * refuses holds back no other.
   */
  readonly database?: string | ((series: SeriesInfo) => string) | undefined
  /** Version 2. As `database`. */
  readonly bucket?: string | ((series: SeriesInfo) => string) | undefined
  /** Version 2: name or id of the organization. Default: left out, for servers that know by the token. */
  readonly org?: string | undefined
  /** Sent as `Token` to version 2, as `Bearer` to 1 (which takes JWTs) and 3. */
  readonly token?: Secret | undefined
  /** With `password`, instead of `token`. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  /** Version 1. Default: the database's own. */
  readonly retentionPolicy?: string | undefined
  /** Version 1, clusters only. Default: the server's. */
  readonly consistency?: "any" | "one" | "quorum" | "all" | undefined
  /**
   * Of timestamps. Points of one series and timestamp overwrite each other, so the finer the better; a coarser one takes less
   * room. Default `"ns"`.
   */
  readonly precision?: "ns" | "us" | "ms" | "s" | undefined
  /** Bodies of so many bytes and more are gzipped; `Infinity` for never. Default 1000. */
  readonly gzip?: number | undefined
  /** Version 1: creates a database that is missing when it is first written to. Needs the right to. Default `false`. */
  readonly createDatabase?: boolean | undefined
  /** Whether `Measurement.uint` fields can be written. Default: by version; 1 needs a server that was built to. */
  readonly uint?: "supported" | "unsupported" | undefined
  /** Which of timers and distributions become fields, 0 to 1. Default 0.5, 0.95 and 0.99. */
  readonly quantiles?: ReadonlyArray<number> | undefined
  /** Sent with every request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
}

export interface Target {
  readonly version: 1 | 2 | 3
  /** Where lines of a database or bucket go. */
  readonly writeUrl: (destination: string) => string
  /** Version 1: where statements go. */
  readonly queryUrl: string
  readonly pingUrl: string
  /** The database or bucket; or how to choose. */
  readonly destination: string | ((series: SeriesInfo) => string)
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** `undefined` where there are no credentials. Fails with the reason if they cannot be had. */
  readonly authorization: Effect.Effect<Credentials | undefined, string>
  /** Over the network without TLS. */
  readonly isInClear: boolean
  readonly precision: Exclude<Precision, "none">
  readonly gzip: number
  readonly uint: "supported" | "unsupported"
  readonly quantiles: ReadonlyArray<number>
  readonly createDatabase: boolean
}

/** As the versions spell them. A server 1 takes a spelling that it does not know for nanoseconds. */
const precisions = {
  1: { ns: "ns", us: "u", ms: "ms", s: "s" },
  2: { ns: "ns", us: "us", ms: "ms", s: "s" },
  3: { ns: "nanosecond", us: "microsecond", ms: "millisecond", s: "second" }
} as const

const paths = { 1: "/write", 2: "/api/v2/write", 3: "/api/v3/write_lp" } as const

export const resolveTarget = (options: Options): Effect.Effect<Target, InvalidOption> =>
  Checks.checked(options.name ?? sinkName, (refuse) => {
    const only = (
      option: "org" | "bucket" | "database" | "retentionPolicy" | "consistency",
      versions: string
    ): void => {
      if (options[option] !== undefined && !versions.includes(String(version))) {
        refuse(option, Checks.show(options[option]), `used with version ${version} of InfluxDB`)
      }
    }

    const version = Checks.oneOf(refuse, "version", options.version ?? 1, [1, 2, 3])
    const precision = Checks.oneOf(refuse, "precision", options.precision ?? "ns", ["ns", "us", "ms", "s"])
    if (options.consistency !== undefined) {
      Checks.oneOf(refuse, "consistency", options.consistency, ["any", "one", "quorum", "all"])
    }
    const uint = Checks.oneOf(refuse, "uint", options.uint ?? (version === 1 ? "unsupported" : "supported"), [
      "supported",
      "unsupported"
    ])

    const base = baseOf(options.url, /\/(write|api\/v2\/write|api\/v3\/write_lp)?\/?$/, refuse)
    only("database", "13")
    only("bucket", "2")
    only("org", "2")
    only("retentionPolicy", "1")
    only("consistency", "1")
    if (options.createDatabase === true && version !== 1)
      refuse("createDatabase", "true", "used with version 1 of InfluxDB")
    const named = version === 2 ? "bucket" : "database"
    const destination = options[named]
    if (typeof destination !== "function" && !isName(destination)) {
      refuse(
        named,
        destination === undefined ? "nothing" : Checks.show(destination),
        "a name, or a function that gives one"
      )
    }
    const gzip = Checks.gzip(refuse, options.gzip ?? 1000)
    const quantiles = Checks.quantiles(refuse, options.quantiles ?? [0.5, 0.95, 0.99])

    const headers = headersOf(options.headers, refuse)
    const { password, token, username } = options
    if (Redacted.isRedacted(token) && !isToken(Redacted.value(token))) refuse("token", "<redacted>", tokenExpected)
    if (token !== undefined && (username !== undefined || password !== undefined)) {
      refuse("token", "<redacted>", "given together with username and password: it is one or the other")
    }
    if ((username === undefined) !== (password === undefined)) {
      refuse(username === undefined ? "username" : "password", "undefined", "given: user name and password go together")
    }
    if (username !== undefined && (username === "" || /[:\p{Cc}]/u.test(username))) {
      refuse("username", Checks.show(username), "a name without colon and control characters")
    }
    if (base === undefined || destination === undefined) return undefined

    const query = new URLSearchParams()
    if (version === 2 && options.org !== undefined) query.set("org", options.org)
    if (options.retentionPolicy !== undefined) query.set("rp", options.retentionPolicy)
    if (options.consistency !== undefined) query.set("consistency", options.consistency)
    if (version === 3) query.set("accept_partial", "true")
    query.set("precision", precisions[version][precision])
    const target: Target = {
      version,
      writeUrl: (name) => {
        const full = new URLSearchParams([[version === 2 ? "bucket" : "db", name], ...query])
        return `${withPath(base, paths[version])}?${full}`
      },
      queryUrl: withPath(base, "/query"),
      pingUrl: withPath(base, "/ping"),
      destination,
      headers,
      authorization: authorizationOf(version, options),
      isInClear: (token ?? password) !== undefined && base.isInClear,
      precision,
      gzip,
      uint,
      quantiles,
      createDatabase: options.createDatabase === true
    }
    return target
  })

const isName = (name: string | undefined): name is string => name !== undefined && name !== "" && !/\p{Cc}/u.test(name)

// Line breaks would be headers of their own; a password is in Base64, so it may be anything.
const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

const tokenExpected = "of visible ASCII characters only"

const withPath = ({ origin, pathname }: Base, path: string): string => origin + pathname + path

const authorizationOf = (version: 1 | 2 | 3, options: Options): Target["authorization"] => {
  const { password, token, username } = options
  if (token !== undefined) {
    return Effect.flatMap(secretOf("token", token), (secret) =>
      isToken(secret)
        ? Effect.succeed({
            header: Redacted.make(`${version === 2 ? "Token" : "Bearer"} ${secret}`),
            secrets: [Redacted.make(secret)]
          })
        : Effect.fail(`the token is not ${tokenExpected}`)
    )
  }
  if (username === undefined || password === undefined) return Effect.succeed(undefined)
  return Effect.map(secretOf("password", password), (secret) => basic(username, secret, secret))
}
