/**
 * Totals in place of increases: what a counter has delivered since the layer was built. A total that gets lost on its way is
 * made good by the next one.
 */
import type { Measurement, WriteResult } from "../../Sink.js"

export interface Totals {
  readonly add: (measurements: ReadonlyArray<Measurement>) => ReadonlyArray<Measurement>
  /** What has become of a write of increases. */
  readonly settle: (measurements: ReadonlyArray<Measurement>, result: WriteResult) => void
}

export const make = (): Totals => {
  // A series that is forgotten begins anew, as with a restart.
  const totals = new WeakMap<Measurement["series"], number>()
  return {
    add: (measurements) =>
      measurements.map((measurement) =>
        measurement._tag === "count"
          ? { ...measurement, value: measurement.value + (totals.get(measurement.series) ?? 0) }
          : measurement
      ),
    settle: (measurements, { keep = [], rejected = [] }) => {
      const not = new Set([...keep, ...rejected.map(({ index }) => index)])
      measurements.forEach((measurement, index) => {
        if (measurement._tag !== "count" || not.has(index)) return
        totals.set(measurement.series, (totals.get(measurement.series) ?? 0) + measurement.value)
      })
    }
  }
}
