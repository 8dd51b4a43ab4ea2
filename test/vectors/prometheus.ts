import { assert } from "@effect/vitest"
import type { Escaping } from "../../src/encoding/prometheusNames.js"
import type { Exposed } from "../../src/encoding/prometheusText.js"
import * as PrometheusText from "../../src/encoding/prometheusText.js"
import type { Row } from "./rows.js"

interface LogicalSeries {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly value?: number | string
  readonly tags: Readonly<Record<string, string>>
  readonly help?: string
  readonly summary?: {
    readonly count: number
    readonly sum: number
    readonly buckets: ReadonlyArray<readonly [number, number]>
  }
  readonly summaryType?: "summary"
}

const exposed = ({ help, kind, name, summary, summaryType, tags, value }: LogicalSeries): Exposed => {
  const described = {
    name,
    tags: Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)),
    description: help
  }
  if (kind !== "histogram") return { ...described, type: kind, value: Number(value) }
  const { buckets, count, sum } = summary ?? { buckets: [], count: 1, sum: Number(value) }
  return summaryType === "summary"
    ? { ...described, type: "summary", count, sum, quantiles: [] }
    : { ...described, type: "histogram", count, sum, buckets }
}

const reasons: Readonly<Record<string, RegExp>> = {
  conflict: /conflict/,
  "invalid-name": /^its name .* is none of Prometheus'$/,
  "invalid-tag-name": /^its tag .* is (no label's name|a label of Prometheus' own)$/,
  "out-of-range": /out of range/
}

export const run = (row: Row): void => {
  const series = (Array.isArray(row.input) ? row.input : [row.input]) as ReadonlyArray<LogicalSeries>
  const escaping = (row.options?.["escaping"] === undefined ? "underscores" : row.options["escaping"]) as Escaping
  const { refused, text } = PrometheusText.encode(series.map(exposed), { escaping, conflicts: "refuse" })
  if (row.error === undefined) {
    assert.deepStrictEqual(refused, [])
    assert.strictEqual(text, row.expected)
    return
  }
  assert.strictEqual(refused.length, 1)
  assert.strictEqual(refused[0]!.index, series.length - 1)
  assert.strictEqual(refused[0]!.drop, "invalid")
  assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
  // All that was not refused is there.
  assert.strictEqual(text.split("\n").filter((line) => /^[^#]/.test(line)).length, series.length - 1)
}
