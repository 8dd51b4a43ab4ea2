import { assert } from "@effect/vitest"
import * as InfluxLine from "../../src/encoding/influxLine.js"
import type { LogicalPoint, Row } from "./rows.js"
import { measurementOf } from "./rows.js"

const reasons: Readonly<Record<string, RegExp>> = {
  "empty-name": /empty/,
  "no-fields": /no fields/,
  "out-of-range": /out of range/,
  "too-long": /longer than|more than/,
  "trailing-backslash": /ends with a backslash/
}

export const run = (row: Row): void => {
  const points = (Array.isArray(row.input) ? row.input : [row.input]) as ReadonlyArray<LogicalPoint>
  const isStamped = points[0]!.timestampNanos !== null
  const encode = InfluxLine.make({
    version: row.options?.["dialect"] === "v3" ? 3 : 2,
    precision: isStamped ? (row.options?.["precision"] ?? "ns") as InfluxLine.Precision : "none",
    uint: "supported",
    quantiles: []
  })
  const encoded = encode(points.map(measurementOf), Infinity)
  const lines = new TextDecoder().decode(encoded.payload)
  if (row.error === undefined) {
    assert.deepStrictEqual(encoded.refused, [])
    assert.strictEqual(lines, row.expected)
    return
  }
  assert.strictEqual(lines, "")
  assert.strictEqual(encoded.refused.length, 1)
  assert.strictEqual(encoded.refused[0]!.drop, "invalid")
  assert.match(encoded.refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
}
