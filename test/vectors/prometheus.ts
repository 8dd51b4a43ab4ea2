import { assert } from "@effect/vitest"
import type { Escaping } from "../../src/encoding/prometheusNames.js"
import type { Exposed } from "../../src/encoding/prometheusText.js"
import * as PrometheusText from "../../src/encoding/prometheusText.js"
import type { Row } from "./rows.js"

interface LogicalSeries {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram" | "info"
  readonly value?: number | string
  readonly tags: Readonly<Record<string, string>>
  readonly help?: string
  readonly summary?: {
    readonly count: number
    readonly sum: number
    readonly buckets: ReadonlyArray<readonly [number, number]>
  }
  readonly summaryType?: "summary"
  readonly timestampNanos?: string | null
  readonly startTimeNanos?: string
  readonly exemplar?: {
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
    readonly timestampNanos?: string
  }
}

const millisOf = (nanos: string | null | undefined): number | undefined =>
  nanos == null ? undefined : Number(nanos) / 1e6

const exposed = (series: LogicalSeries): Exposed => {
  const { exemplar, help, kind, name, summary, summaryType, tags, value } = series
  const described = {
    name,
    tags: Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)),
    description: help,
    timestamp: millisOf(series.timestampNanos),
    startMillis: millisOf(series.startTimeNanos)
  }
  if (kind !== "histogram") {
    const given = exemplar === undefined ? undefined : { ...exemplar, labels: Object.entries(exemplar.labels) }
    return {
      ...described,
      type: kind,
      value: kind === "info" ? 1 : Number(value),
      exemplar: given && { ...given, timestamp: millisOf(exemplar?.timestampNanos) }
    }
  }
  const { buckets, count, sum } = summary ?? { buckets: [], count: 1, sum: Number(value) }
  return summaryType === "summary"
    ? { ...described, type: "summary", count, sum, quantiles: [] }
    : { ...described, type: "histogram", count, sum, buckets }
}

const reasons: Readonly<Record<string, RegExp>> = {
  conflict: /conflict/,
  "invalid-name": /^its name .* is none of Prometheus'$/,
  "non-finite": /no number/,
  unsupported: /^only counters have exemplars$/,
  "invalid-tag-name": /^its tag .* is (no label's name|a label of Prometheus' own)$/,
  "out-of-range": /out of range/
}

const runAs = (row: Row, format: "text" | "openmetrics", byDefault: Escaping): void => {
  const series = (Array.isArray(row.input) ? row.input : [row.input]) as ReadonlyArray<LogicalSeries>
  const escaping = (row.options?.["escaping"] === undefined ? byDefault : row.options["escaping"]) as Escaping
  const { refused, text } = PrometheusText.encode(series.map(exposed), { escaping, conflicts: "refuse", format })
  if (row.error === undefined) {
    assert.deepStrictEqual(refused, [])
    assert.strictEqual(text, row.expected)
    return
  }
  assert.strictEqual(refused.length, 1)
  assert.strictEqual(refused[0]!.index, series.length - 1)
  assert.strictEqual(refused[0]!.drop, row.error === "unsupported" ? "unsupported" : "invalid")
  assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
  // All that was not refused is there.
  assert.strictEqual(text.split("\n").filter((line) => /^[^#]/.test(line)).length, series.length - 1)
}

export const run = (row: Row): void => runAs(row, "text", "underscores")

export const runOpenMetrics = (row: Row): void => runAs(row, "openmetrics", "allow-utf-8")
