/**
 * The web service's answers as JSON. Written by hand where a number may be larger than JavaScript's JSON can tell, and so that no
 * name of a series ever is a key of an object here.
 */
import type { FieldValue } from "../recording/measurement.js"
import { Int, UInt } from "../recording/measurement.js"
import type { SeriesByProcess, SeriesOverall, Snapshot, Value } from "./model.js"

/** `null` for what JSON has no number for. */
export const number = (value: Value): string =>
  typeof value === "bigint" ? String(value) : Number.isFinite(value) ? String(value) : "null"

/** As Python writes it: what is no integer has a point or an exponent, so that `3.0` stays a float for those who tell them apart. */
export const pythonNumber = (value: Value, isInt: boolean): string => {
  if (isInt || typeof value === "bigint") return number(value)
  if (!Number.isFinite(value)) return "null"
  if (Object.is(value, -0)) return "-0.0"
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

const list = <A>(values: ReadonlyArray<A>, print: (value: A) => string): string => `[${values.map(print).join(",")}]`

const field = (value: FieldValue): string => {
  if (typeof value === "number" || typeof value === "bigint") return number(value)
  if (value instanceof Int || value instanceof UInt) return number(value.value)
  return JSON.stringify(value)
}

const member = (name: string, value: string | undefined): string =>
  value === undefined ? "" : `"${name}":${JSON.stringify(value)},`

const series = (one: SeriesOverall): string =>
  `{"key":${JSON.stringify(one.key)},"name":${JSON.stringify(one.name)},"tags":${JSON.stringify(one.tags)},` +
  `"kind":"${one.kind}",${member("unit", one.unit)}${member("description", one.description)}` +
  `"value":${number(one.value)},"sum":${number(one.sum)},"min":${number(one.min)},"max":${number(one.max)},` +
  `"count":${one.count}}`

/** The body of `/api/snapshot`. */
export const snapshot = (one: Snapshot): string =>
  `{"format":1,"source":"${one.source}","title":${JSON.stringify(one.title)},"millis":${number(one.millis)},` +
  `"processes":${JSON.stringify(one.processes.map(({ id, reason, series, state }) => ({ id, state, reason, series })))},` +
  `"series":${list(one.series, series)},` +
  `"points":${list(one.points, ({ fields, millis, name, tags }) => {
    const written = list(fields, ([key, value]) => `[${JSON.stringify(key)},${field(value)}]`)
    return `{"name":${JSON.stringify(name)},"tags":${JSON.stringify(tags)},"fields":${written},"millis":${number(millis)}}`
  })}}`

/** The body of `/api/series`. */
export const byProcess = ({ key, millis, processes }: SeriesByProcess): string =>
  `{"format":1,"millis":${number(millis)},"key":${JSON.stringify(key)},` +
  `"processes":${list(processes, ({ id, value }) => `{"id":${JSON.stringify(id)},"value":${number(value)}}`)}}`

/** The body of `/stats`, of names and numbers that are JSON already. Timestamps are in seconds. */
export const stats = (values: Iterable<readonly [name: string, json: string]>, millis: number): string => {
  const members: Array<string> = []
  for (const [name, json] of values) members.push(`${JSON.stringify(name)}:${json}`)
  return `{"stats":{${members.join(",")}},"timestamp":${pythonNumber(millis / 1000, false)}}`
}

/** A word to people and programs. */
export const message = (text: string, path?: string): string =>
  JSON.stringify(path === undefined ? { message: text } : { message: text, path })
