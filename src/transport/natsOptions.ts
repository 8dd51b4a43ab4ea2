/**
 * What publishers and workers both say of the servers and the stream, and what that comes to.
 */
import { Duration, Option, Redacted } from "effect"
import type { TlsOptions } from "./stream.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions {
  /** Names or addresses of servers, with port, without scheme. Default `"127.0.0.1:4222"`. */
  readonly servers?: string | ReadonlyArray<string> | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly token?: Redacted.Redacted | undefined
  /** The text of a file of credentials, as `nsc` makes them. */
  readonly credentials?: Redacted.Redacted | undefined
  /** The seed of a user's nkey, as in `SUA...`. */
  readonly nkey?: Redacted.Redacted | undefined
  /** Whether to insist on TLS, and with what. A server's certificate is always checked. Default `false`. */
  readonly tls?: boolean | TlsOptions | undefined
  /** The stream's name. It is made where there is none, and else checked. Default `"METRICS"`. */
  readonly stream?: string | undefined
  /** What subjects begin with; one token, for the level, follows. Default `"metrics"`. */
  readonly subject?: string | undefined
  /** On how many servers the stream is kept, 1 to 5. Default 1. */
  readonly replicas?: number | undefined
  /** Bytes that the stream may hold; when it is full publishers wait. Default 1 GiB. */
  readonly maxBytes?: number | undefined
  /**
   * For how long the stream knows what it has stored, so that a write which is tried again is not stored twice. At least the
   * publishers' `maxAge`. Default 20 minutes.
   */
  readonly duplicateWindow?: Duration.DurationInput | undefined
}

export interface Server {
  readonly servers: ReadonlyArray<string>
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  readonly token: Redacted.Redacted | undefined
  /** The text of a file of credentials. */
  readonly credentials: Redacted.Redacted | undefined
  readonly nkey: Redacted.Redacted | undefined
  readonly tls: boolean | TlsOptions
}

/** What the stream is to be, where it has to be made. */
export interface StreamSettings {
  readonly stream: string
  readonly subject: string
  readonly replicas: number
  readonly maxBytes: number
  readonly duplicateWindowMillis: number
}

export interface Problem {
  readonly option: string
  readonly value: unknown
  readonly expected: string
}

const isServer = (server: unknown): boolean =>
  typeof server === "string" && /^([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?$/.test(server)

const isLoopback = (server: string): boolean => /^(127\.[\d.]+|localhost|\[::1\])(:\d+)?$/.test(server)

const isSeed = (nkey: Redacted.Redacted): boolean => /^\s*SU[A-Z2-7]{56}\s*$/.test(Redacted.value(nkey))

/** Constants of a configuration, so that nothing that is measured is ever a part of a subject. */
export const isSubject = (subject: unknown): boolean =>
  typeof subject === "string" && /^[\w-]+(\.[\w-]+)*$/.test(subject) && subject.length <= 200

export const isName = (name: unknown): boolean => typeof name === "string" && /^[\w-]{1,200}$/.test(name)

export const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most

export const millisOf = (duration: Duration.DurationInput): number =>
  Option.match(Duration.decodeUnknown(duration), { onNone: () => NaN, onSome: Duration.toMillis })

export const resolveServer = (
  options: ServerOptions
): { readonly server: Server; readonly settings: StreamSettings } | Problem => {
  const {
    credentials,
    duplicateWindow = "20 minutes",
    maxBytes = 1024 ** 3,
    nkey,
    password,
    replicas = 1,
    servers: given = "127.0.0.1:4222",
    stream = "METRICS",
    subject = "metrics",
    tls = false,
    token,
    username
  } = options
  const servers = typeof given === "string" ? [given] : given
  const duplicateWindowMillis = millisOf(duplicateWindow)
  const ways = [username ?? password, token, credentials, nkey].filter((way) => way !== undefined).length
  const problem = (
    [
      [
        Array.isArray(servers) && servers.length > 0 && servers.every(isServer),
        "servers",
        // What is no address may hold a password.
        "(not shown)",
        "at least one host:port, without scheme"
      ],
      [ways <= 1, "token", "(not shown)", "one of username and password, token, credentials, nkey"],
      [
        (username === undefined) === (password === undefined),
        "password",
        "(not shown)",
        "username and password, or neither"
      ],
      [nkey === undefined || isSeed(nkey), "nkey", "(not shown)", "the seed of a user's nkey, which begins with SU"],
      [
        ways === 0 || tls !== false || servers.every(isLoopback),
        "tls",
        tls,
        "true or options, as credentials are not sent in the clear to other machines"
      ],
      [
        typeof tls !== "object" || tls.servername === undefined,
        "tls",
        "with servername",
        "without servername: the client of NATS takes the name of the server"
      ],
      [isName(stream), "stream", stream, "letters, digits, _ and -"],
      [isSubject(subject), "subject", subject, "tokens of letters, digits, _ and -, with dots between them"],
      [isWhole(replicas, 1, 5), "replicas", replicas, "a whole number from 1 to 5"],
      [
        isWhole(maxBytes, 1024 * 1024, Number.MAX_SAFE_INTEGER),
        "maxBytes",
        maxBytes,
        "a whole number of bytes, 1 MiB or more"
      ],
      [
        duplicateWindowMillis >= 1000 && duplicateWindowMillis <= 30 * 86_400_000,
        "duplicateWindow",
        duplicateWindow,
        "a duration of 1 second to 30 days"
      ]
    ] as const
  ).find(([isGood]) => !isGood)
  if (problem !== undefined) {
    const [, option, value, expected] = problem
    return { option, value, expected }
  }
  return {
    server: { servers, username, password, token, credentials, nkey, tls },
    settings: { stream, subject, replicas, maxBytes, duplicateWindowMillis }
  }
}
