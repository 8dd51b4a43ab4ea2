/**
 * The environment variables that OpenTelemetry specifies, as options of this sink.
 */
import { Config, ConfigError, Effect, Either, Option, Redacted, Schedule } from "effect"
import type { Options } from "./options.js"

type Read<A> = Effect.Effect<A | undefined, ConfigError.ConfigError>

/** A variable that is not blank, without the blanks around it. Of several names the first that is set. */
const read =
  <A>(parse: (text: string, name: string) => Either.Either<A, string>) =>
  (...names: ReadonlyArray<string>): Read<A> =>
    Effect.gen(function* () {
      for (const name of names) {
        const text = (yield* Config.option(Config.string(name))).pipe(Option.getOrElse(() => "")).trim()
        if (text === "") continue
        const parsed = parse(text, name)
        if (Either.isRight(parsed)) return parsed.right
        return yield* Effect.fail(ConfigError.InvalidData([name], parsed.left))
      }
      return undefined
    })

const text = read((given) => Either.right(given))

const choice = <A>(all: Readonly<Record<string, A>>, hint = "") =>
  read((given) => {
    const key = given.toLowerCase()
    return Object.hasOwn(all, key)
      ? Either.right(all[key]!)
      : Either.left(`Expected one of ${Object.keys(all).join(", ")}${hint}`)
  })

const millis = read((given) => {
  const value = Number(given)
  return Number.isInteger(value) && value >= 1
    ? Either.right(value)
    : Either.left("Expected milliseconds, a whole number of at least 1")
})

/** `key=value,key=value`, percent-encoded. What is wrong is not repeated: it may be a secret. */
const pairs = read((given) => {
  const all = new Map<string, string>()
  for (const part of given.split(",")) {
    // What W3C calls properties of a member.
    const [pair] = part.split(";")
    if (pair!.trim() === "") continue
    const at = pair!.indexOf("=")
    const key = at < 0 ? "" : pair!.slice(0, at).trim()
    if (key === "") return Either.left("Expected key=value, and a comma between several")
    try {
      all.set(decodeURIComponent(key), decodeURIComponent(pair!.slice(at + 1).trim()))
    } catch {
      return Either.left(`Expected a percent-encoded value of ${key}`)
    }
  }
  return Either.right(all)
})

/** Both names of a variable. */
const both = <A>(config: (...names: ReadonlyArray<string>) => Read<A>, name: string): Read<A> =>
  config(`OTEL_EXPORTER_OTLP_METRICS_${name}`, `OTEL_EXPORTER_OTLP_${name}`)

const format = choice(
  { "http/protobuf": "protobuf", "http/json": "json" } as const,
  ": gRPC is not spoken here; receivers listen to HTTP on port 4318"
)
const compression = choice({ gzip: 0, none: Infinity })
const temporality = choice({ cumulative: "cumulative", delta: "delta", lowmemory: "delta" } as const)
const aggregation = choice({
  explicit_bucket_histogram: "explicit",
  base2_exponential_bucket_histogram: "exponential"
} as const)
const flag = choice({ true: true, false: false })

/** As it is, or with the endpoint's path behind it. */
const address: Effect.Effect<Pick<Options, "url" | "path">, ConfigError.ConfigError> = Effect.gen(function* () {
  const name = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
  const own = yield* text(name)
  if (own === undefined) return { url: (yield* text("OTEL_EXPORTER_OTLP_ENDPOINT")) ?? "http://localhost:4318" }
  try {
    const { hash, origin, password, pathname, search, username } = new URL(own)
    // Anything else in it is refused as `url`.
    return [hash, password, search, username].every((part) => part === "")
      ? { url: origin, path: pathname }
      : { url: own }
  } catch {
    return { url: own }
  }
})

const isOn = Effect.gen(function* () {
  if ((yield* flag("OTEL_SDK_DISABLED")) === true) return false
  const exporters = (yield* text("OTEL_METRICS_EXPORTER")) ?? "otlp"
  return exporters.split(",").some((exporter) => exporter.trim() === "otlp")
})

/** What is given wins over what is set, which is then not read at all. `undefined` where the sink is off: nothing else is read. */
export const fromEnvironment = (
  overrides: Partial<Options>
): Effect.Effect<Options | undefined, ConfigError.ConfigError> =>
  Effect.gen(function* () {
    const unset = <A>(option: keyof Options, config: Read<A>): Read<A> =>
      overrides[option] === undefined ? config : Effect.succeed(undefined)
    if (!(overrides.enabled ?? (yield* isOn))) return undefined
    const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined))
    const headers = (yield* unset("headers", both(pairs, "HEADERS"))) ?? new Map<string, string>()
    const attributes = (yield* pairs("OTEL_RESOURCE_ATTRIBUTES")) ?? new Map<string, string>()
    const service = yield* text("OTEL_SERVICE_NAME")
    return {
      ...(overrides.url === undefined ? yield* address : { url: "" }),
      format: yield* unset("format", both(format, "PROTOCOL")),
      headers: Object.fromEntries(Array.from(headers, ([key, value]) => [key, Redacted.make(value)])),
      gzip: (yield* unset("gzip", both(compression, "COMPRESSION"))) ?? Infinity,
      requestTimeout: (yield* unset("requestTimeout", both(millis, "TIMEOUT"))) ?? 10_000,
      temporality: yield* unset("temporality", both(temporality, "TEMPORALITY_PREFERENCE")),
      histograms: yield* unset("histograms", both(aggregation, "DEFAULT_HISTOGRAM_AGGREGATION")),
      schedule: Schedule.fixed((yield* unset("schedule", millis("OTEL_METRIC_EXPORT_INTERVAL"))) ?? 60_000),
      ...given,
      resource: {
        ...Object.fromEntries(attributes),
        ...(service === undefined ? {} : { "service.name": service }),
        ...overrides.resource
      }
    }
  })
