/**
 * What is used of the packages of NATS. Their own types do not compile under all settings, and are not asked of those who use
 * no NATS.
 */
export interface Connection {
  readonly info?: { readonly max_payload: number } | undefined
  readonly isClosed: () => boolean
  readonly close: () => Promise<void>
  readonly closed: () => Promise<void | Error>
  /** What becomes of it, until it is closed. */
  readonly status: () => AsyncIterable<{ readonly type: string }>
  readonly publish: (subject: string, payload: string) => void
  readonly request: (subject: string, payload: string, options: { readonly timeout: number }) => Promise<unknown>
}

export interface Headers {
  readonly set: (key: string, value: string) => void
}

export interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface ConnectionOptions {
  readonly servers: ReadonlyArray<string>
  readonly name: string
  readonly timeout: number
  readonly reconnect: boolean
  readonly maxReconnectAttempts: number
  readonly reconnectTimeWait: number
  readonly reconnectJitter: number
  readonly pingInterval: number
  readonly maxPingOut: number
  readonly ignoreAuthErrorAbort: boolean
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  readonly authenticator?: unknown
  readonly tls?: Tls
}

export interface Transport {
  readonly connect: (options: ConnectionOptions) => Promise<Connection>
  readonly credsAuthenticator: (file: Uint8Array) => unknown
  readonly nkeyAuthenticator: (seed: Uint8Array) => unknown
  readonly headers: () => Headers
}

/** A message of a consumer. */
export interface Message {
  readonly subject: string
  readonly data: Uint8Array
  readonly seq: number
  /** Where answers go, such as acknowledgements. */
  readonly reply: string
  readonly info: { readonly deliveryCount: number; readonly timestampNanos: number }
}

export interface Messages {
  readonly stop: () => void
  readonly closed: () => Promise<void | Error>
}

export interface Consumer {
  readonly consume: (options: {
    readonly max_messages: number
    /** Milliseconds. */
    readonly expires: number
    readonly idle_heartbeat: number
    /** Whether it ends where the stream or the consumer is gone. */
    readonly abort_on_missing_resource: boolean
    readonly callback: (message: Message) => void
  }) => Promise<Messages>
}

export interface Client {
  readonly publish: (
    subject: string,
    data: Uint8Array,
    options: { readonly msgID: string; readonly timeout?: number; readonly headers?: Headers }
  ) => Promise<unknown>
  readonly consumers: { readonly get: (stream: string, consumer: string) => Promise<Consumer> }
}

/** Durations are in nanoseconds. */
export interface StreamConfig {
  readonly discard: string
  readonly retention: string
  readonly storage: string
  readonly max_age: number
  readonly num_replicas: number
  readonly duplicate_window: number
  /** -1 is any. */
  readonly max_msg_size?: number
}

export interface Manager {
  readonly streams: {
    readonly info: (
      stream: string
    ) => Promise<{ readonly config: StreamConfig; readonly state: { readonly last_seq: number } }>
    /** `null` where there is none. */
    readonly getMessage: (stream: string, query: { readonly seq: number }) => Promise<{ readonly time: Date } | null>
    readonly add: (
      config: Partial<StreamConfig> & {
        readonly name: string
        readonly subjects: ReadonlyArray<string>
        readonly max_bytes: number
      }
    ) => Promise<unknown>
  }
  readonly consumers: {
    readonly info: (
      stream: string,
      consumer: string
    ) => Promise<{ readonly config: ConsumerConfig; readonly delivered: { readonly stream_seq: number } }>
    readonly delete: (stream: string, consumer: string) => Promise<boolean>
    readonly add: (stream: string, config: Required<ConsumerConfig>) => Promise<unknown>
  }
}

/** Durations are in nanoseconds. */
export interface ConsumerConfig {
  readonly durable_name: string
  readonly filter_subject?: string
  readonly ack_policy: string
  readonly deliver_policy: string
  readonly ack_wait?: number
  readonly max_ack_pending?: number
  readonly max_deliver?: number
}

export interface JetStream {
  readonly jetstream: (connection: Connection, options: { readonly timeout: number }) => Client
  readonly jetstreamManager: (connection: Connection) => Promise<Manager>
}
