/**
 * What a receiver answers in protobuf: `ExportMetricsServiceResponse` to a request that it took, `google.rpc.Status` to one
 * that it did not.
 */
import { type Field, fieldsOf } from "./protobuf.js"

const textOf = (fields: ReadonlyArray<Field>, number: number): string => {
  const field = fields.find((one) => one.number === number && one.value instanceof Uint8Array)
  // What has been found is bytes.
  return field === undefined ? "" : new TextDecoder().decode(field.value as Uint8Array)
}

/** How many data points were not taken, and what is said of that, or beside it. */
export interface PartialSuccess {
  readonly rejected: number
  readonly message: string
}

export const readResponse = (bytes: Uint8Array): PartialSuccess => {
  const partial = fieldsOf(bytes).find(({ number, value }) => number === 1 && value instanceof Uint8Array)
  if (partial === undefined) return { rejected: 0, message: "" }
  // What has been found is bytes.
  const fields = fieldsOf(partial.value as Uint8Array)
  const rejected = fields.find(({ number, value }) => number === 1 && typeof value === "number")?.value
  // What is below 0 reads as a number of 2^63 and more.
  const isCount = typeof rejected === "number" && rejected < 2 ** 63
  return { rejected: isCount ? rejected : 0, message: textOf(fields, 2) }
}

export const readStatus = (bytes: Uint8Array): string => textOf(fieldsOf(bytes), 2)
