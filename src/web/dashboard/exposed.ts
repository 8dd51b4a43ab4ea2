/**
 * What an app recorded as Prometheus has it: a distribution is a histogram where it declares boundaries, and else a summary of its
 * last values.
 */
import type { Exposed } from "../../encoding/prometheusText.js"
import type { Total } from "../../Sink.js"
import { percentile } from "./rows.js"

const quantiles = [0.5, 0.95, 0.99]

const cumulative = (
  boundaries: ReadonlyArray<number>,
  counts: ReadonlyArray<number>
): ReadonlyArray<readonly [bound: number, atMost: number]> => {
  let atMost = 0
  return boundaries.map((bound, index) => [bound, (atMost += counts[index] ?? 0)])
}

export const exposedOf = (total: Total): Exposed => {
  const { boundaries, description, kind, name, tags, unit } = total.series
  const described = { name, tags, description, unit: kind === "timer" ? (unit ?? "s") : unit }
  switch (total._tag) {
    case "count":
      return { type: "counter", ...described, value: total.value }
    case "gauge":
      return { type: "gauge", ...described, value: total.value }
    case "distribution": {
      const { buckets, histogram, recent } = total
      const { count, sum } = histogram
      if (boundaries !== undefined && buckets !== undefined) {
        return { type: "histogram", ...described, count, sum, buckets: cumulative(boundaries, buckets) }
      }
      const sorted = Float64Array.from(recent).sort()
      const shown = quantiles.map((part) => [part, percentile(sorted, part)] as const)
      return { type: "summary", ...described, count, sum, quantiles: shown }
    }
  }
}
