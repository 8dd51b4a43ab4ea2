/**
 * What carries messages between publishers and workers. `zeroMq` is the one that needs no server; whatever can forward
 * messages by topic can be another, and one that acknowledges is told when the backends have what a message carried.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Schema, type Scope } from "effect"
import { InvalidOption } from "../Sink.js"
import type { Subscriber } from "../transport/messages.js"
import type { MissingPackage } from "../transport/missing.js"
import { isName, isSubject, isWhole, millisOf, resolveServer, type ServerOptions } from "../transport/natsOptions.js"
import { subscriber as natsSubscriber } from "../transport/natsSubscriber.js"
import { subscriber } from "../transport/zeroMq.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Received, Subscriber } from "../transport/messages.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { TransportFailure } from "../transport/failure.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { MissingPackage } from "../transport/missing.js"

/**
 * A broker or a worker cannot go on: an address that is taken, or that is none of this machine.
 *
 * @since 0.1.0
 * @category errors
 */
export class RelayError extends Schema.TaggedError<RelayError>("effect-metrics/RelayError")("RelayError", {
  /** For an operator. */
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface ZeroMqOptions {
  /** The broker's name or address. Default `"127.0.0.1"`. */
  readonly host?: string | undefined
  /** The upper of the broker's two ports. Default 5551. */
  readonly port?: number | undefined
  /** Messages that wait in ZeroMQ's memory at most; further ones are lost. Default 10 000. */
  readonly highWaterMark?: number | undefined
  /** A longer message ends the connection over which it came. Default 16 MiB. */
  readonly maxMessageBytes?: number | undefined
}

/**
 * Messages from a broker, over ZeroMQ. It connects in the background, and again whenever it has to; what is published
 * meanwhile is missed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const zeroMq = ({
  highWaterMark = 10_000,
  host = "127.0.0.1",
  maxMessageBytes = 16 * 1024 * 1024,
  port = 5551
}: ZeroMqOptions = {}): Effect.Effect<Subscriber, MissingPackage> =>
  subscriber({ highWaterMark, host, maxMessageBytes, port })

/**
 * All have defaults, also those of the stream and its servers.
 *
 * @since 0.1.0
 * @category models
 */
export interface NatsOptions extends ServerOptions {
  /** Workers of the same name share the messages. Default `"workers"`. */
  readonly durable?: string | undefined
  /** How long after a worker's death its messages are delivered to others. Default 30 s. */
  readonly ackWait?: Duration.DurationInput | undefined
  /** Messages that all workers together hold at most until their sinks have written them. Default 1000, at most 10 000. */
  readonly maxPending?: number | undefined
  /** A message that was delivered so often and not acknowledged goes to the dead letters. Default 10. */
  readonly maxDeliver?: number | undefined
  /** The subject of dead letters, kept by a stream with the name of the other and `_DEAD`. Default: `subject` and `_dead`. */
  readonly deadLetters?: string | undefined
}

/**
 * Messages from a stream of NATS JetStream, of which each goes to one of the workers that share a consumer.
 *
 * A message is acknowledged when a flush that began after it was merged has ended in every sink around the worker. So a
 * worker that dies at any moment loses nothing: what it had not acknowledged goes to another after `ackWait`, and may then be
 * written twice, if its sinks had written it already: see the worker's `windows`. What a sink drops for want of room or time is
 * delivered again, with all that came in the same second: give the sinks of such a worker a `maxAge` that outlasts an outage.
 *
 * @example
 * import { InfluxDb, Transport, Worker } from "effect-metrics"
 * import { Layer } from "effect"
 *
 * const WorkerLive = Worker.layer({ transport: Transport.nats({ servers: ["localhost:4222"] }) }).pipe(
 *   Layer.provide(InfluxDb.layerFetch({ url: "http://localhost:8086", database: "app", maxAge: "1 day" }))
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const nats = (
  options: NatsOptions = {}
): Effect.Effect<Subscriber, InvalidOption | MissingPackage, Scope.Scope> =>
  Effect.suspend((): Effect.Effect<Subscriber, InvalidOption | MissingPackage, Scope.Scope> => {
    const resolved = resolveServer(options)
    if ("option" in resolved) return invalid(resolved.option, resolved.value, resolved.expected)
    const { server, settings } = resolved
    const {
      ackWait = "30 seconds",
      deadLetters = `${settings.subject}_dead`,
      durable = "workers",
      maxDeliver = 10,
      maxPending = 1000
    } = options
    const ackWaitMillis = millisOf(ackWait)
    if (!isName(durable)) return invalid("durable", durable, "letters, digits, _ and -")
    if (!(ackWaitMillis >= 1000 && ackWaitMillis <= 3_600_000))
      return invalid("ackWait", ackWait, "a duration of 1 second to 1 hour")
    if (!isWhole(maxPending, 1, 10_000)) return invalid("maxPending", maxPending, "a whole number from 1 to 10000")
    if (!isWhole(maxDeliver, 1, 2 ** 30))
      return invalid("maxDeliver", maxDeliver, "a whole number from 1 to 1073741824")
    if (!isSubject(deadLetters) || deadLetters.startsWith(`${settings.subject}.`))
      return invalid("deadLetters", deadLetters, "a subject that is not below that of the messages")
    return natsSubscriber(server, { ...settings, ackWaitMillis, deadLetters, durable, maxDeliver, maxPending })
  })

const invalid = (option: string, value: unknown, expected: string): Effect.Effect<never, InvalidOption> =>
  Effect.fail(new InvalidOption({ option, value: String(value).slice(0, 100), expected }))
