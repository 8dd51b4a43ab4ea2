/**
 * What a scrape gets: everything as it is at one moment. That is noted in one turn of the event loop; making lines of it, which takes
 * most of the time, is divided among as many turns as it takes.
 */
import { Deferred, Effect, FiberId } from "effect"
import * as Turn from "../../delivery/turn.js"
import * as PrometheusTotals from "../../encoding/prometheusTotals.js"
import type { Totals } from "../../Sink.js"

export type Scrape = (variant: PrometheusTotals.Variant) => Effect.Effect<Uint8Array>

const nextTurn = Effect.async<void>((resume) => Turn.later(() => resume(Effect.void)))

const writeAll = (taken: PrometheusTotals.Taken): Effect.Effect<void> =>
  Effect.suspend(() => {
    Turn.enter()
    while (taken.write()) if (Turn.isSpent()) return Effect.flatMap(nextTurn, () => writeAll(taken))
    return Effect.void
  })

/** Those that come before it has begun share one text; others wait for their turn, as texts are made in the same place. */
export const make = (totals: Totals, quantiles: ReadonlyArray<number>): Scrape => {
  const one = Effect.unsafeMakeSemaphore(1)
  const encoder = PrometheusTotals.make(quantiles)
  const waiting = new Map<string, Deferred.Deferred<Uint8Array>>()
  return (variant) =>
    Effect.suspend(() => {
      const key = `${variant.format} ${variant.escaping}`
      const known = waiting.get(key)
      if (known !== undefined) return Deferred.await(known)
      const text = Deferred.unsafeMake<Uint8Array>(FiberId.none)
      const begun = Effect.sync(() => {
        if (waiting.get(key) === text) waiting.delete(key)
      })
      const encoded = totals.refresh.pipe(
        Effect.zipRight(begun),
        Effect.flatMap(() => {
          const taken = encoder.take(totals, variant)
          return Effect.map(writeAll(taken), taken.bytes)
        }),
        one.withPermits(1),
        Effect.ensuring(begun)
      )
      waiting.set(key, text)
      // Who asked first may leave first.
      return Effect.zipRight(Effect.forkDaemon(Effect.intoDeferred(encoded, text)), Deferred.await(text))
    })
}
