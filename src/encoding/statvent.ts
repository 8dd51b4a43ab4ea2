/**
 * statvent's text: a line `name: value` for each number, in whole numbers (`%d`) or floats (`%f`). Three lines that any reader of
 * statvent's takes for numbers stand first, and say how many of the lines behind them are counters, gauges and readings, in this
 * order. A timer or distribution is two counters, its count and sum, and five readings of its last values. What was told to have
 * fallen, as a sum with negative steps may, is a gauge from then on: who adds up processes takes a counter that falls for that of
 * another process. What a line cannot carry is refused, series by series; see `statventNames`.
 *
 * It is made in two parts, so that neither holds the event loop for long: `take` notes the state of everything at once, and
 * `write` sorts what there is to be sorted, as many distributions at a time as are asked for.
 *
 * Costs: `bench` row `named-pipe`.
 */
import type { Count, Gauge, Series, Tag } from "../recording/measurement.js"
import type { DistributionTotal } from "../recording/totals.js"
import * as Bytes from "./bytes.js"
import { Output, quote } from "./output.js"
import { fault, keyOf } from "./statventNames.js"
import { writeFixed, writeShortest, writeWhole } from "./statventNumber.js"
import { header } from "./statventReader.js"

/**
 * What a number of a timer or distribution is.
 *
 * @since 0.1.0
 * @category models
 */
export type Label = "count" | "sum" | "median" | "95th" | "99th" | "100th" | "mean"

/** The numbers of a timer or distribution: the first two are counters, the others readings. */
export const labels: ReadonlyArray<Label> = ["count", "sum", "median", "95th", "99th", "100th", "mean"]

export interface Dialect {
  /** How the numbers of a distribution are named: by its name, and what they are. */
  readonly formatName: (name: string, label: Label) => string
  /** Whether there are its count and sum. */
  readonly totals: boolean
  /** `"fixed"`: six decimals. `"shortest"`: as many as tell the number from its neighbours. */
  readonly floats: "fixed" | "shortest"
  /** What is written as a whole number: what is one, or what was declared so. */
  readonly integers: "whole" | "declared"
}

type Single = (Pick<Count, "_tag" | "series"> | Pick<Gauge, "_tag" | "series">) & { readonly value: number | bigint }

/** `recent` is the encoder's to keep. */
type Several = Pick<DistributionTotal, "_tag" | "series" | "recent"> & {
  readonly histogram: Pick<DistributionTotal["histogram"], "count" | "sum">
}

/** A total, whose value may be more than a double can hold. */
export type Told = Single | Several

export interface Refused {
  readonly series: Series
  readonly reason: string
}

/** The text as it will be, of one moment. */
export interface Taken {
  /** Writes the readings of so many distributions; whether there are more. */
  readonly write: (most: number) => boolean
  /** Once there are no more. */
  readonly text: () => Uint8Array
  readonly refused: ReadonlyArray<Refused>
}

export interface Encoder {
  /** Why a series is refused, if it is: the same each time. */
  readonly faultOf: (series: Series) => string | undefined
  /** One at a time: the next may begin once the text of the last has been asked for. */
  readonly take: (totals: Iterable<Told>) => Taken
}

/** What `series.encoded` keeps. */
interface Kept {
  /** Each line up to its value. */
  readonly heads: ReadonlyArray<Uint8Array>
  readonly fault: string | undefined
  /** The counter's value or the distribution's sum, as it was told last; `hasFallen`: it was told to be less than before. */
  last: number | bigint
  hasFallen: boolean
}

const newline = 10

/** By statvent's rank, which is one below the nearest: of 100 values the 95th percentile is the 95th. */
const ranked = (sorted: Float64Array, percent: number): number =>
  sorted[Math.max(0, Math.floor((sorted.length * percent) / 100) - 1)]!

const percents = [50, 95, 99, 100]
const firstReading = labels.indexOf("median")
const meanAt = labels.indexOf("mean")

const isDistribution = (kind: Series["kind"]): boolean => kind === "timer" || kind === "distribution"

export const make = ({ floats, formatName, integers, totals }: Dialect): Encoder => {
  const counters = new Output()
  const gauges = new Output()
  const readings = new Output()
  let sorted = new Float64Array(128)
  /** Which instrument each name of a line belongs to, so that no two share one. */
  const owners = new Map<string, string>()

  const namesOf = ({ kind, name }: Series): ReadonlyArray<string> =>
    isDistribution(kind) ? labels.map((label) => formatName(name, label)) : [name]

  /** `formatName` is the user's. */
  const namesFault = (series: Series, names: ReadonlyArray<string>): string | undefined => {
    for (const [index, name] of names.entries()) {
      if (typeof name !== "string") return `its name ${quote(series.name)} has formatName give what is no text`
      if (names.indexOf(name) !== index)
        return `its name ${quote(series.name)} has formatName give two numbers one name`
      const found = fault(name, series.tags)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** By name and kind, as series that share those share the names of their lines. */
  const claim = (series: Series, names: ReadonlyArray<string>): string | undefined => {
    const owner = `${isDistribution(series.kind) ? "of" : "is"} ${series.name}`
    const taken = names.find((name) => (owners.get(name) ?? owner) !== owner)
    if (taken !== undefined) return `its name ${quote(taken)} is that of another instrument's line already`
    for (const name of names) owners.set(name, owner)
    return undefined
  }

  const keep = (series: Series): Kept => {
    let heads: ReadonlyArray<Uint8Array> = []
    let reason: string | undefined
    try {
      const names = namesOf(series)
      reason = namesFault(series, names) ?? claim(series, names)
      if (reason === undefined) heads = names.map((name) => headOf(name, series.tags))
    } catch {
      reason = `its name ${quote(series.name)} makes formatName throw`
    }
    const kept: Kept = { heads, fault: reason, last: Number.NEGATIVE_INFINITY, hasFallen: false }
    series.encoded = kept
    return kept
  }

  // A series belongs to one lane, so nothing but this encoder writes `encoded`.
  const keptOf = (series: Series): Kept => (series.encoded as Kept | undefined) ?? keep(series)

  /** -0 has no fraction, but a sign that a whole number loses. */
  const isWhole = (value: number | bigint, isInt: boolean): boolean =>
    typeof value === "bigint" ||
    (Math.floor(value) === value &&
      value - value === 0 &&
      (isInt || (integers === "whole" && (value !== 0 || 1 / value > 0))))

  const put = (output: Output, head: Uint8Array, value: number | bigint, isInt: boolean): void => {
    output.reserve(head.length)
    output.put(head)
    if (typeof value === "bigint" || isWhole(value, isInt)) writeWhole(output, value)
    else if (floats === "fixed") writeFixed(output, value)
    else writeShortest(output, value)
    output.reserve(1)
    output.bytes[output.at++] = newline
  }

  const sort = (values: ReadonlyArray<number>): Float64Array => {
    if (values.length > sorted.length) sorted = new Float64Array(2 * values.length)
    sorted.set(values)
    return sorted.subarray(0, values.length).sort()
  }

  const putReadings = ({ recent, series }: Several): void => {
    const { heads } = keptOf(series)
    const values = sort(recent)
    const isInt = series.valueType === "int"
    for (let i = 0; i < percents.length; i++) {
      put(readings, heads[firstReading + i]!, ranked(values, percents[i]!), isInt)
    }
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[i]!
    put(readings, heads[meanAt]!, sum / values.length, false)
  }

  return {
    faultOf: (series) => keptOf(series).fault,
    take: (all) => {
      const refused: Array<Refused> = []
      const lines = { counters: 0, gauges: 0 }
      counters.at = gauges.at = readings.at = 0
      const distributions: Array<Several> = []
      const putSum = (kept: Kept, head: Uint8Array, value: number | bigint, isInt: boolean): void => {
        kept.hasFallen ||= value < kept.last
        kept.last = value
        put(kept.hasFallen ? gauges : counters, head, value, isInt)
        lines[kept.hasFallen ? "gauges" : "counters"]++
      }
      for (const total of all) {
        const { series } = total
        const kept = keptOf(series)
        const { fault, heads } = kept
        const isInt = series.valueType === "int"
        if (fault !== undefined) refused.push({ series, reason: fault })
        else if (total._tag === "count") putSum(kept, heads[0]!, total.value, isInt)
        else if (total._tag === "gauge") {
          put(gauges, heads[0]!, total.value, isInt)
          lines.gauges++
        } else {
          const { histogram, recent } = total
          if (totals) {
            put(counters, heads[0]!, histogram.count, true)
            lines.counters++
            putSum(kept, heads[1]!, histogram.sum, isInt)
          }
          if (recent.length > 0) distributions.push(total)
        }
      }
      let next = 0
      return {
        refused,
        write: (most) => {
          const end = Math.min(distributions.length, next + most)
          while (next < end) putReadings(distributions[next++]!)
          return next < distributions.length
        },
        text: () => {
          const numbers = [lines.counters, lines.gauges, distributions.length * (labels.length - firstReading)]
          const head = Bytes.encode(header.map(([key], i) => `${key}: ${numbers[i]}\n`).join(""))
          return joined([head, ...[counters, gauges, readings].map(({ at, bytes }) => bytes.subarray(0, at))])
        }
      }
    }
  }
}

const headOf = (name: string, tags: ReadonlyArray<Tag>): Uint8Array => Bytes.encodeKept(`${keyOf(name, tags)}: `)

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
