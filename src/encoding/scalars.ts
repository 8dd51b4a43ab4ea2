/**
 * What a measurement comes to on a wire with one number a line. A count, a gauge and a point's field `value` take the name of
 * the series; other fields, and the numbers of a distribution, are named behind it.
 */
import { type Distribution, type FieldValue, Int, UInt } from "../recording/measurement.js"

/** One of the numbers that a distribution's window comes to on a wire that has no histograms. */
export interface DistributionRead {
  /** `count`, `sum`, `min`, `max`, `mean`; `p99` for each quantile; `le_<bound>` and `le_inf` where there are boundaries. */
  readonly name: string
  readonly isInt: boolean
  readonly read: (window: Distribution) => number
}

/** `p99.9` for 0.999, without the noise of a binary fraction. */
const quantileName = (q: number): string => `p${Number((q * 100).toPrecision(12))}`

/** Of values in order, by nearest rank: one that was recorded. NaN of none. */
export const percentile = (sorted: Float64Array, part: number): number =>
  sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN

const atMost =
  (bound: number): DistributionRead["read"] =>
  ({ buckets }) => {
    let count = 0
    for (let i = 0; i <= bound; i++) count += buckets?.[i] ?? 0
    return count
  }

/** No two have the same name. */
export const distributionReads = (
  boundaries: ReadonlyArray<number> | undefined,
  quantiles: ReadonlyArray<number>
): ReadonlyArray<DistributionRead> => {
  const reads: ReadonlyArray<DistributionRead> = [
    { name: "count", isInt: true, read: ({ histogram }) => histogram.count },
    { name: "sum", isInt: false, read: ({ histogram }) => histogram.sum },
    { name: "min", isInt: false, read: ({ histogram }) => histogram.min },
    { name: "max", isInt: false, read: ({ histogram }) => histogram.max },
    { name: "mean", isInt: false, read: ({ histogram }) => histogram.sum / histogram.count },
    ...quantiles.map((q) => ({
      name: quantileName(q),
      isInt: false,
      read: ({ histogram }: Distribution) => histogram.quantile(q)
    })),
    ...(boundaries ?? []).map((bound, i) => ({ name: `le_${bound}`, isInt: true, read: atMost(i) })),
    ...(boundaries === undefined
      ? []
      : [{ name: "le_inf", isInt: true, read: ({ histogram }: Distribution) => histogram.count }])
  ]
  return [...new Map(reads.map((read) => [read.name, read])).values()]
}

/** A field as a number: booleans are 1 and 0. `undefined` for what is none. */
export const numberOf = (value: FieldValue): number | bigint | undefined => {
  if (typeof value === "number" || typeof value === "bigint") return value
  if (typeof value === "boolean") return value ? 1 : 0
  return value instanceof Int || value instanceof UInt ? value.value : undefined
}

/** Whether two lists of fields are the same in the same order: encoders keep what they derive of one. */
export const sameNames = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
