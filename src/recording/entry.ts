/**
 * What a hub keeps of one instrument with one set of tags: the cell that each of its lanes has for it. An entry is also the
 * handle that `bind` gives. It resolves itself again when lanes came or series were forgotten, which it sees by its epoch.
 */
import { bucketOf } from "./buckets.js"
import type { RefuseReason } from "../Ledger.js"
import type { Instrument } from "./instrument.js"
import type { FieldValue, Point, Tag } from "./measurement.js"
import type { PointTarget, Target } from "./lane.js"
import type { Cell, CounterCell, DistributionCell, GaugeCell } from "./series.js"

/** What an entry needs of its hub. */
export interface Owner {
  readonly root: { readonly epoch: number }
  readonly path: () => ReadonlyArray<Target>
}

/** The cells of further lanes: a chain is one hop less a lane than an array. */
class Link<C extends Cell> {
  constructor(
    readonly cell: C,
    readonly next: Link<C> | null
  ) {}
}

abstract class EntryBase<C extends Cell> {
  protected readonly root: Owner["root"]
  protected epoch = -1
  /** One a lane, own lanes first: the first by itself, and the others if there are any, as most apps have one lane. */
  protected first: C | null = null
  protected others: Link<C> | null = null
  /** The same as an array, once it was asked for: counters are many, and need none. */
  private cells: ReadonlyArray<C> | null = null
  constructor(
    readonly hub: Owner,
    readonly instrument: Instrument,
    readonly tags: ReadonlyArray<Tag>
  ) {
    this.root = hub.root
  }

  protected resolve(): void {
    this.epoch = this.root.epoch
    const cells: Array<C> = []
    for (const lane of this.hub.path()) {
      if (!lane.takes(this.instrument.level)) continue
      const cell = lane.cell(this.instrument, this.tags)
      // A lane makes the kind of cell that the instrument's kind asks for, and so does this class's factory.
      if (cell !== null) cells.push(cell as C)
    }
    this.adopt(cells)
  }

  private adopt(cells: ReadonlyArray<C>): void {
    this.cells = null
    this.first = cells[0] ?? null
    this.others = cells.slice(1).reduceRight<Link<C> | null>((next, cell) => new Link(cell, next), null)
  }

  /** The cells as they are now, for what must be undone in just these. */
  current(): ReadonlyArray<C> {
    if (this.epoch !== this.root.epoch) this.resolve()
    return (this.cells ??= this.list())
  }

  private list(): ReadonlyArray<C> {
    if (this.first === null) return []
    // Not pushed into one: that makes room for sixteen more.
    const cells = [this.first]
    for (let link = this.others; link !== null; link = link.next) cells.push(link.cell)
    return cells
  }

  /** A cell that does not gather yet, made to where it may, or the one that took its place. */
  protected touch(cell: C): C {
    // `touch` and `revive` keep the kind.
    const live = cell.lane.touch(cell) as C
    if (live !== cell) this.adopt(this.list().map((one) => (one === cell ? live : one)))
    return live
  }

  /** As `touch`; `null` if the cell took the value another way. */
  protected wake(cell: C, value: number): C | null {
    const live = this.touch(cell)
    if (live.gathering) return live
    live.lane.direct(live, value)
    return null
  }

  protected refuse(reason: RefuseReason): void {
    for (const cell of this.current()) cell.lane.refuse(cell.lane.closed ? "closed" : reason, this.instrument.name)
  }
}

const refusalOf = (instrument: Instrument, value: unknown): RefuseReason | undefined => {
  if (typeof value !== "number" || value - value !== 0) return "not_finite"
  return instrument.valueType === "int" && !Number.isSafeInteger(value) ? "not_integer" : undefined
}

/** A counter bound to its tags: the benchmark's row "bound counter". */
export class CounterEntry extends EntryBase<CounterCell> {
  increment(): void {
    this.add(1)
  }

  incrementBy(step: number): void {
    const refusal =
      refusalOf(this.instrument, step) ?? (step < 0 && this.instrument.monotonic === true ? "negative" : undefined)
    if (refusal === undefined) this.add(step)
    else this.refuse(refusal)
  }

  private add(step: number): void {
    if (this.epoch !== this.root.epoch) this.resolve()
    const { first } = this
    if (first === null) return
    if (first.gathering) {
      first.value += step
      first.weight++
    } else this.addTo(first, step)
    for (let link = this.others; link !== null; link = link.next) {
      const { cell } = link
      if (cell.gathering) {
        cell.value += step
        cell.weight++
      } else this.addTo(cell, step)
    }
  }

  private addTo(cell: CounterCell, step: number): void {
    const live = this.wake(cell, step)
    if (live === null) return
    live.value += step
    live.weight++
  }
}

/** A gauge bound to its tags. */
export class GaugeEntry extends EntryBase<GaugeCell> {
  set(value: number): void {
    const refusal = refusalOf(this.instrument, value)
    if (refusal !== undefined) return this.refuse(refusal)
    const cells = this.current()
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!
      if (cell.overflow) cell.lane.refuse("series_limit", this.instrument.name)
      else recordGauge(cell, value, false)
    }
  }

  increment(): void {
    this.incrementBy(1)
  }

  incrementBy(step: number): void {
    const refusal = refusalOf(this.instrument, step)
    if (refusal !== undefined) return this.refuse(refusal)
    stepGauges(this.current(), step)
  }

  hold(): () => void {
    const cells = this.current()
    stepGauges(cells, 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      stepGauges(cells, -1)
    }
  }
}

/** Adds to each of the gauges: with the cells of an earlier moment, to those that had the opposite step then. */
export const stepGauges = (cells: ReadonlyArray<GaugeCell>, step: number): void => {
  for (let i = 0; i < cells.length; i++) recordGauge(cells[i]!, step, true)
}

const recordGauge = (given: GaugeCell, value: number, stepped: boolean): void => {
  // `touch` keeps the kind.
  const cell = given.gathering ? given : (given.lane.touch(given) as GaugeCell)
  if (cell.lane.closed || cell.mode === "refusing") return cell.lane.direct(cell, value)
  cell.value = stepped ? cell.value + value : value
  cell.stepped = stepped
  if (cell.mode === "raw") return cell.lane.direct(cell, cell.value)
  cell.weight++
}

/** A timer or distribution bound to its tags: the benchmark's row "histogram record". */
export class DistributionEntry extends EntryBase<DistributionCell> {
  record(value: number): void {
    const refusal =
      refusalOf(this.instrument, value) ?? (value < 0 && this.instrument.kind === "timer" ? "negative" : undefined)
    if (refusal !== undefined) return this.refuse(refusal)
    const cells = this.current()
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!
      const live = cell.gathering ? cell : this.wake(cell, value)
      if (live === null) continue
      live.histogram.record(value)
      if (live.buckets !== undefined) {
        const bucket = bucketOf(live.series.boundaries!, value)
        live.buckets[bucket] = live.buckets[bucket]! + 1
      }
      live.weight++
    }
  }

  /**
   * Many recordings at once, of which only this is known: `counts[i]` of them were about `values[i]`, and all together `sum`.
   * Where each recording is a point, there is one for each value, sampled at one in `counts[i]`.
   */
  absorb(values: ReadonlyArray<number>, counts: ReadonlyArray<number>, sum: number): void {
    const refusal = this.refusalOfAny(values, sum)
    if (refusal !== undefined) return this.refuse(refusal)
    for (const cell of this.current()) {
      const live = cell.gathering ? cell : this.touch(cell)
      if (live.gathering) absorbInto(live, values, counts, sum)
      else if (live.mode !== "raw" || live.lane.closed) live.lane.direct(live, sum)
      else for (let i = 0; i < values.length; i++) live.lane.direct(live, values[i]!, counts[i])
    }
  }

  private refusalOfAny(values: ReadonlyArray<number>, sum: number): RefuseReason | undefined {
    const isTimer = this.instrument.kind === "timer"
    for (const value of [sum, ...values]) {
      const refusal = refusalOf(this.instrument, value) ?? (isTimer && value < 0 ? "negative" : undefined)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }
}

const absorbInto = (
  cell: DistributionCell,
  values: ReadonlyArray<number>,
  counts: ReadonlyArray<number>,
  sum: number
): void => {
  const { buckets, histogram, series } = cell
  const total = histogram.sum + sum
  for (let i = 0; i < values.length; i++) {
    const times = counts[i]!
    histogram.recordTimes(values[i]!, times)
    if (buckets !== undefined) buckets[bucketOf(series.boundaries!, values[i]!)]! += times
    cell.weight += times
  }
  histogram.sum = total
}

/** A name for points with its tags. */
export class PointEntry {
  private epoch = -1
  private targets: Array<PointTarget> = []
  constructor(
    readonly hub: Owner,
    readonly instrument: Instrument,
    readonly tags: ReadonlyArray<Tag>
  ) {}

  /** The arrays must be the callee's to keep. `nanos` is `undefined` where the time is the clock's. */
  emit(
    fieldNames: ReadonlyArray<string>,
    fieldValues: ReadonlyArray<FieldValue>,
    bytes: number,
    millis: number,
    nanos: number | undefined,
    times = 1,
    keptAt = 1
  ): void {
    if (this.epoch !== this.hub.root.epoch) this.resolve()
    for (let i = 0; i < this.targets.length; i++) {
      const { lane, series } = this.targets[i]!
      if (typeof series === "string") lane.refuse(series, this.instrument.name)
      else lane.point(series, fieldNames, fieldValues, bytes, millis, nanos, times, keptAt)
    }
  }

  /** As it is, with its own time. */
  pass(point: Point, bytes: number): void {
    if (this.epoch !== this.hub.root.epoch) this.resolve()
    for (const { lane, series } of this.targets) {
      if (typeof series === "string") lane.refuse(series, this.instrument.name)
      else lane.foreignPoint(series, point, bytes)
    }
  }

  private resolve(): void {
    this.epoch = this.hub.root.epoch
    this.targets = []
    for (const lane of this.hub.path()) {
      if (!lane.takes(this.instrument.level)) continue
      const target = lane.points(this.instrument, this.tags)
      if (target !== null) this.targets.push(target)
    }
  }
}

export type Entry = CounterEntry | GaugeEntry | DistributionEntry | PointEntry

export const make = (hub: Owner, instrument: Instrument, tags: ReadonlyArray<Tag>): Entry => {
  switch (instrument.kind) {
    case "counter":
      return new CounterEntry(hub, instrument, tags)
    case "gauge":
      return new GaugeEntry(hub, instrument, tags)
    case "timer":
    case "distribution":
      return new DistributionEntry(hub, instrument, tags)
    case "point":
      return new PointEntry(hub, instrument, tags)
  }
}
