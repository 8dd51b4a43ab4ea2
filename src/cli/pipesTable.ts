/** What the pipes of a host say, reading after reading, as the console's table. */
import type { Count, Gauge, Series } from "../recording/measurement.js"
import { number } from "../sinks/console/format.js"
import * as State from "../sinks/console/state.js"
import { render } from "../sinks/console/table.js"
import { escape } from "../sinks/console/text.js"
import type { Process, SeriesOverall } from "../web/model.js"

/** One reading. */
export interface Reading {
  readonly processes: ReadonlyArray<Process>
  readonly series: ReadonlyArray<SeriesOverall>
  /** What processes had counted already when they were read for the first time, by key. */
  readonly arrived: ReadonlyMap<string, number>
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

export interface PipesTable {
  readonly take: (reading: Reading, millis: number) => void
  readonly draw: (size: Size, isColored: boolean) => string
}

/** Processes that are told of with a reason. */
const maxReasons = 3

const seriesOf = ({ description, kind, name, tags, unit }: SeriesOverall): Series => ({
  name,
  tags,
  kind: kind === "counter" ? "counter" : "gauge",
  valueType: "float",
  unit,
  description,
  level: undefined,
  boundaries: undefined,
  encoded: undefined
})

interface Known {
  readonly series: Series
  value: number
}

export const make = (startMillis: number, maxRows: number): PipesTable => {
  const state = State.make({ maxRows, maxPoints: 0, startMillis })
  const known = new Map<string, Known>()
  let processes: ReadonlyArray<Process> = []

  /** A counter counts since its process began: what it had when it was first seen is a total, and no increase. */
  const measurementOf = (one: SeriesOverall, millis: number, had: number): Count | Gauge => {
    const key = `${one.kind} ${one.key}`
    const before = known.get(key)
    const value = Number(one.value)
    const { series } = before ?? { series: seriesOf(one) }
    known.set(key, { series, value })
    const window = { series, startMillis: state.millis, millis, nanos: 0, weight: 1 }
    const grown = before === undefined ? 0 : value - before.value - had
    const increase = grown > 0 ? grown : 0
    return one.kind === "counter" ? { _tag: "count", ...window, value: increase } : { _tag: "gauge", ...window, value }
  }

  const factsOf = (): string => {
    const states = (["live", "slow", "gone", "unreadable"] as const)
      .map((state) => [state, processes.filter((process) => process.state === state).length] as const)
      .filter(([, count]) => count > 0)
      .map(([state, count]) => `${count} ${state}`)
    const noun = processes.length === 1 ? "process" : "processes"
    return `${processes.length} ${noun}${states.length === 0 ? "" : ` (${states.join(", ")})`}  ${number(known.size)} series`
  }

  return {
    take: (reading, millis) => {
      processes = reading.processes
      const now = new Set(reading.series.map(({ key, kind }) => `${kind} ${key}`))
      for (const [key, { series }] of known) {
        if (now.has(key)) continue
        known.delete(key)
        State.forget(state, series)
      }
      const measured = reading.series.map((one) => measurementOf(one, millis, reading.arrived.get(one.key) ?? 0))
      State.fold(state, measured, millis)
      reading.series.forEach((one, i) => {
        const row = State.rowOf(state, measured[i]!.series)
        if (row !== undefined) row.total = one.kind === "counter" ? Number(one.value) : NaN
      })
    },
    draw: ({ columns, rows }, isColored) => {
      const reasons = processes
        .filter(({ reason }) => reason !== null)
        .slice(0, maxReasons)
        .map(({ id, reason }) => escape(`${id}: ${reason}`).slice(0, columns))
      const table = render(state, columns, rows - reasons.length, { colored: isColored, facts: factsOf() })
      return [table, ...reasons].join("\n")
    }
  }
}
