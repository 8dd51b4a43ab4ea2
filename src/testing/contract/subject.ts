/**
 * What a sink's author tells the contract: how to make the sink, how to read what its backend got, and what its wire cannot
 * carry. `SinkContract` re-exports all of it.
 */
import type { Duration, Effect, Layer, Scope } from "effect"
import { Schema } from "effect"
import type { Metrics } from "../../Metrics.js"
import type * as Sink from "../../Sink.js"

/**
 * One record, as the backend understood it. On wires with several numbers a record those are its fields; on wires with one it
 * has the single field `value`, and a name such as `latency.count`. Both are read alike: the field `value` goes by the
 * record's name, any other by `name.field`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Received {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  /** Seconds for timers, whatever the wire's unit. */
  readonly fields: Readonly<Record<string, number | bigint | boolean | string>>
  /** Milliseconds since the epoch, where the wire carries a time. */
  readonly millis?: number | undefined
}

/**
 * What may be wrong with a backend:
 *
 * - `down`: it refuses connections, and those there were are reset
 * - `hang`: it accepts connections, and neither reads nor answers
 * - `slow`: a trickle of bytes, in both directions
 * - `close`: it accepts connections and closes them at once
 *
 * `none` ends it.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = "none" | "down" | "hang" | "slow" | "close"

/**
 * What the backend got at once: a request, a datagram. `bytes` is the body's length before compression.
 *
 * @since 0.1.0
 * @category models
 */
export interface Write {
  readonly records: number
  readonly bytes: number
}

/**
 * A backend of one check: fresh, empty and without faults. Its scope ends with the check.
 *
 * @since 0.1.0
 * @category models
 */
export interface Backend {
  /** All records so far, in the order in which they came; asked for again and again, also while a fault is played. */
  readonly received: Effect.Effect<ReadonlyArray<Received>>
  /** Plays a fault from now on, such as that of a `ChaosProxy`. Left out where the subject's `faults` are `[]`. */
  readonly fault?: ((fault: Fault) => Effect.Effect<void>) | undefined
  /** What came at once, for wires that have such a thing: makes the checks of batches see what was sent, not what was said. */
  readonly writes?: Effect.Effect<ReadonlyArray<Write>> | undefined
}

/**
 * What the wire promises and what it can carry. Every default is that of a wire which can do all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wire {
  /**
   * Whose word `delivered` is. `"backend"`: it answers, as over HTTP. `"kernel"`: a stream without answers, whose last bytes
   * may be lost on the way. `"nobody"`: datagrams. The latter two are not asked for what was sent while the backend was not
   * there, but still for no record twice, none cut, and that new ones arrive once it is back. Default `"backend"`.
   */
  readonly acknowledgedBy?: "backend" | "kernel" | "nobody" | undefined
  /** Whether text fields arrive. Default `true`. */
  readonly strings?: boolean | undefined
  /** What times of points arrive as. Default `"millis"`. */
  readonly times?: "millis" | "seconds" | "none" | undefined
  /** Whether a counter arrives as each window's increase, or as the total so far. Default `"increase"`. */
  readonly counters?: "increase" | "total" | undefined
  /** Most tags of a record, beyond which it is dropped or loses some; 0 where the wire has none. Default: any number. */
  readonly maxTags?: number | undefined
  /** Whether the sink has an `encode`, and so bounds the bytes of a write. Default `true`. */
  readonly batchBytes?: boolean | undefined
  /**
   * How the wire spells a word where it rewrites some, such as `a b` as `a_b`; `undefined` where it leaves it out. Of a field
   * on a wire with one number a record, also asked for `name.field` as a name. Default: as it is.
   */
  readonly spell?: ((word: string, place: Place) => string | undefined) | undefined
}

/**
 * Where in a record a word stands.
 *
 * @since 0.1.0
 * @category models
 */
export type Place = "name" | "tag key" | "tag value" | "field key" | "text"

/**
 * A sink that is put to the contract.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject<B extends Backend = Backend> {
  /** In violations. */
  readonly name: string
  /** Made anew for each check. */
  readonly backend: Effect.Effect<B, never, Scope.Scope>
  /** The sink, with the options that the check asks for: all of them are to be passed on. */
  readonly layer: (backend: B, delivery: Sink.DeliveryOptions) => Layer.Layer<Metrics, unknown>
  readonly wire?: Wire | undefined
  /** Which faults the backend can play. Default: all. */
  readonly faults?: ReadonlyArray<Exclude<Fault, "none">> | undefined
  /** What must appear in no log line and no error: passwords and tokens as the sink was given them. */
  readonly secrets?: ReadonlyArray<string> | undefined
  /** How long what must come is waited for before its absence is a violation. Default 10 s. */
  readonly patience?: Duration.DurationInput | undefined
}

/**
 * The sink does not keep the contract.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContractViolation extends Schema.TaggedError<ContractViolation>(
  "effect-metrics/SinkContract/ContractViolation"
)("ContractViolation", {
  /** The subject's name. */
  sink: Schema.String,
  /** The check's name. */
  check: Schema.String,
  expected: Schema.String,
  seen: Schema.String
}) {
  override get message(): string {
    return `${this.sink} ${this.check}\n  expected: ${this.expected}\n  seen: ${this.seen}`
  }
}

/**
 * One thing that a sink must keep.
 *
 * @since 0.1.0
 * @category models
 */
export interface Check {
  /** What the sink does, as a sentence without its subject: "delivers what counters count". */
  readonly name: string
  /** Plays on the live clock, whatever the test's, and needs no scope. It ends by itself, within 30 s at the very worst. */
  readonly run: Effect.Effect<void, ContractViolation>
}
