/**
 * Records something and writes it at once: what it came to for each sink, and why, where something did not arrive. A service
 * learns that from its log; here it is the result.
 */
import {
  Deferred,
  Duration,
  Effect,
  Exit,
  FiberId,
  FiberRef,
  HashMap,
  HashSet,
  Logger,
  LogLevel,
  Option,
  Schedule
} from "effect"
import * as Ledger from "../Ledger.js"
import * as Metrics from "../Metrics.js"
import { lostOf } from "./around.js"
import type { Destination } from "./destinations.js"
import { textOf } from "./output.js"
import { type LayerError, layersOf, merged, type SinkLayer } from "./sinks.js"

/** What became of it in one sink. */
export interface Delivered {
  /** The sink's name. */
  readonly name: string
  /** What it was given, whether or not it could take it. */
  readonly recorded: number
  readonly missing: number
  /** Why something is missing; empty where nothing is. */
  readonly reason: string
}

interface Lane {
  /** What it said last. */
  reason: string
  /** Done when trying again makes no sense. */
  readonly hopeless: Deferred.Deferred<void>
}

/** What lanes say, by name. */
class Lanes {
  private readonly lanes = new Map<string, Lane>()

  of(name: string): Lane {
    const known = this.lanes.get(name)
    if (known !== undefined) return known
    const lane = { reason: "", hopeless: Deferred.unsafeMake<void>(FiberId.none) }
    this.lanes.set(name, lane)
    return lane
  }

  readonly logger = Logger.make<unknown, void>(({ annotations, logLevel, message }) => {
    const name = Option.getOrElse(HashMap.get(annotations, "sink"), () => "")
    if (typeof name !== "string" || name === "") return
    const lane = this.of(name)
    const text = textOf(message).slice(`${name}: `.length)
    // The account of the close says how much was lost, and not why.
    if (!text.startsWith("closed, ")) lane.reason = reasonOf(text)
    if (LogLevel.greaterThanEqual(logLevel, LogLevel.Error)) Deferred.unsafeDone(lane.hopeless, Exit.void)
  })
}

/** Without what is of interest to services only. */
const reasonOf = (text: string): string =>
  /^(?:cannot write \(.*?\), keeping what is buffered|measurements refused so far: \d+, the last one for): (.*)$/.exec(
    text
  )?.[1] ?? text

const never = Schedule.fixed("1 day")

/** What is handed over to ZeroMQ goes on in the background. */
const toHandOver = Duration.seconds(1)
/** So long the close tries what was tried in vain. */
const toClose = Duration.millis(250)

const patient = (destination: Destination): Destination =>
  destination._tag === "zeromq"
    ? { ...destination, options: { shutdownTimeout: toHandOver, ...destination.options } }
    : destination

/**
 * Writes what `record` records to all of the sinks, trying again until the time is over where that makes sense. Ends as soon as
 * everything has arrived.
 */
export const deliver = <E>(
  destinations: ReadonlyArray<Destination>,
  timeout: Duration.Duration,
  record: (hub: Metrics.Service) => Effect.Effect<void, E>
): Effect.Effect<ReadonlyArray<Delivered>, E | LayerError | Metrics.MetricsNotProvided> =>
  Effect.suspend(() => {
    const lanes = new Lanes()
    const common = { schedule: never, shutdownTimeout: Duration.min(toClose, timeout) }
    // Without a sink there is a hub all the same, and nothing to be delivered.
    const layer: SinkLayer = merged(layersOf(destinations.map(patient), common)) ?? Metrics.layer
    const work = Effect.gen(function* () {
      const hub = yield* Metrics.required
      yield* record(hub)
      yield* Effect.forEach(
        hub.allAttached(),
        ({ flush, name }) =>
          Effect.raceFirst(flush, Deferred.await(lanes.of(name).hopeless)).pipe(
            Effect.interruptible,
            Effect.timeoutOption(timeout)
          ),
        { concurrency: "unbounded", discard: true }
      )
      return hub
    })
    return work.pipe(
      Effect.provide(layer),
      Effect.locally(FiberRef.currentLoggers, HashSet.make(lanes.logger)),
      Effect.map((hub) =>
        Metrics.ledgersOf(hub).map(({ ledger, name }) => {
          const refused = Ledger.refused(ledger)
          const missing = lostOf(ledger) + refused
          const said = lanes.of(name).reason
          const reason = said === "" ? `no answer within ${Duration.format(timeout)}` : said
          return { name, recorded: ledger.recorded + refused, missing, reason: missing === 0 ? "" : reason }
        })
      )
    )
  })
