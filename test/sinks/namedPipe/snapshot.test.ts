import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Metrics, Sink } from "../../../src/index.js"
import { read } from "../../../src/encoding/statventReader.js"
import * as Snapshot from "../../../src/sinks/namedPipe/snapshot.js"
import { defaults } from "../../encoding/statvent.js"

const size = Metrics.distribution("size")

const series = 3000

/** What readers get of so many distributions that sorting them takes several turns of the event loop. */
const within = <A, E>(body: (snapshot: Effect.Effect<Uint8Array>) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    let snapshot: Effect.Effect<Uint8Array> | undefined
    const layer = Sink.layerRead({
      sink: "pipe",
      samples: 100,
      options: {},
      make: (totals) => Effect.map(Snapshot.make(totals, defaults), (made) => void (snapshot = made))
    })
    return yield* Effect.gen(function* () {
      for (let i = 0; i < series; i++) {
        const handle = yield* Metrics.bind(size, { i: String(i) })
        for (let value = 0; value < 100; value++) handle.record((value * 7919) % 100)
      }
      return yield* body(snapshot ?? assert.fail())
    }).pipe(Effect.provide(layer))
  })

const isWhole = (bytes: Uint8Array): boolean => {
  const { isWhole, malformed, stats } = read(new TextDecoder().decode(bytes))
  const medians = stats.filter(({ name }) => name === "size.median")
  return isWhole && malformed === 0 && medians.length === series && medians.every(({ value }) => value === 49)
}

describe("snapshots for readers", () => {
  it.live("are whole, each of them, where several are asked for at once", () =>
    within((snapshot) =>
      Effect.map(Effect.all([snapshot, snapshot, snapshot], { concurrency: "unbounded" }), (all) => {
        for (const bytes of all) assert.isTrue(isWhole(bytes))
      })
    )
  )

  it.live("are whole though the one before was given up in its midst", () =>
    within((snapshot) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(snapshot)
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        const next = yield* Effect.fork(snapshot)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(isWhole(yield* Fiber.join(next)))
      })
    )
  )
})
