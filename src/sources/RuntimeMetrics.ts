/**
 * Measures the process and its JavaScript runtime: the event loop, garbage collections, memory, CPU, what keeps the process
 * alive, file descriptors. It is read just before a sink writes. What the runtime does not have is left out, and said once at
 * Debug.
 *
 * @since 0.1.0
 */
import type { Layer } from "effect"
import type { InvalidOption } from "../delivery/checks.js"
import type * as Metrics from "../Metrics.js"
import { layerIn } from "./runtime/layer.js"
import { runtime } from "./runtime/node.js"
import type { Options } from "./runtime/options.js"

export type { Semantics } from "./runtime/names.js"
export type { Group, Options } from "./runtime/options.js"

/**
 * The source. Put it beside the sinks or on top of them. Its observers end with its scope, and keep no process alive.
 *
 * It fails with `Sink.InvalidOption` for an option that cannot work.
 *
 * @example
 * import { Console, RuntimeMetrics } from "effect-metrics"
 * import { Layer } from "effect"
 *
 * const MetricsLive = Layer.mergeAll(
 *   Console.layer(),
 *   RuntimeMetrics.layer({ groups: ["eventLoop", "gc", "memory", "cpu"] })
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics.Metrics, InvalidOption> => layerIn(runtime, options)
