/**
 * One series over all processes: what can be added up is added up, and what cannot be is told process by process.
 *
 * | kind | stands for all |
 * |---|---|
 * | counter | the sum, also of processes that have ended |
 * | gauge | the sum: the host's total |
 * | reading (median, percentile, mean) | the maximum: the slowest process's |
 * | unknown | the sum, as in statvent; a reading where its name ends as one's does |
 */
import type { Stat } from "../encoding/statventReader.js"
import type { Tag } from "../recording/measurement.js"
import type { SeriesKind, SeriesOverall, Value } from "./model.js"
import type { Known, Processes } from "./processes.js"
import { add } from "./values.js"

/** Statvent's names of the numbers that `record` gives. */
const readingName = /\.(?:median|95th|99th|100th|mean)$/

/** What the text says, or else its name. */
export const kindOf = ({ kind, name }: Stat): SeriesKind =>
  kind === "unknown" && readingName.test(name) ? "reading" : kind

/** Where writers differ, who tells more is believed. */
const precedence: ReadonlyArray<SeriesKind> = ["counter", "gauge", "reading", "unknown"]

/** One key, as it is added up. */
export interface Sum {
  readonly key: string
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
  kind: SeriesKind
  /** No part of it had a fraction. */
  isInt: boolean
  /** Of what runs, and what has ended. */
  sum: Value
  /** Of what runs. */
  running: Value
  min: Value
  max: Value
  /** Processes that run and have it. */
  count: number
}

const sumOf = (sums: Map<string, Sum>, { key, kind, name, tags }: Stat): Sum => {
  let sum = sums.get(key)
  if (sum === undefined) {
    sum = { key, name, tags, kind, isInt: true, sum: 0, running: 0, min: NaN, max: NaN, count: 0 }
    sums.set(key, sum)
  }
  return sum
}

const addRunning = (sum: Sum, stat: Stat): void => {
  const { isInt, value } = stat
  const kind = kindOf(stat)
  if (sum.count === 0 || (kind !== sum.kind && precedence.indexOf(kind) < precedence.indexOf(sum.kind))) sum.kind = kind
  sum.isInt &&= isInt
  sum.sum = add(sum.sum, value)
  sum.running = add(sum.running, value)
  // Of all values but NaN, which it starts with.
  if (Number.isNaN(sum.min) || value < sum.min) sum.min = value
  if (Number.isNaN(sum.max) || value > sum.max) sum.max = value
  sum.count++
}

const addEnded = (sum: Sum, { isInt }: Stat, value: Value): void => {
  sum.isInt &&= isInt
  sum.sum = add(sum.sum, value)
}

/** What of a process counts: of one that is gone only what it had counted, and of one that has been silent for long as well. */
export const currentOf = (processes: Processes, process: Known, millis: number): Iterable<Stat> =>
  processes.isCurrent(process, millis)
    ? process.stats.values()
    : [...process.stats.values()].filter(({ kind }) => kind === "counter")

/** By key, in the order in which they come first. */
export const sums = (processes: Processes, millis: number): ReadonlyMap<string, Sum> => {
  const found = new Map<string, Sum>()
  const all = [...processes.all()]
  for (const process of all) {
    if (process.state === "gone") continue
    for (const stat of currentOf(processes, process, millis)) addRunning(sumOf(found, stat), stat)
  }
  for (const process of all) {
    if (process.state !== "gone") continue
    for (const stat of process.stats.values()) addEnded(sumOf(found, stat), stat, stat.value)
  }
  for (const { stat, value } of processes.retired().values()) addEnded(sumOf(found, stat), stat, value)
  return found
}

/** As the page has it. */
export const overall = ({ count, key, kind, max, min, name, running, sum, tags }: Sum): SeriesOverall => ({
  key,
  name,
  tags,
  kind,
  value: kind === "reading" ? max : sum,
  sum: running,
  min,
  max,
  count
})
