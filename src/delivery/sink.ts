/**
 * What the lane asks of a backend, and how a backend says what went wrong. `Sink` re-exports all of it for users.
 */
import type { Effect } from "effect"
import { Schema } from "effect"
import type { Measurement } from "../recording/measurement.js"

const common = {
  /** The sink's name. */
  sink: Schema.String,
  /** What went wrong, for an operator: no secrets, at most 1 KiB of the backend's own words. */
  reason: Schema.String,
  /** Whether the backend may have stored (some of) the batch all the same. Default: it has not. */
  ambiguous: Schema.optionalWith(Schema.Boolean, { default: () => false })
}

/**
 * The backend did not take the batch and may take it later: refused connection, timeout, most 5xx. Retried with backoff.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("effect-metrics/Sink/Unavailable")(
  "Unavailable",
  common
) {}

/**
 * The backend asks for patience (429, 503 with `Retry-After`). Retried after `retryAfterMillis`, clamped to 5 minutes, or
 * after the usual backoff.
 *
 * @since 0.1.0
 * @category errors
 */
export class Throttled extends Schema.TaggedError<Throttled>("effect-metrics/Sink/Throttled")("Throttled", {
  ...common,
  retryAfterMillis: Schema.optional(Schema.Number)
}) {}

/**
 * Wrong or missing credentials (401, 403). The lane pauses, keeps what it has, and tries again at the longest backoff.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>("effect-metrics/Sink/Unauthorized")(
  "Unauthorized",
  common
) {}

/**
 * The backend does not know what is being asked for (404, unknown database, redirect). Treated as {@link Unauthorized}.
 *
 * @since 0.1.0
 * @category errors
 */
export class Misconfigured extends Schema.TaggedError<Misconfigured>("effect-metrics/Sink/Misconfigured")(
  "Misconfigured",
  common
) {}

/**
 * The batch is too large (413). It is halved; a single measurement is dropped as `too_large`.
 *
 * @since 0.1.0
 * @category errors
 */
export class TooLarge extends Schema.TaggedError<TooLarge>("effect-metrics/Sink/TooLarge")("TooLarge", common) {}

/**
 * The backend refuses something in the batch and does not say what (400). The lane halves until it has found it, and drops
 * that as `rejected`. Where the backend does say, `write` succeeds with a {@link WriteResult} instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class Rejected extends Schema.TaggedError<Rejected>("effect-metrics/Sink/Rejected")("Rejected", common) {}

/**
 * Why a write failed: what the lane does next depends on it.
 *
 * @since 0.1.0
 * @category errors
 */
export type SinkError = Unavailable | Throttled | Unauthorized | Misconfigured | TooLarge | Rejected

/**
 * What is written at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Batch<out Payload = undefined> {
  /** Unique in the process, and the same when a batch of unknown fate is written again: fit to be a message id. */
  readonly id: string
  /** 1 for the first try. */
  readonly attempt: number
  readonly measurements: ReadonlyArray<Measurement>
  /** What the sink's `encode` made of `measurements`. */
  readonly payload: Payload
}

/**
 * The outcome of a write, by index into `batch.measurements`. What is not named was delivered.
 *
 * @since 0.1.0
 * @category models
 */
export interface WriteResult {
  /** Dropped as `rejected`, never written again. */
  readonly rejected?: ReadonlyArray<{ readonly index: number; readonly reason: string }> | undefined
  /** Not stored, to be written again. */
  readonly keep?: ReadonlyArray<number> | undefined
}

/**
 * What an encoder made of the first `taken` measurements.
 *
 * @since 0.1.0
 * @category models
 */
export interface Encoded<out Payload> {
  readonly payload: Payload
  /** How many of the measurements it covers, counting refused ones; at least 1. The rest goes into the next batch. */
  readonly taken: number
  /** Bytes of `payload` on the wire, before compression. */
  readonly bytes: number
  /** Those among them that are not in `payload`, because the wire cannot carry them; ascending by index. */
  readonly refused: ReadonlyArray<{
    readonly index: number
    readonly drop: "invalid" | "unsupported" | "too_large" | "same_timestamp"
    readonly reason: string
  }>
  /** Those that are in `payload` but for some of their fields: counted as `refused: unsupported_field`. Default: none. */
  readonly skipped?: ReadonlyArray<{ readonly index: number; readonly fields: number }> | undefined
}

/**
 * A backend, ready to be written to.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sink<Payload = undefined> {
  /**
   * Writes one batch. It may be interrupted at `requestTimeout` or at the deadline of a close. A defect counts as
   * {@link Rejected} with `ambiguous: true`: nobody knows what was stored before it. `batch.measurements` holds just what
   * `payload` carries.
   */
  readonly write: (batch: Batch<Payload>) => Effect.Effect<WriteResult | void, SinkError>
  /**
   * Encodes as many of the measurements, from the first, as fit into `maxBytes`. Synchronous and pure; called once a batch,
   * and again with the same measurements if the batch must be written again. Without it, batches are bounded by count alone
   * and `payload` is `undefined`.
   */
  readonly encode?: ((measurements: ReadonlyArray<Measurement>, maxBytes: number) => Encoded<Payload>) | undefined
}
