/** Secrets come from the environment: every user of a machine can read the command lines of all. */
import { Either, Redacted } from "effect"

export type Environment = Readonly<Record<string, string | undefined>>

/** `undefined` where the variable is not set, or blank. Blanks around a secret come from files. */
export const secretOf = (environment: Environment, variable: string): Redacted.Redacted | undefined => {
  const value = environment[variable]?.trim() ?? ""
  return value === "" ? undefined : Redacted.make(value)
}

/** As `secretOf`, where it cannot be done without. */
export const needed = (
  environment: Environment,
  variable: string,
  whose: string
): Either.Either<Redacted.Redacted, string> =>
  Either.fromNullable(secretOf(environment, variable), () => `${variable} is not set: it is to be ${whose}`)

/**
 * The secret in the variable that an option of a URL names. What it names is not repeated: it may be a secret that was mistaken for
 * a name.
 */
export const namedBy = (
  environment: Environment,
  option: string,
  variable: string
): Either.Either<Redacted.Redacted, string> =>
  Either.fromNullable(secretOf(environment, variable), () => `the variable that ${option} names is not set`)

/** Whether what is called so may be a secret, whoever calls it so. */
export const isSecret = (name: string): boolean =>
  /pass(word|wd)?$|pwd|secret|token|api_?-?key|credential|^(proxy-)?authorization$|^cookie$/i.test(name)

const variables: Readonly<Record<string, string>> = {
  influxdb: "INFLUXDB_TOKEN or INFLUXDB_PASSWORD",
  opentsdb: "OPENTSDB_PASSWORD",
  librato: "LIBRATO_TOKEN",
  appoptics: "APPOPTICS_TOKEN",
  nats: "NATS_TOKEN, NATS_PASSWORD or NATS_CREDS"
}

const why = "where every user of this machine can read it"

/** Where a secret belongs that is in the URL of such a sink. */
export const inEnvironment = (scheme: string): string => {
  const variable = variables[scheme.replace(/\+.*/, "")]
  return variable === undefined ? `${why}, and this sink has none` : `${why}: set ${variable}`
}

/** What to do instead, where an option holds a secret: none of its text. */
export const refusal = (args: ReadonlyArray<string>): string | undefined => {
  const option = args.map((arg) => /^--?([\w-]+)/.exec(arg)?.[1]).find((name) => name !== undefined && isSecret(name))
  return option === undefined
    ? undefined
    : "secrets may not be on the command line, where every user of this machine can read them: set " +
        [...Object.values(variables), "EFFECT_METRICS_TOKEN"].join(", ").replaceAll(" or ", ", ")
}
