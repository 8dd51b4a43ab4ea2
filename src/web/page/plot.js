/**
 * The plot of one series, or of one series in each process.
 */
import uPlot from "./uplot.js"
import { byId, setAttribute } from "./dom.js"
import { clock, number, rate } from "./format.js"
import { depth } from "./history.js"
import { colorOf } from "./theme-switch.js"

/** @typedef {import("./history.js").Track} Track */
/** @typedef {import("./history.js").Timeline} Timeline */

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {Track} track
 * @property {string} color a custom property of the style sheet
 */

const font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
const height = 220
const leastSeconds = 60

/** Wide enough for its labels, in steps, so that it seldom moves. */
const axisWidth = (/** @type {ReadonlyArray<string> | null} */ labels) => {
  const longest = Math.max(3, ...(labels ?? []).map(({ length }) => length))
  return Math.ceil((longest * 6.6 + 14) / 12) * 12
}

/** @param {(text: string) => void} readout what is under the pointer; empty for nothing */
export const makePlot = (readout) => {
  const place = byId("plot")
  /** @type {uPlot | undefined} */
  let plot
  /** @type {ReadonlyArray<Line>} */
  let lines = []
  let layout = ""
  /** @type {string | undefined} */
  let unit

  const valueText = (/** @type {number} */ value) =>
    lines[0]?.track.increases === true ? rate(value, unit) : number(value, unit)

  /** @returns {import("uplot").Axis} */
  const axis = () => ({
    stroke: () => colorOf("--quiet"),
    font,
    grid: { stroke: () => colorOf("--line"), width: 1 },
    ticks: { show: false }
  })

  const tellReadout = (/** @type {uPlot} */ { cursor, data }) => {
    const index = cursor.idx
    const time = index === null || index === undefined ? undefined : data[0][index]
    if (time === undefined || index === null || index === undefined) return readout("")
    const values = lines.map(({ label }, line) => [label, data[line + 1]?.[index] ?? NaN])
    const known = values.filter(([, value]) => typeof value === "number" && !Number.isNaN(value))
    if (known.length === 0) return readout(`${clock(time * 1000)}  –`)
    const [, first] = known[0] ?? []
    const most = known.reduce((a, b) => (Number(b[1]) > Number(a[1]) ? b : a))
    readout(
      lines.length === 1
        ? `${clock(time * 1000)}  ${valueText(Number(first))}`
        : `${clock(time * 1000)}  most ${valueText(Number(most[1]))} (${most[0]})`
    )
  }

  const build = () => {
    plot?.destroy()
    plot = new uPlot(
      {
        width: Math.max(120, place.clientWidth),
        height,
        legend: { show: false },
        padding: [10, 8, 0, 0],
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        scales: { y: { range: (_, low, high) => rangeOf(low, high, lines[0]?.track.increases === true) } },
        axes: [
          {
            ...axis(),
            size: 28,
            space: 60,
            values: (_, times, __, ___, step) => times.map((time) => clock(time * 1000).slice(0, step < 60 ? 8 : 5))
          },
          {
            ...axis(),
            size: (_, labels) => axisWidth(labels),
            space: 36,
            values: (_, values) => values.map((value) => valueText(value))
          }
        ],
        series: [
          {},
          ...lines.map(({ color, label }) => ({
            label,
            stroke: () => colorOf(color),
            width: lines.length === 1 ? 1.75 : 1.4,
            points: { show: false },
            ...(lines.length === 1 ? { fill: () => colorOf("--area") } : {})
          }))
        ],
        hooks: { setCursor: [tellReadout] }
      },
      undefined,
      place
    )
  }

  new ResizeObserver(() => {
    if (plot !== undefined && place.clientWidth > 0 && plot.width !== place.clientWidth) {
      plot.setSize({ width: place.clientWidth, height })
    }
  }).observe(place)

  return {
    /**
     * @param {Timeline} timeline
     * @param {ReadonlyArray<Line>} wanted
     * @param {string | undefined} wantedUnit
     * @param {number} span milliseconds
     */
    draw: (timeline, wanted, wantedUnit, span) => {
      const wantedLayout = JSON.stringify(wanted.map(({ color, label, track }) => [label, color, track.increases]))
      lines = wanted
      unit = wantedUnit
      if (plot === undefined || wantedLayout !== layout) build()
      layout = wantedLayout
      const from = timeline.since(span)
      const to = timeline.ticks
      const times = new Float64Array(Math.min(depth, to - from))
      for (let tick = from; tick < to; tick++) times[tick - from] = timeline.at(tick) / 1000
      const columns = lines.map(({ track }) => {
        const column = new Array(times.length).fill(null)
        for (let tick = from; tick < to; tick++) {
          const value = track.at(tick)
          column[tick - from] = Number.isFinite(value) ? value : null
        }
        return column
      })
      const end = times.at(-1) ?? 0
      plot?.setData([times, ...columns], false)
      // At first there is less to show than is asked for.
      const shown = Math.min(span / 1000, Math.max(leastSeconds, end - (times[0] ?? end)))
      plot?.setScale("x", { min: end - shown, max: end })
    },
    /** @param {string} text */
    describe: (text) => setAttribute(place, "aria-label", text),
    repaint: () => plot?.redraw(false, true),
    close: () => {
      plot?.destroy()
      plot = undefined
      layout = ""
    }
  }
}

/**
 * Rates begin at zero; a line that stands still is not drawn as if it trembled.
 *
 * @param {number | null} low
 * @param {number | null} high
 * @param {boolean} fromZero
 * @returns {[number, number]}
 */
const rangeOf = (low, high, fromZero) => {
  if (low === null || high === null) return [0, 1]
  const bottom = fromZero || (low > 0 && low < high / 2) ? Math.min(0, low) : low
  const span = high - bottom
  if (span === 0) return bottom === 0 ? [0, 1] : [bottom - Math.abs(bottom) * 0.1, bottom + Math.abs(bottom) * 0.1]
  return [bottom === 0 ? 0 : bottom - span * 0.08, high + span * 0.08]
}
