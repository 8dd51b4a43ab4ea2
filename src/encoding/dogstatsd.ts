/**
 * DogStatsD's events and service checks. They travel through a lane as points, whose fields other sinks can store as well;
 * lengths on the wire are those of the UTF-8.
 */
import type { FieldValue, Point } from "../recording/measurement.js"
import { Int } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { type Fault, invalid } from "./output.js"
import type { Checked } from "./statsdNames.js"

/**
 * What happened, for Datadog's event stream.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** At least one character. */
  readonly title: string
  readonly text: string
  /** Of the host that it concerns. Default: the agent's. */
  readonly hostname?: string | undefined
  /** Events with the same key are shown as one. */
  readonly aggregationKey?: string | undefined
  /** Default `"normal"`. */
  readonly priority?: "normal" | "low" | undefined
  readonly sourceType?: string | undefined
  /** Default `"info"`. */
  readonly alertType?: "error" | "warning" | "info" | "success" | undefined
}

/** In the order of the wire; the first says that a point is an event. */
const eventFieldNames = [
  ["event_title", "title"],
  ["event_text", "text"],
  ["event_hostname", "hostname"],
  ["event_aggregation_key", "aggregationKey"],
  ["event_priority", "priority"],
  ["event_source_type", "sourceType"],
  ["event_alert_type", "alertType"]
] as const

export const eventFields = (event: Event): Readonly<Record<string, FieldValue>> =>
  Object.fromEntries(
    eventFieldNames.flatMap(([field, property]) => {
      const value = event[property]
      return value === undefined ? [] : [[field, value]]
    })
  )

/**
 * How a service is.
 *
 * @since 0.1.0
 * @category models
 */
export type ServiceStatus = "ok" | "warning" | "critical" | "unknown"

const statuses: Readonly<Record<ServiceStatus, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 }

export const checkFields = (
  status: ServiceStatus,
  message: string | undefined,
  hostname: string | undefined
): Readonly<Record<string, FieldValue>> => ({
  check_status: new Int(statuses[status]),
  ...(message === undefined ? {} : { check_message: message }),
  ...(hostname === undefined ? {} : { check_hostname: hostname })
})

/** The agent's limit for the whole of an event. */
export const maxEventBytes = 8192

export const isEvent = ({ fieldNames }: Point): boolean => fieldNames[0] === "event_title"
export const isCheck = ({ fieldNames }: Point): boolean => fieldNames[0] === "check_status"

/** What surrounds both: the series' tags and the origin as they stand on a line, and the rules for words and messages. */
export interface Around {
  readonly tags: string
  readonly origin: string
  readonly word: (what: string, text: string) => Checked<string>
  readonly message: (what: string, text: string) => Checked<string>
}

/** A line without its LF, or why there is none. */
export type Line = { readonly text: string; readonly fault?: undefined } | { readonly fault: Fault }

const refuse = (reason: string): Line => ({ fault: invalid(reason)! })

const oneLine = (text: string): string => text.replace(/\r\n|\n|\r/g, "\\n")

const fieldOf = ({ fieldNames, fieldValues }: Point, name: string): FieldValue | undefined => {
  const at = fieldNames.indexOf(name)
  return at < 0 ? undefined : fieldValues[at]
}

const textOf = (point: Point, name: string): string | undefined => {
  const value = fieldOf(point, name)
  return value === undefined ? undefined : String(value)
}

const secondsOf = ({ millis }: Point): number => Math.floor(millis / 1000)

const eventWords = [
  ["h", "event_hostname", undefined],
  ["k", "event_aggregation_key", undefined],
  ["p", "event_priority", ["normal", "low"]],
  ["s", "event_source_type", undefined],
  ["t", "event_alert_type", ["error", "warning", "info", "success"]]
] as const

/** `_e{title bytes,text bytes}:title|text|d:|h:|k:|p:|s:|t:|#tags` */
export const eventLine = (point: Point, { origin, tags, word }: Around): Line => {
  const title = oneLine(textOf(point, "event_title") ?? "")
  const text = oneLine(textOf(point, "event_text") ?? "")
  if (title === "") return refuse("an event has no title")
  let rest = `|d:${secondsOf(point)}`
  for (const [letter, field, allowed] of eventWords) {
    const value = textOf(point, field)
    if (value === undefined || value === "") continue
    const checked = word(field, value)
    if (checked.fault !== undefined) return refuse(checked.fault)
    if (allowed !== undefined && !allowed.some((one) => one === value)) {
      return refuse(`its ${field} is not one of ${allowed.join(", ")}`)
    }
    rest += `|${letter}:${checked.value}`
  }
  const lengths = `${Bytes.encode(title).length},${Bytes.encode(text).length}`
  const line = `_e{${lengths}}:${title}|${text}${rest}${tags}${origin}`
  return Bytes.encode(line).length > maxEventBytes
    ? { fault: { drop: "too_large", reason: `an event is longer than ${maxEventBytes} bytes` } }
    : { text: line }
}

/** `_sc|name|status|d:|h:|#tags|m:message` */
export const checkLine = (point: Point, name: string, { message, origin, tags, word }: Around): Line => {
  const given = fieldOf(point, "check_status")
  const code = Number(given instanceof Int ? given.value : given)
  if (!(Number.isInteger(code) && code >= 0 && code <= 3)) return refuse("a service check's status is not 0, 1, 2 or 3")
  const hostname = word("check_hostname", textOf(point, "check_hostname") ?? "")
  if (hostname.fault !== undefined) return refuse(hostname.fault)
  const host = hostname.value === "" ? "" : `|h:${hostname.value}`
  const said = message("check_message", oneLine(textOf(point, "check_message") ?? ""))
  if (said.fault !== undefined) return refuse(said.fault)
  const last = said.value === "" ? "" : `|m:${said.value.replaceAll("m:", "m\\:")}`
  const line = `_sc|${name}|${code}|d:${secondsOf(point)}${host}${tags}${last}${origin}`
  return Bytes.encode(line).length > maxEventBytes
    ? { fault: { drop: "too_large", reason: `a service check is longer than ${maxEventBytes} bytes` } }
    : { text: line }
}
