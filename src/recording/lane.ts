/**
 * A lane's state: its series with their windows, the way to its queue, its account. Everything is synchronous and happens
 * in one turn; `delivery/` drives it. Memory is bounded by `maxSeries` for series and by the queue for points.
 */
import type { DropReason, RefuseReason } from "../Ledger.js"
import { Account } from "./account.js"
import { type Identity, identify, type LaneConfig } from "./config.js"
import type { Instrument } from "./instrument.js"
import * as Series from "./series.js"
import type { FieldValue, Kind, Measurement, Point, Tag } from "./measurement.js"
import { type Notice, Notices, short } from "./notices.js"
import type { PointQueue } from "./queue.js"
import { Stamps } from "./stamps.js"
import * as Tags from "./tags.js"

/** Series looked at in one go when some may be forgotten. */
const sweepLimit = 20_000

/** Points keep few bytes beside their strings: the object, two arrays, the fields' boxes. */
const pointOverhead = 160

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

export class Lane implements Target, Series.Owner {
  readonly account = new Account()
  queue: PointQueue = {
    offer: ({ weight }) => {
      this.account.recorded += weight
      this.account.drop("queue_full", weight)
    }
  }
  /** Something happened that delivery must look at. Runs within a recording call, so it must be O(1). */
  onNotice: () => void = () => {}
  /** Runs before windows are marked due: the lane's place to record about itself. */
  onMark: () => void = () => {}
  closed = false

  private readonly cells = new Map<string, Series.Cell>()
  /** The kind that each name has in this lane (by level, where levels are apart), with its overflow cell once there is one. */
  private readonly names = new Map<string, { readonly kind: Kind; overflow: Series.Cell | null; series: number }>()
  private readonly pointSeriesByKey = new Map<string, Series.LaneSeries>()
  private overflowing = 0
  private sweep: IterableIterator<Series.Cell> | undefined = undefined
  private dirtyHead: Series.Cell | null = null
  private dirtyTail: Series.Cell | null = null
  private dueHead: Series.Cell | null = null
  private dueTail: Series.Cell | null = null
  dirtyCount = 0
  dueCount = 0
  private readonly notices = new Notices()
  /** Where the timestamps of forgotten series ended. */
  private stampFloor = -Infinity
  /** Tells hubs to resolve again what they keep: series were forgotten. */
  onForget: () => void = () => {}

  constructor(readonly config: LaneConfig) {}

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
    if (typeof identity === "string") return this.refusing(instrument, identity, instrument.name)
    return this.cellOf(instrument, identity.name, identity.tags)
  }

  /** The live cell in place of one that was forgotten. */
  revive(cell: Series.Cell): Series.Cell {
    const { series } = cell
    const kept = this.cells.get(series.key)
    if (kept !== undefined) return kept
    return this.cellOf({ ...series, aggregate: cell.mode !== "raw" }, series.name, series.tags)
  }

  private cellOf(
    instrument: Pick<Instrument, "kind" | "valueType" | "unit" | "description" | "level" | "boundaries" | "aggregate">,
    name: string,
    tags: ReadonlyArray<Tag>
  ): Series.Cell {
    const kind = kindOf(instrument)
    const nameKey = this.nameKeyOf(instrument.level, name)
    const known = this.names.get(nameKey)
    if (known !== undefined && known.kind !== kind) return this.refusing(instrument, "type_conflict", name)
    const key = this.keyOf(instrument.level, name, tags)
    const kept = this.cells.get(key)
    if (kept !== undefined) return kept
    if (this.cells.size < this.config.maxSeries) {
      const cell = this.make(instrument, key, name, tags, this.modeOf(instrument), undefined)
      this.cells.set(key, cell)
      if (known === undefined) this.names.set(nameKey, { kind, overflow: null, series: 1 })
      else known.series++
      return cell
    }
    if (known?.overflow) return known.overflow
    // Names beyond the bound are as unbounded as tags: half as many again may have an overflow series.
    if (this.overflowing >= Math.max(16, this.config.maxSeries >>> 1)) {
      return this.refusing(instrument, "series_limit", name)
    }
    this.notice(
      "warning",
      "overflow",
      name,
      () =>
        `${JSON.stringify(short(name))} has series beyond maxSeries (${this.config.maxSeries}): they share one tagged overflow=true`
    )
    const merged = Tags.merge(this.config.tags, [["overflow", "true"]])
    const overflow = this.make(
      instrument,
      this.keyOf(instrument.level, name, merged),
      name,
      merged,
      this.modeOf(instrument),
      undefined
    )
    if (overflow.kind === "gauge") overflow.overflow = true
    this.overflowing++
    if (known === undefined) this.names.set(nameKey, { kind, overflow, series: 0 })
    else known.overflow = overflow
    return overflow
  }

  /** What is one series to the backend. Injective, as what is without a level begins with the length of its name. */
  private keyOf(level: string | undefined, name: string, tags: ReadonlyArray<Tag>): string {
    const key = Tags.identity(name, tags)
    return this.config.byLevel === true && level !== undefined ? `level ${level.length}:${level}${key}` : key
  }

  private nameKeyOf(level: string | undefined, name: string): string {
    return this.config.byLevel === true ? this.keyOf(level, name, Tags.empty) : name
  }

  private modeOf(instrument: Pick<Instrument, "aggregate" | "kind">): Series.Mode {
    return instrument.aggregate && !this.config.raw.has(kindOf(instrument)) ? "windowed" : "raw"
  }

  private make(
    instrument: Pick<Instrument, "kind" | "valueType" | "unit" | "description" | "level" | "boundaries">,
    key: string,
    name: string,
    tags: ReadonlyArray<Tag>,
    mode: Series.Mode,
    refusal: RefuseReason | undefined
  ): Series.Cell {
    const { boundaries, description, kind, level, unit, valueType } = instrument
    const stamps = mode === "raw" ? this.stampsOf(key) : null
    const series = new Series.LaneSeries(key, name, tags, kind, valueType, unit, description, level, boundaries, stamps)
    const millis = this.config.now()
    switch (kind) {
      case "gauge":
        return new Series.GaugeCell(this, series, mode, refusal, millis)
      case "timer":
      case "distribution":
        return new Series.DistributionCell(this, series, mode, refusal, millis)
      default:
        return new Series.CounterCell(this, series, mode, refusal, millis)
    }
  }

  private refusing(
    instrument: Pick<Instrument, "kind" | "valueType" | "unit" | "description" | "level" | "boundaries">,
    reason: RefuseReason,
    name: string
  ): Series.Cell {
    return this.make(instrument, "", name, Tags.empty, "refusing", reason)
  }

  /** How this lane names points; `null` where a view excludes them. */
  points(instrument: Instrument, tags: ReadonlyArray<Tag>): PointTarget | null {
    const identity = identify(this.config, instrument, tags)
    return identity === null ? null : this.pointsAt(instrument, identity)
  }

  /** As `points`, for what `identify` said. */
  pointsAt(instrument: Instrument, identity: Identity | RefuseReason): PointTarget {
    return { lane: this, series: typeof identity === "string" ? identity : this.pointSeries(instrument, identity) }
  }

  private pointSeries(instrument: Instrument, identity: Identity): Series.LaneSeries {
    const { description, level, unit, valueType } = instrument
    const { name, tags } = identity
    const key = this.keyOf(level, name, tags)
    const kept = this.pointSeriesByKey.get(key)
    if (kept !== undefined && kept.level === level) return kept
    if (kept === undefined && this.pointSeriesByKey.size >= this.config.maxSeries) this.forgetPointSeries()
    const stamps = this.stampsOf(key)
    const series = new Series.LaneSeries(
      key,
      name,
      tags,
      "point",
      valueType,
      unit,
      description,
      level,
      undefined,
      stamps
    )
    if (kept === undefined) this.pointSeriesByKey.set(key, series)
    return series
  }

  private forgetPointSeries(): void {
    for (const { stamps } of this.pointSeriesByKey.values()) this.raiseFloor(stamps)
    this.pointSeriesByKey.clear()
    // What hubs keep must not go on with stamps that nobody else knows of.
    this.onForget()
  }

  private raiseFloor(stamps: Stamps | null): void {
    if (stamps !== null) this.stampFloor = Math.max(this.stampFloor, stamps.end)
  }

  /** One for all that is one series to the backend: points of several levels, and raw recordings of that name. */
  private stampsOf(key: string): Stamps | null {
    const { keepPointTimes = false, overwrites } = this.config
    if (overwrites === null || keepPointTimes) return null
    const known = this.cells.get(key)?.series.stamps ?? this.pointSeriesByKey.get(key)?.stamps
    return known ?? new Stamps(overwrites, this.stampFloor)
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
    const point: Point = {
      _tag: "point",
      series,
      weight: times,
      millis: atMillis,
      nanos: atNanos,
      fieldNames,
      fieldValues,
      sampleRate: sampleRate * keptAt
    }
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

  refuse(reason: RefuseReason, name: string): void {
    this.account.refuse(reason)
    this.notice(
      reason === "closed" ? "debug" : "warning",
      reason,
      name,
      () => `${JSON.stringify(short(name))}: recordings are refused: ${reason} (further ones are only counted)`
    )
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
    const live = cell.expired ? this.revive(cell) : cell
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
    if (this.config.resendGauges) {
      for (const cell of this.cells.values()) {
        if (cell.kind === "gauge" && !cell.listed && cell.recorded > 0 && cell.sealed === null) this.pushDirty(cell)
      }
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
      if (cell.sealed !== null || (stamp - millis > 1000 && !this.closed)) {
        this.pushDirty(cell)
        continue
      }
      cell.listed = cell.gathering = false
      if (Series.isSendable(cell)) sealed.push(Series.seal(cell, stamp, this.config.nanos))
      else this.discard(cell)
    }
    return sealed
  }

  /** Sums of finite steps may not be finite, nor exact where the series says integers. */
  private discard(cell: Series.Cell): void {
    this.account.drop("invalid", cell.weight)
    this.notice(
      "warning",
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
    this.sweep ??= this.cells.values()
    for (let looked = 0; looked < sweepLimit; looked++) {
      const next = this.sweep.next()
      if (next.done === true) {
        this.sweep = undefined
        break
      }
      const cell = next.value
      if (cell.listed || cell.sealed !== null || millis - cell.startMillis < expireAfterMillis) continue
      if (cell.kind === "gauge" && cell.stepped && cell.value !== 0) continue
      this.forget(cell)
      forgot = true
    }
    if (forgot) this.onForget()
  }

  private forget(cell: Series.Cell): void {
    cell.expired = true
    this.account.recorded += cell.recorded
    cell.recorded = 0
    this.raiseFloor(cell.series.stamps)
    this.cells.delete(cell.series.key)
    const nameKey = this.nameKeyOf(cell.series.level, cell.series.name)
    const name = this.names.get(nameKey)
    if (name !== undefined && --name.series === 0 && name.overflow === null) this.names.delete(nameKey)
  }

  /** Every series, for reads. */
  *all(): IterableIterator<Series.Cell> {
    yield* this.cells.values()
    if (this.overflowing > 0) for (const { overflow } of this.names.values()) if (overflow !== null) yield overflow
  }

  openWeight(): number {
    let weight = 0
    // Not through `all`: a generator costs more than the rest, and there may be a million.
    for (const cell of this.cells.values()) weight += cell.weight
    if (this.overflowing > 0) for (const { overflow } of this.names.values()) weight += overflow?.weight ?? 0
    return weight
  }

  recordedInSeries(): number {
    let recorded = 0
    for (const cell of this.cells.values()) recorded += cell.recorded
    if (this.overflowing > 0) for (const { overflow } of this.names.values()) recorded += overflow?.recorded ?? 0
    return recorded
  }

  close(): void {
    this.markDue()
    this.closed = true
    for (const cell of this.all()) cell.gathering = false
  }
}

const valueField: ReadonlyArray<string> = ["value"]

const kindOf = (instrument: Pick<Instrument, "kind">): Kind =>
  instrument.kind === "point" ? "counter" : instrument.kind

const windowOf = (measurement: Measurement): Series.SealedWindow | undefined =>
  // Every window that a lane hands out was made by `Series.seal`, which keeps its cell in it.
  measurement._tag === "point" ? undefined : (measurement as unknown as Series.SealedWindow)

const settle = (measurement: Measurement): void => {
  const window = windowOf(measurement)
  if (window !== undefined) Series.settle(window)
}
