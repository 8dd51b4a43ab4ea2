/**
 * What is known of the processes of a host from one reading of their pipes to the next: their last values, and what those that have
 * ended had counted. Bounded, and without any I/O.
 */
import { maxIdentityLength } from "../recording/tags.js"
import type { Stat, Stats } from "../encoding/statventReader.js"
import type { Process, ProcessState, Value } from "./model.js"
import { add } from "./values.js"

/** What one reading found of one pipe. */
export type Found =
  | ({ readonly _tag: "Answered"; readonly id: string } & Pick<Stats, "stats" | "malformed" | "left">)
  /** It is alive. */
  | { readonly _tag: "Silent"; readonly id: string; readonly reason: string }
  | { readonly _tag: "Ended"; readonly id: string }
  /** It is alive, and has no pipe: it makes one anew, or is measured no more. */
  | { readonly _tag: "Missing"; readonly id: string }
  | { readonly _tag: "Unreadable"; readonly id: string; readonly reason: string }

/** A process that has answered at least once. */
export interface Known {
  readonly id: string
  readonly state: Exclude<ProcessState, "unreadable">
  readonly reason: string | null
  readonly stats: Map<string, Stat>
  /** When it answered last. */
  readonly answeredMillis: number
  /** When its end was noticed; for those that are gone. */
  readonly endedMillis: number
}

/** What processes had counted that are no longer known. */
export interface Retired {
  readonly stat: Stat
  value: Value
}

export interface Bounds {
  /** For how long a process is listed after its end, and for how long gauges of a silent one are believed. */
  readonly keepMillis: number
  /** Of all processes together, those that are gone included. */
  readonly maxSeries: number
}

/** A pipe that is made anew for each reader is missing for some milliseconds. */
const missingMillis = 10_000

/** That are listed. On a host where many come and go, the last ones are. */
const maxGone = 1024

/** Hot state of one service. */
export class Processes {
  private readonly known = new Map<string, Known>()
  private unreadable: ReadonlyArray<Process> = []
  private readonly retiredByKey = new Map<string, Retired>()
  private series = 0

  constructor(private readonly bounds: Bounds) {}

  /** What is found of all pipes that there are, and of all processes that are {@link running}. */
  observe(found: ReadonlyArray<Found>, millis: number): void {
    const unreadable: Array<Process> = []
    for (const one of found) {
      switch (one._tag) {
        case "Answered":
          this.answered(one, millis)
          break
        case "Silent":
          this.silent(one.id, one.reason, millis)
          break
        case "Ended":
          this.ended(one.id, millis)
          break
        case "Missing":
          if (millis - (this.known.get(one.id)?.answeredMillis ?? 0) > missingMillis) this.ended(one.id, millis)
          else this.silent(one.id, "its pipe is not there at the moment", millis)
          break
        case "Unreadable":
          if (this.known.has(one.id)) this.silent(one.id, one.reason, millis)
          else unreadable.push({ id: one.id, state: "unreadable", reason: one.reason, series: 0 })
      }
    }
    this.unreadable = unreadable
    const gone = [...this.known.values()].filter(({ state }) => state === "gone")
    gone.forEach((process, i) => {
      if (i < gone.length - maxGone || millis - process.endedMillis > this.bounds.keepMillis) this.retire(process)
    })
  }

  /** Those that were not gone when last heard of. */
  running(): ReadonlyArray<string> {
    return [...this.known.values()].filter(({ state }) => state !== "gone").map(({ id }) => id)
  }

  all(): Iterable<Known> {
    return this.known.values()
  }

  retired(): ReadonlyMap<string, Retired> {
    return this.retiredByKey
  }

  /** As they are listed: by state, then by id, those that are pids as numbers. */
  list(): ReadonlyArray<Process> {
    const known = [...this.known.values()].map(({ id, reason, state, stats }) => ({
      id,
      state,
      reason,
      series: stats.size
    }))
    return [...known, ...this.unreadable].sort(
      (a, b) =>
        states.indexOf(a.state) - states.indexOf(b.state) || Number(a.id) - Number(b.id) || (a.id < b.id ? -1 : 1)
    )
  }

  /** Whether what it said last is to be shown as if it had just said it. */
  isCurrent({ answeredMillis, state }: Known, millis: number): boolean {
    return state === "live" || (state === "slow" && millis - answeredMillis <= this.bounds.keepMillis)
  }

  private answered(
    { id, left: unread, malformed, stats }: Found & { readonly _tag: "Answered" },
    millis: number
  ): void {
    const before = this.known.get(id)
    if (before !== undefined && unread === 0 && this.isSameKeys(before.stats, stats)) {
      for (const stat of stats) {
        this.keepFallen(before.stats.get(stat.key)!, stat)
        before.stats.set(stat.key, stat)
      }
      const reason = malformed > 0 ? malformedText(malformed) : null
      this.known.set(id, { ...before, state: "live", reason, answeredMillis: millis, endedMillis: 0 })
      return
    }
    this.series -= before?.stats.size ?? 0
    this.makeRoom(stats.length, id)
    const kept = new Map<string, Stat>()
    let left = unread
    for (const stat of stats) {
      if (stat.key.length > maxIdentityLength || this.series + kept.size >= this.bounds.maxSeries) left++
      else kept.set(stat.key, stat)
    }
    this.series += kept.size
    for (const [key, old] of before?.stats ?? []) this.keepFallen(old, kept.get(key))
    const told = [
      malformed > 0 ? malformedText(malformed) : undefined,
      left > 0 ? `${left} series are too many or have names that are too long` : undefined
    ].filter((one) => one !== undefined)
    const reason = told.length > 0 ? told.join("; ") : null
    this.known.set(id, { id, state: "live", reason, stats: kept, answeredMillis: millis, endedMillis: 0 })
  }

  /** As mostly, and then nothing is made anew. */
  private isSameKeys(before: ReadonlyMap<string, Stat>, stats: ReadonlyArray<Stat>): boolean {
    if (before.size !== stats.length) return false
    const keys = before.keys()
    return stats.every(({ key }) => keys.next().value === key)
  }

  /** Counters only grow: where one did not, another process has the pid, or the same one started anew. */
  private keepFallen(old: Stat, now: Stat | undefined): void {
    if (old.kind !== "counter") return
    if (now === undefined || (now.kind === "counter" && now.value < old.value)) this.keepCount(old)
  }

  private silent(id: string, reason: string, millis: number): void {
    const before = this.known.get(id)
    const stats = before?.stats ?? new Map<string, Stat>()
    const answeredMillis = before?.answeredMillis ?? millis
    this.known.set(id, { id, state: "slow", reason, stats, answeredMillis, endedMillis: 0 })
  }

  private ended(id: string, millis: number): void {
    const before = this.known.get(id)
    if (before === undefined || before.state === "gone") return
    const counters = new Map([...before.stats].filter(([, { kind }]) => kind === "counter"))
    this.series -= before.stats.size - counters.size
    // Behind those that ended before.
    this.known.delete(id)
    this.known.set(id, { ...before, state: "gone", reason: null, stats: counters, endedMillis: millis })
  }

  /** What has ended is in the sums all the same when it is listed no more. */
  private makeRoom(series: number, id: string): void {
    if (this.series + series <= this.bounds.maxSeries) return
    for (const process of [...this.known.values()]) {
      if (this.series + series <= this.bounds.maxSeries) return
      if (process.state === "gone" && process.id !== id) this.retire(process)
    }
  }

  private retire(process: Known): void {
    this.known.delete(process.id)
    this.series -= process.stats.size
    for (const stat of process.stats.values()) this.keepCount(stat)
  }

  private keepCount(stat: Stat): void {
    // It would make a sum that is none any more, for as long as the service runs.
    if (Number.isNaN(stat.value)) return
    const retired = this.retiredByKey.get(stat.key)
    if (retired !== undefined) retired.value = add(retired.value, stat.value)
    // Beyond that a graph shows a dent, which is better than no memory left.
    else if (this.retiredByKey.size < this.bounds.maxSeries) {
      this.retiredByKey.set(stat.key, { stat, value: stat.value })
    }
  }
}

const malformedText = (lines: number): string => `${lines} ${lines === 1 ? "line is" : "lines are"} malformed`

const states: ReadonlyArray<ProcessState> = ["live", "slow", "unreadable", "gone"]
