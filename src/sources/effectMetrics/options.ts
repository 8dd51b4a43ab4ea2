/**
 * The options of `EffectMetrics`, checked when the layer is built.
 */
import { type Duration, Effect, type MetricRegistry, Option } from "effect"
import type { Renamed } from "../../delivery/options.js"
import { InvalidOption, show } from "../../delivery/checks.js"
import type { MetricInfo, Rules } from "./readers.js"

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Gives a metric another name or other tags, or leaves it out (`Option.none()`): asked once for each. If it throws, the
   * metric is refused as `threw`. Default: all, as they are.
   */
  readonly view?: ((metric: MetricInfo) => Option.Option<Renamed>) | undefined
  /**
   * Whether a counter that is not incremental is recorded as a gauge of its total, as where it counts what is there now.
   * Default: `effect_fiber_active` alone.
   */
  readonly asGauge?: ((metric: MetricInfo) => boolean) | undefined
  /** Goes before every name. Default: nothing. */
  readonly prefix?: string | undefined
  /** The level of all that is recorded. Default: none. */
  readonly level?: string | undefined
  /**
   * Where counters, frequencies, histograms and summaries begin: `"zero"` makes what they have counted since the process
   * began the first increase; `"now"` leaves that out, as where an earlier scope of this process has exported it. Default
   * `"zero"`.
   */
  readonly baseline?: "zero" | "now" | undefined
  /**
   * `"seconds"` makes timers of histograms that are tagged `time_unit=milliseconds`, as Effect's timers are, and takes the
   * tag away. `"as-is"` leaves numbers and tag alone. Default `"seconds"`.
   */
  readonly timers?: "seconds" | "as-is" | undefined
  /** The tag that has a frequency's word. Default `"key"`. */
  readonly frequencyTag?: string | undefined
  /** Series that it reads; further ones are refused as `series_limit`. Sinks have limits of their own. Default 100 000. */
  readonly maxSeries?: number | undefined
  /** A sink's schedule has it read again only when the last reading is so old. Default 500 ms. */
  readonly freshness?: Duration.DurationInput | undefined
  /** The registry. Default: Effect's, `Metric.globalMetricRegistry`. */
  readonly registry?: MetricRegistry.MetricRegistry | undefined
}

export const check = (options: Options): Effect.Effect<Rules, InvalidOption> =>
  Effect.suspend(() => {
    const {
      asGauge = ({ name }: MetricInfo) => name === "effect_fiber_active",
      baseline = "zero",
      frequencyTag = "key",
      level,
      maxSeries = 100_000,
      prefix = "",
      timers = "seconds",
      view = (metric: MetricInfo) => Option.some(metric)
    } = options
    const problem =
      expect("view", view, "a function", typeof view === "function") ??
      expect("asGauge", asGauge, "a function", typeof asGauge === "function") ??
      expect("prefix", prefix, "a string", typeof prefix === "string") ??
      expect("level", level, "a level", level === undefined || (typeof level === "string" && level !== "")) ??
      expect("baseline", baseline, "zero or now", baseline === "zero" || baseline === "now") ??
      expect("timers", timers, "seconds or as-is", timers === "seconds" || timers === "as-is") ??
      expect("frequencyTag", frequencyTag, "a tag's key", typeof frequencyTag === "string" && frequencyTag !== "") ??
      expect("maxSeries", maxSeries, "a whole number of at least 1", Number.isInteger(maxSeries) && maxSeries >= 1)
    if (problem !== undefined) return Effect.fail(problem)
    return Effect.succeed({
      view: (metric: MetricInfo) => Option.getOrNull(view(metric)),
      asGauge,
      prefix,
      level,
      timers,
      frequencyTag,
      maxSeries
    })
  })

const expect = (option: string, value: unknown, expected: string, isMet: boolean): InvalidOption | undefined =>
  isMet ? undefined : new InvalidOption({ option, value: show(value), expected })
