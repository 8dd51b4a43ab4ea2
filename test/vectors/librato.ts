import { assert } from "@effect/vitest"
import * as Librato from "../../src/encoding/librato.js"
import type { Measurement } from "../../src/recording/measurement.js"
import { basic } from "../../src/transport/credentials.js"
import { Redacted } from "effect"
import type { LogicalPoint, Row } from "./rows.js"
import { measurementOf } from "./rows.js"

interface LibratoPoint extends LogicalPoint {
  readonly period?: number
  readonly source?: string
}

interface Account {
  readonly kind: "auth"
  readonly email: string
  readonly token: string
}

type Item = Readonly<Record<string, unknown>>

const reasons: Readonly<Record<string, RegExp>> = {
  "non-finite": /NaN or infinite/,
  "too-long": /longer than 255/
}

const measured = (point: LibratoPoint): Measurement =>
  measurementOf(point.source === undefined ? point : { ...point, tags: { ...point.tags, source: point.source } })

/** What a lane has of a counter is an increase, and the service's own counters are readings: an increase is a gauge. */
const increasesAsGauges = ({ counters, gauges }: Readonly<Record<string, ReadonlyArray<Item>>>) => ({
  gauges: [...(gauges ?? []), ...(counters ?? [])]
})

/** Zibrato wrote times as text, where the service's documents ask for integers, and counters behind gauges. */
const withWholeTimes = (items: ReadonlyArray<Item>): ReadonlyArray<Item> =>
  items
    .map((item) => ("measure_time" in item ? { ...item, measure_time: Number(item["measure_time"]) } : item))
    .sort((a, b) => (String(a["name"]) < String(b["name"]) ? -1 : 1))

export const run = (row: Row): void => {
  const inputs = (Array.isArray(row.input) ? row.input : [row.input]) as ReadonlyArray<LibratoPoint | Account>
  const [first] = inputs
  if (first!.kind === "auth") {
    const { email, token } = first as Account
    const { header } = email === "" ? basic(token, "", token) : basic(email, token, token)
    assert.strictEqual(Redacted.value(header), row.expected)
    return
  }
  const points = inputs as ReadonlyArray<LibratoPoint>
  const encode = Librato.make({
    // Only the endpoint with tags has a limit for theirs.
    api: Object.keys(points[0]!.tags).length > 0 ? "measurements" : "metrics",
    naming: "folded",
    sourceTags: ["source", "host"],
    sanitise: row.options?.["sanitise"] === true,
    period: points[0]!.period,
    times: points[0]!.timestampNanos === null ? "none" : "s",
    quantiles: [],
    maxItems: 300
  })
  const { payload, refused } = encode(points.map(measured), Infinity)
  const body = JSON.parse(new TextDecoder().decode(payload.bytes)) as Record<string, ReadonlyArray<Item>>
  if (row.error === undefined) {
    assert.deepStrictEqual(refused, [])
    const expected = increasesAsGauges(row.expected as Record<string, ReadonlyArray<Item>>)
    assert.deepStrictEqual(Object.keys(body), ["gauges"])
    for (const item of body["gauges"]!) {
      if ("measure_time" in item) assert.isTrue(Number.isInteger(item["measure_time"]))
    }
    assert.deepStrictEqual(withWholeTimes(body["gauges"]!), withWholeTimes(expected.gauges))
    return
  }
  assert.deepStrictEqual(Object.values(body), [[]])
  assert.strictEqual(refused.length, 1)
  assert.strictEqual(refused[0]!.drop, "invalid")
  assert.match(refused[0]!.reason, reasons[row.error] ?? /^no reason is known for this code$/)
}
