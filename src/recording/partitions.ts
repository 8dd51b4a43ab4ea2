/**
 * Several lanes behind one front: one for each value of a function of the series, such as the database it goes to. A lane
 * whose destination fails keeps nothing of the others back.
 */
import type { RefuseReason } from "../Ledger.js"
import type { Instrument } from "./instrument.js"
import { identify, type Identity, type LaneConfig } from "./config.js"
import { Lane, type PointTarget, type Target } from "./lane.js"
import type { Kind, Tag } from "./measurement.js"
import type { Cell } from "./series.js"
import * as Tags from "./tags.js"

/** More destinations than this are refused: each has fibers and a queue of its own. */
const maxPartitions = 100

export type Partition = (series: {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly kind: Kind | "point"
  readonly level: string | undefined
}) => string

export class Partitions implements Target {
  /** Counts what cannot be given to any partition. */
  readonly home: Lane
  private readonly lanes = new Map<string, Lane>()
  /** Those that could not be opened. */
  private readonly failed = new Set<string>()
  onForget: () => void = () => {}

  constructor(
    readonly config: LaneConfig,
    readonly partition: Partition,
    /** Makes a lane ready to be recorded to, now. */
    readonly open: (lane: Lane, partition: string) => void
  ) {
    this.home = new Lane(config)
  }

  get maxSeries(): number {
    return this.config.maxSeries
  }

  get closed(): boolean {
    return this.home.closed
  }

  takes(level: string | undefined): boolean {
    return this.home.takes(level)
  }

  cell(instrument: Instrument, tags: ReadonlyArray<Tag>): Cell | null {
    const identity = identify(this.config, instrument, tags)
    if (identity === null) return null
    const lane = this.laneOf(instrument, identity)
    return typeof lane === "string" ? this.home.cellAt(instrument, lane) : lane.cellAt(instrument, identity)
  }

  points(instrument: Instrument, tags: ReadonlyArray<Tag>): PointTarget | null {
    const identity = identify(this.config, instrument, tags)
    if (identity === null) return null
    const lane = this.laneOf(instrument, identity)
    return typeof lane === "string" ? this.home.pointsAt(instrument, lane) : lane.pointsAt(instrument, identity)
  }

  refuse(reason: RefuseReason, name: string): void {
    this.home.refuse(reason, name)
  }

  private laneOf(instrument: Instrument, identity: Identity | RefuseReason): Lane | RefuseReason {
    if (typeof identity === "string") return identity
    let partition: unknown
    try {
      const { kind, level } = instrument
      partition = this.partition({ name: identity.name, tags: Tags.toRecord(identity.tags), kind, level })
    } catch {
      return "threw"
    }
    if (typeof partition !== "string" || partition === "") return "invalid_name"
    const known = this.lanes.get(partition)
    if (known !== undefined) return known
    if (this.closed) return "closed"
    if (this.lanes.size >= maxPartitions) return "series_limit"
    if (this.failed.has(partition)) return "threw"
    const lane = new Lane({ ...this.config, name: `${this.config.name}/${partition}` })
    lane.onForget = () => this.onForget()
    try {
      this.open(lane, partition)
    } catch {
      if (this.failed.size < maxPartitions) this.failed.add(partition)
      return "threw"
    }
    this.lanes.set(partition, lane)
    return lane
  }
}
