/** The series that a receiver has, so that it can be told when they have ended. */
import { Clock, Effect } from "effect"
import type { Measurement } from "../../Sink.js"

type Series = Measurement["series"]

export interface Told {
  readonly add: (measurements: ReadonlyArray<Measurement>) => void
  readonly end: <E>(
    tell: (some: ReadonlyArray<Series>, millis: number) => Effect.Effect<void, E>
  ) => Effect.Effect<void, E>
}

/** Those told last are kept: a lane has no more series at a time unless it is told so, and forgets some in favour of others. */
const most = 100_000

/** In one request. */
const some = 100

export const make = (): Told => {
  const all = new Set<Series>()
  let latest = -Infinity
  return {
    add: (measurements) => {
      for (const { millis, series } of measurements) {
        latest = Math.max(latest, millis)
        all.delete(series)
        all.add(series)
        if (all.size > most) {
          for (const first of all) {
            all.delete(first)
            break
          }
        }
      }
    },
    end: (tell) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const list = [...all]
        const starts = Array.from({ length: Math.ceil(list.length / some) }, (_, i) => i * some)
        const millis = Math.max(now, latest + 1)
        return Effect.forEach(starts, (start) => tell(list.slice(start, start + some), millis), { discard: true })
      })
  }
}
