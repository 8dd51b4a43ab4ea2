/**
 * The options of `RuntimeMetrics`. Apart from what they are for, so that types of Node do not come with them.
 */
import type { Duration } from "effect"
import type { Semantics } from "./names.js"

/**
 * - `eventLoop`: its delay and utilisation
 * - `gc`: garbage collections
 * - `heap`: V8's heap spaces
 * - `memory`: that of the process
 * - `cpu`: CPU time
 * - `resources`: what keeps the process alive, by type
 * - `process`: uptime, start time, versions
 * - `fileDescriptors`: on Linux
 *
 * @since 0.1.0
 * @category models
 */
export type Group = "eventLoop" | "gc" | "heap" | "memory" | "cpu" | "resources" | "process" | "fileDescriptors"

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** What is measured. Default: all of it. */
  readonly groups?: ReadonlyArray<Group> | undefined
  /**
   * Names and tags: this library's own, or OpenTelemetry's conventions (`nodejs.*`, `v8js.*`, `process.*`), where they have
   * one. By these the event loop's delay is seven gauges, which contain the monitor's interval. Default `"default"`.
   */
  readonly semantics?: Semantics | undefined
  /** Goes before the library's own names. Default `"runtime."`. */
  readonly prefix?: string | undefined
  /** The level of all that is recorded. Default: none. */
  readonly level?: string | undefined
  /** How often the event loop's delay is sampled. A shorter time costs more CPU. Whole milliseconds. Default 20 ms. */
  readonly resolution?: Duration.DurationInput | undefined
  /** A sink's schedule has it read again only when the last reading is so old. Default 500 ms. */
  readonly freshness?: Duration.DurationInput | undefined
}
