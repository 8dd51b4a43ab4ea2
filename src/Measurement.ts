/**
 * What a sink receives: a sealed window of a series (`count`, `gauge`, `distribution`) or a point.
 *
 * @since 0.1.0
 */
import * as Internal from "./recording/measurement.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Buckets, Histogram } from "./recording/histogram.js"

/**
 * @since 0.1.0
 * @category models
 */
export type {
  Count,
  Distribution,
  FieldValue,
  Gauge,
  Int,
  Kind,
  Measurement,
  Point,
  Series,
  Tag,
  UInt,
  ValueType
} from "./recording/measurement.js"

/**
 * A field that is a signed 64-bit integer on wires which tell integers from floats (a `bigint` field is one too).
 * A value outside -2^63 to 2^63-1, or a `number` with a fraction, is refused by the encoder as `invalid`.
 *
 * @example
 * import { Measurement, Metrics } from "effect-metrics"
 *
 * Metrics.emit("upload", { bytes: Measurement.int(1024), seconds: 0.25 })
 *
 * @since 0.1.0
 * @category constructors
 */
export const int = (value: number | bigint): Internal.FieldValue => new Internal.Int(value)

/**
 * A field that is an unsigned 64-bit integer on wires which have them (InfluxDB 2 and 3). Out of range: `invalid`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const uint = (value: number | bigint): Internal.FieldValue => new Internal.UInt(value)
