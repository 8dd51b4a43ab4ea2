/** Reads requests of OpenTelemetry by its own generated code, and gives both formats one shape. */
import { createRequire } from "node:module"

export interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

export interface Buckets {
  readonly offset?: number
  readonly bucketCounts?: ReadonlyArray<string>
}

export interface DataPoint {
  readonly attributes?: ReadonlyArray<KeyValue>
  readonly startTimeUnixNano?: string
  readonly timeUnixNano: string
  readonly asDouble?: number | string
  readonly asInt?: string
  readonly count?: string
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  readonly bucketCounts?: ReadonlyArray<string>
  readonly explicitBounds?: ReadonlyArray<number>
  readonly scale?: number
  readonly zeroCount?: string
  readonly positive?: Buckets
  readonly negative?: Buckets
}

export interface Data {
  readonly dataPoints: ReadonlyArray<DataPoint>
  readonly aggregationTemporality?: number
  readonly isMonotonic?: boolean
}

export interface Metric {
  readonly name: string
  readonly description?: string
  readonly unit?: string
  readonly gauge?: Data
  readonly sum?: Data
  readonly histogram?: Data
  readonly exponentialHistogram?: Data
}

export interface Request {
  readonly resourceMetrics: ReadonlyArray<{
    readonly resource: { readonly attributes?: ReadonlyArray<KeyValue> }
    readonly scopeMetrics: ReadonlyArray<{
      readonly scope: { readonly name: string; readonly version?: string }
      readonly metrics?: ReadonlyArray<Metric>
    }>
  }>
}

interface Message {
  readonly decode: (bytes: Uint8Array) => object
  readonly encode: (message: object) => { readonly finish: () => Uint8Array }
  readonly fromObject: (object: object) => object
  readonly toObject: (message: object, options: object) => Request
}

const generated = createRequire(import.meta.url)("@opentelemetry/otlp-transformer/build/src/generated/root") as {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly metrics: {
          readonly v1: { readonly ExportMetricsServiceRequest: Message; readonly ExportMetricsServiceResponse: Message }
        }
      }
    }
  }
}
const { ExportMetricsServiceRequest: message, ExportMetricsServiceResponse: responseMessage } =
  generated.opentelemetry.proto.collector.metrics.v1

const options = { longs: String, enums: Number, json: true }

/** Long numbers as text. */
export const decode = (bytes: Uint8Array): Request => message.toObject(message.decode(bytes), options)

/** What the official types make of the JSON: unknown keys are gone, numbers are in their types. */
export const ofJson = (text: string): Request =>
  message.toObject(message.fromObject(JSON.parse(text) as object), options)

/** Both formats with all that proto3 leaves out, so that they can be compared. */
export const full = {
  decode: (bytes: Uint8Array): Request => message.toObject(message.decode(bytes), { ...options, defaults: true }),
  ofJson: (text: string): Request =>
    message.toObject(message.fromObject(JSON.parse(text) as object), { ...options, defaults: true })
}

export const metricsOf = ({ resourceMetrics }: Request): ReadonlyArray<Metric> =>
  resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics = [] }) => metrics))

export const dataOf = ({ exponentialHistogram, gauge, histogram, sum }: Metric): Data =>
  (gauge ?? sum ?? histogram ?? exponentialHistogram)!

export const attributesOf = (list: ReadonlyArray<KeyValue> = []): Readonly<Record<string, string>> =>
  Object.fromEntries(list.map(({ key, value }) => [key, String(Object.values(value)[0])]))

interface Writer {
  readonly uint32: (value: number) => Writer
  readonly int32: (value: number) => Writer
  readonly string: (value: string) => Writer
  readonly finish: () => Uint8Array
}

const { Writer } = createRequire(import.meta.url)("protobufjs/minimal") as {
  readonly Writer: { readonly create: () => Writer }
}

export const encodeResponse = (response: object): Uint8Array =>
  responseMessage.encode(responseMessage.fromObject(response)).finish()

/** `google.rpc.Status`, which is not among OpenTelemetry's own. */
export const encodeStatus = (code: number, text: string): Uint8Array =>
  Writer.create().uint32(8).int32(code).uint32(18).string(text).finish()
