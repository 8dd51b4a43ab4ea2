/**
 * What the lane's reducer (`reducer.ts`) speaks about: its state, the events it is told, the actions it asks for. Items are
 * opaque but for their weight and whether they are points, so that tests can enumerate it with plain objects.
 */
import type { DropReason } from "../Ledger.js"
import type { Encoded, SinkError } from "./sink.js"

export interface Item {
  readonly _tag: string
  readonly weight: number
  /** A window that is never merged back, as it was sealed in another process. */
  readonly foreign?: boolean | undefined
}

/** All times are monotonic milliseconds. */
export interface Config {
  readonly batchSize: number
  readonly triggerSize: number
  readonly concurrency: number
  readonly retryInitial: number
  readonly retryMax: number
  readonly jitter: "full" | "none"
  readonly maxAge: number
  /** Measurements a second. */
  readonly rateLimit: number | undefined
  readonly ambiguous: "retry" | "drop"
  /** Goes before the number of a batch. */
  readonly idPrefix: string
}

/** What waits outside of the state, as it is when an event happens. */
export interface World {
  /** Sequence numbers of the first point waiting and of the next one to come. */
  readonly head: number
  readonly tail: number
  /** Windows that are due, and windows with recordings that are not. */
  readonly due: number
  readonly dirty: number
}

export interface Batch<I> {
  readonly id: string
  /** Its place in line. */
  readonly at: number
  readonly items: ReadonlyArray<I>
  /** How often its items were sent. */
  readonly attempts: number
  /** Whether some write of its items ended without an answer. They are then written again as they are, or not at all. */
  readonly unsure: boolean
  /** Found bad together, and not yet found which: never filled up with others. */
  readonly suspect: boolean
  /** Since when all of its points, and its windows, have been what they are. */
  readonly pointsSince: number
  readonly windowsSince: number
}

export interface Flight<I> {
  readonly batch: Batch<I>
  readonly phase: "encoding" | "sending"
  readonly bytes: number
  /** `State.round` when it began. */
  readonly round: number
}

/** What a flush still waits for. */
export interface Drain {
  readonly tokens: ReadonlyArray<number>
  /** Passes to come. A second one is for windows whose series had another one sealed when the first began. */
  readonly passes: number
  /** `State.marks` when this pass began. */
  readonly marks: number
  /** Points before this sequence number are to be gathered, and this many of the due windows. */
  readonly points: number
  readonly windows: number
  /** Batches before this place are to be settled; unknown until all is gathered. */
  readonly before: number | undefined
}

export interface State<I> {
  readonly phase: "open" | "closing" | "ended"
  /** Batches to be written, in line. */
  readonly waiting: ReadonlyArray<Batch<I>>
  readonly flying: ReadonlyArray<Flight<I>>
  readonly nextAt: number
  readonly nextId: number
  /** Points before this sequence number are due. */
  readonly through: number
  /** Writes that failed in a row, and since when. Several in flight that fail together count once in `round`. */
  readonly failures: number
  readonly failingSince: number
  /** Failures with no calm minute between two: what is logged is every doubling of it. */
  readonly troubles: number
  /** Whether any of `failures` was logged, so that their end is. */
  readonly logged: boolean
  readonly recoveredAt: number
  readonly round: number
  /** Doublings of the wait between tries. */
  readonly backoff: number
  /** Writes that were rejected in a row. */
  readonly rejections: number
  /** Measurements that backend or encoder refused, ever. */
  readonly refused: number
  /** When a write was last refused or failed. */
  readonly failedAt: number
  readonly notBefore: number
  /** Whether `notBefore` is what the backend asked for. */
  readonly throttled: boolean
  readonly tokens: number
  readonly tokensAt: number
  /** How often windows were marked due. */
  readonly marks: number
  readonly drain: Drain | undefined
  /** Flushes that begin when `drain` has ended, or that end with the lane. */
  readonly laterTokens: ReadonlyArray<number>
}

export type MarkedBy = "schedule" | "flush" | "close"

/** How a write ended, by index into what was sent. */
export type Outcome =
  | {
      readonly _tag: "Written"
      readonly keep: ReadonlyArray<number>
      readonly rejected: ReadonlyArray<number>
      readonly reason: string
    }
  | {
      readonly _tag: SinkError["_tag"] | "Defect"
      readonly reason: string
      readonly ambiguous: boolean
      readonly retryAfterMillis?: number | undefined
    }

export interface Moment {
  readonly now: number
  /** From 0 to below 1. */
  readonly random: number
  readonly world: World
}

export type Happening<I> =
  /** A timer, a notice of the recording side, a full batch waiting. */
  | { readonly _tag: "Wake" }
  /** The schedule recurred. */
  | { readonly _tag: "Tick" }
  | { readonly _tag: "Flush"; readonly token: number }
  /** Nobody waits for this flush any more. */
  | { readonly _tag: "Forget"; readonly token: number }
  /** No recording is accepted any more. */
  | { readonly _tag: "Close" }
  /** The time for closing is up. */
  | { readonly _tag: "Deadline" }
  /** `MarkDue` was done. */
  | { readonly _tag: "Marked"; readonly by: MarkedBy }
  /** `Reopen` was done. */
  | { readonly _tag: "Reopened" }
  /** `Gather` was done. */
  | {
      readonly _tag: "Gathered"
      readonly windows: ReadonlyArray<I>
      readonly points: ReadonlyArray<I>
      readonly pointsSince: number
    }
  /** `Encode` was done. */
  | {
      readonly _tag: "Encoded"
      readonly id: string
      readonly taken: number
      readonly bytes: number
      readonly payload: unknown
      readonly refused: Encoded<unknown>["refused"]
    }
  /** `Encode` threw. */
  | { readonly _tag: "EncodeThrew"; readonly id: string; readonly reason: string }
  /** `Send` ended. */
  | { readonly _tag: "Done"; readonly id: string; readonly outcome: Outcome }

export type Event<I> = Happening<I> & Moment

export type Action<I> =
  /** Marks what has gathered in windows as due. Answered by `Marked`. */
  | { readonly _tag: "MarkDue"; readonly by: MarkedBy }
  /** Takes due windows, then points, `limit` together. Answered by `Gathered`. */
  | { readonly _tag: "Gather"; readonly limit: number; readonly points: number }
  /** Drops queued points that have expired. */
  | { readonly _tag: "ExpireQueued" }
  /** Answered by `Encoded` or `EncodeThrew`, at once or in a later turn of the event loop. */
  | { readonly _tag: "Encode"; readonly batch: Batch<I> }
  /** Answered by `Done`, some time. */
  | { readonly _tag: "Send"; readonly batch: Batch<I>; readonly payload: unknown }
  | { readonly _tag: "Delivered"; readonly items: ReadonlyArray<I> }
  | { readonly _tag: "Dropped"; readonly items: ReadonlyArray<I>; readonly reason: DropReason }
  /** Merges windows back: they were not stored. Answered by `Reopened`. */
  | { readonly _tag: "Reopen"; readonly windows: ReadonlyArray<I> }
  /** Drops what waits outside of the state. */
  | { readonly _tag: "DropRest"; readonly reason: DropReason }
  /** Side counters of the ledger; of windows that were reopened, only who merges them knows when they are written again. */
  | { readonly _tag: "Retried"; readonly weight: number }
  | { readonly _tag: "Ambiguous"; readonly weight: number }
  | { readonly _tag: "Sent"; readonly measurements: number; readonly bytes: number }
  | { readonly _tag: "Log"; readonly level: "info" | "warning" | "error"; readonly message: string }
  /** These flushes are done. */
  | { readonly _tag: "Flushed"; readonly tokens: ReadonlyArray<number> }
  /** The lane is empty and closed. */
  | { readonly _tag: "End" }

export const initial = <I>(now: number): State<I> => ({
  phase: "open",
  waiting: [],
  flying: [],
  nextAt: 0,
  nextId: 1,
  through: 0,
  failures: 0,
  failingSince: 0,
  troubles: 0,
  logged: false,
  recoveredAt: Number.NEGATIVE_INFINITY,
  round: 0,
  backoff: 0,
  rejections: 0,
  refused: 0,
  failedAt: Number.NEGATIVE_INFINITY,
  notBefore: now,
  throttled: false,
  tokens: Number.POSITIVE_INFINITY,
  tokensAt: now,
  marks: 0,
  drain: undefined,
  laterTokens: []
})

/** Weight of all that is being written or waits to be written again. */
export const inFlight = (state: State<Item>): number => {
  let weight = 0
  for (const { items } of state.waiting) for (const item of items) weight += item.weight
  for (const { batch } of state.flying) for (const item of batch.items) weight += item.weight
  return weight
}
