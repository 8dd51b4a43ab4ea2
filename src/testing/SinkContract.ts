/**
 * What every sink must keep, as a suite that any test framework can run: give it a layer and a way to read what the backend
 * received. The library's own sinks pass it, and so can yours.
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import { batching } from "./contract/batching.js"
import { delivery } from "./contract/delivery.js"
import { faults } from "./contract/faults.js"
import { hostile } from "./contract/hostile.js"
import type { Backend, ContractViolation, Subject } from "./contract/subject.js"

export {
  type Backend,
  ContractViolation,
  type Fault,
  type Place,
  type Received,
  type Subject,
  type Wire,
  type Write
} from "./contract/subject.js"

/**
 * One thing that a sink must keep.
 *
 * @since 0.1.0
 * @category models
 */
export interface Check {
  /** What the sink does, as a sentence without its subject: "delivers what counters count". */
  readonly name: string
  /** Plays on the live clock, within 30 s at most, and needs no scope. */
  readonly run: Effect.Effect<void, ContractViolation>
}

/**
 * The suite. Each check has a backend of its own, so they may run side by side.
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
