/**
 * What a lane's recording side needs of its bounded queue; `delivery/queue.ts` makes one from Effect's dropping `Queue`.
 */
import type { Point } from "./measurement.js"

export interface PointQueue {
  /**
   * Takes the point or loses one (by the overflow policy), and counts what it loses as `dropped` in the lane's account.
   * Never blocks, never throws. `bytes` is about what the point holds in memory.
   */
  readonly offer: (point: Point, bytes: number) => void
}
