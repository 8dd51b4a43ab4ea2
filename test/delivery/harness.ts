/**
 * A lane that is delivered to a backend of the test's making, in a scope that the test closes.
 */
import { Clock, Effect, Exit, Fiber, Logger, Option, Scope } from "effect"
import * as Flusher from "../../src/delivery/flusher.js"
import type { DeliveryOptions } from "../../src/delivery/options.js"
import { resolve } from "../../src/delivery/resolve.js"
import {
  Rejected,
  type Batch,
  type Sink,
  type SinkError,
  Throttled,
  TooLarge,
  Unavailable,
  type WriteResult
} from "../../src/delivery/sink.js"
import { imbalance, type Ledger } from "../../src/Ledger.js"
import type { Lane } from "../../src/recording/lane.js"
import type { Measurement } from "../../src/recording/measurement.js"
import { counter, hubOf, laneOf, point } from "../recording/harness.js"

export type Mode =
  | "ok"
  | "down"
  | "answer lost"
  | "poison"
  | "too large"
  | "throttled"
  | "hangs"
  | "dies"
  | "throws"
  | "leaks"
  | "partial"

export const poisoned = (id: number): boolean => id % 7 === 3

/** Remembers what it stored. `mode` says what it does with the next write. */
export class Backend {
  mode: Mode = "ok"
  readonly writes: Array<Batch> = []
  readonly stored: Array<Measurement> = []
  /** Stored, though nobody was told. */
  readonly doubted = new Set<Measurement>()
  /** Yields before it answers. */
  yields = 0
  interrupted = 0

  readonly sink: Sink = {
    write: (batch) => {
      this.writes.push(batch)
      if (this.mode === "throws") throw new Error("a bug in the sink: https://user:secret@host/")
      const answer = Effect.suspend(() => this.answer(batch)).pipe(
        Effect.onInterrupt(() => Effect.sync(() => this.interrupted++))
      )
      return this.yields === 0
        ? answer
        : Effect.zipRight(Effect.replicateEffect(Effect.yieldNow(), this.yields), answer)
    }
  }

  private answer({ measurements }: Batch): Effect.Effect<WriteResult | void, SinkError> {
    const fields = { sink: "test", reason: "as asked" }
    switch (this.mode) {
      case "ok":
        return Effect.sync(() => void this.stored.push(...measurements))
      case "down":
        return new Unavailable(fields)
      case "answer lost":
        for (const measurement of measurements) this.doubted.add(measurement)
        this.stored.push(...measurements)
        return new Unavailable({ ...fields, ambiguous: true })
      case "poison":
        if (measurements.some((one) => pointIds([one]).some(poisoned))) return new Rejected(fields)
        return Effect.sync(() => void this.stored.push(...measurements))
      case "too large":
        if (measurements.length > 1) return new TooLarge(fields)
        return Effect.sync(() => void this.stored.push(...measurements))
      case "throttled":
        return new Throttled({ ...fields, retryAfterMillis: 1000 })
      case "hangs":
        return Effect.never
      case "dies":
      case "throws":
        return Effect.die(new Error("a bug in the sink"))
      case "leaks":
        return new Unavailable({ ...fields, reason: "no route to https://user:secret@host/" })
      case "partial": {
        const half = Math.ceil(measurements.length / 2)
        this.stored.push(...measurements.slice(0, half))
        const [kept, ...rejected] = Array.from(measurements.keys()).slice(half)
        return Effect.succeed({
          keep: kept === undefined ? [] : [kept],
          rejected: rejected.map((index) => ({ index, reason: "as asked" }))
        })
      }
    }
  }
}

/** The numbers of points. */
export const pointIds = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<number> =>
  measurements.flatMap((one) => (one._tag === "point" ? [Number(one.fieldValues[0])] : []))

export const weight = (measurements: ReadonlyArray<Measurement>): number =>
  measurements.reduce((sum, one) => sum + one.weight, 0)

export interface Running {
  readonly lane: Lane
  readonly delivery: Flusher.Delivery
  readonly backend: Backend
  readonly scope: Scope.CloseableScope
  /** Records points with numbers of their own. */
  readonly points: (count: number) => void
  readonly increment: (series: string, count?: number) => void
  readonly ledger: () => Ledger
}

export const defaults = { name: "test", batchSize: 4, batchBytes: 1_000_000, ambiguous: "retry" as const }

export const start = <Payload>(
  options: DeliveryOptions = {},
  sink?: (backend: Backend) => Sink<Payload>
): Effect.Effect<Running> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const backend = new Backend()
    const lane = laneOf({ now: () => clock.unsafeCurrentTimeMillis(), resendGauges: options.resend === "always" })
    const scope = yield* Scope.make()
    const resolved = yield* Effect.orDie(resolve(options, defaults))
    const make =
      sink === undefined ? Flusher.make(lane, backend.sink, resolved) : Flusher.make(lane, sink(backend), resolved)
    const delivery = yield* Scope.extend(make, scope)
    const hub = hubOf(lane)
    const entry = point(hub, "happened")
    let next = 0
    const points = (count: number): void => {
      for (let i = 0; i < count; i++) entry.emit(["value"], [next++], 16, clock.unsafeCurrentTimeMillis(), undefined)
    }
    const increment = (series: string, count = 1): void => {
      const bound = counter(hub, series)
      for (let i = 0; i < count; i++) bound.increment()
    }
    const ledger = (): Ledger => {
      const now = delivery.ledger()
      if (imbalance(now) !== 0) throw new Error(`the ledger is off by ${imbalance(now)}: ${JSON.stringify(now)}`)
      return now
    }
    return { lane, delivery, backend, scope, points, increment, ledger }
  })

/** Lets fibers run that wait for nothing but their turn. */
export const settle = Effect.replicateEffect(
  Effect.zipRight(
    Effect.replicateEffect(Effect.yieldNow(), 50),
    Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  ),
  8
)

/** Ends the scope in a fiber of its own, so that a close which hangs fails the test instead of hanging it. */
export const close = ({ scope }: Running): Effect.Effect<"closed" | "hangs"> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDaemon(Scope.close(scope, Exit.void))
    const ended = yield* Fiber.join(fiber).pipe(Effect.timeoutOption("5 seconds"), Effect.withClock(Clock.make()))
    return Option.isSome(ended) ? "closed" : "hangs"
  })

/** What is logged from here on, at all levels. */
export const collectLogs = (
  lines: Array<{ readonly level: string; readonly message: string; readonly annotations: ReadonlyMap<string, unknown> }>
) =>
  Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ annotations, logLevel, message }) => {
      lines.push({
        level: logLevel.label,
        message: (Array.isArray(message) ? message : [message]).join(" "),
        annotations: new Map(annotations)
      })
    })
  )
