/** All pipes of a host as a source: read when somebody asks, by all who ask within a moment at once. */
import { Clock, Effect, Fiber, Option, type Scope } from "effect"
import { hostName } from "../transport/host.js"
import * as Exposition from "./exposition.js"
import type { SeriesByProcess, Source } from "./model.js"
import * as Pipes from "./pipes.js"
import { Processes } from "./processes.js"
import * as Stats from "./stats.js"
import { overall, sums } from "./sums.js"

export interface HostOptions extends Pipes.PipesOptions {
  readonly sum: "by-kind" | "plain"
  readonly counters: "by-process" | "summed"
  /** How old a reading may be to be given to another who asks. */
  readonly freshMillis: number
  readonly keepMillis: number
  readonly maxSeries: number
}

/** The scope ends what looks again for dead processes. */
export const make = (options: HostOptions): Effect.Effect<Source, never, Scope.Scope> =>
  Effect.gen(function* () {
    const title = (yield* hostName) ?? "host"
    const scope = yield* Effect.scope
    const pipes = Pipes.make(options)
    const processes = new Processes(options)
    const turn = yield* Effect.makeSemaphore(1)
    let readMillis = Number.NEGATIVE_INFINITY
    let isLookingAgain = false

    const reading: Effect.Effect<void> = Effect.gen(function* () {
      const found = yield* pipes.read(processes.running())
      readMillis = yield* Clock.currentTimeMillis
      processes.observe(found, readMillis)
      if (!pipes.hasDead() || isLookingAgain) return
      isLookingAgain = true
      yield* Effect.forkIn(lookAgain, scope)
    })

    /** Nobody may ask a second time, and a pipe is only removed by the second reading that finds it dead. */
    const lookAgain: Effect.Effect<void> = Effect.gen(function* () {
      yield* Effect.sleep(options.unlinkAfterMillis)
      isLookingAgain = false
      yield* turn.withPermits(1)(reading)
    }).pipe(Effect.interruptible)

    const freshReading: Effect.Effect<number> = turn.withPermits(1)(
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        // A clock that was set back makes nothing fresh.
        if (!(now >= readMillis && now - readMillis < options.freshMillis)) yield* reading
        return readMillis
      })
    )

    /** In a fiber of its own: who asked may leave, but others may wait for the same, and requests cannot be interrupted. */
    const fresh = Effect.interruptible(freshReading).pipe(Effect.forkIn(scope), Effect.flatMap(Fiber.join))

    const series = (key: string, millis: number): Option.Option<SeriesByProcess> => {
      const found: Array<SeriesByProcess["processes"][number]> = []
      let isKnown = processes.retired().has(key)
      for (const process of processes.all()) {
        const stat = process.stats.get(key)
        if (stat === undefined) continue
        isKnown = true
        // What one had that has ended is part of the sum, and no more a value of its own.
        if (processes.isCurrent(process, millis)) found.push({ id: process.id, value: stat.value })
      }
      return isKnown ? Option.some({ millis, key, processes: found }) : Option.none()
    }

    return {
      snapshot: Effect.map(fresh, (millis) => ({
        source: "host" as const,
        title,
        millis,
        processes: processes.list(),
        series: [...sums(processes, millis).values()].map(overall),
        points: []
      })),
      series: (key) => Effect.map(fresh, (millis) => series(key, millis)),
      stats: Effect.map(fresh, (millis) => Stats.body(processes, options.sum, millis)),
      metrics: Effect.map(fresh, (millis) => Exposition.body(processes, options.counters, millis))
    }
  })
