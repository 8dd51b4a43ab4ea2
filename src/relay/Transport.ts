/**
 * What carries messages between publishers and workers. `zeroMq` is the one that needs no server; whatever can forward
 * messages by topic can be another, and one that acknowledges is told when the backends have what a message carried.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import { Schema } from "effect"
import type { Subscriber } from "../transport/messages.js"
import type { ZeroMqMissing } from "../transport/failure.js"
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
export { ZeroMqMissing } from "../transport/failure.js"

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
}: ZeroMqOptions = {}): Effect.Effect<Subscriber, ZeroMqMissing> =>
  subscriber({ highWaterMark, host, maxMessageBytes, port })
