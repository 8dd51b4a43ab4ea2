/** From the text of a URL to a sink with its options. Nothing is connected to. */
import { Either } from "effect"
import type * as Console from "../sinks/Console.js"
import type * as Graphite from "../sinks/Graphite.js"
import type * as InfluxDb from "../sinks/InfluxDb.js"
import type * as Librato from "../sinks/Librato.js"
import type * as Nats from "../sinks/Nats.js"
import type * as OpenTsdb from "../sinks/OpenTsdb.js"
import type * as Otlp from "../sinks/Otlp.js"
import type * as StatsD from "../sinks/StatsD.js"
import type * as ZeroMq from "../sinks/ZeroMq.js"
import { natsOf } from "./natsUrl.js"
import { type Environment, namedBy, needed, secretOf } from "./secrets.js"
import * as Known from "./sinkOptions.js"
import {
  addressOf,
  BadSink,
  hostOf,
  optionsOf,
  type Parts,
  partsOf,
  passwordEnv,
  type Result,
  schemeOf,
  tokenEnv,
  type Variables,
  withoutPath,
  withoutUser
} from "./sinkUrl.js"

/** A sink with its options, as the URL and the environment say. */
export type Destination =
  | { readonly _tag: "influxdb"; readonly options: InfluxDb.Options }
  | { readonly _tag: "otlp"; readonly options: Otlp.Options }
  | { readonly _tag: "opentsdb"; readonly options: OpenTsdb.Options }
  | { readonly _tag: "opentsdb+http"; readonly options: OpenTsdb.HttpOptions }
  | { readonly _tag: "statsd"; readonly options: StatsD.Options }
  | { readonly _tag: "graphite"; readonly options: Graphite.Options }
  | { readonly _tag: "librato"; readonly options: Librato.Options }
  | { readonly _tag: "zeromq"; readonly options: ZeroMq.Options }
  | { readonly _tag: "nats"; readonly options: Nats.Options }
  | { readonly _tag: "console"; readonly options: Console.Options }

const schemes = {
  influxdb: (parts) => influxDb(parts, "http"),
  "influxdb+http": (parts) => influxDb(parts, "http"),
  "influxdb+https": (parts) => influxDb(parts, "https"),
  otlp: (parts) => otlp(parts, "http"),
  "otlp+https": (parts) => otlp(parts, "https"),
  opentsdb: (parts) => openTsdb(parts),
  "opentsdb+http": (parts) => openTsdbHttp(parts, "http"),
  "opentsdb+https": (parts) => openTsdbHttp(parts, "https"),
  statsd: (parts) => statsD(parts, { protocol: "udp" }),
  "statsd+tcp": (parts) => statsD(parts, { protocol: "tcp" }),
  dogstatsd: (parts) => statsD(parts, { protocol: "udp", dialect: "dogstatsd" }),
  unixgram: (parts) => statsDUnix(parts, "datagram"),
  unixstream: (parts) => statsDUnix(parts, "stream"),
  unix: (parts) => statsDUnix(parts, "either"),
  graphite: (parts) => graphite(parts, "plaintext"),
  "graphite+pickle": (parts) => graphite(parts, "pickle"),
  librato: (parts) => librato(parts, "librato", "https"),
  "librato+http": (parts) => librato(parts, "librato", "http"),
  appoptics: (parts) => librato(parts, "appoptics", "https"),
  "appoptics+http": (parts) => librato(parts, "appoptics", "http"),
  zeromq: (parts) => zeroMq(parts),
  nats: (parts) => nats(parts, undefined),
  "nats+tls": (parts) => nats(parts, true),
  console: (parts) => terminal(parts)
} as const satisfies Readonly<Record<string, (parts: Parts) => Result<Destination>>>

/** What URLs of sinks begin with. */
export const schemeNames: ReadonlyArray<string> = Object.keys(schemes)

const isScheme = (name: string): name is keyof typeof schemes => Object.hasOwn(schemes, name)

/** Where a text leads, and what to call that: without user name and options. */
export interface Found {
  readonly shown: string
  readonly destination: Destination
}

export const findDestination = (text: string, environment: Environment): Either.Either<Found, BadSink> =>
  Either.gen(function* () {
    const scheme = schemeOf(text)
    if (!isScheme(scheme)) {
      const reason = `not the URL of a sink: it begins with one of ${schemeNames.join(": ")}:`
      return yield* Either.left(new BadSink({ sink: "", reason }))
    }
    const { parts, shown } = yield* partsOf(scheme, text, environment)
    const sink = parts.url.hostname === "" ? scheme : `${scheme}://${parts.url.hostname}`
    const destination = yield* Either.mapLeft(schemes[scheme](parts), (reason) => new BadSink({ sink, reason }))
    return { shown, destination }
  })

/** Where a text leads. */
export const destinationOf = (text: string, environment: Environment): Either.Either<Destination, BadSink> =>
  Either.map(findDestination(text, environment), ({ destination }) => destination)

const influxDb = (parts: Parts, protocol: "http" | "https"): Result<Destination> =>
  Either.gen(function* () {
    yield* hostOf(parts)
    const known = { ...Known.influxDb, ...tokenEnv, ...passwordEnv }
    const {
      passwordEnv: password,
      tokenEnv: token,
      ...options
    } = yield* optionsOf<InfluxDb.Options & Variables>(parts, known)
    const [, path = "", last = ""] = /^(.*)\/([^/]*)$/.exec(parts.url.pathname) ?? []
    const named = options.version === 2 ? "bucket" : "database"
    if (last === "") yield* Either.left(`there is no ${named} in it, as in ${parts.url.protocol}//host:8086/${named}`)
    return {
      _tag: "influxdb",
      options: {
        ...options,
        url: addressOf(parts, protocol, path),
        [named]: decodeURIComponent(last),
        ...(yield* influxDbCredentials(parts, { passwordEnv: password, tokenEnv: token }))
      }
    } as const
  })

const influxDbCredentials = (
  { environment, username }: Parts,
  { passwordEnv, tokenEnv }: Variables
): Result<Partial<InfluxDb.Options>> =>
  Either.gen(function* () {
    if (username === undefined) {
      if (passwordEnv !== undefined) yield* Either.left("there is no user name in it, as in influxdb://user@host")
      const token =
        tokenEnv === undefined
          ? secretOf(environment, "INFLUXDB_TOKEN")
          : yield* namedBy(environment, "tokenEnv", tokenEnv)
      return { token }
    }
    if (tokenEnv !== undefined) yield* Either.left("it has a user name and tokenEnv: it is one or the other")
    return { username, password: yield* passwordOf(environment, passwordEnv, "INFLUXDB_PASSWORD") }
  })

const passwordOf = (environment: Environment, named: string | undefined, usual: string) =>
  named === undefined ? needed(environment, usual, "the user's") : namedBy(environment, "passwordEnv", named)

const otlp = (parts: Parts, protocol: "http" | "https"): Result<Destination> =>
  Either.gen(function* () {
    yield* hostOf(parts)
    yield* withoutUser(parts)
    const options = yield* optionsOf<Otlp.Options>(parts, Known.otlp)
    return { _tag: "otlp", options: { ...options, url: addressOf(parts, protocol, parts.url.pathname) } } as const
  })

const openTsdb = (parts: Parts): Result<Destination> =>
  Either.gen(function* () {
    const host = yield* hostOf(parts)
    yield* withoutPath(parts)
    yield* withoutUser(parts)
    const options = yield* optionsOf<OpenTsdb.Options>(parts, Known.openTsdb)
    return { _tag: "opentsdb", options: { ...options, host, port: parts.port } } as const
  })

const openTsdbHttp = (parts: Parts, protocol: "http" | "https"): Result<Destination> =>
  Either.gen(function* () {
    yield* hostOf(parts)
    const { environment, username } = parts
    const known = { ...Known.openTsdbHttp, ...passwordEnv }
    const { passwordEnv: named, ...options } = yield* optionsOf<OpenTsdb.HttpOptions & Variables>(parts, known)
    if (username === undefined && named !== undefined) {
      yield* Either.left("there is no user name in it, as in opentsdb+http://user@host")
    }
    const password = username === undefined ? undefined : yield* passwordOf(environment, named, "OPENTSDB_PASSWORD")
    const url = addressOf(parts, protocol, parts.url.pathname)
    return { _tag: "opentsdb+http", options: { ...options, url, username, password } } as const
  })

const statsD = (parts: Parts, base: Pick<StatsD.Options, "protocol" | "dialect">): Result<Destination> =>
  Either.gen(function* () {
    const host = yield* hostOf(parts)
    yield* withoutPath(parts)
    yield* withoutUser(parts)
    const options = yield* optionsOf<StatsD.Options>(parts, Known.statsD)
    return { _tag: "statsd", options: { ...base, ...options, host, port: parts.port } } as const
  })

const statsDUnix = (parts: Parts, socket: StatsD.Options["socket"]): Result<Destination> =>
  Either.gen(function* () {
    const path = decodeURIComponent(parts.url.pathname)
    if (parts.host !== undefined || !path.startsWith("/")) {
      yield* Either.left(`there is no path in it, as in ${parts.url.protocol}///run/statsd.sock`)
    }
    const options = yield* optionsOf<StatsD.Options>(parts, Known.statsD)
    return { _tag: "statsd", options: { dialect: "dogstatsd", ...options, protocol: "uds", path, socket } } as const
  })

const graphite = (parts: Parts, protocol: "plaintext" | "pickle"): Result<Destination> =>
  Either.gen(function* () {
    const host = yield* hostOf(parts)
    yield* withoutPath(parts)
    yield* withoutUser(parts)
    const options = yield* optionsOf<Graphite.Options>(parts, Known.graphite)
    return { _tag: "graphite", options: { ...options, protocol, host, port: parts.port } } as const
  })

const librato = (parts: Parts, service: "librato" | "appoptics", protocol: "http" | "https"): Result<Destination> =>
  Either.gen(function* () {
    const { environment, host, url, username } = parts
    const known = { ...Known.librato, ...tokenEnv }
    const { tokenEnv: named, ...options } = yield* optionsOf<Librato.Options & Variables>(parts, known)
    const usual = service === "librato" ? "LIBRATO_TOKEN" : "APPOPTICS_TOKEN"
    const token = yield* named === undefined
      ? needed(environment, usual, "the account's")
      : namedBy(environment, "tokenEnv", named)
    const own = service === "librato" ? environment["LIBRATO_USER"]?.trim() : undefined
    const email = username ?? options.email ?? (own === "" ? undefined : own)
    if (service === "librato" && email === undefined) {
      yield* Either.left("there is no account: set LIBRATO_USER, or write it as librato:?email=me%40example.org")
    }
    const address = host === undefined ? undefined : addressOf(parts, protocol, url.pathname)
    if (address === undefined && protocol === "http") yield* hostOf(parts)
    return { _tag: "librato", options: { ...options, service, url: address, email, token } } as const
  })

const zeroMq = (parts: Parts): Result<Destination> =>
  Either.gen(function* () {
    const host = yield* hostOf(parts)
    yield* withoutPath(parts)
    yield* withoutUser(parts)
    const options = yield* optionsOf<ZeroMq.Options>(parts, Known.zeroMq)
    return { _tag: "zeromq", options: { ...options, host, port: parts.port } } as const
  })

const nats = (parts: Parts, tls: true | undefined): Result<Destination> =>
  Either.map(natsOf<Nats.Options>(parts, tls, Known.nats), (options) => ({ _tag: "nats", options }))

const terminal = (parts: Parts): Result<Destination> =>
  Either.gen(function* () {
    if (parts.host !== undefined) yield* Either.left("it has no host: console:")
    yield* withoutPath(parts)
    return { _tag: "console", options: yield* optionsOf<Console.Options>(parts, Known.terminal) } as const
  })
