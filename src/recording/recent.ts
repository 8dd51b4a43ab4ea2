/**
 * A histogram that also remembers the last values themselves, for readers who want quantiles of those and no others. A class of
 * its own, so that lanes that write pay nothing for it.
 */
import { Histogram } from "./histogram.js"

export class RecentHistogram extends Histogram {
  private readonly values: Array<number> = []
  private next = 0

  constructor(private readonly size: number) {
    super()
  }

  override record(value: number): void {
    super.record(value)
    this.remember(value)
  }

  override recordTimes(value: number, times: number): void {
    super.recordTimes(value, times)
    for (let i = Math.min(times, this.size); i > 0; i--) this.remember(value)
  }

  /** Oldest first, as a copy. What was merged from other histograms is not among them. */
  recent(): ReadonlyArray<number> {
    // Slices are copied at once, spread ones value by value.
    return this.next === 0 ? this.values.slice() : this.values.slice(this.next).concat(this.values.slice(0, this.next))
  }

  private remember(value: number): void {
    if (this.values.length < this.size) {
      this.values.push(value)
      return
    }
    this.values[this.next] = value
    this.next = this.next + 1 === this.size ? 0 : this.next + 1
  }
}
