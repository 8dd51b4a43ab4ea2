/**
 * `/metrics`: each process by itself, with a label `pid`, a tag of that name being `exported_pid`; one that has ended is there no
 * more. So each series starts anew with its process, which is what a rate is made for.
 *
 * `"summed"` adds counters up, as long as this service lives also those of processes that have ended, so that no rate dips when one
 * does: for a host where processes come and go, and each pid would be a series for ever.
 */
import type { Stat } from "../encoding/statventReader.js"
import { encode, type Exposed } from "../encoding/prometheusText.js"
import type { Tag } from "../recording/measurement.js"
import type { ProcessState, Value } from "./model.js"
import type { Processes } from "./processes.js"
import { currentOf, kindOf } from "./sums.js"
import { add } from "./values.js"

interface Named {
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
}

const isCanonical = (tags: ReadonlyArray<Tag>): boolean => {
  for (let i = 1; i < tags.length; i++) if (!(tags[i - 1]![0] < tags[i]![0])) return false
  return true
}

/** Tags that a writer wrote twice, or in an order of its own, stay a part of the name: two such keys are two series. */
const namedOf = ({ key, name, tags }: Stat): Named => (isCanonical(tags) ? { name, tags } : { name: key, tags: [] })

const withPid = (tags: ReadonlyArray<Tag>, id: string): ReadonlyArray<Tag> => {
  if (!tags.some(([key]) => key === "pid")) return [...tags, ["pid", id]]
  const keys = new Set(tags.map(([key]) => key))
  let exported = "exported_pid"
  while (keys.has(exported)) exported = `exported_${exported}`
  return [...tags.map(([key, value]): Tag => [key === "pid" ? exported : key, value]), ["pid", id]]
}

const states: ReadonlyArray<ProcessState> = ["live", "slow", "gone", "unreadable"]

/** The body. */
export const body = (processes: Processes, counters: "by-process" | "summed", millis: number): string => {
  const counts = new Map<string, Named & { value: Value }>()
  const count = (stat: Stat, value: Value): void => {
    const found = counts.get(stat.key)
    if (found === undefined) counts.set(stat.key, { ...namedOf(stat), value })
    else found.value = add(found.value, value)
  }
  const others: Array<Exposed> = []
  for (const process of processes.all()) {
    for (const stat of currentOf(processes, process, millis)) {
      const { value } = stat
      const kind = kindOf(stat)
      // What falls is no counter, whatever it says.
      const isCounter = kind === "counter" && value >= 0
      if (isCounter && counters === "summed") count(stat, value)
      else if (processes.isCurrent(process, millis)) {
        const { name, tags } = namedOf(stat)
        const type = isCounter ? "counter" : kind === "gauge" || kind === "reading" ? "gauge" : "untyped"
        others.push({ type, name, tags: withPid(tags, process.id), value })
      }
    }
  }
  if (counters === "summed") {
    for (const { stat, value } of processes.retired().values()) if (value >= 0) count(stat, value)
  }
  const listed = processes.list()
  const all: ReadonlyArray<Exposed> = [
    ...states.map((state): Exposed => ({
      type: "gauge",
      name: "effect_metrics_processes",
      tags: [["state", state]],
      description: "Processes by how their pipes could be read",
      value: listed.filter((process) => process.state === state).length
    })),
    ...[...counts.values()].map(({ name, tags, value }): Exposed => ({ type: "counter", name, tags, value })),
    ...others
  ]
  return encode(all, { escaping: "underscores", conflicts: "rename" }).text
}
