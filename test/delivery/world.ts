/**
 * A lane without Effect for the reducer's tests: it does the actions on plain data that can be copied, so that scripts which
 * begin alike share what they did.
 */
import { step, wakeAt } from "../../src/delivery/reducer.js"
import {
  inFlight,
  initial,
  type Action,
  type Batch,
  type Config,
  type Happening,
  type Outcome,
  type State
} from "../../src/delivery/state.js"
import type { DropReason } from "../../src/Ledger.js"

export interface Thing {
  readonly _tag: "point" | "count"
  readonly weight: number
  /** The recordings in it. */
  readonly ids: ReadonlyArray<number>
  readonly series: string
  readonly start: number
  readonly end: number
}

interface Cell {
  readonly ids: ReadonlyArray<number>
  readonly start: number
  readonly list: "none" | "dirty" | "due"
  readonly sealed: boolean
}

export interface Stored {
  readonly batch: Batch<Thing>
  readonly things: ReadonlyArray<Thing>
}

export const defaults: Config = {
  batchSize: 2,
  triggerSize: 2,
  concurrency: 1,
  retryInitial: 250,
  retryMax: 30_000,
  jitter: "none",
  maxAge: 900_000,
  rateLimit: undefined,
  ambiguous: "retry",
  idPrefix: "b"
}

type Encode = (
  batch: Batch<Thing>
) => Pick<Happening<Thing> & { readonly _tag: "Encoded" }, "taken" | "refused"> | "throws"

export interface Rules {
  readonly config: Config
  readonly capacity: number
  readonly encode: Encode
}

export const rules = (config: Partial<Config> = {}, more: Partial<Rules> = {}): Rules => ({
  config: { ...defaults, ...config },
  capacity: 2,
  encode: (batch) => ({ taken: batch.items.length, refused: [] }),
  ...more
})

export class World {
  now = 0
  random = 0.5
  state: State<Thing> = initial(0)
  queue: ReadonlyArray<Thing> = []
  head = 0
  tail = 0
  cells: ReadonlyMap<string, Cell> = new Map()
  lists: { readonly dirty: ReadonlyArray<string>; readonly due: ReadonlyArray<string> } = { dirty: [], due: [] }
  closed = false
  nextId = 0
  recorded = 0
  refused = 0
  delivered: ReadonlyArray<Thing> = []
  dropped: ReadonlyArray<{ readonly thing: Thing; readonly reason: DropReason }> = []
  /** What the backend stored, write by write. */
  stored: ReadonlyArray<Stored> = []
  /** It kept an earlier point of a batch and stored a later one. */
  backendReorders = false
  /** Recordings whose answer was lost some time. */
  lost: ReadonlySet<number> = new Set()
  /** Writes without an answer yet. */
  open: ReadonlyArray<Batch<Thing>> = []
  requests = 0
  retried = 0
  ambiguous = 0
  ended = 0
  /** Flushes asked for: by token, how many recordings there had been. */
  flushes: ReadonlyArray<number> = []
  flushed: ReadonlyArray<number> = []
  logs: ReadonlyArray<string> = []

  constructor(readonly rules: Rules) {}

  clone(): World {
    return Object.assign(new World(this.rules), this)
  }

  post(happening: Happening<Thing>): void {
    const pending: Array<Happening<Thing>> = [happening]
    let steps = 0
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      if (++steps > 10_000) throw new Error("the reducer does not come to rest")
      const [state, actions] = step(this.rules.config, this.state, { ...next, ...this.moment() })
      this.state = state
      for (const action of actions) {
        const answer = this.perform(action)
        if (answer !== undefined) pending.unshift(answer)
      }
    }
  }

  moment() {
    const { due, dirty } = this.lists
    const world = { head: this.head, tail: this.tail, due: due.length, dirty: dirty.length }
    return { now: this.now, random: this.random, world }
  }

  wakeAt(): number | undefined {
    return wakeAt(this.rules.config, this.state, this.moment())
  }

  point(): void {
    if (this.closed) return void this.refused++
    const id = this.nextId++
    this.recorded++
    const thing: Thing = { _tag: "point", weight: 1, ids: [id], series: "", start: this.now, end: this.now }
    if (this.queue.length >= this.rules.capacity) {
      this.dropped = [...this.dropped, { thing, reason: "queue_full" }]
      return
    }
    this.queue = [...this.queue, thing]
    this.tail++
    if (this.queue.length === this.rules.config.triggerSize) this.post({ _tag: "Wake" })
  }

  record(series: string): void {
    if (this.closed) return void this.refused++
    this.recorded++
    const cell = this.cells.get(series) ?? { ids: [], start: this.now, list: "none", sealed: false }
    if (cell.list === "none") this.lists = { ...this.lists, dirty: [...this.lists.dirty, series] }
    this.setCell(series, {
      ...cell,
      ids: [...cell.ids, this.nextId++],
      list: cell.list === "none" ? "dirty" : cell.list
    })
  }

  close(): void {
    this.closed = true
    this.post({ _tag: "Close" })
  }

  flush(): void {
    this.flushes = [...this.flushes, this.nextId]
    this.post({ _tag: "Flush", token: this.flushes.length - 1 })
  }

  forget(token: number): void {
    this.post({ _tag: "Forget", token })
  }

  /** Time passes until the reducer wants to be told, or for `millis`. */
  advance(millis?: number): void {
    const at = millis === undefined ? this.wakeAt() : this.now + millis
    if (at === undefined) return
    this.now = Math.max(this.now, at)
    this.post({ _tag: "Wake" })
  }

  /** The first write gets its answer. `stores` says which of its measurements the backend has. */
  answer(outcome: Outcome, stores: (thing: Thing, index: number) => boolean): void {
    const [batch, ...open] = this.open
    if (batch === undefined) throw new Error("nothing is being written")
    this.open = open
    const things = batch.items.filter(stores)
    if (things.length > 0) this.stored = [...this.stored, { batch, things }]
    this.post({ _tag: "Done", id: batch.id, outcome })
  }

  ok(): void {
    this.answer({ _tag: "Written", keep: [], rejected: [], reason: "" }, () => true)
  }

  buffered(): number {
    let open = 0
    for (const cell of this.cells.values()) open += cell.ids.length
    return this.queue.length + open + inFlight(this.state)
  }

  weight(things: ReadonlyArray<Thing>): number {
    return things.reduce((sum, thing) => sum + thing.weight, 0)
  }

  droppedFor(reason: DropReason): number {
    return this.weight(this.dropped.filter((one) => one.reason === reason).map(({ thing }) => thing))
  }

  private setCell(series: string, cell: Cell): void {
    this.cells = new Map(this.cells).set(series, cell)
  }

  private perform(action: Action<Thing>): Happening<Thing> | undefined {
    switch (action._tag) {
      case "MarkDue":
        this.markDue()
        return { _tag: "Marked", by: action.by }
      case "Gather": {
        const windows = this.seal(action.limit)
        const points = this.take(Math.min(action.points, action.limit - windows.length))
        return { _tag: "Gathered", windows, points, pointsSince: this.now }
      }
      case "Encode": {
        const encoded = this.rules.encode(action.batch)
        return encoded === "throws"
          ? { _tag: "EncodeThrew", id: action.batch.id, reason: "" }
          : { _tag: "Encoded", id: action.batch.id, bytes: 1, payload: undefined, ...encoded }
      }
      case "Send":
        this.requests++
        this.open = [...this.open, action.batch]
        return undefined
      case "Delivered":
        this.delivered = [...this.delivered, ...action.items]
        this.settle(action.items)
        return undefined
      case "Dropped":
        this.drop(action.items, action.reason)
        return undefined
      case "Reopen":
        for (const window of action.windows) {
          const cell = this.cells.get(window.series)!
          this.setCell(window.series, {
            ids: [...window.ids, ...cell.ids],
            start: window.start,
            list: "due",
            sealed: false
          })
          const others = (names: ReadonlyArray<string>) => names.filter((name) => name !== window.series)
          this.lists = { dirty: others(this.lists.dirty), due: [window.series, ...others(this.lists.due)] }
        }
        return { _tag: "Reopened" }
      case "DropRest":
        this.markDue()
        this.drop(this.seal(Number.POSITIVE_INFINITY), action.reason)
        this.drop(this.take(Number.POSITIVE_INFINITY), action.reason)
        return undefined
      case "Retried":
        this.retried += action.weight
        return undefined
      case "Ambiguous":
        this.ambiguous += action.weight
        return undefined
      case "Flushed":
        this.flushed = [...this.flushed, ...action.tokens]
        return undefined
      case "Log":
        this.logs = [...this.logs, `${action.level}: ${action.message}`]
        return undefined
      case "End":
        this.ended++
        return undefined
      case "ExpireQueued":
      case "Sent":
        return undefined
    }
  }

  private markDue(): void {
    for (const series of this.lists.dirty) this.setCell(series, { ...this.cells.get(series)!, list: "due" })
    this.lists = { dirty: [], due: [...this.lists.due, ...this.lists.dirty] }
  }

  private seal(limit: number): ReadonlyArray<Thing> {
    const windows: Array<Thing> = []
    while (windows.length < limit && this.lists.due.length > 0) {
      const [series, ...due] = this.lists.due as [string, ...Array<string>]
      const cell = this.cells.get(series)!
      this.lists = { ...this.lists, due }
      if (cell.sealed) {
        this.setCell(series, { ...cell, list: "dirty" })
        this.lists = { ...this.lists, dirty: [...this.lists.dirty, series] }
        continue
      }
      windows.push({ _tag: "count", weight: cell.ids.length, ids: cell.ids, series, start: cell.start, end: this.now })
      this.setCell(series, { ids: [], start: this.now, list: "none", sealed: true })
    }
    return windows
  }

  private take(limit: number): ReadonlyArray<Thing> {
    const points = this.queue.slice(0, Math.max(0, limit))
    this.queue = this.queue.slice(points.length)
    this.head += points.length
    return points
  }

  private drop(things: ReadonlyArray<Thing>, reason: DropReason): void {
    this.dropped = [...this.dropped, ...things.map((thing) => ({ thing, reason }))]
    this.settle(things)
  }

  private settle(things: ReadonlyArray<Thing>): void {
    for (const { _tag, series } of things) {
      if (_tag === "count") this.setCell(series, { ...this.cells.get(series)!, sealed: false })
    }
  }
}

/** What holds of every lane at every instant; throws what does not. */
export const check = (world: World): void => {
  const fail = (message: string): never => {
    throw new Error(message)
  }
  const { config } = world.rules
  const dropped = world.weight(world.dropped.map(({ thing }) => thing))
  const accounted = world.weight(world.delivered) + dropped + world.buffered()
  if (world.recorded !== accounted) fail(`recorded ${world.recorded}, accounted for ${accounted}`)
  if (world.queue.length > world.rules.capacity) fail("more points than the queue holds")
  if (world.state.flying.length > config.concurrency) fail("more writes than concurrency")
  if (world.state.flying.some(({ batch }) => batch.items.length > config.batchSize)) fail("a batch that is too large")
  const batches = [...world.state.waiting, ...world.state.flying.map(({ batch }) => batch)]
  const sealed = batches
    .flatMap(({ items }) => items)
    .filter(({ _tag }) => _tag === "count")
    .map(({ series }) => series)
  if (new Set(sealed).size !== sealed.length) fail("two sealed windows of one series")
  for (const [series, cell] of world.cells) {
    if (cell.sealed !== sealed.includes(series)) fail("a sealed window that nobody has")
  }
  const buffered = [...batches.flatMap(({ items }) => items), ...world.queue].flatMap(({ ids }) => ids)
  for (const cell of world.cells.values()) buffered.push(...cell.ids)
  for (const token of world.flushed) {
    if (buffered.some((id) => id < world.flushes[token]!)) fail(`flush ${token} is done, and what it was for is not`)
  }
  if (new Set(world.flushed).size !== world.flushed.length) fail("a flush was answered twice")
  if (world.ended > 1) fail("ended twice")
  if (world.ended === 1 && world.buffered() > 0) fail("ended with something buffered")

  const stored = new Map<number, Thing>()
  const windows = new Map<string, Set<Thing>>()
  for (const { batch, things } of world.stored) {
    for (const thing of things) {
      for (const id of thing.ids) {
        const before = stored.get(id)
        if (before !== undefined && config.ambiguous === "drop") fail(`recording ${id} is stored twice`)
        if (before !== undefined && !world.lost.has(id)) fail(`recording ${id} was answered for, and written again`)
        if (before !== undefined && before !== thing) fail(`recording ${id} is stored in two measurements`)
        stored.set(id, thing)
      }
      if (thing._tag === "count") {
        const others = windows.get(thing.series) ?? new Set()
        windows.set(thing.series, others.add(thing))
        for (const other of others) {
          if (other !== thing && other.start < thing.end && thing.start < other.end)
            fail(`windows of ${batch.id} overlap`)
        }
      }
    }
  }
  const delivered = world.delivered.flatMap(({ ids }) => ids)
  for (const id of delivered) if (!stored.has(id)) fail(`recording ${id} is delivered and not stored`)
  if (new Set(delivered).size !== delivered.length) fail("a recording is delivered twice")
  if (config.concurrency === 1 && !world.backendReorders) {
    const points = world.delivered.filter(({ _tag }) => _tag === "point").map(({ ids }) => ids[0]!)
    if (points.some((id, index) => index > 0 && id < points[index - 1]!)) fail(`points out of order: ${points.join()}`)
  }
}

export const loseAnswer = (world: World, stores: "stored" | "not stored"): void => {
  world.lost = new Set([...world.lost, ...world.open[0]!.items.flatMap(({ ids }) => ids)])
  world.answer({ _tag: "Unavailable", reason: "timeout", ambiguous: true }, () => stores === "stored")
}

/** The backend takes everything from now on, and time passes. Throws if something stays buffered. */
export const heal = (world: World): void => {
  world.post({ _tag: "Tick" })
  for (let turn = 0; turn < 100; turn++) {
    if (world.open.length > 0) world.ok()
    else if (world.wakeAt() !== undefined) world.advance()
    else if (world.buffered() > 0) world.post({ _tag: "Tick" })
    else break
    check(world)
  }
  if (world.buffered() === 0 && world.flushed.length === world.flushes.length) return
  throw new Error(`${world.buffered()} stay buffered though the backend is up; flushed: ${world.flushed.join()}`)
}
