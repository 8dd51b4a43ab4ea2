import { assert } from "@effect/vitest"
import { type Event, eventFields } from "../../src/encoding/dogstatsd.js"
import * as StatsD from "../../src/encoding/statsd.js"
import type { TagStyle } from "../../src/encoding/statsdNames.js"
import type { FieldValue, Kind, Measurement, Series } from "../../src/recording/measurement.js"
import type { Row } from "./rows.js"

interface Sample {
  readonly kind: "counter" | "gauge" | "timer" | "histogram" | "set"
  readonly name: string
  readonly value: number | string
  readonly tags: Readonly<Record<string, string>>
  readonly timestampNanos: string | null
  readonly sampleRate?: number
  readonly op?: "set" | "add"
}

interface EventInput extends Event {
  readonly kind: "event"
  readonly tags: Readonly<Record<string, string>>
  readonly timestampNanos: string | null
}

type Input = Sample | EventInput

const reasons: Readonly<Record<string, RegExp>> = {
  "empty-name": /name is empty/,
  "invalid-name": /name .* has characters/,
  "invalid-value": /not a number/,
  "non-finite": /NaN or infinite/,
  "out-of-range": /out of range/,
  "too-long": /longer than/,
  unsupported: /only counts and gauges can have a timestamp/
}

const kinds: Readonly<Record<Sample["kind"], Kind | "point">> = {
  counter: "counter",
  gauge: "gauge",
  timer: "timer",
  histogram: "distribution",
  set: "point"
}

/** A `value` of text is a number that JSON cannot spell, or none at all. */
const numberOf = (value: number | string): FieldValue => (value === "" ? "" : Number(value))

const measurementOf = (input: Input): Measurement => {
  const kind = input.kind === "event" ? "point" : input.op === "add" ? "counter" : kinds[input.kind]
  const series: Series = {
    name: input.kind === "event" ? "event" : input.name,
    tags: Object.entries(input.tags).sort(([a], [b]) => (a < b ? -1 : 1)),
    kind,
    valueType: "float",
    unit: undefined,
    description: undefined,
    level: undefined,
    boundaries: undefined,
    encoded: undefined
  }
  const millis = Number(BigInt(input.timestampNanos ?? 0) / 1_000_000n)
  const timed = { series, weight: 1, millis, nanos: 0 }
  const point = (fields: Readonly<Record<string, FieldValue>>, sampleRate = 1): Measurement => ({
    _tag: "point",
    ...timed,
    fieldNames: Object.keys(fields),
    fieldValues: Object.values(fields),
    sampleRate
  })
  if (input.kind === "event") return point(eventFields(input))
  // Recordings that are seconds here are milliseconds there.
  if (input.kind === "timer") return point({ value: Number(input.value) / 1000 }, input.sampleRate)
  if (input.kind === "set") return point({ value: String(input.value) })
  const isSample = input.kind === "histogram" || input.sampleRate !== undefined || input.value === ""
  if (isSample) return point({ value: numberOf(input.value) }, input.sampleRate)
  const window = { ...timed, startMillis: millis, value: Number(input.value) }
  return { _tag: kind === "counter" ? "count" : "gauge", ...window }
}

const origin = (options: Row["options"]): string =>
  (
    [
      ["c", "containerId"],
      ["card", "cardinality"]
    ] as const
  )
    .map(([field, option]) => (options?.[option] === undefined ? "" : `|${field}:${String(options[option])}`))
    .join("")

const runFor =
  (server: "etsy" | "dogstatsd") =>
  ({ error, expected, input, options }: Row): void => {
    const inputs = (Array.isArray(input) ? input : [input]) as ReadonlyArray<Input>
    const encode = StatsD.make({
      server,
      tags: (options?.["tags"] ?? (server === "etsy" ? "graphite" : "datadog")) as TagStyle,
      sanitise: options?.["sanitise"] === true,
      maxPacketBytes: 1432,
      distributionAs: (options?.["histogramAs"] ?? "h") as "h" | "d",
      quantiles: [],
      timestamps: inputs[0]!.kind !== "event" && inputs[0]!.timestampNanos !== null ? "all" : "none",
      packedValues: false,
      deltas: () => inputs.some((one) => one.kind === "gauge" && one.op === "add"),
      origin: origin(options)
    })
    const { payload, refused, taken } = encode(inputs.map(measurementOf), Infinity)
    assert.strictEqual(taken, inputs.length)
    const packets: Array<string> = []
    for (let i = 0; i < payload.bounds.length; i += 2) {
      packets.push(new TextDecoder().decode(payload.bytes.subarray(payload.bounds[i], payload.bounds[i + 1])))
    }
    if (error === undefined) {
      assert.deepStrictEqual(refused, [])
      assert.deepStrictEqual(packets, [expected])
      return
    }
    assert.deepStrictEqual(packets, [])
    assert.strictEqual(refused.length, 1)
    assert.match(refused[0]!.reason, reasons[error] ?? /^no reason is known for this code$/)
  }

export const runEtsy = runFor("etsy")
export const runDogStatsD = runFor("dogstatsd")
