/**
 * The live `Metrics`: fans a recording out to its lanes and to its parent's. It finds the cells of an instrument and its
 * tags by nested Maps over what the caller gave, without concatenating (nothing to inject into) and without sorting; what it
 * keeps is bounded, and forgotten as a whole when full.
 */
import type { RefuseReason } from "../Ledger.js"
import * as Entry from "./entry.js"
import { make as makeInstrument, type Instrument } from "./instrument.js"
import type { Target } from "./lane.js"
import type { Tag } from "./measurement.js"
import * as Tags from "./tags.js"

/** Tags as callers give them. */
export type GivenTags = Readonly<Record<string, string | undefined>>

/** A label of Effect's own metric regions. */
export interface Label {
  readonly key: string
  readonly value: string
}

/** Most nodes are leaves: they share one that stays empty. */
const noChildren = new Map<string | undefined, Node>()

class Node {
  entry: Entry.Entry | null = null
  children = noChildren
}

/** Leaves a walk over tags that cannot be used. */
class Unfit extends Error {
  constructor(readonly refusal: RefuseReason) {
    super(refusal)
  }
}

/** The tags that a fiber's region adds, with what the hub keeps for recordings made in it. */
export class Region {
  readonly instruments = new Map<Instrument, Node>()
  constructor(readonly tags: ReadonlyArray<Tag>) {}
}

/** Nodes, entries and regions that a hub keeps, in multiples of its lanes' `maxSeries`; long keys count for several. */
const keepPerSeries = 8
const minimumKept = 16_384

const costOf = (length: number): number => 1 + (length >>> 8)

/** What the hubs of one tree share. */
export interface Root {
  /** Changes when a lane is attached anywhere in the tree, or forgets series. */
  epoch: number
}

export class Hub {
  readonly root: Root
  lanes: ReadonlyArray<Target> = []
  private readonly keys = new Set<object>()
  private regions = new WeakMap<ReadonlyArray<Label>, Region>()
  private byContent = new Map<string, Region>()
  private base = new Region(Tags.empty)
  private points = new Map<string, Instrument>()
  private pairs = new Tags.Pairs()
  private kept = 0
  private limit = minimumKept

  constructor(
    readonly parent: Hub | null,
    /** A sealed hub takes no sinks: those built inside it are not made. */
    readonly sealed: "sealed" | "open"
  ) {
    this.root = parent === null ? { epoch: 0 } : parent.root
    if (parent !== null) this.limit = parent.limit
  }

  /** Own lanes first, then those of the parents. */
  path(): ReadonlyArray<Target> {
    return this.parent === null ? this.lanes : [...this.lanes, ...this.parent.path()]
  }

  /** Whether the lane of this key is attached here or above. */
  has(key: object): boolean {
    return this.keys.has(key) || (this.parent !== null && this.parent.has(key))
  }

  attach(key: object, lane: Target): void {
    this.keys.add(key)
    // A closed lane stays only as long as there is no other, to count what is refused.
    this.lanes = [...this.lanes.filter(({ closed }) => !closed), lane]
    this.limit = Math.max(this.limit, keepPerSeries * lane.maxSeries)
    lane.onForget = () => {
      this.root.epoch++
      this.forget()
    }
    this.root.epoch++
  }

  /** The lane has closed. Its key may be attached again. */
  detach(key: object, lane: Target): void {
    this.keys.delete(key)
    if (this.lanes.some(({ closed }) => !closed)) this.lanes = this.lanes.filter((one) => one !== lane)
    this.root.epoch++
  }

  private forget(): void {
    this.regions = new WeakMap()
    this.byContent = new Map()
    this.base = new Region(Tags.empty)
    this.points = new Map()
    this.pairs = new Tags.Pairs()
    this.kept = 0
  }

  /** By the identity of Effect's array, which stays the same within a region. */
  region(labels: ReadonlyArray<Label>): Region {
    if (labels.length === 0) return this.base
    const known = this.regions.get(labels)
    if (known !== undefined) return known
    const tags = Tags.canonical(labels.map((label): Tag => [label.key, label.value]))
    const key = Tags.identity("", tags)
    let region = this.byContent.get(key)
    if (region === undefined) {
      this.keep(costOf(key.length))
      region = new Region(tags)
      this.byContent.set(key, region)
    }
    this.regions.set(labels, region)
    return region
  }

  /** Makes room, by forgetting everything, if it must. */
  private keep(cost: number): void {
    this.kept += cost
    if (this.kept > this.limit) this.forget()
  }

  /** The entry for these tags in this region, or why there can be none; that is counted already. Never throws. */
  entry(instrument: Instrument, region: Region, tags: GivenTags | undefined): Entry.Entry | undefined {
    try {
      let node = region.instruments.get(instrument)
      if (node === undefined) region.instruments.set(instrument, (node = new Node()))
      if (tags !== undefined) node = this.walk(node, instrument.tagKeys, tags)
      return node.entry ?? this.enter(node, instrument, region, tags)
    } catch (error) {
      this.keep(1)
      // Everything but `Unfit` comes from a getter or proxy of the caller's.
      return this.refuse(instrument, error instanceof Unfit ? error.refusal : "threw")
    }
  }

  private walk(from: Node, tagKeys: ReadonlyArray<string> | undefined, tags: GivenTags): Node {
    let node = from
    if (tagKeys !== undefined) {
      // One place in the code a position lets the engine remember the keys of each.
      const { length } = tagKeys
      if (length > 0) node = this.step(node, tags, tagKeys[0]!, tags[tagKeys[0]!])
      if (length > 1) node = this.step(node, tags, tagKeys[1]!, tags[tagKeys[1]!])
      if (length > 2) node = this.step(node, tags, tagKeys[2]!, tags[tagKeys[2]!])
      for (let i = 3; i < length; i++) node = this.step(node, tags, tagKeys[i]!, tags[tagKeys[i]!])
      return node
    }
    const keys = Object.keys(tags)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      node = node.children.get(key) ?? this.grow(node, key)
      node = node.children.get(tags[key]) ?? this.grow(node, tags[key])
    }
    return node
  }

  private step(node: Node, tags: GivenTags, key: string, value: string | undefined): Node {
    return node.children.get(value) ?? this.grow(node, declaredOf(tags, key))
  }

  /** The child for a key that was not found as given: checked, because what is kept must be small strings. */
  private grow(node: Node, key: unknown): Node {
    if (key !== undefined && typeof key !== "string") throw new Unfit("invalid_tags")
    const known = node.children.get(key)
    if (known !== undefined) return known
    const length = key === undefined ? 0 : key.length
    if (length > Tags.maxIdentityLength) throw new Unfit("too_long")
    this.kept += costOf(length)
    const child = new Node()
    if (node.children === noChildren) node.children = new Map()
    node.children.set(key, child)
    return child
  }

  private enter(
    node: Node,
    instrument: Instrument,
    region: Region,
    given: GivenTags | undefined
  ): Entry.Entry | undefined {
    // If that forgets, the node belongs to what is forgotten, and the entry serves this once.
    this.keep(1)
    if (instrument.problem !== undefined) return this.refuse(instrument, instrument.problem)
    const own = given === undefined ? Tags.empty : tagsOf(instrument, given, this.pairs)
    if (own === undefined) return this.refuse(instrument, "invalid_tags")
    const tags = Tags.merge(Tags.merge(region.tags, own), instrument.fixed)
    if (Tags.identityLength(instrument.name, tags) > Tags.maxIdentityLength) return this.refuse(instrument, "too_long")
    const entry = Entry.make(this, instrument, tags)
    node.entry = entry
    return entry
  }

  /** The name under which points of this name and level are looked up. */
  pointInstrument(name: string, level: string | undefined): Instrument {
    const key = level === undefined ? name : `${level.length}:${level}${name}`
    const known = this.points.get(key)
    if (known !== undefined && known.level === level) return known
    const instrument = makeInstrument("point", name, { level })
    if (instrument.problem === undefined) {
      this.keep(costOf(key.length))
      this.points.set(key, instrument)
    }
    return instrument
  }

  /** Counts a recording that cannot be one, in every lane that would have had it. */
  refuse(instrument: Instrument, reason: RefuseReason): undefined {
    for (const lane of this.path()) {
      if (lane.takes(instrument.level)) lane.refuse(lane.closed ? "closed" : reason, instrument.name)
    }
    return undefined
  }
}

/** Strings count also where they are inherited, such as from a class; other things only if they are the object's own. */
const declaredOf = (tags: GivenTags, key: string): unknown => {
  const value: unknown = tags[key]
  return typeof value === "string" || Object.hasOwn(tags, key) ? value : undefined
}

const tagsOf = (instrument: Instrument, given: GivenTags, pairs: Tags.Pairs): ReadonlyArray<Tag> | undefined => {
  if (typeof given !== "object" || given === null) return undefined
  if (instrument.tagKeys === undefined) return Tags.fromRecord(given, pairs)
  const tags: Array<Tag> = []
  for (const key of instrument.tagKeys) {
    const value = declaredOf(given, key)
    if (value === undefined) continue
    if (key === "" || typeof value !== "string") return undefined
    tags.push(pairs.of(key, value))
  }
  return Tags.canonical(tags)
}
