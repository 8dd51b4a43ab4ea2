/**
 * The Effect shell around the lane's reducer: fibers, timers, the sink. It tells the reducer what happens and does what that
 * asks for; every change of state and the matching change of the ledger are one synchronous step (`post`).
 *
 * All fibers are daemons that one finalizer of the scope owns, because the order of a close is a promise: no recordings any
 * more, then what is buffered is written, and only then, or at the deadline, is anything interrupted.
 */
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, FiberId, Runtime, type Scope } from "effect"
import type { Ledger } from "../Ledger.js"
import { dropped, imbalance } from "../Ledger.js"
import type { Lane } from "../recording/lane.js"
import type { Measurement, Series } from "../recording/measurement.js"
import { maxTimer } from "./checks.js"
import { log, logNotice, logSafely } from "./log.js"
import * as LaneQueue from "./queue.js"
import * as Random from "./random.js"
import * as Reducer from "./reducer.js"
import type { Resolved } from "./resolve.js"
import type { Batch, Encoded, Sink, SinkError, WriteResult } from "./sink.js"
import * as State from "./state.js"
import * as Turn from "./turn.js"

/** A lane that is being delivered. */
export interface Delivery {
  readonly name: string
  readonly lane: Lane
  /** Done when what was buffered when it was called has been settled, or the lane has ended. Two at once are one. */
  readonly flush: Effect.Effect<void>
  /** One synchronous read. */
  readonly ledger: () => Ledger
}

/**
 * Delivers what the lane records to the sink until the scope closes. The context that it runs in is that of all its fibers:
 * provide a hub there which drops, or the lane measures its own sink.
 */
export const make = <Payload>(
  lane: Lane,
  sink: Sink<Payload>,
  options: Resolved,
  /** Runs before what has gathered is marked due. */
  pull: (by: State.MarkedBy) => Effect.Effect<void> = () => Effect.void
): Effect.Effect<Delivery, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const { name } = options
      const clock = yield* Effect.clock
      const random = yield* Random.seeded
      const latch = yield* Effect.makeLatch(false)
      const ended = yield* Deferred.make<void>()
      const runtime = yield* Effect.runtime<never>().pipe(
        Effect.withTracerEnabled(false),
        Effect.annotateLogs({ package: "effect-metrics", sink: name })
      )
      const wake = (): void => latch.unsafeOpen()
      // Not at once: what a fiber runs first would run within the step that starts it.
      const fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> =>
        Runtime.runFork(runtime, Effect.interruptible(effect), { immediate: false })

      let last = -Infinity
      const monotonic = (): number => (last = Math.max(last, Number(clock.unsafeCurrentTimeNanos()) / 1e6))

      const queue = yield* LaneQueue.make({ ...options, onTrigger: wake }, lane.account)
      lane.queue = queue
      lane.onNotice = wake

      const config: State.Config = {
        ...options,
        idPrefix: `${name}-${Math.floor(random() * 2 ** 32).toString(36)}${Math.floor(random() * 2 ** 32).toString(36)}-`
      }
      let state = State.initial<Measurement>(monotonic())
      /** What the reducer is still to be told; answers to its actions go first. */
      const pending: Array<State.Happening<Measurement>> = []
      let running = false
      /** Until when the flusher sleeps; `-Infinity` while it is awake, and will ask anew before it sleeps. */
      let armed: number | undefined = -Infinity
      /** What is being written, with its timer. */
      const sends = new Map<Fiber.RuntimeFiber<unknown>, Fiber.RuntimeFiber<void>>()
      /** Of series whose window was reopened: its weight, until it is written again. */
      const reopened = new Map<Series, number>()
      lane.onDiscard = (series) => void reopened.delete(series)
      const flushes = new Map<number, Deferred.Deferred<void>>()
      let nextToken = 0
      const logs: Array<Effect.Effect<void>> = []

      const moment = (): State.Moment => ({
        now: monotonic(),
        random: random(),
        world: { head: queue.head(), tail: queue.tail(), due: lane.dueCount, dirty: lane.dirtyCount }
      })

      const post = (happening: State.Happening<Measurement>): void => {
        pending.push(happening)
        if (running) return
        running = true
        Turn.enter()
        try {
          for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
            const [after, actions] = Reducer.step(config, state, { ...next, ...moment() })
            state = after
            for (const action of actions) attempt(action)
          }
        } finally {
          running = false
        }
        const at = Reducer.wakeAt(config, state, moment())
        if (at !== undefined && (armed === undefined || at < armed)) wake()
      }

      /** Only asked for by `perform`: the step that it belongs to goes on before anything else is told. */
      const answer = (happening: State.Happening<Measurement>): void => {
        pending.unshift(happening)
      }

      /** One action that throws must not keep the others from being done. */
      const attempt = (action: State.Action<Measurement>): void => {
        try {
          perform(action)
        } catch (error) {
          logs.push(Effect.logError(`${name}: a defect, please report it: ${action._tag} threw ${describe(error)}`))
          wake()
        }
      }

      const perform = (action: State.Action<Measurement>): void => {
        switch (action._tag) {
          case "MarkDue":
            answer({ _tag: "Marked", by: action.by })
            if (action.by === "schedule") lane.expire(clock.unsafeCurrentTimeMillis())
            return lane.markDue()
          case "Gather": {
            const now = monotonic()
            const windows = lane.sealDue(action.limit, clock.unsafeCurrentTimeMillis())
            const { points, since } = queue.take(Math.min(action.points, action.limit - windows.length), now)
            return answer({ _tag: "Gathered", windows, points, pointsSince: since })
          }
          case "ExpireQueued":
            return queue.expire(monotonic())
          case "Encode":
            if (!Turn.isSpent()) return answer(encode(action.batch))
            return Turn.later(() => post(encode(action.batch)))
          case "Send":
            retry(action.batch.items)
            return send(action.batch, action.payload)
          case "Delivered":
            return lane.delivered(action.items)
          case "Dropped":
            for (const { series } of action.items) reopened.delete(series)
            return lane.dropped(action.items, action.reason)
          case "Reopen":
            answer({ _tag: "Reopened" })
            for (const { series, weight } of action.windows) reopened.set(series, weight)
            return lane.reopen(action.windows)
          case "DropRest":
            lane.markDue()
            lane.dropped(lane.sealDue(Number.POSITIVE_INFINITY, clock.unsafeCurrentTimeMillis()), action.reason)
            return lane.dropped(queue.take(Number.POSITIVE_INFINITY, monotonic()).points, action.reason)
          case "Retried":
            lane.account.retried += action.weight
            return
          case "Ambiguous":
            lane.account.ambiguous += action.weight
            return
          case "Sent":
            lane.account.sentMeasurements += action.measurements
            lane.account.sentBytes += action.bytes
            lane.account.sentWrites += 1
            return
          case "Log":
            logs.push(log[action.level](`${name}: ${action.message}`))
            return wake()
          case "Flushed":
            for (const token of action.tokens) {
              const flushed = flushes.get(token)
              flushes.delete(token)
              if (flushed !== undefined) Deferred.unsafeDone(flushed, Exit.void)
            }
            return
          case "End":
            Deferred.unsafeDone(ended, Exit.void)
        }
      }

      const retry = (items: ReadonlyArray<Measurement>): void => {
        if (reopened.size === 0) return
        for (const { series } of items) {
          lane.account.retried += reopened.get(series) ?? 0
          reopened.delete(series)
        }
      }

      const refuseFields = ({ series }: Measurement, fields: number): void => {
        for (let i = 0; i < fields; i++) lane.refuse("unsupported_field", series.name)
      }

      const encode = (batch: State.Batch<Measurement>): State.Happening<Measurement> => {
        const { id, items } = batch
        try {
          const encoded: Encoded<unknown> =
            sink.encode === undefined
              ? { payload: undefined, taken: items.length, bytes: 0, refused: [] }
              : sink.encode(items, options.batchBytes)
          const { bytes, payload, refused, skipped = [], taken } = encoded
          // A batch that is encoded again has been counted.
          if (batch.attempts === 0) for (const { fields, index } of skipped) refuseFields(items[index]!, fields)
          return { _tag: "Encoded", id, taken, bytes, payload, refused: [...refused] }
        } catch (error) {
          return { _tag: "EncodeThrew", id, reason: `the encoder threw ${describe(error)}` }
        }
      }

      const send = ({ attempts, id, items }: State.Batch<Measurement>, payload: unknown): void => {
        const sent = items.length
        // Let go of once the write has ended: a young collection finds its closures alive long after, and would move all
        // windows of a flush to the old generation (the benchmark's row "series").
        let held: Batch<Payload> | undefined = {
          id,
          attempt: attempts,
          measurements: items,
          // `encode` made it, or there is none and `Payload` is `undefined`.
          payload: payload as Payload
        }
        const write = Effect.suspend(() => (held === undefined ? Effect.interrupt : sink.write(held)))
        // A fiber that fails unobserved is logged by Effect, with its message and the secrets in it.
        const fiber = fork(Effect.exit(write))
        const timer = fork(Effect.sleep(Duration.millis(options.requestTimeout)))
        sends.set(fiber, timer)
        const done = (outcome: State.Outcome, other: Fiber.RuntimeFiber<unknown>): void => {
          if (!sends.delete(fiber)) return
          held = undefined
          abandon(other)
          post({ _tag: "Done", id, outcome })
        }
        fiber.addObserver((exit) => done(outcomeOf(Exit.flatten(exit), sent), timer))
        timer.addObserver(() => {
          const reason = `no answer within ${options.requestTimeout} ms`
          done({ _tag: "Unavailable", reason, ambiguous: true }, fiber)
        })
      }

      const logAll = Effect.suspend(() => {
        for (const notice of lane.takeNotices()) logs.push(logNotice(name, notice))
        return Effect.whileLoop({
          while: () => logs.length > 0,
          body: () => logSafely(logs.shift()!),
          step: () => {}
        })
      })

      const loop = Effect.gen(function* () {
        armed = -Infinity
        latch.unsafeClose()
        queue.mark(monotonic())
        post({ _tag: "Wake" })
        yield* logAll
        const { now, ...rest } = moment()
        armed = Reducer.wakeAt(config, state, { now, ...rest })
        if (armed === undefined) return yield* latch.await
        const sleep = Math.min(Math.max(1, Math.ceil(armed - now)), maxTimer)
        yield* Effect.timeoutOption(latch.await, Duration.millis(sleep))
      }).pipe(
        Effect.catchAllCause((cause) => logCause("the flusher failed, and goes on", cause)),
        Effect.forever
      )

      const tick = Effect.suspend(() => pull("schedule")).pipe(
        Effect.map(() => {
          queue.mark(monotonic())
          post({ _tag: "Tick" })
          wake()
        }),
        // So that a schedule without delays does not hold the event loop.
        Effect.zipRight(Effect.yieldNow())
      )
      const ticker = Effect.schedule(tick, options.schedule).pipe(
        Effect.catchAllCause((cause) => logCause("the schedule failed", cause)),
        Effect.zipRight(
          Effect.logWarning(
            `${name}: the schedule has ended: from now on only a full batch, a flush and the close write`
          )
        ),
        // So that a close does not wait for what in a schedule cannot be interrupted.
        Effect.disconnect
      )

      const ledger = (): Ledger => {
        const open = lane.gathered()
        return lane.account.snapshot(open, {
          queued: queue.weight(),
          open,
          inFlight: State.inFlight(state)
        })
      }

      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          yield* pull("close")
          lane.close()
          post({ _tag: "Close" })
          yield* Deferred.await(ended).pipe(
            // A finalizer runs uninterruptibly, and a timeout waits for what it cannot interrupt.
            Effect.interruptible,
            Effect.timeoutOption(Duration.millis(options.shutdownTimeout)),
            Effect.withClock(Clock.make())
          )
          post({ _tag: "Deadline" })
          for (const send of sends) send.forEach(abandon)
          yield* Fiber.interruptAll(fibers)
          yield* logAll
          yield* closed(name, ledger())
        }).pipe(
          Effect.withTracerEnabled(false),
          Effect.annotateLogs({ package: "effect-metrics", sink: name }),
          Effect.catchAllCause((cause) => logCause("the close failed", cause))
        )
      )
      fibers.push(fork(loop), fork(ticker))

      const flush = Effect.suspend(() => {
        const token = nextToken++
        const flushed = Deferred.unsafeMake<void>(FiberId.none)
        flushes.set(token, flushed)
        post({ _tag: "Flush", token })
        return Effect.onInterrupt(Deferred.await(flushed), () =>
          Effect.sync(() => {
            flushes.delete(token)
            post({ _tag: "Forget", token })
          })
        )
      })

      return { name, lane, flush, ledger }
    })
  )

/** Interrupts it without waiting for it: some writes cannot be interrupted. */
const abandon = (fiber: Fiber.RuntimeFiber<unknown>): void => fiber.unsafeInterruptAsFork(FiberId.none)

const logCause = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.isInterruptedOnly(cause)
    ? Effect.void
    : logSafely(Effect.logError(`${message}: ${describe(Cause.squash(cause))}`))

/** One line: what this lane did not deliver, by reason. */
const closed = (name: string, ledger: Ledger): Effect.Effect<void> => {
  const lost = dropped(ledger)
  const off = imbalance(ledger)
  if (off !== 0) return Effect.logError(`${name}: closed, and its ledger is off by ${off}: ${JSON.stringify(ledger)}`)
  if (lost === 0) return Effect.logDebug(`${name}: closed, delivered ${ledger.delivered}, lost nothing`)
  const reasons = Object.entries(ledger.dropped)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ")
  return Effect.logWarning(
    `${name}: closed, delivered ${ledger.delivered}, lost ${lost} (${reasons}), ${ledger.ambiguous} of unknown fate`
  )
}

const outcomeOf = (exit: Exit.Exit<WriteResult | void, SinkError>, sent: number): State.Outcome => {
  if (Exit.isSuccess(exit)) {
    const { keep = [], rejected = [] } = exit.value ?? {}
    const indices =
      Array.isArray(keep) && Array.isArray(rejected) ? [...keep, ...rejected.map((one) => one?.index)] : [-1]
    // A result that names what was not sent would leave the ledger guessing.
    return indices.every((index) => Number.isInteger(index) && index >= 0 && index < sent)
      ? { _tag: "Written", keep, rejected: rejected.map(({ index }) => index), reason: rejected[0]?.reason ?? "" }
      : { _tag: "Defect", reason: "the sink's answer names measurements that were not in the batch", ambiguous: true }
  }
  const failure = Cause.failureOption(exit.cause)
  if (failure._tag === "Some" && sinkErrors.has(failure.value?._tag)) {
    const error = failure.value
    return {
      _tag: error._tag,
      reason: redact(error.reason),
      ambiguous: error.ambiguous,
      retryAfterMillis: error._tag === "Throttled" ? error.retryAfterMillis : undefined
    }
  }
  if (Cause.isInterruptedOnly(exit.cause)) {
    return { _tag: "Unavailable", reason: "the write was interrupted", ambiguous: true }
  }
  // It may have died after it had stored them.
  return { _tag: "Defect", reason: `the sink died of ${describe(Cause.squash(exit.cause))}`, ambiguous: true }
}

const sinkErrors: ReadonlySet<string> = new Set<SinkError["_tag"]>([
  "Unavailable",
  "Throttled",
  "Unauthorized",
  "Misconfigured",
  "TooLarge",
  "Rejected"
])

/** For a log: short, and without the credentials that URLs in messages carry. */
const describe = (error: unknown): string =>
  redact(error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 300)

const redact = (text: string): string => text.replace(/\/\/[^/\s@]*@/g, "//<redacted>@")
