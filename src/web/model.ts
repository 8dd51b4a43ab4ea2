/**
 * What the web service shows, wherever it comes from: all pipes of a host (`StatsServer`), or one app (`Dashboard`). A source
 * gives it as data for the page, and as the two texts that other programs read.
 */
import type { Effect, Option } from "effect"
import type { FieldValue, Tag } from "../recording/measurement.js"

/**
 * - `live`: it answered.
 * - `slow`: it is alive and did not answer in time; what it said last is kept for a while.
 * - `gone`: it has ended; it is listed for some minutes.
 * - `unreadable`: something that cannot be read, with the reason.
 */
export type ProcessState = "live" | "slow" | "gone" | "unreadable"

export interface Process {
  /** A pid, mostly. */
  readonly id: string
  readonly state: ProcessState
  /** For people; `null` where the state says it all. */
  readonly reason: string | null
  /** How many it has. */
  readonly series: number
}

/** `reading`: a median, percentile or mean, of which a sum makes no sense. `unknown`: of writers that do not tell. */
export type SeriesKind = "counter" | "gauge" | "reading" | "unknown"

/** Integers beyond 2^53 are bigints. NaN and the infinities are what they are here, and `null` in JSON. */
export type Value = number | bigint

/** One series over all processes that have it. */
export interface SeriesOverall {
  /** Name and tags in one: unique in a snapshot. */
  readonly key: string
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
  readonly kind: SeriesKind
  readonly unit?: string | undefined
  readonly description?: string | undefined
  /** What stands for all: a counter's sum, also of processes that have ended; a gauge's or unknown's sum; a reading's maximum. */
  readonly value: Value
  /** Of the processes that have it, as are the others. */
  readonly sum: Value
  readonly min: Value
  readonly max: Value
  /** How many processes have it. */
  readonly count: number
}

/** Something that happened: the last ones, oldest first. */
export interface PointShown {
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
  readonly fields: ReadonlyArray<readonly [name: string, value: FieldValue]>
  /** Since the epoch. */
  readonly millis: number
}

export interface Snapshot {
  /** All processes of a host, or one app. */
  readonly source: "host" | "app"
  /** The host's or the app's name. */
  readonly title: string
  /** When it was taken, since the epoch. */
  readonly millis: number
  readonly processes: ReadonlyArray<Process>
  readonly series: ReadonlyArray<SeriesOverall>
  readonly points: ReadonlyArray<PointShown>
}

/** One series, process by process. */
export interface SeriesByProcess {
  readonly millis: number
  readonly key: string
  readonly processes: ReadonlyArray<{ readonly id: string; readonly value: Value }>
}

/** What the server asks. None of it fails: what cannot be had is told in the answer. */
export interface Source {
  readonly snapshot: Effect.Effect<Snapshot>
  /** None where no process has a series of this key. */
  readonly series: (key: string) => Effect.Effect<Option.Option<SeriesByProcess>>
  /** The body of `/stats`: statvent's JSON. */
  readonly stats: Effect.Effect<string>
  /** The body of `/metrics`: Prometheus' text, version 0.0.4. */
  readonly metrics: Effect.Effect<string>
}
