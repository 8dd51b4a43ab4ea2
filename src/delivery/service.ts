/**
 * The `Metrics` service: the live hub, found in the context of whoever records, and how hubs stand on each other.
 * `Metrics` re-exports the reference; the rest is for `Metrics` and `Sink`.
 */
import { Context, Effect, Layer } from "effect"
import type { Ledger } from "../Ledger.js"
import { Hub } from "../recording/hub.js"
import type { Lane } from "../recording/lane.js"
import type { MarkedBy } from "./state.js"

/** A lane as the hub that it is attached to knows it. */
export interface Attached {
  readonly name: string
  readonly lane: Pick<Lane, "account" | "closed" | "queue">
  /** Done when what was buffered when it was called has been settled, or the lane has ended. Has no source read. */
  readonly flush: Effect.Effect<void>
  /** One synchronous read. */
  readonly ledger: () => Ledger
}

/** What is not recorded as it happens, but read when lanes are about to write. */
export interface Pulled {
  readonly key: object
  /** Where it records. */
  readonly hub: LiveHub
  /** Records what has changed. Neither fails nor waits for anything but its turn. */
  readonly read: (by: MarkedBy) => Effect.Effect<void>
}

const maxEnded = 16

/** A hub with what `flush` and `ledgers` need. */
export class LiveHub extends Hub {
  private attached: ReadonlyArray<Attached> = []
  constructor(
    override readonly parent: LiveHub | null,
    sealed: "sealed" | "open"
  ) {
    super(parent, sealed)
  }

  private pulled: ReadonlyArray<Pulled> = []

  /** Whether this is pulled into this hub already, or into one above, where what it records arrives too. */
  pulls(key: object): boolean {
    return this.pulled.some((one) => one.key === key && one.hub === this) || this.parent?.pulls(key) === true
  }

  /** Known to the hubs above as well: their lanes get what is recorded here. */
  addPulled(pulled: Pulled): void {
    this.pulled = [...this.pulled, pulled]
    this.parent?.addPulled(pulled)
  }

  removePulled(pulled: Pulled): void {
    this.pulled = this.pulled.filter((one) => one !== pulled)
    this.parent?.removePulled(pulled)
  }

  /** To be run before a lane of this hub marks what has gathered. */
  pull(by: MarkedBy): Effect.Effect<void> {
    return this.pulled.length === 0
      ? Effect.void
      : Effect.forEach(this.pulled, ({ read }) => read(by), { discard: true })
  }

  /** As `pull`, for this hub's lanes and those of its parents at once: what is pulled into one is known to all above it. */
  pullAll(by: MarkedBy): Effect.Effect<void> {
    return this.parent === null ? this.pull(by) : this.parent.pullAll(by)
  }

  /** Ledgers stay readable after the close: those of the last lanes that closed, where lanes come and go. */
  add(lane: Attached): void {
    const ended = this.attached.filter((one) => one.lane.closed).slice(-maxEnded)
    this.attached = [...this.attached.filter((one) => !one.lane.closed || ended.includes(one)), lane]
  }

  /** Own lanes first, then those of the parents. */
  allAttached(): ReadonlyArray<Attached> {
    return this.parent === null ? this.attached : [...this.attached, ...this.parent.allAttached()]
  }
}

/** Takes recordings where no hub was provided, and drops them. */
export const defaultHub = new LiveHub(null, "open")

/**
 * The metrics service: a `Context.Reference`, so that recording never adds a requirement. Without a layer, recordings are
 * dropped: silently (one Debug line) in a process that has no metrics at all, with one Warning where a hub is built
 * elsewhere or later. Every sink's layer provides it.
 *
 * @since 0.1.0
 * @category tags
 */
export class Metrics extends Context.Reference<Metrics>()("effect-metrics/Metrics", {
  defaultValue: (): LiveHub => defaultHub
}) {}

const wiring = {
  hubs: false,
  warned: false,
  /** What was lost first, before there was a hub. */
  lost: undefined as string | undefined
}

/** For tests: as if the process had just started. */
export const forgetWiring = (): void => {
  wiring.hubs = wiring.warned = false
  wiring.lost = undefined
}

const lostWhere = (name: string, where: string): Effect.Effect<void> => {
  wiring.warned = true
  return Effect.logWarning(
    `effect-metrics: ${JSON.stringify(name)} was recorded ${where}, and is lost. Provide metrics outermost, as in App.pipe(Layer.provideMerge(MetricsLive)): see "Where to provide them" in the README.`
  )
}

/** What a recording that found no hub comes to. */
export const reachedDefault = (name: string): Effect.Effect<void> => {
  if (wiring.hubs) {
    return wiring.warned ? Effect.void : lostWhere(name, "where no sink's layer is provided, though one exists")
  }
  if (wiring.lost !== undefined) return Effect.void
  wiring.lost = name
  return Effect.logDebug(
    `effect-metrics: ${JSON.stringify(name)} was recorded, and no Metrics is provided: nothing is measured.`
  )
}

const children = new WeakMap<Hub, Layer.Layer<Metrics>>()

/** The layer of a new hub on this one; the same value for the same hub, so that sinks that are built together share it. */
export const childOf = (ambient: LiveHub): Layer.Layer<Metrics> => {
  const known = children.get(ambient)
  if (known !== undefined) return known
  const layer = Layer.effect(
    Metrics,
    Effect.suspend(() => {
      const isLate = !wiring.hubs && wiring.lost !== undefined && !wiring.warned
      wiring.hubs = true
      return Effect.as(
        isLate ? lostWhere(String(wiring.lost), "before the first sink's layer was built") : Effect.void,
        new LiveHub(ambient === defaultHub ? null : ambient, "open")
      )
    })
  )
  children.set(ambient, layer)
  return layer
}

/**
 * Stands on the ambient hub: a sealed one is used as it is and `attach` does not run; else a child of it is made or shared,
 * and `attach` runs with it.
 */
export const onAmbient = <E, R>(attach: (hub: LiveHub) => Layer.Layer<never, E, R>): Layer.Layer<Metrics, E, R> =>
  Layer.unwrapEffect(
    Effect.map(Metrics, (ambient) =>
      ambient.sealed === "sealed"
        ? Layer.succeed(Metrics, ambient)
        : Layer.unwrapEffect(Effect.map(Metrics, attach)).pipe(Layer.provideMerge(childOf(ambient)))
    )
  )

/** A sealed hub without lanes: what a lane's own fibers see, so that it never measures itself. */
export const noopHub = new LiveHub(null, "sealed")
