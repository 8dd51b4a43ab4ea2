/**
 * Connections to NATS servers, the stream that keeps messages until workers have written them, and what errors of either mean.
 */
import { Effect, Redacted } from "effect"
import { classify } from "./failure.js"
import { loadPackage, type MissingPackage } from "./missing.js"
import type { Connection, ConsumerConfig, JetStream, StreamConfig, Tls, Transport } from "./natsApi.js"
import type { Server, StreamSettings } from "./natsOptions.js"
import type { TlsOptions } from "./stream.js"

export interface Modules {
  readonly transport: Transport
  readonly jetstream: JetStream
}

/** Loaded when they are first needed, as few programs do. */
export const modules = (
  names: readonly [string, string] = ["@nats-io/transport-node", "@nats-io/jetstream"]
): Effect.Effect<Modules, MissingPackage> => {
  const both = "@nats-io/transport-node@3 @nats-io/jetstream@3"
  return Effect.all({
    transport: loadPackage<Transport>(names[0], both),
    jetstream: loadPackage<JetStream>(names[1], both)
  })
}

const connectMillis = 5000

/** None of these says more than a kind: the errors' own words may repeat what the server was sent. */
export const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return "NATS failed"
  const code = "code" in error && typeof error.code === "number" ? error.code : undefined
  switch (error.name) {
    case "AuthorizationError":
    case "UserAuthenticationExpiredError":
      return "the server refuses the credentials"
    case "PermissionViolationError":
      return "the credentials do not allow this"
    case "TimeoutError":
      return "there was no answer in time"
    case "NoRespondersError":
    case "JetStreamNotEnabled":
      return "JetStream is not to be had: it is off, without a leader, or knows no such stream"
    case "JetStreamStatusError":
      return "the stream or its consumer is gone"
    case "JetStreamApiError":
    case "StreamNotFoundError":
    case "ConsumerNotFoundError":
      return code === fullCode ? "the stream is full" : `JetStream refuses (${code}: ${error.message.slice(0, 200)})`
    default:
      return cause(error) === "RequestError" || error.name === "RequestError" ? explainCause(error) : unconnected(error)
  }
}

const unconnected = (error: Error): string => {
  if (error.message === "server does not support 'tls'") return "no connection: the server does not speak TLS"
  const { what } = classify(error, "")
  return what === "" ? `no connection (${error.name})` : `no connection: ${what.trim()}`
}

const cause = (error: Error): string => (error.cause instanceof Error ? error.cause.name : "")
const explainCause = (error: Error): string =>
  error.cause instanceof Error ? explain(error.cause) : "the connection broke"

/** Over the most bytes or messages, where the stream discards what is new. */
const fullCode = 10077

/** Whether the server can have stored what it did not acknowledge. */
export const isAmbiguous = (error: unknown): boolean =>
  !(
    error instanceof Error &&
    ["JetStreamApiError", "JetStreamNotEnabled", "NoRespondersError", "PermissionViolationError"].includes(error.name)
  )

export const isUnauthorized = (error: unknown): boolean =>
  error instanceof Error &&
  ["AuthorizationError", "UserAuthenticationExpiredError", "PermissionViolationError"].includes(error.name)

export const isUnknownConsumer = (error: unknown): boolean =>
  error instanceof Error && error.name === "ConsumerNotFoundError"

export const isUnknownStream = (error: unknown): boolean =>
  error instanceof Error && error.name === "StreamNotFoundError"

const tlsOf = (tls: boolean | TlsOptions): Tls | undefined =>
  tls === false
    ? undefined
    : {
        ...(typeof tls === "object" && tls.ca !== undefined ? { ca: tls.ca } : {}),
        ...(typeof tls === "object" && tls.cert !== undefined ? { cert: tls.cert } : {}),
        ...(typeof tls === "object" && tls.key !== undefined ? { key: Redacted.value(tls.key) } : {})
      }

export const connect = (
  { transport }: Modules,
  { credentials, nkey, password, servers, tls, token, username }: Server,
  reconnect: boolean
): Promise<Connection> => {
  const secure = tlsOf(tls)
  return transport.connect({
    servers: [...servers],
    name: "effect-metrics",
    timeout: connectMillis,
    reconnect,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    // So that a peer which vanished without a word is noticed.
    pingInterval: 10_000,
    maxPingOut: 2,
    ignoreAuthErrorAbort: true,
    ...(username === undefined ? {} : { user: username }),
    ...(password === undefined ? {} : { pass: Redacted.value(password) }),
    ...(token === undefined ? {} : { token: Redacted.value(token) }),
    ...(credentials === undefined
      ? {}
      : { authenticator: transport.credsAuthenticator(new TextEncoder().encode(Redacted.value(credentials))) }),
    ...(nkey === undefined
      ? {}
      : { authenticator: transport.nkeyAuthenticator(new TextEncoder().encode(Redacted.value(nkey).trim())) }),
    ...(secure === undefined ? {} : { tls: secure })
  })
}

/**
 * In a turn of its own. Where the server has just gone, the client's last words are an error of a socket that nobody listens to
 * any more once it is closed, and such an error ends the process.
 */
export const disconnect = async (connection: Connection): Promise<void> => {
  await new Promise<void>((resolve) => void setImmediate(resolve))
  await connection.close().catch(() => {})
}

/** A level as one token of a subject: what would end or widen it is written in hexadecimal, and so is `=` itself. */
export const levelToken = (level: string): string => {
  if (level === "") return "="
  let token = ""
  for (const byte of new TextEncoder().encode(level)) {
    const character = String.fromCharCode(byte)
    token += /[\w-]/.test(character) ? character : `=${byte.toString(16).padStart(2, "0")}`
  }
  return token
}

export const subjectOf = (subject: string, level: string): string => `${subject}.${levelToken(level)}`

const minutes = (millis: number): string => `${Math.round(millis / 600) / 100} min`

/** What an existing stream does that may lose messages or store them twice. */
export const doubts = (config: StreamConfig, wanted: StreamSettings): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (config.discard !== "new")
    found.push("it discards old messages when it is full, which no ledger sees: set its discard policy to new")
  if (config.retention === "limits")
    found.push("it keeps messages that were acknowledged, until they fill it: set its retention to work queue")
  if (config.retention === "interest")
    found.push("it keeps nothing while it has no consumer: set its retention to work queue")
  if (config.max_age > 0)
    found.push(`it forgets what is older than ${minutes(config.max_age / 1e6)}, which no ledger sees`)
  if (config.num_replicas < wanted.replicas)
    found.push(`it has ${config.num_replicas} replicas, not ${wanted.replicas}`)
  if (config.duplicate_window / 1e6 < wanted.duplicateWindowMillis)
    found.push(
      `it knows what it has stored for ${minutes(config.duplicate_window / 1e6)}, and a write that is tried again for ${minutes(wanted.duplicateWindowMillis)} may be stored twice`
    )
  if (config.storage === "memory") found.push("it keeps messages in memory, and loses them with its servers")
  return found
}

/** What an existing consumer does otherwise than it would if it had been made for these settings. */
export const differences = (config: ConsumerConfig, wanted: Required<ConsumerConfig>): ReadonlyArray<string> => {
  const seconds = (nanos: number): string => `${nanos / 1e9} s`
  const { ack_policy: policy, ack_wait: wait = 30e9, max_ack_pending: pending = -1, max_deliver: most = -1 } = config
  const { filter_subject: filter = ">" } = config
  const found: Array<string> = []
  if (filter !== wanted.filter_subject) found.push(`it is of ${filter}, not of ${wanted.filter_subject}`)
  if (policy !== wanted.ack_policy) found.push(`its messages are acknowledged as "${policy}", not one by one`)
  if (wait !== wanted.ack_wait) found.push(`its ackWait is ${seconds(wait)}, not ${seconds(wanted.ack_wait)}`)
  if (pending !== wanted.max_ack_pending) found.push(`its maxPending is ${pending}, not ${wanted.max_ack_pending}`)
  if (most > 0) found.push(`it delivers a message ${most} times and then no more, and it stays in the stream`)
  return found
}

/** A stream that is there. */
export interface Prepared {
  /** What to warn about. */
  readonly doubts: ReadonlyArray<string>
  /** Longer messages are refused. */
  readonly maxMessageBytes: number
}

/** Makes the stream, unless it is there. */
export const prepareStream = async (
  { jetstream }: Modules,
  connection: Connection,
  wanted: StreamSettings
): Promise<Prepared> => {
  const manager = await jetstream.jetstreamManager(connection)
  const info = () => manager.streams.info(wanted.stream)
  try {
    const { config } = await info()
    const { max_msg_size: most = -1 } = config
    return { doubts: doubts(config, wanted), maxMessageBytes: most < 0 ? Infinity : most }
  } catch (error) {
    if (!isUnknownStream(error)) throw error
  }
  await manager.streams
    .add({
      name: wanted.stream,
      subjects: [`${wanted.subject}.*`],
      retention: "workqueue",
      discard: "new",
      storage: "file",
      num_replicas: wanted.replicas,
      max_bytes: wanted.maxBytes,
      duplicate_window: wanted.duplicateWindowMillis * 1e6
    })
    // Somebody else has made it meanwhile, or the answer is late: then it is there now, or this fails as well.
    .catch(async (error: unknown) => info().catch(() => Promise.reject(error)))
  return { doubts: [], maxMessageBytes: Infinity }
}
