import { assert } from "@effect/vitest"
import * as RemoteWrite from "../../src/encoding/remoteWrite.js"
import type { Version } from "../../src/encoding/remoteWriteSeries.js"
import type { Measurement } from "../../src/recording/measurement.js"
import type { LogicalPoint, Row } from "./rows.js"
import { measurementOf } from "./rows.js"

interface Written extends Omit<LogicalPoint, "kind"> {
  readonly kind: "counter" | "gauge" | "stale"
  readonly help?: string
  readonly startTimeNanos?: string
}

const reasons: Readonly<Record<string, RegExp>> = {
  "invalid-name": /^its name .* is none of Prometheus'$/,
  "invalid-tag-name": /^its tag .* is no label's name$/,
  "timestamp-range": /^its time is none, or out of range$/
}

const withKind = ({ help, kind, startTimeNanos, ...point }: Written): Measurement => {
  const given = measurementOf({ ...point, kind: kind === "counter" ? kind : "gauge" })
  const series = { ...given.series, description: help, monotonic: true }
  // A gauge and a count alike.
  return { ...given, series, startMillis: Number(BigInt(startTimeNanos ?? 0) / 1_000_000n) } as Measurement
}

const runVersion = (row: Row, version: Version): void => {
  const all = [row.input as Written | ReadonlyArray<Written>].flat()
  const encoder = RemoteWrite.make({
    version,
    escaping: null,
    conflicts: "refuse",
    histograms: "classic",
    boundaries: () => [],
    maxSamples: Infinity
  })
  const measurements = all.map(withKind)
  const { payload, refused } = encoder.encode(measurements, Infinity)
  const isStale = all.some(({ kind }) => kind === "stale")
  const [{ millis } = { millis: 0 }] = measurements
  const { bytes } = isStale ? encoder.end(measurements.map(({ series }) => series), millis) : payload
  if (row.error === undefined) {
    assert.deepStrictEqual(refused, [])
    assert.strictEqual(Buffer.from(bytes).toString("hex"), row.expected)
  } else {
    assert.strictEqual(refused.length, 1)
    assert.strictEqual(refused[0]!.drop, "invalid")
    assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
  }
}

export const runFirst = (row: Row): void => runVersion(row, 1)
export const runSecond = (row: Row): void => runVersion(row, 2)
