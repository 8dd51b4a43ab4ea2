/**
 * What every sink must keep, as a suite that any test framework can run: give it a layer and a way to read what the backend
 * received. The library's own sinks pass it, and so can yours. `ChaosProxy` has backends that play the faults.
 *
 * @since 0.1.0
 */
import { batching } from "./contract/batching.js"
import { delivery } from "./contract/delivery.js"
import { faults } from "./contract/faults.js"
import { hostile } from "./contract/hostile.js"
import type { Backend, Check, Subject } from "./contract/subject.js"

export {
  type Backend,
  type Check,
  ContractViolation,
  type Fault,
  type Place,
  type Received,
  type Subject,
  type Wire,
  type Write
} from "./contract/subject.js"

/**
 * The suite. Checks that the wire or the backend is not made for are left out. Each has a backend of its own, so they may run
 * side by side.
 *
 * @example
 * import { Effect, type Layer } from "effect"
 * import type { Metrics, Sink } from "effect-metrics"
 * import { SinkContract } from "effect-metrics/testing"
 *
 * declare const MyDb: (
 *   post: (record: SinkContract.Received) => void,
 *   options: Sink.DeliveryOptions
 * ) => Layer.Layer<Metrics.Metrics>
 *
 * const backend = Effect.sync(() => {
 *   const records: Array<SinkContract.Received> = []
 *   return {
 *     post: (record: SinkContract.Received) => void records.push(record),
 *     received: Effect.sync(() => [...records])
 *   }
 * })
 *
 * const checks = SinkContract.checks({
 *   name: "MyDb",
 *   backend,
 *   layer: ({ post }, delivery) => MyDb(post, delivery),
 *   faults: []
 * })
 *
 * // With vitest: for (const { name, run } of checks) it.live(name, () => run)
 * const all = Effect.forEach(checks, ({ run }) => run, { concurrency: 5, discard: true })
 *
 * @since 0.1.0
 * @category constructors
 */
export const checks = <B extends Backend>(subject: Subject<B>): ReadonlyArray<Check> => [
  ...delivery(subject),
  ...batching(subject),
  ...hostile(subject),
  ...faults(subject)
]
