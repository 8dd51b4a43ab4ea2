/** What the tests against VictoriaMetrics have in common. */
import { Effect, Ref, Schedule } from "effect"
import * as Metrics from "../../src/Metrics.js"
import { samples, type Server } from "./harness.js"

/** One of the server's own counters, of what came in by one protocol. */
export const counterOf = (server: Server, name: string, type: string): Effect.Effect<number> =>
  Effect.map(
    Effect.promise(async () => (await fetch(`${server.url}/metrics`)).text()),
    (text) => Number(new RegExp(`^${name}\\{type="${type}"\\} (\\d+)`, "m").exec(text)?.[1] ?? NaN)
  )

/** Its counters lag behind. */
export const until = <A>(effect: Effect.Effect<A>, isThere: (value: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(effect, (value) =>
    isThere(value) ? Effect.succeed(value) : Effect.delay(until(effect, isThere), "20 millis")
  )

/** A program that counts, in the midst of which the server is stopped for a second, and how much it has counted. */
export const stoppedMeanwhile = (server: Server, counter: string) =>
  Effect.map(Ref.make(0), (count) => ({
    recorded: Ref.get(count),
    program: Effect.gen(function* () {
      const one = Effect.zipRight(
        Ref.update(count, (n) => n + 1),
        Metrics.increment(Metrics.counter(counter))
      )
      const loading = yield* Effect.fork(Effect.repeat(one, Schedule.spaced("5 millis")))
      yield* Effect.sleep("300 millis")
      server.signal("SIGSTOP")
      yield* Effect.sleep("1 second")
      server.signal("SIGCONT")
      yield* Effect.sleep("300 millis")
      yield* loading.interruptAsFork(loading.id())
      yield* loading.await
    })
  }))

/** Of all samples: VictoriaMetrics keeps both of two equal ones, and shows one where told to deduplicate. */
export const sumOf = (server: Server, start: string): Effect.Effect<number> =>
  Effect.map(
    Effect.promise(() => samples(server, start)),
    (stored) => {
      const byTime = new Map(stored.flatMap(({ timestamps, values }) => timestamps.map((at, i) => [at, values[i]!])))
      return [...byTime.values()].reduce((sum, value) => sum + value, 0)
    }
  )

/** So long that no busy machine is too slow for a close that delivers everything. */
export const shutdownTimeout = "30 seconds"

/** Options with which a server that is stopped for a second is noticed and outlived. */
export const outliving = {
  schedule: Schedule.fixed("50 millis"),
  requestTimeout: "500 millis",
  shutdownTimeout
} as const
