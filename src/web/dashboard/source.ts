/** One app as the web service shows it. */
import { Clock, Effect, Option } from "effect"
import { keyOf } from "../../encoding/statventNames.js"
import type { Point } from "../../recording/measurement.js"
import type { Totals } from "../../Sink.js"
import * as Json from "../json.js"
import type { PointShown, SeriesOverall, Source } from "../model.js"
import * as Scrape from "../prometheus/scrape.js"
import { rowsOf } from "./rows.js"

export interface App {
  readonly title: string
  /** Of the process. */
  readonly id: string
}

const pointOf = ({ fieldNames, fieldValues, millis, series }: Point): PointShown => ({
  name: series.name,
  tags: series.tags,
  fields: fieldNames.map((name, index) => [name, fieldValues[index] ?? ""]),
  millis
})

/** Two can come to one key, such as a counter `took.count` beside a timer `took`: whose series came later has a number behind it. */
const apart = (rows: ReadonlyArray<SeriesOverall>): ReadonlyArray<SeriesOverall> => {
  const taken = new Set<string>()
  return rows.map((row) => {
    let { key, name } = row
    for (let number = 2; taken.has(key); number++) {
      name = `${row.name} (${number})`
      key = keyOf(name, row.tags)
    }
    taken.add(key)
    return key === row.key ? row : { ...row, key, name }
  })
}

/** What a summary tells of the last values. */
const quantiles = [0.5, 0.95, 0.99]

const utf8 = new TextDecoder()

export const make = (totals: Totals, app: App): Source => {
  const scrape = Scrape.make(totals, quantiles)
  const rows = (): ReadonlyArray<SeriesOverall> => apart(Array.from(totals.series(), rowsOf).flat())
  const asOfNow = <A>(read: (millis: number) => A): Effect.Effect<A> =>
    Effect.zipRight(totals.refresh, Effect.map(Clock.currentTimeMillis, read))
  return {
    snapshot: asOfNow((millis) => {
      const series = rows()
      const process = { id: app.id, state: "live", reason: null, series: series.length } as const
      const points = totals.points().map(pointOf)
      return { source: "app", title: app.title, millis, processes: [process], series, points }
    }),
    series: (key) =>
      asOfNow((millis) => {
        const found = rows().find((one) => one.key === key)
        return found === undefined
          ? Option.none()
          : Option.some({ millis, key, processes: [{ id: app.id, value: found.value }] })
      }),
    stats: asOfNow((millis) =>
      Json.stats(
        rows().map(({ key, value }) => [key, Json.pythonNumber(value, Number.isInteger(value))]),
        millis
      )
    ),
    metrics: Effect.map(scrape({ format: "text", escaping: "underscores" }), (bytes) => utf8.decode(bytes))
  }
}
