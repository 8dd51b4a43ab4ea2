/** The rows of the vector files, and the logical model in which they say what is recorded. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { FieldValue, Measurement, Series } from "../../src/recording/measurement.js"
import { Int, UInt } from "../../src/recording/measurement.js"

export interface Row {
  readonly name: string
  readonly input: unknown
  readonly options?: Readonly<Record<string, unknown>>
  readonly expected?: unknown
  readonly error?: string
}

export interface File {
  readonly protocol: string
  readonly rows: ReadonlyArray<Row>
}

const folders = [
  process.env["VECTORS_DIR"],
  fileURLToPath(new URL("../../../shared/vectors", import.meta.url)),
  fileURLToPath(new URL(".", import.meta.url))
]

export const readFiles = (): ReadonlyArray<File> => {
  const folder = folders.find((candidate) => candidate !== undefined && existsSync(candidate))!
  const names = readdirSync(folder).filter((name) => name.endsWith(".json")).sort()
  return names.map((name) => ({
    protocol: name.slice(0, -".json".length),
    rows: JSON.parse(readFileSync(`${folder}/${name}`, "utf8")) as ReadonlyArray<Row>
  }))
}

type LogicalField =
  | number
  | boolean
  | { readonly string: string }
  | { readonly int: string }
  | { readonly uint: string }

export interface LogicalPoint {
  readonly name: string
  readonly kind: "counter" | "gauge" | "point"
  readonly value?: number | string
  readonly valueType?: "float" | "int"
  readonly fields?: Readonly<Record<string, LogicalField>>
  readonly tags: Readonly<Record<string, string>>
  readonly timestampNanos: string | null
}

const fieldOf = (field: LogicalField): FieldValue => {
  if (typeof field !== "object") return field
  if ("string" in field) return field.string
  return "int" in field ? new Int(BigInt(field.int)) : new UInt(BigInt(field.uint))
}

export const measurementOf = (point: LogicalPoint): Measurement => {
  const series: Series = {
    name: point.name,
    tags: Object.entries(point.tags).sort(([a], [b]) => (a < b ? -1 : 1)),
    kind: point.kind,
    valueType: point.valueType ?? "float",
    unit: undefined,
    description: undefined,
    level: undefined,
    boundaries: undefined,
    encoded: undefined
  }
  const nanos = BigInt(point.timestampNanos ?? 0)
  const below = ((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n
  const timed = { series, weight: 1, millis: Number((nanos - below) / 1_000_000n), nanos: Number(below) }
  if (point.kind === "point") {
    const fields = Object.entries(point.fields ?? {})
    return {
      _tag: "point",
      ...timed,
      fieldNames: fields.map(([name]) => name),
      fieldValues: fields.map(([, field]) => fieldOf(field)),
      sampleRate: 1
    }
  }
  const value = Number(point.value)
  return { _tag: point.kind === "counter" ? "count" : "gauge", ...timed, startMillis: timed.millis, value }
}
