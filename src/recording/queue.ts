/**
 * What a lane's recording side needs of its bounded queue; `delivery/queue.ts` makes one from Effect's dropping `Queue`.
 */
import type { Count, Distribution, Gauge, Point } from "./measurement.js"

/** A window as another process sealed it: it stays what it is, as a point does, and belongs to no cell. */
export type Foreign = (Count | Gauge | Distribution) & { readonly foreign: true }

/** What waits in the queue. */
export type Queued = Point | Foreign

export interface PointQueue {
  /**
   * Takes the point or loses one (by the overflow policy), and counts what it loses as `dropped` in the lane's account.
   * Never blocks, never throws. `bytes` is about what the point holds in memory.
   */
  readonly offer: (point: Point, bytes: number) => void
  /** As `offer`, where windows can be written as they are. */
  readonly offerWindow?: ((window: Foreign, bytes: number) => void) | undefined
  /** Whether it is more than half full: who can wait is to wait, rather than have something dropped. */
  readonly isCrowded?: (() => boolean) | undefined
}
