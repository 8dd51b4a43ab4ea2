/**
 * A backend that is not well: at the start, in the middle, and while the scope closes.
 */
import { Effect } from "effect"
import { buffered, type Ledger } from "../../Ledger.js"
import * as Metrics from "../../Metrics.js"
import * as Marks from "./marks.js"
import { show } from "./readings.js"
import { account, check, pressed, type Stage } from "./stage.js"
import type { Backend, Check, ContractViolation, Fault, Subject, Wire } from "./subject.js"

type Trouble = Exclude<Fault, "none">

const counterName = "contracthits"
const hits = Metrics.counter(counterName, { valueType: "int" })
/** So many recordings: the ledger counts these, and not what they add up to. */
const hit = (count: number) => Effect.repeatN(Metrics.increment(hits, { tags: { kind: "hit" } }), count - 1)

const words: Record<Trouble, string> = {
  down: "is down",
  hang: "hangs",
  slow: "is slow",
  close: "closes connections at once"
}

const isAnswered = ({ acknowledgedBy = "backend" }: Wire = {}): boolean => acknowledgedBy === "backend"

/** What the sink says to have delivered is there; where only the kernel has its word, nobody can know. */
const honest = (stage: Stage, ledger: Ledger): Effect.Effect<void, ContractViolation> =>
  !isAnswered(stage.wire)
    ? Effect.void
    : Effect.gen(function* () {
        const readings = yield* stage.arrived
        const arrived = new Set(Marks.among(stage, readings)).size + Marks.countedIn(stage, counterName, readings)
        yield* stage.expect(ledger.delivered <= arrived, `at most ${arrived} delivered, as that is what arrived`, () =>
          account(ledger)
        )
      })

/** A backend that is there again gets new recordings, however many it takes on wires that lose some first. */
const revive = (stage: Stage, from: number): Effect.Effect<number, ContractViolation> =>
  Effect.gen(function* () {
    const end = Date.now() + stage.patience
    for (let next = from; Date.now() < end; next++) {
      yield* stage.record(Marks.emit(next, next + 1))
      for (let i = 0; i < 10; i++) {
        // Any of them, as on a busy machine each may take longer than the wait for it.
        if (Marks.among(stage, yield* stage.arrived).some((mark) => mark >= from)) return next + 1
        yield* Effect.sleep(10)
      }
    }
    return yield* stage.violation("that what is recorded after the fault arrives", summary(stage, yield* stage.arrived))
  })

const summary = (stage: Stage, readings: Parameters<typeof Marks.among>[1]): string =>
  `${show(Marks.among(stage, readings).slice(-10))}; ${account(stage.ledger())}`

/** Once nothing is buffered and nothing more arrives. */
const quiet = (stage: Stage, made: number): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    yield* stage.settle
    if (isAnswered(stage.wire) && Marks.unavoidable(stage.ledger()) === 0) {
      yield* stage.awaitArrival(`all ${made} points`, Marks.areThere(stage, 0, made), (readings) =>
        summary(stage, readings)
      )
    }
    // What is late, or there twice, shows itself.
    yield* Effect.sleep(60)
  })

/** Each record whole, none lost and none twice, but as the ledger says. */
const judged = (stage: Stage, made: number, ledger: Ledger): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    const readings = yield* stage.arrived
    yield* Marks.intact(stage, readings, counterName)
    yield* Marks.judge(stage, readings, made, ledger)
  })

const countedRight = (stage: Stage, made: number, ledger: Ledger): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    const counted = Marks.countedIn(stage, counterName, yield* stage.arrived)
    const lost = isAnswered(stage.wire) ? Marks.unavoidable(ledger) : made
    const copies = ledger.ambiguous > 0 ? ledger.retried : 0
    yield* stage.expect(
      counted >= made - lost && counted <= made + copies,
      `a count of ${made}, less at most ${lost} lost and more by at most ${copies} ambiguous and retried`,
      () => counted
    )
  })

/** A write that hangs is given up, and where it is not, the ledger shows it in the end. */
const timedOut = (stage: Stage): Effect.Effect<void> =>
  Effect.gen(function* () {
    const end = Date.now() + 4000
    while (stage.ledger().ambiguous === 0 && Date.now() < end) yield* Effect.sleep(10)
  })

const outage = <B extends Backend>(subject: Subject<B>, trouble: Trouble, when: "start" | "middle"): Check => {
  const name =
    when === "start"
      ? `starts while the backend ${words[trouble]}, and delivers once it is well`
      : `delivers again after the backend ${words[trouble]} in the middle`
  const early = when === "start" ? 0 : 10
  return check(
    subject,
    name,
    trouble === "hang" ? { ...pressed, requestTimeout: "1 second" } : pressed,
    (stage) =>
      Effect.gen(function* () {
        if (when === "middle") {
          yield* stage.record(Effect.zipRight(Marks.emit(0, early), hit(early)))
          yield* stage.awaitArrival(`${early} points while all is well`, Marks.areThere(stage, 0, early))
          yield* stage.settle
          yield* stage.fault(trouble)
        }
        for (let i = 0; i < 5; i++) {
          yield* stage.record(Effect.zipRight(Marks.emit(early + 2 * i, early + 2 * i + 2), hit(2)))
          yield* Effect.sleep(25)
        }
        // Where nobody answers, nothing hangs.
        if (trouble === "hang" && isAnswered(stage.wire)) yield* timedOut(stage)
        const during = stage.ledger()
        yield* honest(stage, during)
        const isSilent = isAnswered(stage.wire) || (when === "start" && stage.wire.acknowledgedBy === "kernel")
        yield* stage.expect(
          trouble !== "down" || !isSilent || during.delivered === 2 * early,
          "nothing delivered to a backend that is down",
          () => account(during)
        )
        yield* stage.fault("none")
        const made = yield* revive(stage, early + 10)
        yield* stage.flush
        yield* quiet(stage, made)
        const ledger = stage.ledger()
        yield* judged(stage, made, ledger)
        yield* countedRight(stage, early + 10, ledger)
      }),
    when === "start" ? { startsIn: trouble } : {}
  )
}

/** It is never well, and delivers all the same. */
const slowly = <B extends Backend>(subject: Subject<B>): Check =>
  check(subject, "delivers to a backend that is slow", { ...pressed, requestTimeout: "5 seconds" }, (stage) =>
    Effect.gen(function* () {
      const made = 10
      yield* stage.fault("slow")
      yield* stage.record(Effect.zipRight(Marks.emit(0, made), hit(made)))
      yield* stage.awaitArrival(`all ${made} points`, Marks.areThere(stage, 0, made))
      yield* stage.settle
      const ledger = stage.ledger()
      yield* judged(stage, made, ledger)
      yield* stage.expect(ledger.delivered === 2 * made, `${2 * made} delivered`, () => account(ledger))
    })
  )

/** In the smallest steps: an answer that is slow is there soon after. */
const arrival = (stage: Stage, from: number, to: number): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    const end = Date.now() + stage.patience
    while (!Marks.areThere(stage, from, to)(yield* stage.arrived)) {
      if (Date.now() > end)
        return yield* stage.violation(`points ${from} to ${to - 1}`, summary(stage, yield* stage.arrived))
      yield* Effect.sleep(1)
    }
  })

/** The backend has stored it, and the connection ends before it could say so. */
const unanswered = <B extends Backend>(subject: Subject<B>, trouble: "close" | "down"): Check =>
  check(
    subject,
    "has as ambiguous what arrived without an answer, and repeats nothing else",
    { ...pressed, requestTimeout: "5 seconds" },
    (stage) =>
      Effect.gen(function* () {
        const each = 5
        const rounds = 6
        for (let round = 0; round < rounds; round++) {
          const from = round * each
          const before = stage.ledger().ambiguous
          yield* stage.fault("slow")
          yield* stage.record(Marks.emit(from, from + each))
          yield* arrival(stage, from, from + each)
          // Before the answer, and further and further into it.
          yield* Effect.sleep(5 * round)
          yield* stage.fault(trouble)
          yield* stage.fault("none")
          yield* stage.settle
          const doubled = Marks.doubled(Marks.among(stage, yield* stage.arrived)).filter((mark) => mark >= from)
          const told = stage.ledger().ambiguous - before
          yield* stage.expect(
            doubled.length <= told,
            `at most ${told} of 5 records more than once, as so many became ambiguous`,
            () => doubled
          )
        }
        yield* quiet(stage, rounds * each)
        yield* judged(stage, rounds * each, stage.ledger())
      })
  )

/** What a machine under load may add to a deadline. */
const underLoad = 3600

const closing = <B extends Backend>(subject: Subject<B>, fault: Fault): Check => {
  const name =
    fault === "none"
      ? "delivers what is buffered when its scope closes, and nothing after"
      : `closes in time while the backend ${words[fault]}, and counts what is lost`
  // A backend that is well is waited for.
  const shutdownTimeout = fault === "none" ? 5000 : 400
  const delivery = { ...pressed, shutdownTimeout, ...(fault === "none" ? { requestTimeout: shutdownTimeout } : {}) }
  return check(subject, name, delivery, (stage) =>
    Effect.gen(function* () {
      yield* stage.record(Marks.emit(0, 1))
      yield* stage.awaitArrival("a point while all is well", Marks.areThere(stage, 0, 1))
      yield* stage.settle
      if (fault !== "none") yield* stage.fault(fault)
      yield* stage.record(Effect.zipRight(Marks.emit(1, 11), hit(5)))
      yield* stage.close(shutdownTimeout + underLoad)
      const ledger = stage.ledger()
      yield* stage.expect(ledger.recorded === 16 && buffered(ledger) === 0, "16 recorded, none of them buffered", () =>
        account(ledger)
      )
      if (fault === "none") {
        yield* stage.expect(ledger.delivered === 16, "16 delivered", () => account(ledger))
        yield* stage.awaitArrival("all 11 points", Marks.areThere(stage, 0, 11))
        yield* stage.awaitArrival("a count of 5", Marks.isSum(stage, counterName, 5))
      }
      yield* honest(stage, ledger)
      const before = (yield* stage.arrived).length
      yield* stage.record(Marks.emit(11, 12))
      yield* Effect.sleep(50)
      const after = stage.ledger()
      yield* stage.expect(
        after.recorded === ledger.recorded && after.refused.closed === 1,
        "that a recording after the close is refused as `closed`",
        () => account(after)
      )
      const readings = yield* stage.arrived
      yield* stage.expect(
        fault !== "none" || readings.length === before,
        "that nothing arrives after the close",
        () => `${readings.length - before} values`
      )
      yield* judged(stage, 11, after)
    })
  )
}

const storm = <B extends Backend>(subject: Subject<B>, faults: ReadonlyArray<Trouble>): Check =>
  check(
    subject,
    "accounts for every recording while the backend fails in one way after the other",
    { ...pressed, batchSize: 25, requestTimeout: "1 second" },
    (stage) =>
      Effect.gen(function* () {
        let made = 0
        // Hanging last, as a write may not come back from it in time for the others.
        const order = [...faults].sort((a, b) => Number(a === "hang") - Number(b === "hang"))
        for (const fault of [...order, "none", ...order, "none"] as const) {
          yield* stage.fault(fault)
          yield* stage.record(Effect.zipRight(Marks.emit(made, made + 20), hit(20)))
          made += 20
          yield* Effect.sleep(100)
          yield* honest(stage, stage.ledger())
        }
        const hitsMade = made
        made = yield* revive(stage, made)
        yield* stage.flush
        yield* quiet(stage, made)
        const ledger = stage.ledger()
        yield* stage.expect(ledger.recorded === made + hitsMade, `${made + hitsMade} recorded`, () => account(ledger))
        yield* judged(stage, made, ledger)
        yield* countedRight(stage, hitsMade, ledger)
      })
  )

export const faults = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Check> => {
  const played: ReadonlyArray<Trouble> = subject.faults ?? ["down", "hang", "slow", "close"]
  const outages = played.filter((trouble) => trouble !== "slow")
  const [breaking] = played.filter((trouble) => trouble === "close" || trouble === "down")
  return [
    ...outages.map((trouble) => outage(subject, trouble, "start")),
    ...outages.map((trouble) => outage(subject, trouble, "middle")),
    ...(played.includes("slow") ? [slowly(subject)] : []),
    ...(isAnswered(subject.wire) && breaking !== undefined && played.includes("slow")
      ? [unanswered(subject, breaking)]
      : []),
    ...(played.length > 0 ? [storm(subject, played)] : []),
    ...(["none", ...played] as const).map((fault) => closing(subject, fault))
  ]
}
