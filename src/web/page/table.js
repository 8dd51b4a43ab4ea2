/**
 * The table of series. Only the rows in sight exist; they are used again as it scrolls. So what is chosen and what has the
 * focus is known by key, and told to screen readers by `aria-activedescendant` and `aria-rowindex`.
 *
 * @typedef {import("./history.js").Entry} Entry
 * @typedef {"name" | "value" | "rate"} Column
 */
import { byId, element, setAttribute, setText, show } from "./dom.js"
import { number, plural, printable, rate } from "./format.js"
import { drawSpark } from "./spark.js"
import { colorOf } from "./theme-switch.js"

/** Rows beyond the edges that are drawn in advance. */
const margin = 4

/** Milliseconds for which rows sorted by something that moves keep their places. */
const calm = 3000

const more = 3

/** @param {Entry} entry */
export const rateOf = ({ series, track }) =>
  series.kind === "counter" || series.kind === "unknown" ? track.rate() : NaN

/** @param {Entry} entry @returns {string} */
export const valueText = ({ series }) => number(series.value, series.unit)

/** @param {Entry} entry @returns {string} */
export const rateText = (entry) => {
  const { kind, unit } = entry.series
  return kind === "counter" || kind === "unknown" ? rate(rateOf(entry), unit) : ""
}

/** @param {number} value */
const orLowest = (value) => (Number.isNaN(value) ? -Infinity : value)

const makeRow = () => {
  const text = element("span", "series-name")
  const tags = element("span", "series-tags")
  const name = element("span", "cell name", [text, tags])
  const kind = element("span", "cell kind")
  const value = element("span", "cell value")
  const change = element("span", "cell rate")
  const canvas = element("canvas")
  const trend = element("span", "cell trend", [canvas])
  const from = element("span", "cell from")
  const row = element("div", "row", [name, kind, value, change, trend, from])
  row.setAttribute("role", "row")
  for (const cell of row.children) cell.setAttribute("role", "gridcell")
  canvas.setAttribute("aria-hidden", "true")
  return {
    row,
    text,
    tags,
    name,
    kind,
    value,
    rate: change,
    canvas,
    from,
    key: /** @type {string | undefined} */ (undefined)
  }
}

/** @typedef {ReturnType<typeof makeRow>} Row */

/**
 * @param {object} options
 * @param {import("./history.js").Store} options.store
 * @param {(entry: Entry, how: "key" | "click" | "follow") => void} options.open `follow`: only if another is open
 */
export const makeTable = ({ open, store }) => {
  const scroll = byId("grid")
  const body = byId("body")
  const headers = [...scroll.querySelectorAll("button[data-sort]")].map((button) => {
    if (!(button instanceof HTMLButtonElement)) throw new Error("the page's columns are not buttons")
    return button
  })
  /** @type {Array<Row>} */
  const rows = []
  /** Those that match, in order. @type {ReadonlyArray<Entry>} */
  let shown = []
  let query = ""
  let kind = "all"
  /** @type {Column} */
  let column = "name"
  let descending = false
  let sortedAt = -Infinity
  let generation = -1
  let dirty = true
  /** @type {string | undefined} */
  let active
  /** @type {string | undefined} */
  let chosen
  let rowHeight = 0
  let sparkWidth = 0
  let sparkHeight = 0
  let frame = 0

  const measure = () => {
    const style = getComputedStyle(scroll)
    rowHeight = Number.parseFloat(style.getPropertyValue("--row-height")) || 36
    const [canvas] = rows.map((row) => row.canvas)
    sparkWidth = canvas?.clientWidth ?? 0
    sparkHeight = canvas?.clientHeight ?? 0
  }

  /** @param {Entry} entry */
  const matches = ({ series, sought }) => {
    if (kind !== "all" && series.kind !== kind) return false
    return query === "" || query.split(/\s+/).every((word) => sought.includes(word))
  }

  const arrange = () => {
    const moving = column !== "name"
    const now = performance.now()
    if (!dirty && generation === store.generation && (!moving || now - sortedAt < calm)) return
    dirty = false
    generation = store.generation
    sortedAt = now
    const found = store.current.filter(matches)
    if (moving) {
      const by = new Map(
        found.map((entry) => [entry, orLowest(column === "rate" ? rateOf(entry) : (entry.series.value ?? NaN))])
      )
      found.sort((a, b) => (by.get(b) ?? 0) - (by.get(a) ?? 0) || 0 || a.order - b.order)
    }
    // Without a number they are last, either way.
    if (descending !== moving) found.reverse()
    shown = found
  }

  /**
   * @param {Row} row
   * @param {Entry} entry
   * @param {number} index
   */
  const fill = (row, entry, index) => {
    const { series } = entry
    if (row.key !== series.key) {
      row.key = series.key
      setText(row.text, printable(series.name, 300))
      row.tags.replaceChildren(
        ...series.tags
          .slice(0, 12)
          .map(([key, value]) =>
            element("span", "tag", [element("b", "", [printable(key, 60)]), `=${printable(value, 60)}`])
          )
      )
    }
    setAttribute(row.row, "id", `row-${index}`)
    setAttribute(row.row, "aria-rowindex", String(index + 2))
    setAttribute(row.row, "aria-selected", String(series.key === chosen))
    row.row.classList.toggle("active", series.key === active)
    row.row.style.transform = `translateY(${index * rowHeight}px)`
    setText(row.kind, series.kind === "unknown" ? "" : series.kind)
    setText(row.value, valueText(entry))
    setText(row.rate, rateText(entry))
    setText(row.from, series.count > 1 ? `${series.count}` : "")
    if (sparkWidth > 0) drawSpark(row.canvas, entry.track, sparkWidth, sparkHeight, colorOf("--spark"))
  }

  const draw = () => {
    frame = 0
    arrange()
    body.style.height = `${shown.length * rowHeight}px`
    setAttribute(scroll, "aria-rowcount", String(shown.length + 1))
    const top = Math.floor(scroll.scrollTop / rowHeight)
    const first = Math.max(0, top - margin)
    const end = Math.min(shown.length, top + Math.ceil(scroll.clientHeight / rowHeight) + margin)
    while (rows.length < end - first) {
      const row = makeRow()
      rows.push(row)
      body.append(row.row)
      if (rows.length === 1) measure()
    }
    rows.forEach((row, index) => {
      // Each row shows the entry whose index leaves the same remainder, so that scrolling by one changes one.
      const at = first + ((((index - first) % rows.length) + rows.length) % rows.length)
      const entry = at < end ? shown[at] : undefined
      row.row.hidden = entry === undefined
      if (entry === undefined) row.row.removeAttribute("id")
      else fill(row, entry, at)
    })
    const at = activeIndex()
    setAttribute(scroll, "aria-activedescendant", at >= first && at < end ? `row-${at}` : null)
    for (const header of headers) {
      const sorts = header.dataset["sort"] === column
      const direction = descending ? "descending" : "ascending"
      const cell = header.parentElement
      if (cell !== null) setAttribute(cell, "aria-sort", sorts ? direction : "none")
    }
    const total = store.current.length
    const text =
      shown.length === total
        ? plural(total, "series", "series")
        : `${shown.length} of ${plural(total, "series", "series")}`
    setText(byId("shown"), total === 0 ? "" : text)
    show(scroll, shown.length > 0)
  }

  const drawSoon = () => {
    if (frame === 0) frame = requestAnimationFrame(draw)
  }

  const activeIndex = () => shown.findIndex(({ series }) => series.key === active)

  /** @param {number} index */
  const activate = (index) => {
    const at = Math.max(0, Math.min(shown.length - 1, index))
    active = shown[at]?.series.key
    const head = scroll.firstElementChild?.clientHeight ?? 0
    const room = scroll.clientHeight - head
    const y = at * rowHeight
    if (y < scroll.scrollTop) scroll.scrollTop = y
    else if (y + rowHeight > scroll.scrollTop + room) scroll.scrollTop = y + rowHeight - room
    draw()
  }

  const page = () => Math.max(1, Math.floor(scroll.clientHeight / rowHeight) - more)

  /** @type {ReadonlyMap<string, (at: number) => number>} */
  const moves = new Map([
    ["ArrowDown", (/** @type {number} */ at) => at + 1],
    ["ArrowUp", (/** @type {number} */ at) => at - 1],
    ["PageDown", (/** @type {number} */ at) => at + page()],
    ["PageUp", (/** @type {number} */ at) => at - page()],
    ["Home", () => 0],
    ["End", () => shown.length - 1]
  ])

  scroll.addEventListener("keydown", (event) => {
    if (event.target !== scroll || event.ctrlKey || event.metaKey || event.altKey) return
    const at = activeIndex()
    const move = moves.get(event.key)
    if (move !== undefined) {
      activate(move(at))
      const entry = shown[activeIndex()]
      if (entry !== undefined) open(entry, "follow")
    } else if (event.key === "Enter" && shown[at] !== undefined) open(shown[at], "key")
    else return
    event.preventDefault()
  })
  scroll.addEventListener("focus", () => {
    if (activeIndex() < 0) activate(Math.ceil(scroll.scrollTop / rowHeight))
  })
  body.addEventListener("click", (event) => {
    const clicked = event.target instanceof Element ? event.target.closest(".row") : null
    const row = rows.find((one) => one.row === clicked)
    const entry = row?.key === undefined ? undefined : store.entries.get(row.key)
    if (entry === undefined || getSelection()?.isCollapsed === false) return
    active = entry.series.key
    open(entry, "click")
  })
  scroll.addEventListener("scroll", drawSoon, { passive: true })
  new ResizeObserver(() => {
    measure()
    draw()
  }).observe(scroll)
  for (const header of headers) {
    header.addEventListener("click", () => {
      const next = /** @type {Column} */ (header.dataset["sort"])
      descending = next === column ? !descending : next !== "name"
      column = next
      dirty = true
      draw()
    })
  }

  return {
    draw,
    /** How many rows match. */
    count: () => shown.length,
    focus: () => {
      scroll.focus()
      if (activeIndex() < 0) activate(0)
    },
    /** @param {string} text */
    search: (text) => {
      query = text.trim().toLowerCase()
      dirty = true
      scroll.scrollTop = 0
      draw()
    },
    /** @param {string} wanted */
    filter: (wanted) => {
      kind = wanted
      dirty = true
      scroll.scrollTop = 0
      draw()
    },
    /** @param {string | undefined} key */
    choose: (key) => {
      chosen = key
      draw()
    }
  }
}
