/** `nats://host:4222/stream`, which workers read from and sinks write to. */
import { Either, Redacted } from "effect"
import { readFileSync } from "node:fs"
import type { ServerOptions } from "../transport/natsOptions.js"
import { namedBy, needed, secretOf } from "./secrets.js"
import { hostOf, optionsOf, passwordEnv, type Parts, type Result, tokenEnv, type Variables } from "./sinkUrl.js"
import { list, text, type Values, variable } from "./values.js"

interface Own extends Variables {
  /** Names the variable in which the path of a file of credentials is. */
  readonly credentialsEnv?: string | undefined
  /** Further servers of the cluster, as `host:port`. */
  readonly servers?: ReadonlyArray<string> | undefined
}

const own: Values<Own> = { ...tokenEnv, ...passwordEnv, credentialsEnv: variable, servers: list(text) }

const defaultPort = 4222

/** Servers, stream, credentials, and what of `known` the query says. */
export const natsOf = <O extends ServerOptions>(
  parts: Parts,
  tls: true | undefined,
  known: Values<O>
): Result<Partial<O> & ServerOptions> =>
  Either.gen(function* () {
    yield* hostOf(parts)
    const {
      credentialsEnv,
      passwordEnv,
      servers = [],
      tokenEnv,
      ...options
    } = yield* optionsOf<Own>(parts, {
      ...known,
      ...own
    })
    const { pathname, port } = parts.url
    const stream = decodeURIComponent(pathname.replace(/^\//, ""))
    const ways = yield* credentialsOf(parts, { credentialsEnv, passwordEnv, tokenEnv })
    return {
      // The readers of `known` have read them.
      ...(options as Partial<O>),
      servers: [`${parts.url.hostname}:${port === "" ? defaultPort : port}`, ...servers],
      stream: stream === "" ? undefined : stream,
      tls,
      ...ways
    }
  })

type Credentials = Pick<ServerOptions, "username" | "password" | "token" | "credentials">

/** What the URL names goes before what only the environment says. */
const credentialsOf = ({ environment, username }: Parts, named: Own): Result<Credentials> =>
  Either.gen(function* () {
    const { credentialsEnv, passwordEnv, tokenEnv } = named
    if ([username ?? passwordEnv, tokenEnv, credentialsEnv].filter((way) => way !== undefined).length > 1) {
      return yield* Either.left(
        "it has several kinds of credentials: it is one of user name, tokenEnv and credentialsEnv"
      )
    }
    if (tokenEnv !== undefined) return { token: yield* namedBy(environment, "tokenEnv", tokenEnv) }
    if (credentialsEnv !== undefined) {
      return yield* fileIn(yield* namedBy(environment, "credentialsEnv", credentialsEnv), "credentialsEnv")
    }
    if (username !== undefined) {
      return {
        username,
        password: yield* passwordEnv === undefined
          ? needed(environment, "NATS_PASSWORD", "the user's")
          : namedBy(environment, "passwordEnv", passwordEnv)
      }
    }
    if (passwordEnv !== undefined) yield* Either.left("there is no user name in it, as in nats://user@host")
    const variables = ["NATS_CREDS", "NATS_TOKEN", "NATS_USER"] as const
    const set = variables.filter((variable) => secretOf(environment, variable) !== undefined)
    if (set.length > 1) yield* Either.left(`${set.join(" and ")} are set: it is one of them`)
    const [creds, token, user] = variables.map((variable) => secretOf(environment, variable))
    if (creds !== undefined) return yield* fileIn(creds, "NATS_CREDS")
    if (token !== undefined) return { token }
    if (user === undefined) return {}
    return {
      username: Redacted.value(user),
      password: yield* needed(environment, "NATS_PASSWORD", "that of NATS_USER")
    }
  })

const fileIn = (path: Redacted.Redacted, variable: string): Result<Credentials> =>
  Either.mapBoth(
    Either.try(() => readFileSync(Redacted.value(path), "utf8")),
    {
      onLeft: () => `the file of credentials that ${variable} says cannot be read`,
      onRight: (text) => ({ credentials: Redacted.make(text) })
    }
  )
