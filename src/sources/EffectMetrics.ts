/**
 * Exports what is recorded with Effect's own `Metric`, those of its runtime's fibers too, to the sinks that this library has.
 * Effect keeps such metrics as totals in a registry of the process; this source reads it just before a sink writes, and
 * records what has changed.
 *
 * | Effect | here |
 * |---|---|
 * | counter | a counter's increase; one that is not incremental may go down, or be a gauge (`asGauge`) |
 * | gauge | a gauge, when it has changed |
 * | frequency | a counter for each word, tagged `key` |
 * | histogram | a distribution with the same boundaries: buckets, count and sum are exact, quantiles and extremes are not |
 * | timer | the same in seconds, as a timer |
 * | summary | a gauge for each quantile, tagged `quantile`, and the counters `name.count` and `name.sum` |
 *
 * @since 0.1.0
 */
import { Effect, type Layer, Metric } from "effect"
import { layerOf, type OpenLanes, type Reading } from "../delivery/pull.js"
import type { InvalidOption } from "../delivery/checks.js"
import type * as Metrics from "../Metrics.js"
import { check, type Options } from "./effectMetrics/options.js"
import { Readers, type Rules } from "./effectMetrics/readers.js"
import * as Registry from "./effectMetrics/registry.js"

export type { Options } from "./effectMetrics/options.js"
export type { MetricInfo } from "./effectMetrics/readers.js"

/**
 * The source. Put it beside the sinks or on top of them; wherever it is, it is read a last time before the first of them
 * closes. Two calls of it on one way from a sink outwards export everything twice.
 *
 * It fails with `Sink.InvalidOption` for an option that cannot work.
 *
 * @example
 * import { Console, EffectMetrics } from "effect-metrics"
 * import { Effect, Layer, Metric } from "effect"
 *
 * const MetricsLive = Layer.mergeAll(Console.layer(), EffectMetrics.layer({ prefix: "app." }))
 *
 * const tasks = Metric.counter("tasks", { incremental: true })
 *
 * Metric.increment(tasks).pipe(Effect.provide(MetricsLive))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics.Metrics, InvalidOption> =>
  layerOf({
    name: "EffectMetrics",
    freshness: options.freshness,
    make: (lanes) => Effect.map(check(options), (rules) => reading(lanes, rules, options))
  })

type Read = (skip?: "skip") => Iterable<void> | undefined

const reading = (lanes: OpenLanes, rules: Rules, options: Options): Reading => {
  const registry = new Registry.Metrics(options.registry ?? Metric.globalMetricRegistry)
  const readers = new Readers(lanes, rules)
  const all: Array<Read> = []
  let adopted = 0
  const adopt = (): Read | undefined => {
    const read = guarded(readers, registry.all[adopted++]!)
    if (read !== undefined) all.push(read)
    return read
  }
  if (options.baseline === "now") {
    Array.from(registry.refresh())
    while (adopted < registry.all.length) Array.from(adopt()?.("skip") ?? [])
  }
  return function* () {
    yield* registry.refresh()
    while (adopted < registry.all.length) {
      adopt()
      if (adopted % Registry.slice === 0) yield
    }
    for (let i = 0; i < all.length; i++) {
      const rest = all[i]!()
      if (rest !== undefined) yield* rest
      if (i % Registry.slice === 0) yield
    }
    while (readers.warnings.length > 0) yield readers.warnings.shift()
  }
}

/** A metric that throws is left out, and keeps none of the others from being read. */
const guarded = (readers: Readers, metric: Registry.EffectMetric): Read | undefined => {
  let isReadable = true
  const guard = <A>(work: () => A): A | undefined => {
    if (!isReadable) return undefined
    try {
      return work()
    } catch (error) {
      isReadable = false
      readers.warnings.push(`${JSON.stringify(metric.key.name)} cannot be read, and is left out: ${String(error)}`)
      return undefined
    }
  }
  const reader = guard(() => readers.of(metric))
  if (reader === undefined) return undefined
  function* guardedSteps(steps: Iterator<void>): Iterable<void> {
    while (guard(() => steps.next())?.done === false) yield
  }
  return (skip) => {
    const rest = guard(() => reader.read(skip))
    return typeof rest === "object" ? guardedSteps(rest[Symbol.iterator]()) : undefined
  }
}
