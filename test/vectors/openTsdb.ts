import { assert } from "@effect/vitest"
import * as OpenTsdbJson from "../../src/encoding/openTsdbJson.js"
import * as OpenTsdbLine from "../../src/encoding/openTsdbLine.js"
import type { Dialect } from "../../src/encoding/openTsdbPoints.js"
import type { Measurement } from "../../src/recording/measurement.js"
import type { LogicalPoint, Row } from "./rows.js"
import { measurementOf } from "./rows.js"

const reasons: Readonly<Record<string, RegExp>> = {
  "empty-tag-value": /^the value of its tag ".*" is empty$/,
  "invalid-name": /^its name .* contains /,
  "invalid-tag-value": /^the value of its tag ".*" .* contains /,
  "no-tags": /^it has no tags/,
  "non-finite": /NaN or infinite/,
  "timestamp-range": /^its time is before/,
  "too-long": /longer than 1024 bytes/,
  "too-many-tags": /^it has 9 tags/
}

/** What JavaScript has no number for is a point's field. */
const measured = (point: LogicalPoint): Measurement =>
  point.valueType === "int"
    ? measurementOf({ ...point, kind: "point", fields: { value: { int: String(point.value) } } })
    : measurementOf(point)

const runWith =
  <Payload>(
    make: (dialect: Dialect) => (
      measurements: ReadonlyArray<Measurement>,
      maxBytes: number
    ) => {
      readonly payload: Payload
      readonly refused: ReadonlyArray<{ readonly drop: string; readonly reason: string }>
    },
    check: (payload: Payload, row: Row) => void
  ) =>
  (row: Row): void => {
    const encode = make({
      resolution: row.options?.["resolution"] === "s" ? "s" : "ms",
      sanitise: row.options?.["sanitise"] as string | undefined,
      maxTags: 8,
      quantiles: []
    })
    const { payload, refused } = encode([measured(row.input as LogicalPoint)], Infinity)
    check(payload, row)
    if (row.error === undefined) return assert.deepStrictEqual(refused, [])
    assert.strictEqual(refused.length, 1)
    assert.strictEqual(refused[0]!.drop, row.error === "too-long" ? "too_large" : "invalid")
    assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
  }

export const runTelnet = runWith(OpenTsdbLine.make, (payload, { expected = "" }) =>
  assert.strictEqual(new TextDecoder().decode(payload), expected)
)

export const runHttp = runWith(OpenTsdbJson.make, ({ bytes }, { expected = [] }) =>
  assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(bytes)), expected)
)
