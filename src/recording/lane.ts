/**
 * A lane's state: its series with their windows, the way to its queue, its account. Everything is synchronous and happens
 * in one turn; `delivery/` drives it. Memory is bounded by `maxSeries` for series and by the queue for points.
 */
import type { DropReason, RefuseReason } from "../Ledger.js"
import { Account } from "./account.js"
import { type Identity, identify, type LaneConfig } from "./config.js"
import type { Instrument } from "./instrument.js"
import { Catalog, type Keeper } from "./catalog.js"
import type { Count, Distribution, FieldValue, Gauge, Measurement, Point, Tag } from "./measurement.js"
import { type Notice, Notices, short } from "./notices.js"
import { OwnPoint } from "./point.js"
import type { PointQueue } from "./queue.js"
import * as Series from "./series.js"

/** Series looked at in one go when some may be forgotten. */
export const sweepLimit = 20_000

/** Points keep few bytes beside their strings: the object, two arrays, the fields' boxes. */
const pointOverhead = 160

/** About what a histogram of a window takes. */
const distributionBytes = 1024

/** Where a name for points leads to in a lane, or why it leads nowhere. */
export interface PointTarget {
  readonly lane: Lane
  readonly series: Series.LaneSeries | RefuseReason
}

/** A lane, or several behind one front, as a hub sees them. */
export interface Target {
  readonly maxSeries: number
  readonly closed: boolean
  onForget: () => void
  readonly takes: (level: string | undefined) => boolean
  readonly cell: (instrument: Instrument, tags: ReadonlyArray<Tag>) => Series.Cell | null
  readonly points: (instrument: Instrument, tags: ReadonlyArray<Tag>) => PointTarget | null
  readonly refuse: (reason: RefuseReason, name: string) => void
}

export class Lane implements Target, Keeper {
  readonly account = new Account()
  queue: PointQueue = {
    offer: ({ weight }) => {
      this.account.recorded += weight
      this.account.drop("queue_full", weight)
    }
  }
  /** Something happened that delivery must look at. Runs within a recording call, so it must be O(1). */
  onNotice: () => void = () => {}
  /** What an open window held is dropped: it cannot be sent. */
  onDiscard: (series: Series.LaneSeries) => void = () => {}
  /** Runs before windows are marked due: the lane's place to record about itself. */
  onMark: () => void = () => {}
  closed = false

  private readonly catalog: Catalog
  private sweep: IterableIterator<Series.Cell> | undefined = undefined
  private dirtyHead: Series.Cell | null = null
  private dirtyTail: Series.Cell | null = null
  private dueHead: Series.Cell | null = null
  private dueTail: Series.Cell | null = null
  dirtyCount = 0
  dueCount = 0
  private readonly notices = new Notices()
  /** Tells hubs to resolve again what they keep: series were forgotten. */
  onForget: () => void = () => {}

  constructor(readonly config: LaneConfig) {
    this.catalog = new Catalog(config, this)
  }

  get name(): string {
    return this.config.name
  }

  get maxSeries(): number {
    return this.config.maxSeries
  }

  /** Whether the lane wants recordings of this level at all. */
  takes(level: string | undefined): boolean {
    const { levels } = this.config
    return levels === null || (level !== undefined && levels.has(level))
  }

  /** The cell of an instrument with these tags; `null` where a view excludes it. Slow path: hubs keep what it answers. */
  cell(instrument: Instrument, tags: ReadonlyArray<Tag>): Series.Cell | null {
    const identity = identify(this.config, instrument, tags)
    return identity === null ? null : this.cellAt(instrument, identity)
  }

  /** As `cell`, for what `identify` said. */
  cellAt(instrument: Instrument, identity: Identity | RefuseReason): Series.Cell {
    return this.catalog.cellAt(instrument, identity)
  }

  /** How this lane names points; `null` where a view excludes them. */
  points(instrument: Instrument, tags: ReadonlyArray<Tag>): PointTarget | null {
    const identity = identify(this.config, instrument, tags)
    return identity === null ? null : this.pointsAt(instrument, identity)
  }

  /** As `points`, for what `identify` said. */
  pointsAt(instrument: Instrument, identity: Identity | RefuseReason): PointTarget {
    return {
      lane: this,
      series: typeof identity === "string" ? identity : this.catalog.pointSeries(instrument, identity)
    }
  }

  /**
   * A point of its own time; `nanos` is `undefined` where the clock gave the time, and then it is free to be made unique.
   * It may be so many recordings (`times`), as if all but it had been sampled away, or as a caller has sampled (`keptAt`).
   */
  point(
    series: Series.LaneSeries,
    fieldNames: ReadonlyArray<string>,
    fieldValues: ReadonlyArray<FieldValue>,
    bytes: number,
    millis: number,
    nanos: number | undefined,
    times = 1,
    keptAt = 1 / times
  ): void {
    const { account, config } = this
    if (this.closed) return this.refuse("closed", series.name)
    const sampleRate = config.sampleRate < 1 && config.unsampled.has(series.kind) ? 1 : config.sampleRate
    if (sampleRate < 1 && config.random() >= sampleRate) return
    let atMillis = millis
    let atNanos = nanos ?? config.nanos
    const { stamps } = series
    if (stamps !== null) {
      if (nanos !== undefined) stamps.fromCaller(millis, nanos)
      else if (!stamps.fromClock(millis, config.nanos)) {
        account.recorded += times
        account.drop("same_timestamp", times)
        return
      }
      atMillis = stamps.millis
      atNanos = stamps.nanos
    }
    const point = new OwnPoint(series, times, atMillis, atNanos, fieldNames, fieldValues, sampleRate * keptAt)
    // Series are shared, but a queue of points that each have their own holds all of them.
    this.queue.offer(point, bytes + pointOverhead + 2 * series.key.length)
  }

  /** A recording that no open window takes: see `Mode`. */
  direct(cell: Series.Cell, value: number, times = 1): void {
    if (this.closed) this.refuse("closed", cell.series.name)
    else if (cell.mode === "refusing") this.refuse(cell.refusal ?? "series_limit", cell.series.name)
    else {
      // A raw cell has no windows: its recordings are what keeps it from being forgotten.
      cell.startMillis = this.config.now()
      this.point(cell.series, valueField, [value], 8, cell.startMillis, undefined, times)
    }
  }

  /** As `direct`, of a time that is known; `keptAt` as of a point. */
  directAt(cell: Series.Cell, value: number, { keptAt, millis, nanos, times }: Series.Elsewhere): void {
    if (this.closed || cell.mode === "refusing") return this.direct(cell, value)
    cell.startMillis = this.config.now()
    this.point(cell.series, valueField, [value], 8, millis, nanos, times, keptAt)
  }

  /**
   * Takes a window as another process sealed it, with its time; `false` where that cannot be: where windows are read or
   * made points, and in an overflow series, in which those of several would have one time.
   */
  foreign(cell: Series.Cell, window: Count | Gauge | Distribution): boolean {
    const { offerWindow } = this.queue
    if (this.closed || offerWindow === undefined) return false
    const live = cell.expired ? this.catalog.revive(cell) : cell
    const { series } = live
    if (live.mode !== "windowed" || !this.catalog.holds(live)) return false
    // So that it is not forgotten.
    live.startMillis = this.config.now()
    const bytes = window._tag === "distribution" ? distributionBytes + 8 * (window.buckets?.length ?? 0) : 8
    offerWindow({ ...window, series, foreign: true }, bytes + pointOverhead + 2 * series.key.length)
    return true
  }

  /** As `point`, of a time that stays as it is, whatever else has it: so one that is given twice is written twice, alike. */
  foreignPoint(series: Series.LaneSeries, point: Point, bytes: number): void {
    const { fieldNames, fieldValues, millis, nanos, sampleRate, weight } = point
    if (this.closed) this.refuse("closed", series.name)
    else if (this.config.sampleRate < 1) {
      this.point(series, fieldNames, fieldValues, bytes, millis, nanos, weight, sampleRate)
    } else this.queue.offer({ ...point, series }, bytes + pointOverhead + 2 * series.key.length)
  }

  refuse(reason: RefuseReason, name: string): void {
    this.account.refuse(reason)
    const what = reason === "unsupported_field" ? "fields are left out" : "recordings are refused"
    this.notice(
      reason === "closed" ? "debug" : "warning",
      reason,
      name,
      () => `${JSON.stringify(short(name))}: ${what}: ${reason} (further ones are only counted)`
    )
  }

  warn(reason: string, name: string, message: () => string): void {
    this.notice("warning", reason, name, message)
  }

  private notice(level: Notice["level"], reason: string, name: string, message: () => string): void {
    if (this.notices.add(level, `${reason} ${short(name)}`, message)) this.onNotice()
  }

  /** At most one per reason and name, and a hundred in all. */
  takeNotices(): ReadonlyArray<Notice> {
    return this.notices.take()
  }

  /** The first recording of a cell's window. Returns the cell that takes it, which gathers unless its mode or the lane forbids. */
  touch(cell: Series.Cell): Series.Cell {
    if (this.closed || cell.mode !== "windowed") return cell
    const live = cell.expired ? this.catalog.revive(cell) : cell
    if (!live.listed && live.mode === "windowed") this.pushDirty(live)
    return live
  }

  private pushDirty(cell: Series.Cell): void {
    cell.listed = true
    cell.gathering = !this.closed
    cell.next = null
    if (this.dirtyTail === null) this.dirtyHead = cell
    else this.dirtyTail.next = cell
    this.dirtyTail = cell
    this.dirtyCount++
  }

  /** What has gathered up to now is due. */
  markDue(): void {
    this.onMark()
    const { resendGauges, resendTotals = false } = this.config
    if (resendGauges) {
      this.catalog.forEach((cell) => {
        if ((resendTotals || cell.kind === "gauge") && !cell.listed && cell.lastMillis > -Infinity && !cell.isSealed)
          this.pushDirty(cell)
      })
    }
    this.moveDirtyToDue()
  }

  private moveDirtyToDue(): void {
    if (this.dirtyHead === null) return
    if (this.dueTail === null) this.dueHead = this.dirtyHead
    else this.dueTail.next = this.dirtyHead
    this.dueTail = this.dirtyTail
    this.dueCount += this.dirtyCount
    this.dirtyHead = this.dirtyTail = null
    this.dirtyCount = 0
  }

  /** Seals at most `limit` due windows. A series that still has a sealed one waits for the next time. */
  sealDue(limit: number, millis: number): Array<Measurement> {
    const sealed: Array<Measurement> = []
    while (sealed.length < limit && this.dueHead !== null) {
      const cell = this.dueHead
      this.dueHead = cell.next
      if (this.dueHead === null) this.dueTail = null
      this.dueCount--
      cell.next = null
      const stamp = this.stampOf(cell, millis)
      // The closing lane has no next time to wait for.
      if (cell.isSealed || (stamp - millis > 1000 && !this.closed)) {
        this.pushDirty(cell)
        continue
      }
      cell.listed = cell.gathering = false
      this.account.recorded += cell.weight
      if (Series.isSendable(cell)) sealed.push(Series.seal(cell, stamp, this.config.nanos))
      else this.discard(cell)
    }
    return sealed
  }

  /** Sums of finite steps may not be finite, nor exact where the series says integers. */
  private discard(cell: Series.Cell): void {
    this.account.drop("invalid", cell.weight)
    this.onDiscard(cell.series)
    this.warn(
      "invalid",
      cell.series.name,
      () => `${JSON.stringify(short(cell.series.name))}: a sum grew too large to be sent, and is dropped`
    )
    cell.weight = 0
    if (cell.kind === "counter") cell.value = 0
  }

  /** The end of a window: never that of the series' last one where the backend would overwrite it. */
  private stampOf(cell: Series.Cell, millis: number): number {
    if (this.config.overwrites === null) return Math.max(millis, cell.startMillis)
    const unit = this.config.overwrites === "s" ? 1000 : 1
    const same = Math.floor(millis / unit) <= Math.floor(cell.lastMillis / unit)
    return same ? (Math.floor(cell.lastMillis / unit) + 1) * unit : millis
  }

  delivered(measurements: ReadonlyArray<Measurement>): void {
    for (const measurement of measurements) {
      this.account.delivered += measurement.weight
      settle(measurement)
    }
  }

  dropped(measurements: ReadonlyArray<Measurement>, reason: DropReason): void {
    for (const measurement of measurements) {
      this.account.drop(reason, measurement.weight)
      settle(measurement)
    }
  }

  /** Windows that are known not to be stored: they gather on, and are due. */
  reopen(measurements: ReadonlyArray<Measurement>): void {
    let gathered = false
    for (let i = measurements.length - 1; i >= 0; i--) {
      const window = windowOf(measurements[i]!)
      if (window === undefined) continue
      Series.reopen(window)
      // It is counted again with the window that it is sealed with.
      this.account.recorded -= window.weight
      const cell: Series.Cell = window.cell
      if (cell.listed) gathered = true
      else {
        cell.listed = true
        cell.gathering = !this.closed
        cell.next = this.dueHead
        this.dueHead = cell
        if (this.dueTail === null) this.dueTail = cell
        this.dueCount++
      }
    }
    if (gathered) this.moveDirtyToDue()
  }

  /**
   * Forgets series that were delivered and have been silent since. Looks at no more than `sweepLimit` of them, where it left
   * off the last time, so that a million series do not hold up the event loop.
   */
  expire(millis: number): void {
    const { expireAfterMillis } = this.config
    if (expireAfterMillis === null) return
    let forgot = false
    this.sweep ??= this.catalog.values()
    for (let looked = 0; looked < sweepLimit; looked++) {
      const next = this.sweep.next()
      if (next.done === true) {
        this.sweep = undefined
        break
      }
      const cell = next.value
      if (cell.listed || cell.isSealed || millis - cell.startMillis < expireAfterMillis) continue
      if (cell.kind === "gauge" && cell.stepped && cell.value !== 0) continue
      this.forget(cell)
      forgot = true
    }
    if (forgot) this.onForget()
  }

  /** As `expire`, of a lane that is read, whose windows are never sealed: what they held has arrived. */
  forgetRead(cells: ReadonlySet<Series.Cell>): void {
    if (cells.size === 0) return
    this.moveDirtyToDue()
    const { dueHead } = this
    this.dueHead = this.dueTail = null
    this.dueCount = 0
    for (let cell = dueHead, next; cell !== null; cell = next) {
      next = cell.next
      cell.listed = false
      if (!cells.has(cell)) this.pushDirty(cell)
    }
    for (const cell of cells) {
      cell.gathering = false
      this.account.recorded += cell.weight
      this.account.delivered += cell.weight
      this.forget(cell)
    }
    this.onForget()
  }

  private forget(cell: Series.Cell): void {
    cell.expired = true
    this.catalog.forget(cell)
  }

  /** Those that may be forgotten. */
  forgettable(): IterableIterator<Series.Cell> {
    return this.catalog.values()
  }

  /** Every series, for reads. */
  all(): IterableIterator<Series.Cell> {
    return this.catalog.all()
  }

  /** As `all`, in less time. */
  forEach(use: (cell: Series.Cell) => void): void {
    this.catalog.forEach(use)
  }

  /** How many recordings are in open windows. Only those that gather are looked at. */
  gathered(): number {
    let weight = 0
    for (const head of [this.dirtyHead, this.dueHead]) {
      for (let cell = head; cell !== null; cell = cell.next) {
        weight += cell.weight
      }
    }
    return weight
  }

  close(): void {
    this.markDue()
    this.closed = true
    for (let cell = this.dueHead; cell !== null; cell = cell.next) cell.gathering = false
  }
}

const valueField: ReadonlyArray<string> = ["value"]

const windowOf = (measurement: Measurement): Series.SealedWindow | undefined =>
  // Every window that a lane hands out was made by `Series.seal`, which keeps its cell in it, or in another process.
  measurement._tag === "point" || "foreign" in measurement ? undefined : (measurement as unknown as Series.SealedWindow)

const settle = (measurement: Measurement): void => {
  const window = windowOf(measurement)
  if (window !== undefined) Series.settle(window)
}
