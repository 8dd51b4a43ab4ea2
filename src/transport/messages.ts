/**
 * Messages between processes, through something that forwards them. What is in them is for others to know: here they are
 * frames of bytes, the first of which begins with what subscriptions go by.
 */
import type { Effect } from "effect"
import type { TransportFailure } from "./failure.js"

/**
 * A message, as a publisher sends it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message {
  /** The same if it is published again. */
  readonly id: string
  /** Empty where there is none. */
  readonly level: string
  readonly frames: ReadonlyArray<Uint8Array>
}

export interface Publisher {
  /**
   * Hands the messages over, in order, and says how many of them were before it had to stop; the others were not, and it is
   * for the caller to try them again. Fails if none was.
   */
  readonly publish: (messages: ReadonlyArray<Message>) => Effect.Effect<Published, TransportFailure>
  /** Done when there is somebody to publish to. */
  readonly ready: Effect.Effect<void, TransportFailure>
}

export interface Published {
  readonly published: number
  /** Why it stopped, if it did. */
  readonly reason: string
}

/**
 * A message, as a worker gets it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Received {
  readonly frames: ReadonlyArray<Uint8Array>
  /**
   * Says that what the message carried is where it belongs, so that it is not delivered again. `undefined` where nothing is
   * ever delivered again.
   */
  readonly acknowledge: Effect.Effect<void> | undefined
  /**
   * Says that what it carried did not get where it belongs, and why, so that it is delivered again, after a while. Default:
   * nothing is said, and it is delivered again when its transport thinks that it has waited long enough.
   */
  readonly release?: ((reason: string) => Effect.Effect<void>) | undefined
  /** Says that nobody here can read it, and why. Default: what cannot be read is acknowledged like the rest. */
  readonly refuse?: ((reason: string) => Effect.Effect<void>) | undefined
}

/**
 * What a worker takes its messages from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subscriber {
  /**
   * Calls `receive` for each message that begins with one of the topics, until it is interrupted; what has arrived by then is
   * received still. `receive` must not throw.
   */
  readonly subscribe: (
    topics: ReadonlyArray<string>,
    receive: (message: Received) => void
  ) => Effect.Effect<never, TransportFailure>
}
