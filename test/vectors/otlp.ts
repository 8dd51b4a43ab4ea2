import { assert } from "@effect/vitest"
import type { Attribute, AttributeValue, Bodies, Dialect, Encode } from "../../src/encoding/otlp.js"
import * as OtlpJson from "../../src/encoding/otlpJson.js"
import * as OtlpProtobuf from "../../src/encoding/otlpProtobuf.js"
import type { Histogram } from "../../src/recording/histogram.js"
import type { Measurement } from "../../src/recording/measurement.js"
import type { LogicalPoint, Row } from "./rows.js"
import { measurementOf } from "./rows.js"

interface Summary {
  readonly count: number
  readonly sum: number
  readonly min?: number
  readonly max?: number
  readonly buckets?: ReadonlyArray<readonly [bound: number, atMost: number]>
}

interface Exponential extends Summary {
  readonly scale: number
  readonly zeroCount: number
  readonly positive: { readonly offset: number; readonly counts: ReadonlyArray<number> }
}

interface OtlpPoint extends Omit<LogicalPoint, "kind"> {
  readonly kind: "counter" | "gauge" | "histogram"
  readonly startTimeNanos?: string
  readonly temporality?: "delta" | "cumulative"
  readonly unit?: string
  readonly summary?: Summary
  readonly exponential?: Exponential
}

const reasons: Readonly<Record<string, RegExp>> = {
  "empty-name": /^its name is empty$/,
  "invalid-name": /^its name "1 bad!" is not a letter and then/,
  "invalid-tag-name": /^a tag has an empty key$/,
  "out-of-range": /out of range/,
  "timestamp-range": /^its time is before 1970/,
  "too-long": /longer than 255/
}

/** What the sink has nothing for. */
export const beyond: Readonly<Record<string, string>> = {
  exemplar: "no exemplars are recorded",
  "exemplar-json": "no exemplars are recorded",
  summary: "quantiles that are made here cannot be added up there, so histograms are sent"
}

/** No extremes are infinite ones, as in an empty histogram. */
const extremes = ({ max, min }: Summary) => ({ min: min ?? Infinity, max: max ?? -Infinity })

const histogramOf = ({ exponential, summary }: OtlpPoint): Partial<Histogram> => {
  if (summary !== undefined) return { count: summary.count, sum: summary.sum, ...extremes(summary) }
  const { count, positive, scale, sum, zeroCount } = exponential!
  const negative = { offset: 0, counts: [] }
  return { count, sum, ...extremes(exponential!), scale, zeroCount, positive, negative }
}

const withKind = (point: OtlpPoint): Measurement => {
  const { kind, startTimeNanos, summary, unit, value } = point
  const given = measurementOf({ ...point, kind: kind === "histogram" ? "gauge" : kind })
  const startMillis = Number(BigInt(startTimeNanos ?? 0) / 1_000_000n)
  const series = { ...given.series, unit, monotonic: true }
  if (kind !== "histogram") {
    const isLong = point.valueType === "int" && !Number.isSafeInteger(Number(value))
    // A number would be another one.
    const exact = isLong ? (BigInt(value!) as unknown as number) : Number(value)
    return { ...given, series, startMillis, value: exact } as Measurement
  }
  const { buckets: cumulative } = summary ?? {}
  const counts = [...(cumulative ?? []).map(([, atMost]) => atMost), summary?.count ?? 0]
  return {
    ...given,
    _tag: "distribution",
    startMillis,
    series: {
      ...series,
      kind: "distribution",
      boundaries: summary === undefined ? undefined : (cumulative ?? []).map(([bound]) => bound)
    },
    histogram: histogramOf(point) as Histogram,
    buckets: cumulative === undefined ? undefined : counts.map((count, i) => count - (i > 0 ? counts[i - 1]! : 0))
  }
}

const resourceValue = (value: unknown): AttributeValue =>
  typeof value === "object" ? BigInt((value as { readonly int: string }).int) : (value as AttributeValue)

const encoded = (row: Row, make: (dialect: Dialect) => Encode): Bodies => {
  const point = row.input as OtlpPoint
  const { resource, scope } = row.options as {
    readonly resource: Readonly<Record<string, string>>
    readonly scope: Dialect["scope"]
  }
  const encode = make({
    resource: Object.entries(resource),
    scope,
    temporality: point.temporality ?? "delta",
    names: "strict",
    histograms: "exponential",
    boundaries: () => []
  })
  return encode([withKind(point)], Infinity)
}

const run = (row: Row, make: (dialect: Dialect) => Encode, check: (bytes: Uint8Array) => void): void => {
  const { payload, refused } = encoded(row, make)
  if (row.error === undefined) {
    assert.deepStrictEqual(refused, [])
    return check(payload.bytes)
  }
  assert.strictEqual(refused.length, 1)
  assert.strictEqual(refused[0]!.drop, "invalid")
  assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
}

/** Tags are text, so that other types are those of a resource. */
const runAttributes = (row: Row): void => {
  const { tags } = row.input as { readonly tags: Readonly<Record<string, unknown>> }
  const resource = Object.entries(tags).map(([key, value]): Attribute => [key, resourceValue(value)])
  const encode = OtlpJson.make({
    resource,
    scope: { name: "lib", version: undefined },
    temporality: "delta",
    names: "strict",
    histograms: "exponential",
    boundaries: () => []
  })
  const body = JSON.parse(new TextDecoder().decode(encode([], Infinity).payload.bytes)) as ReturnType<typeof bodyOf>
  assert.deepStrictEqual(
    body.resourceMetrics[0]!.resource.attributes,
    bodyOf(row.expected).resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.gauge.dataPoints[0]!.attributes
  )
}

const bodyOf = (expected: unknown) =>
  expected as {
    readonly resourceMetrics: ReadonlyArray<{
      readonly resource: { readonly attributes: unknown }
      readonly scopeMetrics: ReadonlyArray<{
        readonly metrics: ReadonlyArray<{
          readonly gauge: { readonly dataPoints: ReadonlyArray<{ readonly attributes: unknown }> }
        }>
      }>
    }>
  }

export const runJson = (row: Row): void => {
  if (row.name === "attr-types") return runAttributes(row)
  run(row, OtlpJson.make, (bytes) =>
    assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(bytes)) as unknown, row.expected)
  )
}

export const runProtobuf = (row: Row): void =>
  run(row, OtlpProtobuf.make, (bytes) => assert.strictEqual(Buffer.from(bytes).toString("hex"), row.expected))
