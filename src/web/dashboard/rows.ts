/**
 * What an app recorded as the page lists it: a counter and a gauge as they are, a timer or distribution as its count and what
 * its last values say.
 */
import { percentile } from "../../encoding/scalars.js"
import { keyOf } from "../../encoding/statventNames.js"
import type { Total } from "../../Sink.js"
import type { SeriesKind, SeriesOverall } from "../model.js"

/** How many of the last values of a distribution its mean, percentiles and maximum are taken of. */
export const samples = 256

/** Of values in any order. */
export const readingsOf = (values: ReadonlyArray<number>): ReadonlyArray<readonly [name: string, value: number]> => {
  const sorted = Float64Array.from(values).sort()
  let sum = 0
  for (const value of sorted) sum += value
  return [
    ["mean", sum / sorted.length],
    ["median", percentile(sorted, 0.5)],
    ["p95", percentile(sorted, 0.95)],
    ["p99", percentile(sorted, 0.99)],
    ["max", percentile(sorted, 1)]
  ]
}

const row = (total: Total, suffix: string, kind: SeriesKind, value: number): SeriesOverall => {
  const { description, tags, unit } = total.series
  const name = suffix === "" ? total.series.name : `${total.series.name}.${suffix}`
  return {
    key: keyOf(name, tags),
    name,
    tags,
    kind,
    // How often is no measure of what.
    unit: suffix === "count" ? undefined : total.series.kind === "timer" ? (unit ?? "s") : unit,
    description,
    value,
    sum: value,
    min: value,
    max: value,
    count: 1
  }
}

export const rowsOf = (total: Total): ReadonlyArray<SeriesOverall> => {
  switch (total._tag) {
    case "count":
      return [row(total, "", "counter", total.value)]
    case "gauge":
      return [row(total, "", "gauge", total.value)]
    case "distribution":
      return [
        row(total, "count", "counter", total.histogram.count),
        ...(total.recent.length === 0 ? [] : readingsOf(total.recent)).map(([name, value]) =>
          row(total, name, "reading", value)
        )
      ]
  }
}
