/** Secrets come from the environment: every user of a machine can read the command lines of all. */
import { Redacted } from "effect"

export type Environment = Readonly<Record<string, string | undefined>>

/** `undefined` where the variable is not set, or blank. Blanks around a secret come from files. */
export const secretOf = (environment: Environment, variable: string): Redacted.Redacted | undefined => {
  const value = environment[variable]?.trim() ?? ""
  return value === "" ? undefined : Redacted.make(value)
}

/** Whether what is called so may be a secret, whoever calls it so. */
export const isSecret = (name: string): boolean => /pass(word|wd)?$|pwd|secret|token|api_?-?key|credential/i.test(name)

const variables = "INFLUXDB_TOKEN, INFLUXDB_PASSWORD, OPENTSDB_PASSWORD, LIBRATO_TOKEN or APPOPTICS_TOKEN"

/** What to do instead, where an option holds a secret: none of its text. */
export const refusal = (args: ReadonlyArray<string>): string | undefined => {
  const option = args.map((arg) => /^--?([\w-]+)/.exec(arg)?.[1]).find((name) => name !== undefined && isSecret(name))
  return option === undefined
    ? undefined
    : `secrets may not be on the command line, where every user of this machine can read them: set ${variables}`
}
