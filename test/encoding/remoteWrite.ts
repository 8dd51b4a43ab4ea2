/** Reads requests of remote write by decoders of others: snappyjs, and protobufjs by the messages that Prometheus specifies. */
import { createRequire } from "node:module"
import protobuf from "protobufjs"

const require = createRequire(import.meta.url)

export const { uncompress } = require("snappyjs") as { readonly uncompress: (bytes: Uint8Array) => Uint8Array }

const histogram = `
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }
  message Histogram {
    oneof count { uint64 count_int = 1; double count_float = 2; }
    double sum = 3; sint32 schema = 4; double zero_threshold = 5;
    oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
    repeated BucketSpan negative_spans = 8; repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
    repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
    int32 reset_hint = 14; int64 timestamp = 15; repeated double custom_values = 16; int64 start_timestamp = 17;
  }`

const first = protobuf
  .parse(
    `syntax = "proto3";
  message WriteRequest { repeated TimeSeries timeseries = 1; }
  message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Histogram histograms = 4; }
  message Label { string name = 1; string value = 2; }
  message Sample { double value = 1; int64 timestamp = 2; } ${histogram}`
  )
  .root.lookupType("WriteRequest")

const second = protobuf
  .parse(
    `syntax = "proto3";
  message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
  message TimeSeries {
    repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3; Metadata metadata = 5;
  }
  message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
  message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; } ${histogram}`
  )
  .root.lookupType("Request")

export interface Native {
  readonly countInt: number
  readonly sum?: number
  readonly schema?: number
  readonly zeroCountInt?: number
  readonly negativeSpans?: ReadonlyArray<{ readonly offset?: number; readonly length: number }>
  readonly negativeDeltas?: ReadonlyArray<number>
  readonly positiveSpans?: ReadonlyArray<{ readonly offset?: number; readonly length: number }>
  readonly positiveDeltas?: ReadonlyArray<number>
  readonly timestamp: number
  readonly startTimestamp?: number
}

/** As both versions tell it. */
export interface Told {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** In the order in which they are. */
  readonly keys: ReadonlyArray<string>
  readonly value: number | undefined
  readonly native: Native | undefined
  readonly millis: number
  readonly startMillis: number | undefined
  readonly type: number | undefined
  readonly help: string | undefined
  readonly unit: string | undefined
}

interface Sample {
  readonly value?: number
  readonly timestamp?: number
  readonly startTimestamp?: number
}

interface Series {
  readonly labels?: ReadonlyArray<{ readonly name: string; readonly value: string }>
  readonly labelsRefs?: ReadonlyArray<number>
  readonly samples?: ReadonlyArray<Sample>
  readonly histograms?: ReadonlyArray<Native>
  readonly metadata?: { readonly type?: number; readonly helpRef?: number; readonly unitRef?: number }
}

/** Not compressed. */
export const decode = (version: 1 | 2, bytes: Uint8Array): ReadonlyArray<Told> => {
  const message = version === 1 ? first : second
  const { symbols = [], timeseries = [] } = message.toObject(message.decode(bytes), { longs: Number }) as {
    readonly symbols?: ReadonlyArray<string>
    readonly timeseries?: ReadonlyArray<Series>
  }
  return timeseries.flatMap(({ histograms = [], labels: given, labelsRefs = [], metadata = {}, samples = [] }) => {
    const pairs =
      given?.map(({ name, value }) => [name, value] as const) ??
      labelsRefs.flatMap((ref, i) => (i % 2 === 0 ? [[symbols[ref]!, symbols[labelsRefs[i + 1]!]!] as const] : []))
    const { __name__: name = "", ...labels } = Object.fromEntries(pairs)
    const { helpRef, type, unitRef } = metadata
    const series = {
      name,
      labels,
      keys: pairs.map(([key]) => key),
      type,
      help: helpRef === undefined ? undefined : symbols[helpRef],
      unit: unitRef === undefined ? undefined : symbols[unitRef]
    }
    return [
      ...samples.map(({ startTimestamp, timestamp = 0, value = 0 }) => ({
        ...series,
        value,
        native: undefined,
        millis: timestamp,
        startMillis: startTimestamp
      })),
      ...histograms.map((native) => ({
        ...series,
        value: undefined,
        native,
        millis: native.timestamp,
        startMillis: native.startTimestamp
      }))
    ]
  })
}

/** A request as it comes over the network. */
export const received = (headers: Readonly<Record<string, unknown>>, bytes: Uint8Array): ReadonlyArray<Told> =>
  decode(headers["x-prometheus-remote-write-version"] === "0.1.0" ? 1 : 2, uncompress(bytes))
