/**
 * The live table: a pure function of what is known and of the terminal's size.
 */
import { elapsed, isKnownUnit, number, sparkline, value } from "./format.js"
import { fields, instant } from "./lines.js"
import {
  highest,
  HISTORY,
  labelOf,
  lastValue,
  rate,
  recent,
  recordingRate,
  type Row,
  type State,
  trend
} from "./state.js"
import { escape, padEnd, padStart, truncate, truncateStart, width } from "./text.js"

type Paint = (text: string) => string

const sgr =
  (on: number, off: number): Paint =>
  (text) =>
    text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`

const plain: Paint = (text) => text
const bold = sgr(1, 22)
const dim = sgr(2, 22)

const colors: Readonly<Record<Row["kind"], Paint>> = {
  counter: sgr(32, 39),
  gauge: sgr(33, 39),
  timer: sgr(36, 39),
  distribution: sgr(35, 39),
  point: sgr(34, 39)
}

interface Column {
  readonly title: string
  /** A width that is kept while the numbers change, so that the columns stand still. */
  readonly least: number
  readonly text: (row: Shown) => string
  readonly paint: (row: Shown) => Paint
  readonly align: (text: string, cells: number) => string
}

interface Shown {
  readonly row: Row
  readonly state: State
  readonly quantile: ((q: number) => number) | undefined
  readonly highest: number
}

const shown = (state: State, row: Row): Shown => {
  const histogram = recent(state, row)
  return {
    row,
    state,
    quantile: histogram === undefined ? undefined : (q) => histogram.quantile(q),
    highest: histogram === undefined ? highest(state, row) : histogram.max
  }
}

const amount = (row: Row, given: number | undefined): string =>
  given === undefined || Number.isNaN(given) ? "" : value(given, row.unit)

const numeric = (title: string, least: number, text: Column["text"]): Column => ({
  title,
  least,
  text,
  paint: () => plain,
  align: padStart
})

const quantile = (percent: number): Column =>
  numeric(`p${percent}`, 7, ({ quantile, row }) => amount(row, quantile?.(percent / 100)))

const kind: Column = {
  title: "kind",
  least: 5,
  text: ({ row }) =>
    row.unit === undefined || isKnownUnit(row.unit)
      ? row.kind
      : truncate(`${row.kind} ${escape(row.unit.replace(/^\{(.*)\}$/, "$1"))}`, 16),
  paint: ({ row }) => colors[row.kind],
  align: padEnd
}

const columnOf = {
  kind,
  rate: numeric("rate/s", 7, ({ row, state }) => (row.kind === "gauge" ? "" : number(rate(state, row)))),
  last: numeric("last", 7, ({ row }) => amount(row, lastValue(row))),
  p50: quantile(50),
  p95: quantile(95),
  p99: quantile(99),
  max: numeric("max", 7, ({ highest, row }) =>
    row.kind === "counter" || row.kind === "point" ? "" : amount(row, highest)
  ),
  total: numeric("total", 8, ({ row }) =>
    row.kind === "counter" || Number.isNaN(row.total) ? amount(row, row.total) : number(row.total)
  )
}

type ColumnName = keyof typeof columnOf

const order: ReadonlyArray<ColumnName> = ["kind", "rate", "last", "p50", "p95", "p99", "max", "total"]

/** What a narrow terminal goes without, first to last. */
const sacrifices: ReadonlyArray<ColumnName | "trend"> = [
  "kind",
  "p50",
  "max",
  "trend",
  "p95",
  "total",
  "last",
  "p99",
  "rate"
]

const leastTrend = 8
const gap = "  "

interface Sized {
  readonly column: Column
  readonly cells: number
}

interface Layout {
  readonly label: number
  readonly columns: ReadonlyArray<Sized>
  /** 0 without. */
  readonly trend: number
}

const layOut = (rows: ReadonlyArray<Shown>, columns: number): Layout => {
  const widest = rows.reduce((most, { row }) => Math.max(most, width(row.label)), 4)
  const widestShort = rows.reduce((most, { row }) => Math.max(most, width(row.shortLabel)), 4)
  const leastLabel = Math.min(widestShort, Math.max(12, Math.floor(columns / 3)))
  const sized = new Map<ColumnName, Sized>()
  for (const name of order) {
    const column = columnOf[name]
    const cells = rows.reduce(
      (most, row) => Math.max(most, width(column.text(row))),
      Math.max(column.least, width(column.title))
    )
    sized.set(name, { column, cells })
  }
  let trend = leastTrend
  const taken = () => {
    let cells = trend === 0 ? 0 : gap.length + trend
    for (const column of sized.values()) cells += gap.length + column.cells
    return cells
  }
  for (const name of sacrifices) {
    if (taken() + leastLabel <= columns) break
    if (name === "trend") trend = 0
    else sized.delete(name)
  }
  const label = Math.max(0, Math.min(widest, columns - taken()))
  if (trend > 0) trend = Math.min(HISTORY, trend + columns - taken() - label)
  return { label, columns: Array.from(sized.values()), trend }
}

const header = (layout: Layout): string => {
  const cells = layout.columns.map(({ cells, column }) => column.align(column.title, cells))
  const trend = layout.trend === 0 ? [] : [padStart("trend", layout.trend)]
  return [padEnd("name", layout.label), ...cells, ...trend].join(gap)
}

/** Cells for tags from which on they tell rows of one name apart. */
const leastTags = 8

/** Of tags the end is kept: several rows of one name mostly begin alike. */
const cut = (row: Row, cells: number): string => {
  if (width(row.label) <= cells) return row.label
  const room = cells - width(row.name) - 1
  if (width(row.shortLabel) <= cells || room < leastTags) return truncate(row.shortLabel, cells)
  return `${row.name}{${truncateStart(row.shortLabel.slice(row.name.length + 1), room)}`
}

const label = (row: Row, cells: number, colored: boolean): string => {
  const text = cut(row, cells)
  const name = text.slice(0, row.name.length)
  const padding = padEnd(text, cells).slice(text.length)
  return colored ? bold(name) + dim(text.slice(name.length)) + padding : text + padding
}

const line = (row: Shown, layout: Layout, colored: boolean): string => {
  const cells = [label(row.row, layout.label, colored)]
  for (const { cells: most, column } of layout.columns) {
    const text = column.align(truncate(column.text(row), most), most)
    cells.push(colored ? column.paint(row)(text) : text)
  }
  if (layout.trend > 0) {
    const text = padStart(sparkline(trend(row.state, row.row, layout.trend)), layout.trend)
    cells.push(colored ? colors[row.row.kind](text) : text)
  }
  return cells.join(gap).trimEnd()
}

const factsOf = (state: State): string => {
  const full = state.rows.size >= state.maxRows ? " (the last to change)" : ""
  return (
    `up ${elapsed(state.millis - state.startMillis)}  ${number(state.rows.size)} series${full}  ` +
    `${number(recordingRate(state))} recordings/s`
  )
}

const title = (facts: string, columns: number, colored: boolean): string => {
  const text = truncate(`metrics  ${facts}`, columns)
  return colored ? bold(text.slice(0, 7)) + dim(text.slice(7)) : text
}

const recentPoints = (state: State, columns: number, most: number, colored: boolean): ReadonlyArray<string> =>
  most <= 0
    ? []
    : state.points.slice(-most).map((point) => {
        const time = instant(point.millis).replace(/^.*T/, "")
        const text = truncate(`${time}  ${labelOf(point.series)}  ${fields(point)}`, columns)
        return colored ? dim(text.slice(0, time.length)) + text.slice(time.length) : text
      })

const byLabel = (a: Row, b: Row): number => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0)

/**
 * At most `rows` lines, none wider than `columns`, joined by line breaks: a title, a row for each series by name, how many
 * more there are, and the last points.
 */
export const render = (
  state: State,
  columns: number,
  rows: number,
  options?: {
    readonly colored: boolean
    /** What the title says. Default: for how long, how many series, and how many recordings a second. */
    readonly facts?: string | undefined
  }
): string => {
  const colored = options?.colored ?? false
  const points = recentPoints(state, columns, Math.floor(rows / 5), colored)
  const room = rows - 2 - (points.length === 0 ? 0 : points.length + 1)
  const sorted = Array.from(state.rows.values()).sort(byLabel)
  const visible = sorted.length <= room ? sorted : sorted.slice(0, Math.max(0, room - 1))
  const table = visible.map((row) => shown(state, row))
  const layout = layOut(table, columns)
  const heading = truncate(header(layout), columns).trimEnd()
  const lines = [title(options?.facts ?? factsOf(state), columns, colored), colored ? dim(heading) : heading]
  for (const row of table) lines.push(line(row, layout, colored))
  if (visible.length < sorted.length)
    lines.push(truncate(`… and ${number(sorted.length - visible.length)} more`, columns))
  if (points.length > 0) lines.push("", ...points)
  return lines.slice(0, rows).join("\n")
}
