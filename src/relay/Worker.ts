/**
 * The worker: receives what publishers send through a broker, merges it, and records it into the sinks around it, as if one
 * process had measured it all. So retries, ledgers, deadlines and the last flush are those of the sinks' lanes, and their
 * schedules write also where nothing comes any more.
 *
 * | received | recorded |
 * |---|---|
 * | window of a counter | its increase is added to the series |
 * | window of a timer or distribution | its histogram is merged into that of the series; so are the buckets of its boundaries, and where publishers declare different ones, those of the first to come are kept and others counted by about their values |
 * | window of a gauge | its value, unless a later one is known, by the publishers' clocks, of which none is believed to be more than a minute ahead of the worker's |
 * | point, or recording of an instrument with `aggregate: false` | itself, with its own time |
 * | Zibrato's `Counter` | an increment of a counter |
 * | Zibrato's `Timer` | a timer, in seconds |
 * | Zibrato's `Gauge` | a gauge with `aggregate: false`: each with its own time |
 *
 * The source of Zibrato's frames is the tag `source`. Levels are kept, so that sinks of the worker can choose by `levels` as well.
 *
 * What cannot be read is counted, in `account` and as `effect_metrics.worker.unreadable` with the tag `reason`: `malformed`, `version` or
 * `too_large`; the first is logged, and every doubling. Other counters of its own are `effect_metrics.worker.messages` with the
 * tag `format`, `effect_metrics.worker.measurements`, `effect_metrics.worker.duplicates` and `effect_metrics.worker.released`, of messages
 * that a transport is to deliver again, as a sink has dropped what they carried.
 *
 * Memory is bounded: by the sinks' `maxSeries`, by a hundred thousand series and ten thousand message ids that the worker
 * remembers, and by the transport's queue. Descriptions and units of more than 1024 characters are left out.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, Runtime, type Scope } from "effect"
import * as Metrics from "../Metrics.js"
import type { InvalidOption } from "../Sink.js"
import { topicOf as nativeTopic } from "../encoding/relayFrame.js"
import { topicOf as zibratoTopic } from "../encoding/zibratoFrame.js"
import { type Account, make as makeMerger, type Taken } from "./merge.js"
import { checked, hostCheck, levelsCheck, wholeCheck, windowsCheck } from "./options.js"
import { make as makeSettler } from "./settle.js"
import { type MissingPackage, RelayError, type Subscriber, zeroMq } from "./Transport.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Account, Refusal } from "./merge.js"

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<E = never> {
  /** The broker's name or address, without scheme and port. Default `"127.0.0.1"`. */
  readonly host?: string | undefined
  /** The upper of the broker's two ports. Default 5551. */
  readonly port?: number | undefined
  /** Just these levels, by exact match; `""` is what has none. Default: everything. */
  readonly levels?: ReadonlyArray<string> | undefined
  /** Messages that wait to be merged at most; further ones are lost. Default 10 000. */
  readonly highWaterMark?: number | undefined
  /** Longer messages are not taken. Default 16 MiB. */
  readonly maxMessageBytes?: number | undefined
  /**
   * `"merge"` gathers what comes into windows of the worker's own. `"keep"` has its sinks write each window as its publisher
   * sealed it, and each point, at just that time: so what a transport delivers twice is written twice alike, and a backend that
   * overwrites by timestamp has it once. Default `"merge"`.
   */
  readonly windows?: "merge" | "keep" | undefined
  /** Where messages come from, in place of ZeroMQ at `host` and `port`. Its scope ends after the last acknowledgement. */
  readonly transport?: Effect.Effect<Subscriber, E, Scope.Scope> | undefined
}

const messages = Metrics.counter("effect_metrics.worker.messages", {
  description: "Messages merged",
  tagKeys: ["format"]
})
const measurements = Metrics.counter("effect_metrics.worker.measurements", {
  description: "Windows and points in these messages"
})
const duplicates = Metrics.counter("effect_metrics.worker.duplicates", {
  description: "Messages that had been received before"
})
const unreadable = Metrics.counter("effect_metrics.worker.unreadable", {
  description: "Messages that could not be read",
  tagKeys: ["reason"]
})

const releases = Metrics.counter("effect_metrics.worker.released", {
  description: "Messages to be delivered again, as a sink has dropped what they carried"
})

/** What a running worker can be asked. */
interface Running {
  /** What it has received so far, and what became of it. */
  readonly account: Effect.Effect<Account>
}

/**
 * A running worker.
 *
 * @since 0.1.0
 * @category tags
 */
export class Worker extends Context.Tag("effect-metrics/Worker")<Worker, Running>() {}

const topicsOf = (levels: ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  levels === undefined ? [""] : levels.flatMap((level) => [nativeTopic(level), zibratoTopic(level)])

/** How often it is looked for messages whose content the sinks have written. */
const settleEvery = "1 second"

interface Parts {
  readonly running: Running
  readonly work: Effect.Effect<never, RelayError>
}

const prepare = <E>(
  options: Options<E>
): Effect.Effect<Parts, InvalidOption | MissingPackage | Metrics.MetricsNotProvided | E, Scope.Scope> =>
  Effect.gen(function* () {
    const {
      highWaterMark = 10_000,
      host = "127.0.0.1",
      levels,
      maxMessageBytes = 16 * 1024 * 1024,
      port = 5551,
      windows = "merge"
    } = options
    yield* checked(
      hostCheck(host),
      wholeCheck("port", port, 65_535),
      levelsCheck(levels),
      wholeCheck("highWaterMark", highWaterMark, 2 ** 30),
      wholeCheck("maxMessageBytes", maxMessageBytes, 2 ** 30),
      windowsCheck(windows)
    )
    const hub = yield* Metrics.required
    const subscriber = yield* options.transport ?? zeroMq({ highWaterMark, host, maxMessageBytes, port })
    const runtime = yield* Effect.runtime<never>()
    const clock = yield* Effect.clock
    const merger = makeMerger(hub, { maxMessageBytes, windows, now: () => clock.unsafeCurrentTimeMillis() })
    const own = {
      native: yield* Metrics.bind(messages, { format: "native" }),
      zibrato: yield* Metrics.bind(messages, { format: "zibrato" }),
      measurements: yield* Metrics.bind(measurements),
      duplicates: yield* Metrics.bind(duplicates),
      malformed: yield* Metrics.bind(unreadable, { reason: "malformed" }),
      version: yield* Metrics.bind(unreadable, { reason: "version" }),
      too_large: yield* Metrics.bind(unreadable, { reason: "too_large" }),
      released: yield* Metrics.bind(releases)
    }

    let released = 0
    const refusedOf = (): number => Object.values(merger.account().unreadable).reduce((sum, count) => sum + count, 0)
    const report = (taken: Taken): void => {
      switch (taken._tag) {
        case "recorded":
          own[taken.format].increment()
          return own.measurements.incrementBy(taken.measurements)
        case "duplicate":
          return own.duplicates.increment()
        case "unreadable": {
          own[taken.refusal].increment()
          const refused = refusedOf()
          if (Number.isInteger(Math.log2(refused))) {
            Runtime.runFork(runtime)(
              Effect.logWarning(
                `worker: messages that cannot be read so far: ${refused}; the last one: ${taken.reason}`
              )
            )
          }
        }
      }
    }

    const { admit, end, isWaiting, settle, take } = makeSettler(hub, {
      merge: ({ frames, refuse }) => {
        const taken = merger.take(frames)
        report(taken)
        if (taken._tag !== "unreadable") return { id: taken.id }
        if (refuse === undefined) return { id: undefined }
        Runtime.runFork(runtime)(refuse(taken.reason))
        return undefined
      },
      released: (id, reason) => {
        if (id !== undefined) merger.forget(id)
        own.released.increment()
        released++
        return Number.isInteger(Math.log2(released))
          ? Effect.logWarning(
              `worker: messages to be delivered again so far: ${released}, as a sink has dropped what they carried (${reason})`
            )
          : Effect.void
      }
    })

    const work = Effect.gen(function* () {
      // The last of it: what was received when the worker ended.
      yield* Effect.addFinalizer(() =>
        Effect.zipRight(end, Effect.timeoutOption(Effect.interruptible(settle), "5 seconds"))
      )
      yield* Effect.sleep(settleEvery).pipe(
        Effect.zipRight(settle),
        Effect.zipRight(Effect.repeat(Effect.zipRight(admit, settle), { while: () => isWaiting() })),
        Effect.forever,
        Effect.forkScoped
      )
      return yield* subscriber
        .subscribe(topicsOf(levels), take)
        .pipe(Effect.mapError(({ reason }) => new RelayError({ reason })))
    }).pipe(Effect.scoped)
    return { running: { account: Effect.sync(merger.account) }, work }
  })

/**
 * Works until it is interrupted. What it has received by then is recorded, and written by the sinks when they close.
 *
 * @example
 * import { InfluxDb, Worker } from "effect-metrics"
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Effect } from "effect"
 *
 * Worker.run({ levels: ["info", "crit"] }).pipe(
 *   Effect.provide(InfluxDb.layerFetch({ url: "http://localhost:8086", database: "app" })),
 *   NodeRuntime.runMain
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = <E = never>(
  options: Options<E> = {}
): Effect.Effect<never, InvalidOption | RelayError | MissingPackage | Metrics.MetricsNotProvided | E> =>
  Effect.scoped(Effect.flatMap(prepare(options), ({ work }) => work))

/**
 * Works in the background as long as the layer lives, for the sinks around it.
 *
 * @example
 * import { Console, Worker } from "effect-metrics"
 * import { Layer } from "effect"
 *
 * const WorkerLive = Worker.layer({ host: "metrics.example.org" }).pipe(Layer.provide(Console.layer()))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E = never>(
  options: Options<E> = {}
): Layer.Layer<Worker, InvalidOption | MissingPackage | Metrics.MetricsNotProvided | E> =>
  Layer.scoped(
    Worker,
    Effect.gen(function* () {
      const { running, work } = yield* prepare(options)
      const scope = yield* Effect.scope
      yield* Effect.catchAll(work, ({ reason }) => Effect.logError(`the worker has ended: ${reason}`)).pipe(
        Effect.forkIn(scope)
      )
      return running
    })
  )
