/**
 * The bounds of a write: by count and by bytes.
 */
import { Effect } from "effect"
import { dropped } from "../../Ledger.js"
import * as Metrics from "../../Metrics.js"
import * as Marks from "./marks.js"
import { keysOf } from "./readings.js"
import { account, calm, check } from "./stage.js"
import type { Backend, Check, Subject } from "./subject.js"

const most = 10
const mostBytes = 4096

export const batching = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Check> => [
  check(subject, "puts at most batchSize measurements into a write", { ...calm, batchSize: most }, (stage) =>
    Effect.gen(function* () {
      const made = 55
      yield* stage.record(Marks.emit(0, made))
      yield* stage.flush
      yield* stage.awaitArrival(`all ${made} points`, Marks.areThere(stage, 0, made))
      yield* stage.settle
      const { measurements, writes } = stage.ledger().sent
      yield* stage.expect(
        writes >= made / most && measurements === made,
        `${made} measurements in at least ${Math.ceil(made / most)} writes`,
        () => stage.ledger().sent
      )
      const seen = stage.writes === undefined ? [] : yield* stage.writes
      const largest = Math.max(0, ...seen.map(({ records }) => records))
      yield* stage.expect(largest <= most, `at most ${most} records at once`, () => `${largest} at once`)
    })
  ),
  ...(subject.wire?.batchBytes === false
    ? []
    : [
        check(subject, "puts at most batchBytes bytes into a write", { ...calm, batchBytes: mostBytes }, (stage) =>
          Effect.gen(function* () {
            // A compact wire takes some ten bytes for each.
            const made = 600
            yield* stage.record(Marks.emit(0, made))
            yield* stage.flush
            yield* stage.awaitArrival(`all ${made} points`, Marks.areThere(stage, 0, made))
            yield* stage.settle
            const { bytes, writes } = stage.ledger().sent
            yield* stage.expect(
              bytes > mostBytes && writes > 1 && bytes <= writes * mostBytes,
              `several writes of 1 to ${mostBytes} bytes, as \`encode\` is told`,
              () => stage.ledger().sent
            )
            const seen = stage.writes === undefined ? [] : yield* stage.writes
            const largest = Math.max(0, ...seen.map(({ bytes }) => bytes))
            yield* stage.expect(largest <= mostBytes, `at most ${mostBytes} bytes at once`, () => `${largest} at once`)
          })
        ),
        check(
          subject,
          "drops and counts a measurement that is larger than a write, and no other",
          { ...calm, batchBytes: mostBytes },
          (stage) =>
            Effect.gen(function* () {
              const name = `contractlarge${"e".repeat(mostBytes)}`
              yield* stage.record(Marks.emit(0, 3))
              yield* stage.record(Metrics.emit(name, { value: 1 }))
              yield* stage.record(Marks.emit(3, 6))
              yield* stage.flush
              const readings = yield* stage.awaitArrival("the others", Marks.areThere(stage, 0, 6))
              yield* stage.settle
              const keys = keysOf(stage.wire, name, "value")
              const large = readings.filter(({ key }) => key.includes("contractl"))
              // A wire that spells it shorter may send it.
              yield* stage.expect(
                large.every(({ key }) => keys.has(key) && key.length <= mostBytes),
                "nothing of the large one",
                () => large
              )
              const ledger = stage.ledger()
              yield* stage.expect(
                ledger.delivered === 6 + large.length && dropped(ledger) === 1 - large.length,
                "6 delivered and 1 dropped",
                () => account(ledger)
              )
            })
        )
      ])
]
