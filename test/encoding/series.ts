import type { Series } from "../../src/recording/measurement.js"

/** A gauge without tags, unless more is said. */
export const seriesOf = (name: string, more: Partial<Series> = {}): Series => ({
  name,
  tags: [],
  kind: "gauge",
  valueType: "float",
  unit: undefined,
  description: undefined,
  level: undefined,
  boundaries: undefined,
  encoded: undefined,
  ...more
})
