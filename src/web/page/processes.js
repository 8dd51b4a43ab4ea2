/**
 * The list of processes: which are well, and what is the matter with the others.
 */
import { byId, element, setAttribute, setText, show } from "./dom.js"
import { plural, printable } from "./format.js"

/** @typedef {import("./api.js").Process} Process */

/** More than these are counted, not listed. */
const maxListed = 500

/** What needs attention comes first. @type {ReadonlyMap<string, readonly [rank: number, words: string]>} */
const states = new Map([
  ["unreadable", [0, "unreadable"]],
  ["slow", [1, "slow: last known values"]],
  ["gone", [2, "gone"]],
  ["live", [3, "live"]]
])

const collator = new Intl.Collator("en", { numeric: true })

const makeItem = () => {
  const dot = element("span", "dot")
  const id = element("span", "process-id")
  const size = element("span", "process-size quiet")
  const words = element("span", "process-words quiet")
  const item = element("li", "process", [dot, id, size, words])
  return { item, id, size, words }
}

export const makeProcesses = () => {
  const pane = byId("processes")
  const list = byId("process-list")
  const counts = byId("process-counts")
  /** @type {Map<string, ReturnType<typeof makeItem>>} */
  const items = new Map()
  let order = ""

  /** @param {import("./api.js").Snapshot} snapshot */
  const draw = ({ processes, source }) => {
    show(pane, source === "host" && processes.length > 0)
    if (source !== "host") return
    const rank = (/** @type {Process} */ { state }) => states.get(state)?.[0] ?? 0
    const sorted = [...processes].sort((a, b) => rank(a) - rank(b) || collator.compare(a.id, b.id)).slice(0, maxListed)
    const current = new Set(sorted.map(({ id }) => id))
    for (const [id, { item }] of items) {
      if (current.has(id)) continue
      item.remove()
      items.delete(id)
    }
    for (const { id, reason, series, state } of sorted) {
      const known = items.get(id)
      const parts = known ?? makeItem()
      if (known === undefined) {
        items.set(id, parts)
        setText(parts.id, printable(id, 60))
      }
      const [, words] = states.get(state) ?? [0, String(state)]
      setAttribute(parts.item, "data-state", states.has(state) ? state : "unreadable")
      setText(parts.size, state === "unreadable" ? "" : plural(series, "series", "series"))
      const why = reason === null ? "" : printable(reason, 200)
      const told = why === "" ? words : state === "live" ? why : `${words.split(":")[0]}: ${why}`
      // That it is well is told by its dot, and in the summary.
      const isTold = state !== "live" || why !== ""
      setText(parts.words, told)
      setAttribute(parts.item, "data-told", isTold ? "" : null)
      setAttribute(parts.item, "title", isTold ? told : null)
    }
    const wanted = JSON.stringify(sorted.map(({ id }) => id))
    if (wanted !== order) {
      order = wanted
      list.append(...sorted.flatMap(({ id }) => items.get(id)?.item ?? []))
    }
    setText(counts, summary(processes))
  }
  return { draw }
}

/** @param {ReadonlyArray<Process>} processes */
const summary = (processes) => {
  /** @type {Array<string>} */
  const parts = []
  for (const state of ["live", "slow", "gone", "unreadable"]) {
    const count = processes.filter((process) => process.state === state).length
    if (count > 0) parts.push(`${count} ${state}`)
  }
  return parts.join(", ")
}
