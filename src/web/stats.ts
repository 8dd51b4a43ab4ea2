/**
 * `/stats`: one number a name, over the processes that run. Percentiles are the maximum, and means are weighted by how many values
 * each process had, where that is known, else the maximum too. `"plain"` adds up whatever there is, as statvent did.
 */
import type { Stat } from "../encoding/statventReader.js"
import * as Json from "./json.js"
import type { Value } from "./model.js"
import type { Processes } from "./processes.js"
import { type Sum, sums } from "./sums.js"

/** The key under which a writer has the number of values of a mean; `undefined` where the key is none of a mean. */
const countKey = ({ key, name }: Sum): string | undefined =>
  name.endsWith(".mean") ? `${name.slice(0, -"mean".length)}count${key.slice(name.length)}` : undefined

/** `undefined` where a process does not tell how many values its mean is of. */
const weightedMean = (sum: Sum, all: ReadonlyArray<ReadonlyMap<string, Stat>>): number | undefined => {
  const counted = countKey(sum)
  if (counted === undefined) return undefined
  let weight = 0
  let total = 0
  for (const stats of all) {
    const mean = stats.get(sum.key)
    if (mean === undefined) continue
    const count = stats.get(counted)
    if (count?.kind !== "counter") return undefined
    weight += Number(count.value)
    total += Number(mean.value) * Number(count.value)
  }
  return weight > 0 ? total / weight : undefined
}

/** The body. */
export const body = (processes: Processes, mode: "by-kind" | "plain", millis: number): string => {
  const running = [...processes.all()].filter((process) => processes.isCurrent(process, millis))
  const all = running.map(({ stats }) => stats)
  const values: Array<readonly [string, string]> = []
  for (const sum of sums(processes, millis).values()) {
    if (sum.count === 0) continue
    const print = (value: Value, isInt: boolean): void => void values.push([sum.key, Json.pythonNumber(value, isInt)])
    if (mode === "plain" || sum.kind !== "reading") print(sum.running, sum.isInt)
    else {
      const mean = weightedMean(sum, all)
      if (mean === undefined) print(sum.max, sum.isInt)
      else print(mean, false)
    }
  }
  return Json.stats(values, millis)
}
