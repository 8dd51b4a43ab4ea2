/**
 * A sink whose backend does what a test tells it to: to see how an app, its alerts or its shutdown behave when metrics
 * cannot be delivered, and to look at what would have been sent.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 * import { FaultySink } from "effect-metrics/testing"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function* () {
 *   const backend = FaultySink.make({ shutdownTimeout: "100 millis" })
 *   backend.answer("hang")
 *   yield* Metrics.increment(Metrics.counter("a")).pipe(Effect.provide(backend.layer))
 *   return backend.received() // [], and the close took no longer than the deadline
 * })
 *
 * @since 0.1.0
 */
import { Effect, type Layer } from "effect"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"

/**
 * What the backend does with a write: takes it, takes it and never answers, never answers, takes some of it, fails with an
 * error of `Sink`, or dies of a defect.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer = "ok" | "hang" | "store-and-hang" | "die" | Sink.SinkError | Sink.WriteResult

/**
 * A backend in memory, with the layer of a sink that writes to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultySink {
  readonly layer: Layer.Layer<Metrics, Sink.InvalidOption>
  /** What it does from now on, or, given a function, with each write. Starts with `"ok"`. */
  readonly answer: (answer: Answer | ((batch: Sink.Batch) => Answer)) => void
  /** What it stored, in order. A measurement that was stored twice is there twice. */
  readonly received: () => ReadonlyArray<Sink.Measurement>
  /** Writes begun. */
  readonly writes: () => number
}

/**
 * A backend in memory, with the options of any sink.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Sink.DeliveryOptions = {}): FaultySink => {
  const stored: Array<Sink.Measurement> = []
  let answerFor: (batch: Sink.Batch) => Answer = () => "ok"
  let writes = 0
  const write = (batch: Sink.Batch): Effect.Effect<Sink.WriteResult | void, Sink.SinkError> =>
    Effect.suspend(() => {
      const store = (measurements: ReadonlyArray<Sink.Measurement>) => {
        for (const measurement of measurements) stored.push(measurement)
      }
      writes++
      const answer = answerFor(batch)
      switch (answer) {
        case "ok":
          store(batch.measurements)
          return Effect.void
        case "store-and-hang":
          store(batch.measurements)
          return Effect.never
        case "hang":
          return Effect.never
        case "die":
          return Effect.dieMessage("FaultySink was told to die")
      }
      if ("_tag" in answer) return Effect.fail(answer)
      const lost = new Set([...(answer.keep ?? []), ...(answer.rejected ?? []).map(({ index }) => index)])
      store(batch.measurements.filter((_, index) => !lost.has(index)))
      return Effect.succeed(answer)
    })
  return {
    layer: Sink.layerWith({
      sink: "faulty",
      make: Effect.succeed({ write }),
      defaults: { batchSize: 1000, ambiguous: "retry" },
      delivery: options
    }),
    answer: (answer) => {
      answerFor = typeof answer === "function" ? answer : () => answer
    },
    received: () => [...stored],
    writes: () => writes
  }
}
