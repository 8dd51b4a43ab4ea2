import { Histogram } from "../../../src/recording/histogram.js"
import type { Count, Distribution, FieldValue, Gauge, Kind, Point, Series } from "../../../src/recording/measurement.js"

export const series = (
  kind: Kind | "point",
  name: string,
  tags: Readonly<Record<string, string>> = {},
  unit?: string
): Series => ({
  name,
  tags: Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)),
  kind,
  valueType: "float",
  unit,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
})

const window = (of: Series) => ({ series: of, startMillis: 0, millis: 1000, nanos: 0 })

export const count = (of: Series, value: number, weight = value): Count => ({
  ...window(of),
  _tag: "count",
  value,
  weight
})

export const gauge = (of: Series, value: number): Gauge => ({ ...window(of), _tag: "gauge", value, weight: 1 })

export const distribution = (of: Series, values: ReadonlyArray<number>): Distribution => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return { ...window(of), _tag: "distribution", histogram, buckets: undefined, weight: values.length }
}

export const point = (of: Series, fields: Readonly<Record<string, FieldValue>>, millis = 0): Point => ({
  series: of,
  _tag: "point",
  weight: 1,
  millis,
  nanos: 0,
  sampleRate: 1,
  fieldNames: Object.keys(fields),
  fieldValues: Object.values(fields)
})
