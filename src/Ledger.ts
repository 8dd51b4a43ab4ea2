/**
 * A lane's account of every recording it accepted. At every instant, for every push sink:
 * `recorded = delivered + dropped (by reason) + buffered`. The unit is the recording: a window of a counter that was
 * incremented a thousand times moves a thousand.
 *
 * @since 0.1.0
 */

/**
 * Why recordings that were accepted never reached the backend, as far as this process knows.
 *
 * - `queue_full`, `queue_bytes`: a point found the lane's queue at `capacity` or `capacityBytes`
 * - `expired`: a point or sealed window grew older than `maxAge`
 * - `rejected`: the backend refused this very measurement
 * - `too_large`: it does not fit into a write by itself
 * - `invalid`, `unsupported`: the wire cannot carry the name, tag or value; cannot carry that kind of field
 * - `ambiguous`: its fate is unknown and the lane does not retry such writes (`ambiguous: "drop"`)
 * - `same_timestamp`: a backend that overwrites by timestamp, and no free timestamp within a second
 * - `shutdown_deadline`: the scope closed and the backend did not take it within `shutdownTimeout`
 *
 * @since 0.1.0
 * @category models
 */
export type DropReason =
  | "queue_full"
  | "queue_bytes"
  | "expired"
  | "rejected"
  | "too_large"
  | "invalid"
  | "unsupported"
  | "ambiguous"
  | "same_timestamp"
  | "shutdown_deadline"

/**
 * Why a recording was not accepted: it is outside the equation.
 *
 * - `closed`: the lane's scope has closed
 * - `not_finite`, `negative`, `not_integer`: a value the instrument cannot take
 * - `type_conflict`: the name is in use with another kind of instrument
 * - `series_limit`: a gauge `set` on a series beyond `maxSeries` (other kinds go to the overflow series)
 * - `invalid_name`, `invalid_tags`, `too_long`, `no_fields`, `invalid_timestamp`: what was given cannot be a series or point
 * - `invalid_field`, and `not_finite` of a point: one field that is no number, bigint, boolean or string; the point goes on
 *   without it, if it has another
 * - `unsupported_field`: one field that the wire cannot carry, such as text where there are only numbers; the point went on
 *   without it
 * - `threw`: a tag function, getter or view of the caller's threw
 *
 * @since 0.1.0
 * @category models
 */
export type RefuseReason =
  | "closed"
  | "not_finite"
  | "negative"
  | "not_integer"
  | "type_conflict"
  | "series_limit"
  | "invalid_name"
  | "invalid_tags"
  | "too_long"
  | "no_fields"
  | "invalid_field"
  | "unsupported_field"
  | "invalid_timestamp"
  | "threw"

/**
 * The account of one lane. All are numbers of recordings, but for `sent`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ledger {
  readonly recorded: number
  readonly delivered: number
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>
  /** Found by walking, never by subtraction. */
  readonly buffered: {
    /** Points in the queue. */
    readonly queued: number
    /** In the windows that gather now. */
    readonly open: number
    /** In sealed windows and points that are being written or wait to be written again. */
    readonly inFlight: number
  }
  /** Not accepted, so not in the equation. */
  readonly refused: Readonly<Partial<Record<RefuseReason, number>>>
  /** Recordings that were written more than once. */
  readonly retried: number
  /** Recordings whose write ended without an answer: the backend may have them although they were retried or dropped. */
  readonly ambiguous: number
  /** What successful writes carried. */
  readonly sent: { readonly measurements: number; readonly bytes: number; readonly writes: number }
}

const total = (counts: Readonly<Partial<Record<string, number>>>): number => {
  let sum = 0
  for (const key of Object.keys(counts)) sum += counts[key] ?? 0
  return sum
}

/**
 * All recordings dropped, whatever the reason.
 *
 * @since 0.1.0
 * @category getters
 */
export const dropped = (self: Ledger): number => total(self.dropped)

/**
 * All recordings refused, whatever the reason.
 *
 * @since 0.1.0
 * @category getters
 */
export const refused = (self: Ledger): number => total(self.refused)

/**
 * All recordings accepted whose fate is open.
 *
 * @since 0.1.0
 * @category getters
 */
export const buffered = (self: Ledger): number => self.buffered.queued + self.buffered.open + self.buffered.inFlight

/**
 * What the equation is off by: 0, or there is a defect in this library.
 *
 * @since 0.1.0
 * @category getters
 */
export const imbalance = (self: Ledger): number => self.recorded - self.delivered - dropped(self) - buffered(self)
