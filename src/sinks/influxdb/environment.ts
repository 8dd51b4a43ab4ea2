/**
 * The environment variables that users of sprockets-influxdb have set, as options of this sink.
 */
import { Config, ConfigError, Effect, Either, Redacted, Schedule } from "effect"
import type { Options } from "./options.js"

const nonEmpty = (name: string): Config.Config<string | undefined> =>
  Config.withDefault(
    Config.map(Config.string(name), (text) => (text.trim() === "" ? undefined : text.trim())),
    undefined
  )

const number = (
  name: string,
  expected: string,
  isValid: (value: number) => boolean
): Config.Config<number | undefined> =>
  Config.mapOrFail(nonEmpty(name), (text) => {
    if (text === undefined) return Either.right(undefined)
    const value = Number(text)
    return isValid(value) ? Either.right(value) : Either.left(ConfigError.InvalidData([name], `Expected ${expected}`))
  })

const count = (name: string): Config.Config<number | undefined> =>
  number(name, "a whole number of at least 1", (value) => Number.isInteger(value) && value >= 1)

const on = new Set(["true", "1", "yes", "on"])
const off = new Set(["false", "0", "no", "off", ""])

const flag = (name: string): Config.Config<boolean> =>
  Config.mapOrFail(Config.withDefault(Config.string(name), "true"), (text) => {
    const word = text.trim().toLowerCase()
    return on.has(word)
      ? Either.right(true)
      : off.has(word)
        ? Either.right(false)
        : Either.left(ConfigError.InvalidData([name], "Expected true or false"))
  })

const scheme = Config.mapOrFail(nonEmpty("INFLUXDB_SCHEME"), (text = "http") =>
  text === "http" || text === "https"
    ? Either.right(text)
    : Either.left(ConfigError.InvalidData(["INFLUXDB_SCHEME"], "Expected http or https"))
)

const host = Config.mapOrFail(nonEmpty("INFLUXDB_HOST"), (text = "localhost") => {
  const address = /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]` : text
  return /^[\w.-]+$|^\[[\da-f:.]+\]$/i.test(address)
    ? Either.right(address)
    : Either.left(
        ConfigError.InvalidData(["INFLUXDB_HOST"], "Expected a host name or address, without scheme and port")
      )
})

const port = number(
  "INFLUXDB_PORT",
  "a port, 1 to 65535",
  (value) => Number.isInteger(value) && value >= 1 && value <= 65_535
)

const url = Config.map(Config.all([scheme, host, port]), ([scheme, host, port = 8086]) => `${scheme}://${host}:${port}`)

const credentials = Config.map(
  Config.all([nonEmpty("INFLUXDB_USER"), Config.withDefault(Config.redacted("INFLUXDB_PASSWORD"), undefined)]),
  ([username, password]) =>
    username === undefined || password === undefined || Redacted.value(password) === "" ? {} : { username, password }
)

const tags = Config.map(nonEmpty("ENVIRONMENT"), (environment) => (environment === undefined ? {} : { environment }))

const destination = (overrides: Partial<Options>): Config.Config<Partial<Options>> => {
  if (overrides.database !== undefined || overrides.bucket !== undefined) return Config.succeed({})
  return overrides.version === 2
    ? Config.map(Config.nonEmptyString("INFLUXDB_BUCKET"), (bucket) => ({ bucket }))
    : Config.map(Config.nonEmptyString("INFLUXDB_DATABASE"), (database) => ({ database }))
}

const millis = number("INFLUXDB_INTERVAL", "milliseconds, at least 1", (value) => Number.isInteger(value) && value >= 1)
const probability = number("INFLUXDB_SAMPLE_PROBABILITY", "a number from 0 to 1", (value) => value >= 0 && value <= 1)

/**
 * What is given wins over what is set, which is then not read at all. `undefined` where the sink is off: nothing else is asked
 * for.
 */
export const fromEnvironment = (
  overrides: Partial<Options>
): Effect.Effect<Options | undefined, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const unset = <A>(
      option: keyof Options,
      config: Config.Config<A>
    ): Effect.Effect<A | undefined, ConfigError.ConfigError> =>
      overrides[option] === undefined ? config : Effect.succeed(undefined)
    if (!(overrides.enabled ?? (yield* flag("INFLUXDB_ENABLED")))) return undefined
    const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined))
    const capacity = overrides.capacity ?? (yield* count("INFLUXDB_MAX_BUFFER_SIZE")) ?? 25_000
    const hasCredentials = overrides.token !== undefined || overrides.username !== undefined
    return {
      url: (yield* unset("url", url)) ?? "",
      ...(hasCredentials ? {} : yield* credentials),
      ...(yield* destination(overrides)),
      schedule: Schedule.fixed((yield* unset("schedule", millis)) ?? 60_000),
      batchSize: (yield* unset("batchSize", count("INFLUXDB_MAX_BATCH_SIZE"))) ?? 10_000,
      capacity,
      triggerSize: (yield* unset("triggerSize", count("INFLUXDB_TRIGGER_SIZE"))) ?? Math.min(5000, capacity),
      sampleRate: (yield* unset("sampleRate", probability)) ?? 1,
      hostTag: (yield* unset("hostTag", flag("INFLUXDB_TAG_HOSTNAME"))) === false ? "none" : { key: "hostname" },
      ...given,
      tags: { ...(yield* tags), ...overrides.tags }
    }
  })
