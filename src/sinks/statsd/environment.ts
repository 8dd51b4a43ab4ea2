/**
 * The environment variables that users of sprockets-statsd and of Datadog's clients have set, as options of this sink.
 */
import { Config, ConfigError, Effect, Either, Option } from "effect"
import type { Options } from "./options.js"
import { originExpected, originText } from "./options.js"

type Read<A> = Effect.Effect<A, ConfigError.ConfigError>

const text = (name: string): Config.Config<string | undefined> =>
  Config.withDefault(
    Config.map(Config.string(name), (value) => (value.trim() === "" ? undefined : value.trim())),
    undefined
  )

const invalid = (name: string, expected: string) => Either.left(ConfigError.InvalidData([name], `Expected ${expected}`))

const isPort = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535

const port = (name: string): Config.Config<number | undefined> =>
  Config.mapOrFail(text(name), (given) => {
    if (given === undefined) return Either.right(undefined)
    const value = Number(given)
    return isPort(value) ? Either.right(value) : invalid(name, "a port, 1 to 65535")
  })

const on = new Set(["true", "1", "yes", "on", "t", "y"])
const off = new Set(["false", "0", "no", "off", "f", "n", ""])

const flag = (name: string, fallback: boolean): Config.Config<boolean> =>
  Config.mapOrFail(Config.withDefault(Config.string(name), String(fallback)), (given) => {
    const word = given.trim().toLowerCase()
    return on.has(word) ? Either.right(true) : off.has(word) ? Either.right(false) : invalid(name, "true or false")
  })

/** `k:v` separated by commas or, where there are none, by blanks. */
const tagList = (given: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    given
      .split(given.includes(",") ? "," : /\s+/)
      .map((tag) => {
        const [key, ...value] = tag.trim().split(":")
        return [key!, value.join(":")] as const
      })
      .filter(([key]) => key !== "")
  )

/** Without what would break out of a line. One tag, such as a version `shop@1.2`, must not cost all measurements. */
const inLine = (text: string): string => text.replace(/[\p{Cc},|#@]/gu, "_")

const urlExpected = "udp://host:port, unix:///path, unixgram:///path or unixstream:///path"

/** Where to, of a `DD_DOGSTATSD_URL`. */
const addressOf = (url: string): Either.Either<Partial<Options>, ConfigError.ConfigError> => {
  const unix = /^(unix|unixgram|unixstream):\/\/(\/.+)$/.exec(url)
  if (unix !== null) {
    const socket = unix[1] === "unixgram" ? "datagram" : unix[1] === "unixstream" ? "stream" : "either"
    return Either.right({ protocol: "uds", path: unix[2], socket })
  }
  const udp = /^udp:\/\/(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(url)
  const [, host = "", port = "8125"] = udp ?? []
  return udp !== null && isPort(Number(port))
    ? Either.right({ protocol: "udp", host: host.replace(/^\[|\]$/g, ""), port: Number(port) })
    : invalid("DD_DOGSTATSD_URL", urlExpected)
}

interface Agent {
  readonly host: string | undefined
  readonly port: string | undefined
  readonly url: string | undefined
  readonly path: string | undefined
}

const agent: Read<Agent> = Effect.all({
  host: text("DD_AGENT_HOST"),
  port: text("DD_DOGSTATSD_PORT"),
  url: text("DD_DOGSTATSD_URL"),
  path: text("DD_DOGSTATSD_SOCKET")
})

const cardinalities = ["none", "low", "orchestrator", "high"] as const

const cardinality = Config.mapOrFail(text("DD_CARDINALITY"), (given) => {
  const known = cardinalities.find((one) => one === given?.toLowerCase())
  return given === undefined || known !== undefined
    ? Either.right(known)
    : invalid("DD_CARDINALITY", `one of ${cardinalities.join(", ")}`)
})

const externalData = Config.mapOrFail(text("DD_EXTERNAL_ENV"), (given) =>
  given === undefined || originText.test(given) ? Either.right(given) : invalid("DD_EXTERNAL_ENV", originExpected)
)

const isDetected = Effect.zipWith(
  text("DD_ORIGIN_DETECTION_ENABLED"),
  flag("DD_ORIGIN_DETECTION_ENABLED", true),
  (given, isOn) => given === undefined || isOn
)

const datadog = ({ host = "localhost", path, url }: Agent): Read<Partial<Options>> =>
  Effect.gen(function* () {
    const address =
      url !== undefined
        ? yield* addressOf(url)
        : path !== undefined
          ? ({ protocol: "uds", path, socket: "either" } as const)
          : ({ protocol: "udp", host, port: (yield* port("DD_DOGSTATSD_PORT")) ?? 8125 } as const)
    const named = {
      env: yield* text("DD_ENV"),
      service: yield* text("DD_SERVICE"),
      version: yield* text("DD_VERSION"),
      "dd.internal.entity_id": yield* text("DD_ENTITY_ID")
    }
    const known = Object.entries(named).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
    const tags = { ...tagList((yield* text("DD_TAGS")) ?? ""), ...Object.fromEntries(known) }
    return {
      dialect: "dogstatsd",
      ...address,
      enabled: !(yield* flag("DD_DOGSTATSD_DISABLE", false)),
      tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [inLine(key), inLine(value)])),
      containerId: (yield* isDetected) ? "auto" : undefined,
      externalData: yield* externalData,
      cardinality: yield* cardinality
    }
  })

const kinds = { counter: "counters", gauge: "gauges", timer: "timers", distribution: "distributions", point: "points" }

const sprockets = (host: string | undefined, givenPrefix: string | undefined): Read<Partial<Options>> =>
  Effect.gen(function* () {
    if (host === undefined) {
      return yield* Effect.fail(ConfigError.MissingData(["STATSD_HOST"], "Expected STATSD_HOST, or DD_AGENT_HOST"))
    }
    const protocol = yield* Config.mapOrFail(text("STATSD_PROTOCOL"), (given = "tcp") =>
      given === "tcp" || given === "udp" ? Either.right<"tcp" | "udp">(given) : invalid("STATSD_PROTOCOL", "tcp or udp")
    )
    return {
      dialect: "etsy",
      protocol,
      host,
      port: (yield* port("STATSD_PORT")) ?? 8125,
      prefix: givenPrefix ?? `${yield* prefix}.`,
      view: ({ kind, name, tags }) => Option.some({ name: `${kinds[kind]}.${name}`, tags })
    }
  })

const prefix: Read<string> = Effect.gen(function* () {
  const given = yield* text("STATSD_PREFIX")
  if (given !== undefined) return given.replace(/\.$/, "")
  const service = yield* text("SERVICE")
  const environment = yield* text("ENVIRONMENT")
  if (service !== undefined && environment !== undefined) return `applications.${service}.${environment}`
  return yield* Effect.fail(
    ConfigError.MissingData(["STATSD_PREFIX"], "Expected STATSD_PREFIX, or both SERVICE and ENVIRONMENT")
  )
})

/** What is given wins over what is set. `undefined` where the sink is off: nothing else is asked for. */
export const fromEnvironment = (overrides: Partial<Options>): Read<Options | undefined> =>
  Effect.gen(function* () {
    if (!(overrides.enabled ?? (yield* flag("STATSD_ENABLED", true)))) return undefined
    const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined))
    const statsdHost = yield* text("STATSD_HOST")
    const found = yield* agent
    const isDatadog =
      overrides.dialect === undefined
        ? statsdHost === undefined && Object.values(found).some((one) => one !== undefined)
        : overrides.dialect === "dogstatsd"
    const read = isDatadog
      ? yield* datadog(found)
      : yield* sprockets(overrides.host ?? overrides.path ?? statsdHost, overrides.prefix)
    return { ...withoutAddress(read, overrides), ...given, tags: { ...read.tags, ...overrides.tags } }
  })

/** An address is taken whole or not at all. */
const withoutAddress = (read: Partial<Options>, { host, path, protocol }: Partial<Options>): Partial<Options> => {
  const { host: _host, path: _path, port: _port, protocol: readProtocol, socket: _socket, ...rest } = read
  const isOther = path !== undefined || protocol === "uds" || (host !== undefined && readProtocol === "uds")
  return isOther ? rest : read
}
