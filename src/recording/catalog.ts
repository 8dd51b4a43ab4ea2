/**
 * The series that a lane has: which name and tags are which cell, what kind a name is, and where there is no room for more.
 * Bounded by `maxSeries`. Nothing here is on the hot path: hubs keep what it answers.
 */
import type { RefuseReason } from "../Ledger.js"
import type { Identity, LaneConfig } from "./config.js"
import type { Instrument } from "./instrument.js"
import type { Kind, Tag } from "./measurement.js"
import { short } from "./notices.js"
import * as Series from "./series.js"
import { Stamps } from "./stamps.js"
import * as Tags from "./tags.js"

/** The lane of the series. */
export interface Keeper extends Series.Owner {
  readonly warn: (reason: string, name: string, message: () => string) => void
  /** What hubs keep is to be resolved again. */
  readonly onForget: () => void
}

type Described = Pick<Instrument, "kind" | "valueType" | "unit" | "description" | "level" | "boundaries"> & {
  readonly monotonic: Instrument["monotonic"] | undefined
}

type Recordable = Described & Pick<Instrument, "aggregate">

export class Catalog {
  private readonly cells = new Map<string, Series.Cell>()
  /** The kind that each name has in this lane (by level, where levels are apart), with its overflow cell once there is one. */
  private readonly names = new Map<string, { readonly kind: Kind; overflow: Series.Cell | null; series: number }>()
  private readonly pointSeriesByKey = new Map<string, Series.LaneSeries>()
  private overflowing = 0
  /** Where the timestamps of forgotten series ended. */
  private stampFloor = -Infinity

  constructor(
    private readonly config: LaneConfig,
    private readonly lane: Keeper
  ) {}

  /** The cell for what `identify` said: a refusing one where it said why there can be none. */
  cellAt(instrument: Instrument, identity: Identity | RefuseReason): Series.Cell {
    if (typeof identity === "string") return this.refusing(instrument, identity, instrument.name)
    return this.cellOf(instrument, identity.name, identity.tags)
  }

  /** Whether the cell is that of one series, and not of all that found no room. */
  holds(cell: Series.Cell): boolean {
    return this.cells.get(cell.series.key) === cell
  }

  /** The live cell in place of one that was forgotten. */
  revive(cell: Series.Cell): Series.Cell {
    const { series } = cell
    const kept = this.cells.get(series.key)
    if (kept !== undefined) return kept
    return this.cellOf({ ...series, aggregate: cell.mode !== "raw" }, series.name, series.tags)
  }

  private cellOf(instrument: Recordable, name: string, tags: ReadonlyArray<Tag>): Series.Cell {
    const kind = kindOf(instrument)
    const nameKey = this.nameKeyOf(instrument.level, name)
    const known = this.names.get(nameKey)
    if (known !== undefined && known.kind !== kind) return this.refusing(instrument, "type_conflict", name)
    const key = this.keyOf(instrument.level, name, tags)
    const kept = this.cells.get(key)
    if (kept !== undefined) return kept
    if (known?.overflow?.series.key === key) return known.overflow
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
    const merged = Tags.merge(this.config.tags, [["overflow", "true"]])
    const overflowKey = this.keyOf(instrument.level, name, merged)
    // One that somebody recorded with just these tags.
    const namesake = this.cells.get(overflowKey)
    if (namesake !== undefined) {
      return kind === "gauge" ? this.refusing(instrument, "series_limit", name) : namesake
    }
    this.lane.warn(
      "overflow",
      name,
      () =>
        `${JSON.stringify(short(name))} has series beyond maxSeries (${this.config.maxSeries}): they share one tagged overflow=true`
    )
    const overflow = this.make(instrument, overflowKey, name, merged, this.modeOf(instrument), undefined)
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
    if (this.config.totals !== undefined) return "windowed"
    return instrument.aggregate && !this.config.raw.has(kindOf(instrument)) ? "windowed" : "raw"
  }

  private make(
    instrument: Described,
    key: string,
    name: string,
    tags: ReadonlyArray<Tag>,
    mode: Series.Mode,
    refusal: RefuseReason | undefined
  ): Series.Cell {
    const { description, kind, level, monotonic, unit, valueType } = instrument
    const stamps = mode === "raw" ? this.stampsOf(key) : null
    const series = new Series.LaneSeries(
      key,
      name,
      tags,
      kind,
      valueType,
      unit,
      description,
      level,
      instrument.boundaries ?? this.config.totals?.boundaries?.(instrument),
      stamps,
      monotonic === "unchecked" ? undefined : monotonic
    )
    const millis = this.config.now()
    switch (kind) {
      case "gauge":
        return new Series.GaugeCell(this.lane, series, mode, refusal, millis)
      case "timer":
      case "distribution":
        return new Series.DistributionCell(this.lane, series, mode, refusal, millis, this.config.totals?.samples ?? 0)
      default:
        return new Series.CounterCell(this.lane, series, mode, refusal, millis)
    }
  }

  private refusing(instrument: Described, reason: RefuseReason, name: string): Series.Cell {
    return this.make(instrument, "", name, Tags.empty, "refusing", reason)
  }

  pointSeries(instrument: Instrument, identity: Identity): Series.LaneSeries {
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
      stamps,
      undefined
    )
    if (kept === undefined) this.pointSeriesByKey.set(key, series)
    return series
  }

  private forgetPointSeries(): void {
    for (const { stamps } of this.pointSeriesByKey.values()) this.raiseFloor(stamps)
    this.pointSeriesByKey.clear()
    // What hubs keep must not go on with stamps that nobody else knows of.
    this.lane.onForget()
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

  forget(cell: Series.Cell): void {
    this.raiseFloor(cell.series.stamps)
    this.cells.delete(cell.series.key)
    const nameKey = this.nameKeyOf(cell.series.level, cell.series.name)
    const name = this.names.get(nameKey)
    if (name !== undefined && --name.series === 0 && name.overflow === null) this.names.delete(nameKey)
  }

  /** Those that may be forgotten. */
  values(): IterableIterator<Series.Cell> {
    return this.cells.values()
  }

  /** As `all`, in less time. */
  forEach(use: (cell: Series.Cell) => void): void {
    this.cells.forEach(use)
    if (this.overflowing > 0) for (const { overflow } of this.names.values()) if (overflow !== null) use(overflow)
  }

  /** Every series, also those that others share beyond `maxSeries`. */
  *all(): IterableIterator<Series.Cell> {
    yield* this.cells.values()
    if (this.overflowing > 0) for (const { overflow } of this.names.values()) if (overflow !== null) yield overflow
  }
}

const kindOf = (instrument: Pick<Instrument, "kind">): Kind =>
  instrument.kind === "point" ? "counter" : instrument.kind
