/**
 * What a request that is repeated is refused for, because it was stored the first time. Of one that has several samples of a series,
 * receivers that keep an order take none but the last one twice: to look for a bad one among them would be a request for each, and
 * all would be counted as rejected.
 */
import { Effect, Exit } from "effect"
import type { Measurement, Sink, SinkError } from "../../Sink.js"

const hasSeveral = (measurements: ReadonlyArray<Measurement>): boolean =>
  new Set(measurements.map(({ series }) => series)).size < measurements.length

/** `write`, which succeeds when it tells so. */
export const known = <Payload>(write: Sink<Payload>["write"]): Sink<Payload>["write"] => {
  /** The first measurements of those that nobody knows whether they were stored. */
  const doubtful = new WeakSet<Measurement>()
  const isUnknown = (exit: Exit.Exit<unknown, SinkError>): boolean =>
    Exit.isFailure(exit) && (exit.cause._tag !== "Fail" || exit.cause.error.ambiguous)
  return (batch) => {
    const { measurements } = batch
    const [first] = measurements
    if (first === undefined) return write(batch)
    return write(batch).pipe(
      Effect.catchIf(
        ({ _tag, reason }) =>
          _tag === "Rejected" && doubtful.has(first) && /out.of.order/i.test(reason) && hasSeveral(measurements),
        () => Effect.void
      ),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (isUnknown(exit)) doubtful.add(first)
          else doubtful.delete(first)
        })
      )
    )
  }
}
