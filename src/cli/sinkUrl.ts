/** What all URLs of sinks have in common: their parts, their options, and how they are refused. */
import type { Redacted } from "effect"
import { Duration, Either, Schedule, Schema } from "effect"
import { type Environment, inEnvironment, isSecret, namedBy } from "./secrets.js"
import { interval, pairs, read, type Value, type Values, variable } from "./values.js"

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

/** The parts of a URL that all sinks read. */
export interface Parts {
  readonly url: URL
  readonly environment: Environment
  readonly host: string | undefined
  readonly port: number | undefined
  readonly username: string | undefined
}

export type Result<A> = Either.Either<A, string>

/** In lower case; empty where there is none. */
export const schemeOf = (text: string): string => /^([a-z][a-z+]{0,20}):/i.exec(text)?.[1]?.toLowerCase() ?? ""

/** The parts of a URL of this scheme, and what to call it where it is spoken of. */
export const partsOf = (
  scheme: string,
  text: string,
  environment: Environment
): Either.Either<{ readonly parts: Parts; readonly shown: string }, BadSink> => {
  const bad = (reason: string, sink = scheme) => Either.left(new BadSink({ sink, reason }))
  const url = parse(text)
  if (url === undefined) return bad("not a URL: special characters of names are to be written as %40 and the like")
  // A path of other characters may be the rest of a password that was not written as it should be.
  const path = /^\/[\w./-]+$/.test(url.pathname) ? url.pathname : ""
  const shown = url.hostname === "" ? `${scheme}:${path}` : `${scheme}://${url.host}${path}`
  const sink = url.hostname === "" ? scheme : `${scheme}://${url.hostname}`
  if (url.password !== "") return bad(`a password may not be in a URL, ${inEnvironment(scheme)}`, sink)
  if (url.hash !== "") return bad("what follows # has no meaning: # itself is %23", sink)
  try {
    decodeURIComponent(url.pathname)
    const parts = {
      url,
      environment,
      host: url.hostname === "" ? undefined : url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? undefined : Number(url.port),
      username: url.username === "" ? undefined : decodeURIComponent(url.username)
    }
    return Either.right({ parts, shown })
  } catch {
    return bad("its name and path have a % that is not followed by two digits", sink)
  }
}

const parse = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** Which variables hold this sink's secrets, where they are not the usual ones. */
export interface Variables {
  readonly tokenEnv?: string | undefined
  readonly passwordEnv?: string | undefined
}

export const tokenEnv: Values<Variables> = { tokenEnv: variable }
export const passwordEnv: Values<Variables> = { passwordEnv: variable }

/** What the query says, of the options that can be said there. */
export const optionsOf = <O>({ environment, url }: Parts, known: Values<O>): Result<Partial<O>> =>
  Either.gen(function* () {
    const values: Record<string, unknown> = {}
    const readers = new Map<string, Value<unknown>>(Object.entries<Value<unknown> | undefined>(known).flatMap(isThere))
    // What has a lane.
    if (readers.has("batchSize")) readers.set("flush", interval)
    if (readers.has("headers")) readers.set("headersEnv", pairs)
    for (const [name, given] of url.searchParams) {
      const value = readers.get(name)
      if (value === undefined) {
        if (isSecret(name)) {
          return yield* Either.left(`secrets may not be in a URL, ${inEnvironment(url.protocol.slice(0, -1))}`)
        }
        const all = [...readers.keys()].sort().join(", ")
        // What does not look like a name may be anything.
        const shown = /^[a-z]\w{0,40}$/i.test(name)
          ? `there is no option "${name}"`
          : "there is an unknown option in it"
        return yield* Either.left(`${shown}: there are ${all}`)
      }
      if (name in values) yield* Either.left(`option ${name} is given twice`)
      values[name] = yield* read(`option ${name}`, value, given)
    }
    const { flush, headersEnv, ...options } = values
    if (Duration.isDuration(flush)) options["schedule"] = Schedule.fixed(flush)
    if (options["headers"] !== undefined || headersEnv !== undefined) {
      // `pairs` reads both.
      const inClear = (options["headers"] ?? {}) as Readonly<Record<string, string>>
      const named = (headersEnv ?? {}) as Readonly<Record<string, string>>
      options["headers"] = yield* headersOf(environment, inClear, named)
    }
    // Each value was read by the reader of its own option; these two stand for options of the sinks.
    return options as Partial<O>
  })

const isThere = ([name, value]: [string, Value<unknown> | undefined]): ReadonlyArray<[string, Value<unknown>]> =>
  value === undefined ? [] : [[name, value]]

const headersOf = (
  environment: Environment,
  inClear: Readonly<Record<string, string>>,
  named: Readonly<Record<string, string>>
): Result<Readonly<Record<string, string | Redacted.Redacted>>> =>
  Either.gen(function* () {
    const headers: Record<string, string | Redacted.Redacted> = { ...inClear }
    const open = Object.keys(inClear).find(isSecret)
    if (open !== undefined) {
      yield* Either.left(`secrets may not be in a URL: name a variable, as in headersEnv=${open}:MY_VARIABLE`)
    }
    for (const [name, variable] of Object.entries(named)) {
      headers[name] = yield* namedBy(environment, "headersEnv", variable)
    }
    return headers
  })

export const hostOf = ({ host }: Parts): Result<string> => Either.fromNullable(host, () => "there is no host in it")

export const withoutPath = ({ url }: Parts): Result<void> =>
  url.pathname === "" || url.pathname === "/" ? Either.void : Either.left("it has no path: options go behind ?")

export const withoutUser = ({ username }: Parts): Result<void> =>
  username === undefined ? Either.void : Either.left("this sink has no user names")

/** The address for HTTP: without user name, query and what is not the server's of the path. */
export const addressOf = ({ url }: Parts, protocol: "http" | "https", path: string): string =>
  `${protocol}://${url.host}${path}`
