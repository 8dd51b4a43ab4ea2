/**
 * The mutable side of a lane's ledger. Whoever moves a recording calls one of these in the same synchronous step.
 * What is in open windows is counted in their cells, on the hot path, and only while it is not, here.
 */
import type { DropReason, Ledger, RefuseReason } from "../Ledger.js"

export class Account {
  /** Points, and windows that were sealed, and not opened again. */
  recorded = 0
  delivered = 0
  retried = 0
  ambiguous = 0
  sentMeasurements = 0
  sentBytes = 0
  sentWrites = 0
  readonly dropped = new Map<DropReason, number>()
  readonly refused = new Map<RefuseReason, number>()

  drop(reason: DropReason, weight: number): void {
    if (weight > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + weight)
  }

  refuse(reason: RefuseReason): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
  }

  /** `gathered`: how many recordings are in open windows. */
  snapshot(gathered: number, buffered: Ledger["buffered"]): Ledger {
    return {
      recorded: this.recorded + gathered,
      delivered: this.delivered,
      dropped: Object.fromEntries(this.dropped),
      buffered,
      refused: Object.fromEntries(this.refused),
      retried: this.retried,
      ambiguous: this.ambiguous,
      sent: { measurements: this.sentMeasurements, bytes: this.sentBytes, writes: this.sentWrites }
    }
  }
}
