/**
 * What a reader gets: everything as it is at one moment. That is noted in one turn of the event loop, values of distributions
 * included; sorting those, which takes most of the time, is divided among as many turns as it takes.
 */
import { Effect } from "effect"
import * as Turn from "../../delivery/turn.js"
import * as Statvent from "../../encoding/statvent.js"
import type { Totals } from "../../Sink.js"

/** Distributions that are sorted before the time is looked at: some tenths of a millisecond. */
const slice = 64

const nextTurn = Effect.async<void>((resume) => Turn.later(() => resume(Effect.void)))

const writeReadings = (taken: Statvent.Taken): Effect.Effect<void> =>
  Effect.suspend(() => {
    Turn.enter()
    while (taken.write(slice)) if (Turn.isSpent()) return Effect.flatMap(nextTurn, () => writeReadings(taken))
    return Effect.void
  })

/** One after the other, as they are made in the same place. */
export const make = (totals: Totals, dialect: Statvent.Dialect): Effect.Effect<Effect.Effect<Uint8Array>> =>
  Effect.map(Effect.makeSemaphore(1), (one) => {
    const encoder = Statvent.make(dialect)
    totals.leaveOut(encoder.faultOf)
    return totals.refresh.pipe(
      Effect.flatMap(() => {
        const taken = encoder.take(totals.series())
        return Effect.map(writeReadings(taken), taken.text)
      }),
      one.withPermits(1)
    )
  })
