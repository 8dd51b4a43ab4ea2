/**
 * Where a check is played: a fresh backend, the sink above it, and witnesses of the whole time, which watch the ledger and
 * read every log line.
 */
import {
  Cause,
  Clock,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  HashSet,
  Inspectable,
  Layer,
  Logger,
  LogLevel,
  Schedule,
  Scope
} from "effect"
import { defaultHub } from "../../delivery/service.js"
import { buffered, dropped, imbalance, type Ledger } from "../../Ledger.js"
import * as Metrics from "../../Metrics.js"
import type * as Sink from "../../Sink.js"
import { type Reading, readingsOf, show } from "./readings.js"
import {
  type Backend,
  type Check,
  ContractViolation,
  type Fault,
  type Subject,
  type Wire,
  type Write
} from "./subject.js"

export interface Stage {
  readonly wire: Wire
  /** In milliseconds. */
  readonly patience: number
  /** Records above the sink. */
  readonly record: (program: Effect.Effect<unknown>) => Effect.Effect<void>
  /** Writes all that is buffered, if the backend takes it in time. */
  readonly flush: Effect.Effect<void>
  /** That of all the sink's lanes together. */
  readonly ledger: () => Ledger
  readonly lanes: () => ReadonlyArray<Metrics.LaneLedger>
  readonly arrived: Effect.Effect<ReadonlyArray<Reading>>
  readonly writes: Effect.Effect<ReadonlyArray<Write>> | undefined
  readonly fault: (fault: Fault) => Effect.Effect<void, ContractViolation>
  /** Ends the sink's scope: a violation if that takes longer than `within`. */
  readonly close: (within: Duration.DurationInput) => Effect.Effect<void, ContractViolation>
  readonly violation: (expected: string, seen: unknown) => ContractViolation
  readonly expect: (condition: boolean, expected: string, seen: () => unknown) => Effect.Effect<void, ContractViolation>
  /** Has what the sink failed with searched for secrets. */
  readonly overhear: (cause: Cause.Cause<unknown>) => Effect.Effect<void>
  /** Waits until the readings are as they should be, a violation if that does not come. Gives the last ones. */
  readonly awaitArrival: (
    expected: string,
    isThere: (readings: ReadonlyArray<Reading>) => boolean,
    seen?: (readings: ReadonlyArray<Reading>) => unknown
  ) => Effect.Effect<ReadonlyArray<Reading>, ContractViolation>
  /** Waits until the ledger has nothing as buffered. */
  readonly settle: Effect.Effect<void, ContractViolation>
}

/** So long that a machine under load gets there. */
const defaultPatience: Duration.DurationInput = "10 seconds"
const limit: Duration.DurationInput = "30 seconds"

/** Nothing but a flush, a full batch and the close write, and nothing runs out of time. */
export const calm: Sink.DeliveryOptions = {
  name: "contract",
  hostTag: "none",
  tags: { host: "contract" },
  schedule: Schedule.spaced("1 hour"),
  retry: { initial: "5 millis", max: "40 millis" }
}

/** The backend will be away: short waits, but none that a healthy one exceeds where the machine is busy. */
export const pressed: Sink.DeliveryOptions = {
  ...calm,
  schedule: Schedule.spaced("20 millis"),
  requestTimeout: "2 seconds",
  shutdownTimeout: "400 millis"
}

const add = <K extends string>(
  one: Readonly<Partial<Record<K, number>>>,
  other: Readonly<Partial<Record<K, number>>>
): Readonly<Partial<Record<K, number>>> => {
  const sums: Partial<Record<K, number>> = { ...one }
  // Those of a record are its keys.
  for (const key of Object.keys(other) as Array<K>) sums[key] = (sums[key] ?? 0) + (other[key] ?? 0)
  return sums
}

const empty: Ledger = {
  recorded: 0,
  delivered: 0,
  dropped: {},
  buffered: { queued: 0, open: 0, inFlight: 0 },
  refused: {},
  retried: 0,
  ambiguous: 0,
  sent: { measurements: 0, bytes: 0, writes: 0 }
}

/** A sink with several destinations has a lane for each. */
const total = (lanes: ReadonlyArray<Metrics.LaneLedger>): Ledger =>
  lanes.reduce<Ledger>(
    (sum, { ledger }) => ({
      recorded: sum.recorded + ledger.recorded,
      delivered: sum.delivered + ledger.delivered,
      dropped: add(sum.dropped, ledger.dropped),
      buffered: {
        queued: sum.buffered.queued + ledger.buffered.queued,
        open: sum.buffered.open + ledger.buffered.open,
        inFlight: sum.buffered.inFlight + ledger.buffered.inFlight
      },
      refused: add(sum.refused, ledger.refused),
      retried: sum.retried + ledger.retried,
      ambiguous: sum.ambiguous + ledger.ambiguous,
      sent: {
        measurements: sum.sent.measurements + ledger.sent.measurements,
        bytes: sum.sent.bytes + ledger.sent.bytes,
        writes: sum.sent.writes + ledger.sent.writes
      }
    }),
    empty
  )

/** Everything that a log line can show. */
const collector = (lines: Array<string>): Logger.Logger<unknown, void> =>
  Logger.make((entry) => {
    lines.push(Logger.stringLogger.log(entry), Inspectable.toStringUnknown(Logger.structuredLogger.log(entry)))
  })

/** A secret may be told in other words. */
const disguises = (secret: string): ReadonlyArray<string> => {
  const bytes = String.fromCharCode(...new TextEncoder().encode(secret))
  return [...new Set([secret, encodeURIComponent(secret), btoa(bytes).replace(/=+$/, "")])]
}

const findSecret = (texts: ReadonlyArray<string>, secrets: ReadonlyArray<string>): string | undefined => {
  const forbidden = secrets.filter((secret) => secret !== "").flatMap(disguises)
  return texts.find((text) => forbidden.some((secret) => text.includes(secret)))
}

/** What `body` asks of the sink, as a check. `delivery` goes over the options of all checks. */
export const check = <B extends Backend>(
  subject: Subject<B>,
  name: string,
  delivery: Sink.DeliveryOptions,
  body: (stage: Stage) => Effect.Effect<void, ContractViolation>,
  options: { readonly startsIn?: Fault } = {}
): Check => {
  const violation = (expected: string, seen: unknown) =>
    new ContractViolation({
      sink: subject.name,
      check: name,
      expected,
      seen: typeof seen === "string" ? seen : show(seen)
    })
  const logged: Array<string> = []
  const secrets = subject.secrets ?? []
  const revealed = Effect.suspend(() => {
    const line = findSecret(logged, secrets)
    return line === undefined ? Effect.void : Effect.fail(violation("no secret in any log line or error", line))
  })
  const run = Effect.scoped(
    Effect.gen(function* () {
      const backend = yield* subject.backend
      const stage = yield* build(subject, backend, delivery, violation, logged, options.startsIn)
      const watch = yield* Effect.forkScoped(stage.watch)
      yield* body(stage)
      yield* stage.isBalanced
      yield* Fiber.interrupt(watch)
    })
  ).pipe(
    Effect.zipRight(revealed),
    Effect.disconnect,
    Effect.timeoutFail({ duration: limit, onTimeout: () => violation(`an end within ${limit}`, "none") }),
    Effect.locally(FiberRef.currentLoggers, HashSet.make(collector(logged))),
    Logger.withMinimumLogLevel(LogLevel.All),
    Effect.provideService(Metrics.Metrics, defaultHub),
    // Sockets do not know the clock of a test.
    Effect.withClock(Clock.make())
  )
  return { name, run: Effect.suspend(() => ((logged.length = 0), run)) }
}

const build = <B extends Backend>(
  subject: Subject<B>,
  backend: B,
  delivery: Sink.DeliveryOptions,
  violation: Stage["violation"],
  logged: Array<string>,
  startsIn: Fault | undefined
) =>
  Effect.gen(function* () {
    const wire = subject.wire ?? {}
    const patience = Duration.toMillis(subject.patience ?? defaultPatience)
    const expect: Stage["expect"] = (condition, expected, seen) =>
      condition ? Effect.void : Effect.suspend(() => Effect.fail(violation(expected, seen())))
    const fault: Stage["fault"] = (fault) =>
      backend.fault?.(fault) ??
      Effect.fail(violation("a backend that plays faults, or a subject with `faults: []`", "a backend without `fault`"))
    const overhear: Stage["overhear"] = (cause) =>
      Effect.sync(() => void logged.push(Cause.pretty(cause), Inspectable.toStringUnknown(cause)))
    if (startsIn !== undefined) yield* fault(startsIn)

    const scope = yield* Scope.make()
    const close: Stage["close"] = (within) =>
      Scope.close(scope, Exit.void).pipe(
        // A finalizer that hangs is left behind.
        Effect.disconnect,
        Effect.timeoutFail({
          duration: within,
          onTimeout: () => violation(`a close within ${Duration.format(within)}`, "one that was still under way")
        })
      )
    yield* Effect.addFinalizer(() => Effect.ignore(close(2000)))
    const built = yield* Layer.buildWithScope(Layer.fresh(subject.layer(backend, delivery)), scope).pipe(
      Effect.sandbox,
      Effect.tapError(overhear),
      Effect.mapError((cause) =>
        violation("a layer that can be built, whatever the backend does", Cause.pretty(cause))
      ),
      Effect.disconnect,
      Effect.timeoutFail({
        duration: patience,
        onTimeout: () => violation(`a layer that is built within ${patience} ms`, "one that waits")
      })
    )
    const hub = yield* Metrics.Metrics.pipe(Effect.provide(built))

    const lanes = () => Metrics.ledgersOf(hub)
    const ledger = () => total(lanes())
    const arrived = Effect.map(backend.received, readingsOf)
    let unbalanced: ContractViolation | undefined
    let before: Ledger | undefined
    const look = Effect.sync(() => {
      const now = ledger()
      if (unbalanced !== undefined) return
      if (imbalance(now) !== 0) {
        unbalanced = violation("recorded = delivered + dropped + buffered, at every point", now)
      } else if (before !== undefined && (now.delivered < before.delivered || now.recorded < before.recorded)) {
        unbalanced = violation("a ledger that takes nothing back", [before, now])
      }
      before = now
    })
    const awaitArrival: Stage["awaitArrival"] = (expected, isThere, seen = summary) =>
      Effect.gen(function* () {
        const end = Date.now() + patience
        let readings = yield* arrived
        // Reading may cost a real backend more than it costs one in memory.
        for (let wait = 5; !isThere(readings); wait = Math.min(wait * 1.5, 50)) {
          if (Date.now() > end) return yield* violation(expected, seen(readings))
          yield* Effect.sleep(wait)
          readings = yield* arrived
        }
        return readings
      })
    const stage: Stage = {
      wire,
      patience,
      record: (program) => Effect.asVoid(Effect.provide(program, built)),
      flush: Effect.asVoid(Effect.provide(Metrics.flushWithin(patience), built)),
      ledger,
      lanes,
      arrived,
      writes: backend.writes,
      fault,
      close,
      violation,
      expect,
      overhear,
      awaitArrival,
      settle: Effect.asVoid(
        awaitArrival(
          "that all is delivered or dropped in the end",
          () => buffered(ledger()) === 0,
          () => account(ledger())
        )
      )
    }
    return {
      ...stage,
      watch: Effect.forever(Effect.zipRight(look, Effect.sleep(2))),
      isBalanced: Effect.suspend(() =>
        Effect.zipRight(look, unbalanced === undefined ? Effect.void : Effect.fail(unbalanced))
      )
    }
  })

const summary = (readings: ReadonlyArray<Reading>): string =>
  `${readings.length} values, the last: ${show(readings.slice(-3))}`

/** What the ledger says, for messages. */
export const account = (ledger: Ledger): string =>
  `recorded ${ledger.recorded}, delivered ${ledger.delivered}, dropped ${dropped(ledger)} ${show(ledger.dropped)}, ` +
  `buffered ${buffered(ledger)}, ambiguous ${ledger.ambiguous}, refused ${show(ledger.refused)}`
