/**
 * The environment variables that users of Librato's and AppOptics' own clients have set, as options of this sink.
 */
import { Config, ConfigError, Effect, Either } from "effect"
import type { Options } from "./options.js"

const text = (name: string): Config.Config<string | undefined> =>
  Config.withDefault(
    Config.map(Config.string(name), (value) => (value.trim() === "" ? undefined : value.trim())),
    undefined
  )

const tags = (name: string): Config.Config<Readonly<Record<string, string>> | undefined> =>
  Config.mapOrFail(text(name), (value) => {
    if (value === undefined) return Either.right(undefined)
    const pairs = value.split(",").map((pair) => /^\s*([^=\s]+)=([^=]+?)\s*$/.exec(pair))
    return pairs.every((pair) => pair !== null)
      ? Either.right(Object.fromEntries(pairs.map(([, key = "", value = ""]) => [key, value])))
      : Either.left(ConfigError.InvalidData([name], "Expected pairs such as host=web1,environment=staging"))
  })

/**
 * What is given wins over what is set, which is then not read at all. `undefined` where the sink is off: nothing is asked for.
 */
export const fromEnvironment = (
  overrides: Partial<Options>
): Effect.Effect<Options | undefined, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    if (overrides.enabled === false) return undefined
    const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined))
    const isAppOptics =
      overrides.service === undefined
        ? overrides.email === undefined && (yield* text("APPOPTICS_TOKEN")) !== undefined
        : overrides.service === "appoptics"
    const family = isAppOptics ? "APPOPTICS" : "LIBRATO"
    const email =
      isAppOptics || overrides.email !== undefined ? undefined : yield* Config.nonEmptyString("LIBRATO_USER")
    const token = overrides.token ?? (yield* Config.redacted(Config.nonEmptyString(`${family}_TOKEN`)))
    const source = isAppOptics ? undefined : yield* text("LIBRATO_SOURCE")
    const prefix = overrides.prefix === undefined ? yield* text(`${family}_PREFIX`) : undefined
    const tagged = yield* tags(`${family}_TAGS`)
    if (source !== undefined && tagged !== undefined) {
      return yield* Effect.fail(
        ConfigError.InvalidData(
          ["LIBRATO_TAGS"],
          "Expected LIBRATO_SOURCE or LIBRATO_TAGS, as one has sources and the other has tags"
        )
      )
    }
    return {
      service: isAppOptics ? "appoptics" : "librato",
      ...(email === undefined ? {} : { email }),
      ...(tagged === undefined ? {} : { api: "measurements" }),
      ...(prefix === undefined ? {} : { prefix: `${prefix}.` }),
      ...given,
      token,
      tags: { ...(source === undefined ? {} : { source }), ...tagged, ...overrides.tags }
    }
  })
