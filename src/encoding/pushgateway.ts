/**
 * What the Pushgateway is pushed: everything there is, in Prometheus' text, as it replaces what it had; and the path that names
 * the group.
 */
import { bucketsOf } from "../recording/buckets.js"
import type { Distribution, Measurement, Series, Tag } from "../recording/measurement.js"
import * as Bytes from "./bytes.js"
import { type Covered, type Fault, quote } from "./output.js"
import { escapeLabel, isLegalLabel } from "./prometheusNames.js"
import * as PrometheusText from "./prometheusText.js"

/** What a label of a group cannot be, if it cannot be one. */
export const groupFault = (key: string, value: string): string | undefined => {
  if (key === "job" && value === "") return "the job's name is empty"
  return isLegalLabel(key) && !key.startsWith("__") ? undefined : `${quote(key)} is no label's name`
}

const base64 = (text: string): string => {
  let binary = ""
  for (const byte of Bytes.encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")
}

/** Dots alone would be taken for a way through the path, and nothing for no value. */
const part = (key: string, value: string): string =>
  value.includes("/") || /^\.{0,2}$/.test(value)
    ? `/${key}@base64/${base64(value) || "="}`
    : `/${key}/${encodeURIComponent(value)}`

/** The job first, then the others in the order given. */
export const pathOf = (job: string, grouping: ReadonlyArray<Tag>): string =>
  `/metrics${part("job", job)}${grouping.map(([key, value]) => part(key, value)).join("")}`

/** Labels of the group would take the place of tags with their names. */
export const spell =
  (keys: ReadonlySet<string>) =>
  ({ name, tags }: Pick<Series, "name" | "tags">): Pick<Series, "name" | "tags"> => {
    const told = tags.filter(([key, value]) => key !== "" && value !== "")
    const taken = new Set(told.map(([key]) => key))
    const free = (key: string): string => {
      let found = `exported_${key}`
      while (taken.has(found)) found = `exported_${found}`
      taken.add(found)
      return found
    }
    const isOfGroup = (key: string): boolean => keys.has(escapeLabel(key, "underscores") ?? key)
    const spelled = told.map(([key, value]): Tag => [isOfGroup(key) ? free(key) : key, value])
    return { name, tags: spelled.sort(([a], [b]) => (a < b ? -1 : 1)) }
  }

/**
 * A push, and what it is of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Body {
  readonly bytes: Uint8Array
  /** How many series it tells of. */
  readonly series: number
  readonly measurements: ReadonlyArray<Measurement>
}

export interface Bodies extends Covered {
  readonly payload: Body
}

export interface Encoder {
  /** Everything that was kept, as these measurements leave it. */
  readonly encode: (measurements: ReadonlyArray<Measurement>) => Bodies
  /** It was pushed. */
  readonly keep: (body: Body) => void
}

export interface Options {
  /** By unit, those of buckets where a distribution has none of its own. */
  readonly boundaries: (unit: string | undefined) => ReadonlyArray<number>
  /** What was not measured again for so long, milliseconds, is left out. */
  readonly expireAfter: number
}

const noPoints: Fault = { drop: "unsupported", reason: "the Pushgateway has one value of each series, and no points" }

const dialect = { escaping: "underscores", conflicts: "rename", claims: "all" } as const

export const make = ({ boundaries, expireAfter }: Options): Encoder => {
  const kept = new Map<Series, Measurement>()

  const histogram = ({ buckets, histogram, series }: Distribution, unit: string | undefined) => {
    const bounds = series.boundaries ?? boundaries(unit)
    const counts = buckets?.length === bounds.length + 1 ? buckets : bucketsOf(histogram, bounds)
    let atMost = 0
    return {
      type: "histogram",
      count: histogram.count,
      sum: histogram.sum,
      buckets: bounds.map((bound, i) => [bound, (atMost += counts[i]!)] as const)
    } as const
  }

  const exposed = (measurement: Exclude<Measurement, { readonly _tag: "point" }>): PrometheusText.Exposed => {
    const { series } = measurement
    const { description, kind, monotonic, name, tags } = series
    const unit = kind === "timer" ? (series.unit ?? "s") : series.unit
    const described = { name, tags, unit, description }
    if (measurement._tag === "distribution") return { ...described, ...histogram(measurement, unit) }
    const type = measurement._tag === "count" && monotonic !== false ? "counter" : "gauge"
    return { ...described, type, value: measurement.value }
  }

  /** Those that are pushed, by their series. */
  const merged = (measurements: ReadonlyArray<Measurement>): Map<Series, Measurement> => {
    const all = new Map(kept)
    let latest = -Infinity
    for (const one of measurements) {
      if (one._tag !== "point") all.set(one.series, one)
      latest = Math.max(latest, one.millis)
    }
    for (const [series, { millis }] of all) if (latest - millis > expireAfter) all.delete(series)
    return all
  }

  return {
    encode: (measurements) => {
      const refused: Array<Fault & { readonly index: number }> = []
      const places = new Map<Series, number>()
      measurements.forEach((one, index) => {
        if (one._tag === "point") refused.push({ index, ...noPoints })
        else places.set(one.series, index)
      })
      const all = [...merged(measurements).values()].flatMap((one) => (one._tag === "point" ? [] : [one]))
      const exposition = PrometheusText.encode(all.map(exposed), dialect)
      for (const { drop, index, reason } of exposition.refused) {
        const place = places.get(all[index]!.series)
        if (place !== undefined) refused.push({ index: place, drop, reason })
      }
      refused.sort((a, b) => a.index - b.index)
      const out = new Set(refused.map(({ index }) => index))
      const bytes = Bytes.encode(exposition.text)
      const told = measurements.filter((_, index) => !out.has(index))
      const payload = { bytes, series: all.length - exposition.refused.length, measurements: told }
      return { taken: measurements.length, bytes: bytes.length, refused, skipped: [], payload }
    },
    keep: ({ measurements }) => {
      const all = merged(measurements)
      kept.clear()
      for (const [series, one] of all) kept.set(series, one)
    }
  }
}
