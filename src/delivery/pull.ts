/**
 * Sources whose state is read, not told: just before lanes write, and in slices that leave others their turn of the event
 * loop.
 */
import { type Cause, type Duration, Effect, Layer, type Scope } from "effect"
import type { RefuseReason } from "../Ledger.js"
import type { Owner } from "../recording/entry.js"
import type { Instrument } from "../recording/instrument.js"
import type { Target } from "../recording/lane.js"
import { InvalidOption, show, toMillis } from "./checks.js"
import { type LiveHub, type Metrics, onAmbient, type Pulled } from "./service.js"
import type { MarkedBy } from "./state.js"
import * as Turn from "./turn.js"

/**
 * Where a source records: the lanes of its hub that are open. One that closes has had its last reading, and what is read
 * later is nothing that it refuses.
 */
export class OpenLanes implements Owner {
  /** Changes with the lanes, and when one of them has forgotten series. */
  readonly root = { epoch: 0 }
  private seen = -1
  private open: ReadonlyArray<Target> = []
  constructor(private readonly hub: LiveHub) {}

  path(): ReadonlyArray<Target> {
    return this.open
  }

  /** Looks at the hub again. */
  refresh(): this {
    const { epoch } = this.hub.root
    const open = this.hub.path().filter(({ closed }) => !closed)
    if (epoch !== this.seen || open.length !== this.open.length) this.root.epoch++
    this.seen = epoch
    this.open = open
    return this
  }

  /** As a hub's, for what cannot be recorded at all. */
  refuse(instrument: Instrument, reason: RefuseReason): void {
    for (const lane of this.open) if (lane.takes(instrument.level)) lane.refuse(reason, instrument.name)
  }
}

/** Reads and records; where it yields, it may be paused, and a text that it yields is logged as a warning. */
export type Reading = () => Iterator<string | void, void>

export interface Source<E, R> {
  readonly name: string
  /** A lane's schedule has it read again only when the last reading is so old. Default 500 ms. */
  readonly freshness: Duration.DurationInput | undefined
  /** Sets it up; what it opens is closed after the last reading. */
  readonly make: (lanes: OpenLanes) => Effect.Effect<Reading, E, R>
}

const defaultFreshness = 500

/** How long sinks have to appear before their absence looks like a mistake. */
const patience: Duration.DurationInput = "5 seconds"

/**
 * The layer of a source: it records into the hub that it shares with the sinks beside it, or into one on top of those around
 * it. Each call is a source of its own, and read at most once on the way from a hub to its root. Inside a sealed hub it is
 * not made.
 */
export const layerOf = <E, R>(
  source: Source<E, R>
): Layer.Layer<Metrics, E | InvalidOption, Exclude<R, Scope.Scope>> => {
  const key = {}
  return onAmbient((hub) => (hub.pulls(key) ? Layer.empty : Layer.scopedDiscard(attach(hub, key, source))))
}

const attach = <E, R>(
  hub: LiveHub,
  key: object,
  { freshness: given, make, name }: Source<E, R>
): Effect.Effect<void, E | InvalidOption, R | Scope.Scope> =>
  Effect.gen(function* () {
    const freshness = given === undefined ? defaultFreshness : toMillis(given)
    if (freshness === undefined) {
      return yield* new InvalidOption({ option: "freshness", value: show(given), expected: "a duration" })
    }
    const lanes = new OpenLanes(hub)
    const reading = yield* make(lanes)
    const clock = yield* Effect.clock
    const one = yield* Effect.makeSemaphore(1)
    const now = (): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    let readAt = -Infinity
    /** Readings asked for, and how many of them have been answered by one that came to its end. */
    let asked = 0
    let answered = 0
    const isFresh = (by: MarkedBy): boolean => by === "schedule" && now() - readAt < freshness
    let failed = false
    const logFailure = (cause: Cause.Cause<never>): Effect.Effect<void> => {
      if (failed) return Effect.void
      failed = true
      return Effect.logError(`${name}: reading failed (further failures are not logged)`, cause)
    }
    const read = (by: MarkedBy): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (isFresh(by)) return Effect.void
        const number = ++asked
        return one.withPermits(1)(
          Effect.suspend(() => {
            // Another one that waited has read what there was when this one was asked for.
            if (answered >= number || isFresh(by)) return Effect.void
            const answers = asked
            if (lanes.refresh().path().length === 0) return Effect.void
            // Not of one that is interrupted, as by the deadline of a flush: those who waited for it read the rest.
            return Effect.map(inTurns(name, lanes, reading()), () => {
              answered = answers
              readAt = now()
            })
          })
        )
      }).pipe(Effect.catchAllCause(logFailure))
    const pulled: Pulled = { key, hub, read }
    hub.addPulled(pulled)
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        read("close"),
        Effect.sync(() => hub.removePulled(pulled))
      )
    )
    yield* Effect.suspend(() =>
      hub.path().length > 0
        ? Effect.void
        : Effect.logWarning(
            `${name}: there is no sink here to take what it reads. Put it beside the sinks, as in Layer.mergeAll(InfluxDb.layerFetch(...), ${name}.layer()), or on top of them.`
          )
    ).pipe(Effect.delay(patience), Effect.forkScoped)
  })

const inTurns = (name: string, lanes: OpenLanes, steps: Iterator<string | void, void>): Effect.Effect<void> =>
  Effect.suspend(() => {
    Turn.enter()
    // One may have closed in the pause.
    lanes.refresh()
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      const pause = Turn.isSpent() ? nextTurn : Effect.void
      const rest = inTurns(name, lanes, steps)
      if (typeof step.value === "string") {
        return Effect.logWarning(`${name}: ${step.value}`).pipe(Effect.zipRight(pause), Effect.zipRight(rest))
      }
      if (pause !== Effect.void) return Effect.zipRight(pause, rest)
    }
    return Effect.void
  })

const nextTurn = Effect.async<void>((resume) => Turn.later(() => resume(Effect.void)))
