/**
 * Points that can be told from one another: each has a number of its own as its value, and a time of its own, a second apart.
 */
import { Effect } from "effect"
import type { Ledger } from "../../Ledger.js"
import * as Metrics from "../../Metrics.js"
import { isClose, keysOf, numberOf, type Reading, show } from "./readings.js"
import { account, type Stage } from "./stage.js"
import type { ContractViolation } from "./subject.js"

const name = "contractmark"

/** Whole seconds, some time ago: all wires can tell them apart. */
export const timeOf = (mark: number): number => Math.floor(Date.now() / 1000 - 3600) * 1000 + mark * 1000

/** From `from` up to `to`, which is not among them. */
export const emit = (from: number, to: number): Effect.Effect<void> =>
  Effect.forEach(
    Array.from({ length: to - from }, (_, i) => from + i),
    (mark) => Metrics.emit(name, { value: mark }, { tags: { kind: "mark" }, timestamp: timeOf(mark) }),
    { discard: true }
  )

export const isMark = (stage: Stage): ((reading: Reading) => boolean) => {
  const keys = keysOf(stage.wire, name, "value")
  return ({ key }) => keys.has(key)
}

/** Those that arrived, in order, as often as they did. */
export const among = (stage: Stage, readings: ReadonlyArray<Reading>): ReadonlyArray<number> =>
  readings.filter(isMark(stage)).map(numberOf)

/** Those that are there more than once, each once. */
export const doubled = (marks: ReadonlyArray<number>): ReadonlyArray<number> => [
  ...new Set(marks.filter((mark, i) => marks.indexOf(mark) < i))
]

/** Whether each of `from` up to `to` is among what arrived. */
export const areThere = (stage: Stage, from: number, to: number) => (readings: ReadonlyArray<Reading>) => {
  const there = new Set(among(stage, readings))
  for (let mark = from; mark < to; mark++) if (!there.has(mark)) return false
  return true
}

/**
 * What a sink may lose of good records: those of unknown fate, those that would overwrite another, those that a close cut
 * off. A backend that is not there is no reason to drop.
 */
export const unavoidable = ({ dropped }: Ledger): number =>
  (dropped.ambiguous ?? 0) + (dropped.same_timestamp ?? 0) + (dropped.shutdown_deadline ?? 0)

/** No mark that was never made, and none more often than once and the writes of unknown fate explain. */
export const judge = (
  stage: Stage,
  readings: ReadonlyArray<Reading>,
  made: number,
  ledger: Ledger
): Effect.Effect<void, ContractViolation> =>
  Effect.gen(function* () {
    const marks = among(stage, readings)
    const alien = marks.filter((mark) => !(Number.isInteger(mark) && mark >= 0 && mark < made))
    yield* stage.expect(alien.length === 0, `only values from 0 to ${made - 1}, uncut`, () => alien)
    const different = new Set(marks).size
    const copies = marks.length - different
    const again = doubled(marks).length
    yield* stage.expect(
      again <= ledger.ambiguous && copies <= ledger.retried,
      `at most ${ledger.ambiguous} records more than once, as many as are ambiguous, by ${ledger.retried} retries`,
      () => `${again}, ${copies} times: ${show(marks)}`
    )
    if ((stage.wire.acknowledgedBy ?? "backend") === "backend") {
      const lost = unavoidable(ledger)
      yield* stage.expect(
        made - different <= lost,
        `all that was recorded, but for the ${lost} that the ledger has as lost without the sink's fault`,
        () => `${different} of ${made}; ${account(ledger)}`
      )
    }
  })

/** Nothing but whole marks and the counter: no piece of one, and no two in one. */
export const intact = (
  stage: Stage,
  readings: ReadonlyArray<Reading>,
  counter?: string
): Effect.Effect<void, ContractViolation> => {
  const isWhole = isMark(stage)
  const keys = counter === undefined ? new Set<string>() : keysOf(stage.wire, counter, "value")
  const others = readings.filter((reading) => !isWhole(reading) && !keys.has(reading.key))
  return stage.expect(others.length === 0, "only records that were recorded, uncut", () => others)
}

/** The sum of a counter, by what arrived under its name. */
export const countedIn = (stage: Stage, counter: string, readings: ReadonlyArray<Reading>): number => {
  const keys = keysOf(stage.wire, counter, "value")
  const values = readings.filter(({ key }) => keys.has(key)).map(numberOf)
  return stage.wire.counters === "total" ? (values.at(-1) ?? 0) : values.reduce((sum, value) => sum + value, 0)
}

export const isSum = (stage: Stage, counter: string, expected: number) => (readings: ReadonlyArray<Reading>) =>
  isClose(countedIn(stage, counter, readings), expected)
