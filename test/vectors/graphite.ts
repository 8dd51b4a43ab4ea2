import { assert } from "@effect/vitest"
import * as GraphitePickle from "../../src/encoding/graphitePickle.js"
import type { Dialect } from "../../src/encoding/graphiteRecords.js"
import * as GraphiteText from "../../src/encoding/graphiteText.js"
import type { Measurement } from "../../src/recording/measurement.js"
import { Int } from "../../src/recording/measurement.js"
import { framesOf } from "../encoding/graphite.js"
import type { LogicalPoint, Row } from "./rows.js"
import { measurementOf } from "./rows.js"

const faults: Readonly<Record<string, { readonly drop: string; readonly reason: RegExp }>> = {
  "invalid-name": { drop: "invalid", reason: /^its name .* contains/ },
  "invalid-tag-value": { drop: "invalid", reason: /^its value of the tag "k" "~x" starts with ~$/ },
  "non-finite": { drop: "invalid", reason: /NaN or infinite/ },
  unsupported: { drop: "unsupported", reason: /2038/ }
}

/** Whole numbers beyond a double are integer fields. */
const measured = (point: LogicalPoint): Measurement => {
  const measurement = measurementOf(point)
  if (point.valueType !== "int" || typeof point.value !== "string") return measurement
  const { millis, nanos, series } = measurement
  return {
    _tag: "point",
    series,
    weight: 1,
    millis,
    nanos,
    fieldNames: ["value"],
    fieldValues: [new Int(BigInt(point.value))],
    sampleRate: 1
  }
}

const runWith =
  (make: (dialect: Dialect) => GraphiteText.Encode, read: (payload: Uint8Array) => string) =>
  (row: Row): void => {
    const points = (Array.isArray(row.input) ? row.input : [row.input]) as ReadonlyArray<LogicalPoint>
    const encode = make({
      naming: "tagged",
      sanitise: row.options?.["sanitise"] === true,
      quantiles: [],
      precision: points[0]?.timestampNanos === null ? "none" : "s"
    })
    const copies = Number(row.options?.["batch"] ?? 1)
    const measurements = Array.from({ length: copies }, () => points.map(measured)).flat()
    const { payload, refused } = encode(measurements, Infinity)
    if (row.error === "too-long") {
      // Nobody may send it as one frame: it is several.
      const frames = framesOf(payload)
      for (const { bytes, records } of frames) assert.isTrue(bytes < 1_048_576 && records.length <= 500)
      assert.strictEqual(frames.length, copies / 500)
      assert.deepStrictEqual(refused, [])
    } else if (row.error === undefined) {
      assert.deepStrictEqual(refused, [])
      assert.strictEqual(read(payload), row.expected)
    } else {
      assert.strictEqual(payload.length, 0)
      assert.strictEqual(refused.length, 1)
      assert.strictEqual(refused[0]!.drop, faults[row.error]?.drop)
      assert.match(refused[0]!.reason, faults[row.error]!.reason)
    }
  }

export const runText = runWith(GraphiteText.make, (payload) => new TextDecoder().decode(payload))
export const runPickle = runWith(GraphitePickle.make, (payload) => Buffer.from(payload).toString("hex"))
