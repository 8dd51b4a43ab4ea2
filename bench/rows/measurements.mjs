// @ts-check
/** What encoders are given: the same series for all, of which each encoder has its own, as it keeps what it knows in them. */
import { tagKeys, tagValues } from "./inputs.mjs"

export const startMillis = 1_700_000_000_000

/**
 * 64 series of three tags.
 * @template {"point" | "counter" | "gauge" | "timer"} K
 * @param {K} kind @param {ReadonlyArray<ReadonlyArray<string>>} [values]
 */
export const seriesOf = (kind, values = tagValues) =>
  values.map((values) => ({
    name: "requests",
    tags: tagKeys.map((key, i) => /** @type {const} */ ([key, values[i] ?? ""])),
    kind,
    valueType: /** @type {const} */ ("float"),
    unit: kind === "timer" ? "s" : undefined,
    description: undefined,
    level: undefined,
    boundaries: undefined,
    encoded: undefined
  }))

/**
 * One millisecond after the other, in turn of each series.
 * @template V
 * @param {number} count @param {ReturnType<typeof seriesOf>} series
 * @param {ReadonlyArray<string>} fieldNames @param {(i: number) => Array<V>} valuesOf
 */
export const pointsOf = (count, series, fieldNames, valuesOf) =>
  Array.from({ length: count }, (_, i) => ({
    _tag: /** @type {const} */ ("point"),
    series: /** @type {(typeof series)[number]} */ (series[i & 63]),
    weight: 1,
    millis: startMillis + i,
    nanos: 0,
    fieldNames,
    fieldValues: valuesOf(i),
    sampleRate: 1
  }))
