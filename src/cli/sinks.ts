/** From the text of a URL to the layer of a sink. Pure: nothing is connected to before the layer is built. */
import { Either, type Layer, type Schedule, Schema, type Duration } from "effect"
import type { Metrics } from "../Metrics.js"
import type { InvalidOption } from "../Sink.js"
import * as Console from "../sinks/Console.js"
import * as Graphite from "../sinks/Graphite.js"
import * as InfluxDb from "../sinks/InfluxDb.js"
import * as Librato from "../sinks/Librato.js"
import * as OpenTsdb from "../sinks/OpenTsdb.js"
import * as StatsD from "../sinks/StatsD.js"
import * as Known from "./sinkOptions.js"
import { type Environment, isSecret, secretOf } from "./secrets.js"
import { explain, read, type Values } from "./values.js"

/** A text that names no sink, or one that cannot be. */
export class BadSink extends Schema.TaggedError<BadSink>("effect-metrics/cli/BadSink")("BadSink", {
  /** Scheme and host at most: what else a URL holds may be secret. */
  sink: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return this.sink === "" ? this.reason : `${this.sink}: ${this.reason}`
  }
}

/** A sink with its options, as the URL and the environment say. */
export type Destination =
  | { readonly _tag: "influxdb"; readonly options: InfluxDb.Options }
  | { readonly _tag: "opentsdb"; readonly options: OpenTsdb.Options }
  | { readonly _tag: "opentsdb+http"; readonly options: OpenTsdb.HttpOptions }
  | { readonly _tag: "statsd"; readonly options: StatsD.Options }
  | { readonly _tag: "graphite"; readonly options: Graphite.Options }
  | { readonly _tag: "librato"; readonly options: Librato.Options }
  | { readonly _tag: "console"; readonly options: Console.Options }

/** The parts of a URL that all sinks read. */
interface Parts {
  readonly url: URL
  readonly environment: Environment
  readonly host: string | undefined
  readonly port: number | undefined
  readonly username: string | undefined
}

type Result<A> = Either.Either<A, string>

const schemes = {
  influxdb: (parts) => influxDb(parts, "http"),
  "influxdb+http": (parts) => influxDb(parts, "http"),
  "influxdb+https": (parts) => influxDb(parts, "https"),
  opentsdb: (parts) => openTsdb(parts),
  "opentsdb+http": (parts) => openTsdbHttp(parts, "http"),
  "opentsdb+https": (parts) => openTsdbHttp(parts, "https"),
  statsd: (parts) => statsD(parts, { protocol: "udp" }),
  "statsd+tcp": (parts) => statsD(parts, { protocol: "tcp" }),
  dogstatsd: (parts) => statsD(parts, { protocol: "udp", dialect: "dogstatsd" }),
  unixgram: (parts) => statsDUnix(parts, "datagram"),
  unix: (parts) => statsDUnix(parts, "stream"),
  graphite: (parts) => graphite(parts, "plaintext"),
  "graphite+pickle": (parts) => graphite(parts, "pickle"),
  librato: (parts) => librato(parts, "librato", "https"),
  "librato+http": (parts) => librato(parts, "librato", "http"),
  appoptics: (parts) => librato(parts, "appoptics", "https"),
  "appoptics+http": (parts) => librato(parts, "appoptics", "http"),
  console: (parts) => terminal(parts)
} as const satisfies Readonly<Record<string, (parts: Parts) => Result<Destination>>>

const isScheme = (name: string): name is keyof typeof schemes => Object.hasOwn(schemes, name)

/** Where a text leads. */
export const destinationOf = (text: string, environment: Environment): Either.Either<Destination, BadSink> => {
  const scheme = /^([a-z][a-z+]{0,20}):/i.exec(text)?.[1]?.toLowerCase() ?? ""
  const bad = (reason: string, sink = scheme) => Either.left(new BadSink({ sink, reason }))
  if (!isScheme(scheme)) {
    return bad(`not the URL of a sink: it begins with one of ${Object.keys(schemes).join(": ")}:`, "")
  }
  const url = parse(text)
  if (url === undefined) return bad("not a URL: special characters of names are to be written as %40 and the like")
  const sink = url.hostname === "" ? scheme : `${scheme}://${url.hostname}`
  if (url.password !== "") return bad(`a password may not be in a URL, ${inEnvironment(scheme, "PASSWORD")}`, sink)
  if (url.hash !== "") return bad("what follows # has no meaning: # itself is %23", sink)
  const parts = partsOf(url, environment)
  return parts === undefined
    ? bad("its name and path have a % that is not followed by two digits", sink)
    : Either.mapLeft(schemes[scheme](parts), (reason) => new BadSink({ sink, reason }))
}

const inEnvironment = (scheme: string, secret: "PASSWORD" | "TOKEN"): string => {
  const kind = scheme.replace(/\+.*/, "")
  const variables: Readonly<Record<string, string>> = {
    influxdb: `INFLUXDB_${secret}`,
    opentsdb: "OPENTSDB_PASSWORD",
    librato: "LIBRATO_TOKEN",
    appoptics: "APPOPTICS_TOKEN"
  }
  const why = "where every user of this machine can read it"
  return variables[kind] === undefined ? `${why}, and this sink has none` : `${why}: set ${variables[kind]}`
}

const parse = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const partsOf = (url: URL, environment: Environment): Parts | undefined => {
  try {
    decodeURIComponent(url.pathname)
    return {
      url,
      environment,
      host: url.hostname === "" ? undefined : url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? undefined : Number(url.port),
      username: url.username === "" ? undefined : decodeURIComponent(url.username)
    }
  } catch {
    return undefined
  }
}

/** What the query says, of the options that can be said there. */
const optionsOf = <O>({ url }: Parts, known: Values<O>): Result<Partial<O>> =>
  Either.gen(function* () {
    const values: Record<string, unknown> = {}
    const readers = new Map(Object.entries<Values<O>[keyof O]>(known))
    for (const [name, given] of url.searchParams) {
      if (isSecret(name)) {
        yield* Either.left(`secrets may not be in a URL, ${inEnvironment(url.protocol.slice(0, -1), "TOKEN")}`)
      }
      const value = readers.get(name)
      if (value === undefined) {
        const all = [...readers.keys()].sort().join(", ")
        return yield* Either.left(`there is no option ${JSON.stringify(name.slice(0, 60))}: there are ${all}`)
      }
      if (name in values) yield* Either.left(`option ${name} is given twice`)
      values[name] = yield* Either.mapLeft(read(value, given), (expected) => explain(`option ${name}`, given, expected))
    }
    // Each value was read by the reader of its own option.
    return values as Partial<O>
  })

const hostOf = ({ host }: Parts): Result<string> => Either.fromNullable(host, () => "there is no host in it")

const withoutPath = ({ url }: Parts): Result<void> =>
  url.pathname === "" || url.pathname === "/" ? Either.void : Either.left("it has no path: options go behind ?")

const withoutUser = ({ username }: Parts): Result<void> =>
  username === undefined ? Either.void : Either.left("this sink has no user names")

/** The address for HTTP: without user name, query and what is not the server's of the path. */
const addressOf = ({ url }: Parts, protocol: "http" | "https", path: string): string =>
  `${protocol}://${url.host}${path}`

const influxDb = (parts: Parts, protocol: "http" | "https"): Result<Destination> =>
  Either.gen(function* () {
    yield* hostOf(parts)
    const options = yield* optionsOf<InfluxDb.Options>(parts, Known.influxDb)
    const [, path = "", last = ""] = /^(.*)\/([^/]*)$/.exec(parts.url.pathname) ?? []
    const named = options.version === 2 ? "bucket" : "database"
    if (last === "") yield* Either.left(`there is no ${named} in it, as in ${parts.url.protocol}//host:8086/${named}`)
    return {
      _tag: "influxdb",
      options: {
        ...options,
        url: addressOf(parts, protocol, path),
        [named]: decodeURIComponent(last),
        ...(yield* influxDbCredentials(parts))
      }
    } as const
  })

const influxDbCredentials = ({ environment, username }: Parts): Result<Partial<InfluxDb.Options>> => {
  if (username === undefined) return Either.right({ token: secretOf(environment, "INFLUXDB_TOKEN") })
  return Either.map(needed(environment, "INFLUXDB_PASSWORD", "the user's"), (password) => ({ username, password }))
}

const needed = (environment: Environment, variable: string, whose: string) =>
  Either.fromNullable(secretOf(environment, variable), () => `${variable} is not set: it is to be ${whose}`)

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
    const options = yield* optionsOf<OpenTsdb.HttpOptions>(parts, Known.openTsdbHttp)
    const password = username === undefined ? undefined : yield* needed(environment, "OPENTSDB_PASSWORD", "the user's")
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

const statsDUnix = (parts: Parts, socket: "datagram" | "stream"): Result<Destination> =>
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
    const options = yield* optionsOf<Librato.Options>(parts, Known.librato)
    const token = yield* needed(
      environment,
      service === "librato" ? "LIBRATO_TOKEN" : "APPOPTICS_TOKEN",
      "the account's"
    )
    const own = service === "librato" ? environment["LIBRATO_USER"]?.trim() : undefined
    const email = username ?? options.email ?? (own === "" ? undefined : own)
    if (service === "librato" && email === undefined) {
      yield* Either.left("there is no account: set LIBRATO_USER, or write it as librato:?email=me%40example.org")
    }
    const address = host === undefined ? undefined : addressOf(parts, protocol, url.pathname)
    if (address === undefined && protocol === "http") yield* hostOf(parts)
    return { _tag: "librato", options: { ...options, service, url: address, email, token } } as const
  })

const terminal = (parts: Parts): Result<Destination> =>
  Either.gen(function* () {
    if (parts.host !== undefined) yield* Either.left("it has no host: console:")
    yield* withoutPath(parts)
    return { _tag: "console", options: yield* optionsOf<Console.Options>(parts, Known.terminal) } as const
  })

/** What holds for all sinks of a command, unless a URL says otherwise. */
export interface Common {
  readonly schedule: Schedule.Schedule<unknown>
  readonly shutdownTimeout: Duration.Duration
  /** Of the lane. Default: the sink's. */
  readonly name?: string | undefined
}

type SinkLayer = Layer.Layer<Metrics, InvalidOption>

const layerOf = (destination: Destination, common: Common): SinkLayer => {
  switch (destination._tag) {
    case "influxdb":
      return InfluxDb.layerFetch({ ...common, ...destination.options })
    case "opentsdb":
      return OpenTsdb.layer({ ...common, ...destination.options })
    case "opentsdb+http":
      return OpenTsdb.layerHttpFetch({ ...common, ...destination.options })
    case "statsd":
      return StatsD.layer({ ...common, ...destination.options })
    case "graphite":
      return Graphite.layer({ ...common, ...destination.options })
    case "librato":
      return Librato.layerFetch({ ...common, ...destination.options })
    case "console":
      return Console.layer({ ...common, ...destination.options })
  }
}

/** The layer of the sink that a text names. What its options cannot be is found when it is built. */
export const sinkOf = (text: string, environment: Environment, common: Common): Either.Either<SinkLayer, BadSink> =>
  Either.map(destinationOf(text, environment), (destination) => layerOf(destination, common))

/** Several: of one kind, the second is `statsd#2`, so that they can be told apart. */
export const sinksOf = (
  texts: ReadonlyArray<string>,
  environment: Environment,
  common: Omit<Common, "name">
): Either.Either<ReadonlyArray<SinkLayer>, BadSink> =>
  Either.gen(function* () {
    const layers: Array<SinkLayer> = []
    const seen = new Map<string, number>()
    for (const text of texts) {
      const destination = yield* destinationOf(text, environment)
      const kind = destination._tag.replace("+http", "")
      const nth = (seen.get(kind) ?? 0) + 1
      seen.set(kind, nth)
      layers.push(layerOf(destination, { ...common, name: nth === 1 ? undefined : `${kind}#${nth}` }))
    }
    return layers
  })
