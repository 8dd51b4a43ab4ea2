/**
 * The pane of the chosen series: what it is, its plot, and what each process has of it.
 */
import * as Api from "./api.js"
import { byId, element, segments, setAttribute, setText, show } from "./dom.js"
import { number, plural, printable } from "./format.js"
import { Timeline, Track } from "./history.js"
import { makePlot } from "./plot.js"
import { rateText, valueText } from "./table.js"

/** @typedef {import("./history.js").Entry} Entry */

/** Processes that get a line and a color; the others are listed. */
const maxLines = 8
const maxProcesses = 500

const minute = 60_000

/** @type {ReadonlyMap<string, string>} */
const meanings = new Map([
  ["counter", "Sum of {}."],
  ["gauge", "Sum of {}."],
  ["reading", "Highest of {}: readings such as medians cannot be added."],
  ["unknown", "Sum of {}. Who wrote it did not say of what kind it is."]
])

/** @type {ReadonlyMap<string, string>} */
const aloneMeanings = new Map([["unknown", "Who wrote it did not say of what kind it is."]])

/**
 * @param {object} options
 * @param {import("./history.js").Store} options.store
 * @param {() => void} options.closed
 */
export const makeDetail = ({ closed, store }) => {
  const pane = byId("detail")
  const toggle = byId("by-process")
  const legend = byId("legend")
  const body = byId("legend-body", HTMLTableSectionElement)
  const readout = byId("readout")
  /** What is under the pointer; otherwise what the plot shows. */
  const caption = (/** @type {string} */ text = "") => {
    const what = entryOf()?.track.increases === true ? "Increase a second" : "Value"
    setText(readout, text === "" ? `${what}${expanded ? " in each process" : ""}` : text)
  }
  const plot = makePlot(caption)
  /** @type {string | undefined} */
  let key
  let span = 5 * minute
  let expanded = false
  /** What was heard of each process since the series was opened. */
  let timeline = new Timeline()
  /** @type {Map<string, Track>} */
  let tracks = new Map()
  /** Counts openings, so that an answer to an earlier one is not shown. */
  let opening = 0
  /** @type {ReadonlyArray<string>} */
  let lines = []

  const entryOf = () => (key === undefined ? undefined : store.entries.get(key))

  /** @param {Entry} entry */
  const head = ({ series }) => {
    setText(byId("detail-title"), printable(series.name, 9000))
    const tags = byId("detail-tags")
    // What stands still can be marked and copied.
    if (tags.dataset["shown"] !== series.key) {
      tags.dataset["shown"] = series.key
      tags.replaceChildren(
        ...series.tags.map(([tag, value]) =>
          element("div", "", [element("dt", "", [printable(tag)]), element("dd", "", [printable(value)])])
        )
      )
    }
    setText(byId("detail-description"), printable(series.description ?? "", 2000))
    show(byId("detail-description"), (series.description ?? "") !== "")
    show(byId("detail-tags"), series.tags.length > 0)
  }

  /** @param {Entry} entry */
  const facts = (entry) => {
    const { seen, series } = entry
    const { count, kind, max, min, sum, unit } = series
    const many = count > 1
    const ended = kind === "counter" ? (series.value ?? NaN) - (sum ?? NaN) : 0
    setText(byId("detail-value"), number(series.value, unit))
    setText(byId("detail-rate"), rateText(entry))
    const meaning = (many || ended > 0 ? meanings : aloneMeanings).get(kind) ?? ""
    const isPast = seen < store.timeline.ticks - 1
    const past = isPast ? "No process has it any more; this is what was seen last. " : ""
    const running = plural(count, "process", "processes")
    const whose =
      count === 0 ? "processes that have ended" : ended > 0 ? `${running}, and of some that have ended` : running
    setText(byId("detail-meaning"), past + meaning.replace("{}", whose))
    /** @type {ReadonlyArray<readonly [string, string]>} */
    const all = [
      ...(many
        ? [
            /** @type {const} */ (["Processes", String(count)]),
            /** @type {const} */ (["Lowest", number(min, unit)]),
            /** @type {const} */ (["Highest", number(max, unit)]),
            // Readings cannot be added, and have no mean.
            ...(kind === "reading" ? [] : [/** @type {const} */ (["Mean", number((sum ?? NaN) / count, unit)])])
          ]
        : []),
      ...(ended > 0 ? [/** @type {const} */ (["Of ended ones", number(ended, unit)])] : []),
      ["Kind", kind],
      ...(unit === undefined || unit === "" ? [] : [/** @type {const} */ (["Unit", printable(unit, 60)])])
    ]
    const list = byId("detail-facts")
    const items = all.map(([name, value]) =>
      element("div", "", [element("dt", "", [name]), element("dd", "", [value])])
    )
    const text = JSON.stringify(all)
    if (list.dataset["shown"] === text) return
    list.dataset["shown"] = text
    list.replaceChildren(...items)
  }

  const drawLegend = () => {
    const sorted = [...tracks]
      .filter(([, track]) => track.end === timeline.ticks)
      .sort((a, b) => b[1].value - a[1].value)
    // Lines keep their colors while their processes have it.
    lines = lines.filter((id) => tracks.get(id)?.end === timeline.ticks)
    for (const [id] of sorted) if (lines.length < maxLines && !lines.includes(id)) lines = [...lines, id]
    const unit = entryOf()?.series.unit
    const rows = sorted.slice(0, maxProcesses)
    while (body.rows.length > rows.length) body.deleteRow(-1)
    rows.forEach(([id, track], index) => {
      const row = body.rows[index] ?? newLegendRow()
      const [name, value] = [row.cells[0], row.cells[1]]
      if (name === undefined || value === undefined) return
      const line = lines.indexOf(id)
      setAttribute(row, "data-line", line < 0 ? null : String(line))
      const label = name.lastElementChild
      if (label !== null) setText(label, printable(id, 60))
      setText(value, number(track.value, unit))
    })
  }

  const newLegendRow = () => {
    const row = element("tr", "", [
      element("td", "", [element("span", "swatch"), element("span")]),
      element("td", "number")
    ])
    body.append(row)
    return row
  }

  const drawPlot = () => {
    const entry = entryOf()
    if (entry === undefined) return
    const { series, track } = entry
    if (expanded && timeline.ticks > 0) {
      const shown = lines.flatMap((id, index) => {
        const one = tracks.get(id)
        return one === undefined ? [] : [{ label: printable(id, 60), track: one, color: `--line-${index}` }]
      })
      plot.draw(timeline, shown, series.unit, span)
    } else {
      plot.draw(store.timeline, [{ label: printable(series.name, 60), track, color: "--accent" }], series.unit, span)
    }
    plot.describe(`${printable(series.name, 120)} over the last ${span / minute} minutes, now ${valueText(entry)}`)
  }

  const draw = () => {
    const entry = entryOf()
    if (entry === undefined) return
    head(entry)
    facts(entry)
    const many = entry.series.count > 1
    show(toggle, many)
    if (!many) expanded = false
    if (!byId("plot").matches(":hover")) caption()
    setAttribute(toggle, "aria-pressed", String(expanded))
    show(legend, expanded)
    if (expanded) drawLegend()
    drawPlot()
  }

  /** Asks what each process has, while that is shown. */
  const ask = async () => {
    if (!expanded || key === undefined) return
    const asked = opening
    try {
      const { millis, processes } = await Api.series(key)
      if (asked !== opening || !expanded || !timeline.add(millis)) return
      const increases = entryOf()?.track.increases === true
      for (const { id, value } of processes.slice(0, maxProcesses)) {
        const track = tracks.get(id) ?? new Track(timeline, increases)
        tracks.set(id, track)
        track.add(value ?? NaN, 1)
      }
      const oldest = timeline.ticks - 600
      for (const [id, track] of tracks) if (track.end < oldest) tracks.delete(id)
      draw()
    } catch (error) {
      // The snapshots tell of it, and the next one asks again.
      if (!(error instanceof Api.Failure)) throw error
    }
  }

  const forgetProcesses = () => {
    opening++
    timeline = new Timeline()
    tracks = new Map()
    lines = []
  }

  const close = () => {
    if (key === undefined) return
    key = undefined
    forgetProcesses()
    expanded = false
    show(pane, false)
    plot.close()
    closed()
  }

  byId("detail-close").addEventListener("click", close)
  toggle.addEventListener("click", () => {
    expanded = !expanded
    forgetProcesses()
    draw()
    void ask()
  })
  segments(
    byId("spans"),
    [
      [minute, "1 min"],
      [5 * minute, "5 min"],
      [10 * minute, "10 min"]
    ],
    span,
    (wanted) => {
      span = wanted
      drawPlot()
    }
  )

  return {
    /** @param {Entry} entry */
    open: (entry) => {
      if (key === entry.series.key) return
      plot.close()
      key = entry.series.key
      forgetProcesses()
      expanded = false
      show(pane, true)
      draw()
    },
    focus: () => pane.focus({ preventScroll: true }),
    /** After each snapshot. */
    update: () => {
      if (key === undefined) return
      if (entryOf() === undefined) return close()
      draw()
      void ask()
    },
    close,
    repaint: plot.repaint,
    isOpen: () => key !== undefined
  }
}
