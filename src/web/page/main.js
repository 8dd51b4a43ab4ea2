/**
 * The page: asks for a snapshot once a second, and shows it, or says why there is none.
 */
import * as Api from "./api.js"
import { makeDetail } from "./detail.js"
import { byId, element, segments, setAttribute, setText, show } from "./dom.js"
import { clock, elapsed, plural, printable } from "./format.js"
import { Store } from "./history.js"
import { makePoints } from "./points.js"
import { makeProcesses } from "./processes.js"
import { makeTable } from "./table.js"
import { makeThemeSwitch } from "./theme-switch.js"

const interval = 1000

/** Between tries while nobody answers, growing to this. */
const longestPause = 5000

const narrow = matchMedia("(max-width: 1000px)")

const search = byId("search", HTMLInputElement)
const store = new Store()
const processes = makeProcesses()
const points = makePoints()
const table = makeTable({
  store,
  open: (entry, how) => {
    if (how === "follow" && !detail.isOpen()) return
    byId("columns").classList.add("with-detail")
    detail.open(entry)
    coverRest()
    table.choose(entry.series.key)
    // Where it covers the table, there is nothing else to be in.
    if (how === "key" || narrow.matches) detail.focus()
  }
})
const detail = makeDetail({
  store,
  closed: () => {
    byId("columns").classList.remove("with-detail")
    coverRest()
    table.choose(undefined)
    table.focus()
  }
})

/** In a narrow window the pane lies over all the rest, which then cannot be used. */
const coverRest = () => {
  for (const id of ["top", "processes", "main"]) byId(id).inert = narrow.matches && detail.isOpen()
}
narrow.addEventListener("change", coverRest)

/** @type {import("./api.js").Snapshot | undefined} */
let last
/** Since when there has been no answer. @type {number | undefined} */
let failingSince
let failures = 0

// --- what is shown

/** @param {ReadonlyArray<Node | string>} children */
const code = (...children) => element("code", "", children)

/** @param {import("./api.js").Snapshot} snapshot */
const beginning = ({ processes: all, source }) => {
  if (source === "app") {
    return [
      element("h2", "", ["Nothing is recorded yet"]),
      element("p", "", ["The app runs. Its metrics appear here with the first recording:"]),
      element("pre", "", [code('const visits = Metrics.counter("visits")\n\nyield* Metrics.increment(visits)')])
    ]
  }
  const unreadable = all.filter(({ state }) => state === "unreadable").length
  return all.length === 0
    ? [
        element("h2", "", ["No program reports on this host yet"]),
        element("p", "", ["Give one a pipe, and it appears here by itself:"]),
        element("pre", "", [
          code(
            'import { NamedPipe } from "effect-metrics"\n\nconst live = NamedPipe.layer()\nEffect.provide(program, live)'
          )
        ])
      ]
    : [
        element("h2", "", ["Nothing is recorded yet"]),
        element("p", "", [
          unreadable > 0
            ? `${plural(unreadable, "process", "processes")} cannot be read; the list says why.`
            : "The processes are there, and have recorded nothing so far."
        ])
      ]
}

let emptyShown = ""

const drawEmpty = () => {
  const empty = byId("empty")
  if (last === undefined || table.count() > 0) {
    emptyShown = ""
    return show(empty, false)
  }
  const isSearch = last.series.length > 0
  const what = isSearch
    ? `search ${search.value}`
    : JSON.stringify([last.source, last.processes.map(({ state }) => state)])
  show(empty, true)
  if (what === emptyShown) return
  emptyShown = what
  if (!isSearch) return empty.replaceChildren(...beginning(last))
  const clear = element("button", "primary", ["Show all series"])
  clear.type = "button"
  clear.addEventListener("click", () => {
    search.value = ""
    pressKind("all")
    table.filter("all")
    table.search("")
    drawEmpty()
    search.focus()
  })
  const sought = printable(search.value.trim(), 80)
  empty.replaceChildren(
    element("h2", "", [sought === "" ? "No series of this kind" : `No series matches “${sought}”`]),
    element("p", "", [clear])
  )
}

const drawStatus = () => {
  const status = byId("status")
  const banner = byId("banner")
  if (failingSince === undefined) {
    setAttribute(status, "data-state", last === undefined ? "connecting" : "live")
    // The time is no news to a screen reader.
    setText(byId("status-text"), last === undefined ? "Connecting" : "Live")
    status.title = last === undefined ? "" : `Last heard of at ${clock(last.millis)}`
    return show(banner, false)
  }
  setAttribute(status, "data-state", "unreachable")
  setText(byId("status-text"), reasonShort)
  setText(
    banner,
    `${reasonLong} since ${clock(failingSince)} (${elapsed(Date.now() - failingSince)}). ` +
      (last === undefined ? "" : `These are the values of ${clock(last.millis)}. `) +
      "The page tries again by itself."
  )
  show(banner, true)
}

let reasonShort = ""
let reasonLong = ""

const draw = () => {
  drawStatus()
  document.body.classList.toggle("stale", failingSince !== undefined)
  if (last === undefined) return
  processes.draw(last)
  points.draw(last.points)
  byId("columns").classList.toggle("is-host", last.source === "host" && last.processes.length > 0)
  table.draw()
  drawEmpty()
  detail.update()
}

/** @param {import("./api.js").Snapshot} snapshot */
const take = (snapshot) => {
  const title = printable(snapshot.title, 80)
  setText(byId("title"), title)
  document.title = `${title} · effect-metrics`
  const [first] = snapshot.processes
  setText(
    byId("subtitle"),
    snapshot.source === "app"
      ? first === undefined
        ? "app"
        : `process ${printable(first.id, 20)}`
      : plural(snapshot.processes.filter(({ state }) => state !== "gone").length, "process", "processes")
  )
  last = snapshot
  return store.add(snapshot)
}

// --- the token

const dialog = byId("token", HTMLDialogElement)
const tokenInput = byId("token-input", HTMLInputElement)

const askForToken = () => {
  setText(byId("token-error"), Api.hasToken() ? "This token is not accepted." : "")
  setAttribute(tokenInput, "aria-invalid", String(Api.hasToken()))
  if (Api.hasToken()) Api.setToken(null)
  setAttribute(byId("status"), "data-state", "locked")
  setText(byId("status-text"), "Token wanted")
  show(byId("banner"), false)
  if (dialog.open) return
  tokenInput.value = ""
  dialog.showModal()
}

byId("token-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault()
  Api.setToken(tokenInput.value)
  again()
})
// Without it there is nothing to show.
dialog.addEventListener("cancel", (event) => event.preventDefault())

// --- asking

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer
let isAsking = false

const ask = async () => {
  isAsking = true
  const began = performance.now()
  try {
    const snapshot = await Api.snapshot()
    if (dialog.open) dialog.close()
    if (failures > 0) store.interrupt()
    failures = 0
    failingSince = undefined
    take(snapshot)
    // Nobody sees it; the history goes on.
    if (!document.hidden) draw()
  } catch (error) {
    if (!(error instanceof Api.Failure)) throw error
    if (error.reason === "unauthorized") {
      failingSince = undefined
      return askForToken()
    }
    failures++
    failingSince ??= Date.now()
    const refused = error.reason !== "unreachable"
    reasonShort = refused ? "Refused" : "Unreachable"
    reasonLong = refused
      ? `The service does not give its metrics (${error.message})`
      : `The service is unreachable (${error.message})`
    draw()
  } finally {
    isAsking = false
    // The token's form asks again.
    if (!dialog.open) {
      const pause = Math.min(longestPause, interval * 1.5 ** Math.max(0, failures - 3))
      timer = setTimeout(ask, Math.max(100, pause - (performance.now() - began)))
    }
  }
}

const again = () => {
  clearTimeout(timer)
  if (!isAsking) void ask()
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) draw()
})
window.addEventListener("online", again)
// Counts the seconds while nobody answers.
setInterval(() => {
  if (failingSince !== undefined) drawStatus()
}, 1000)

// --- what can be done

search.addEventListener("input", () => {
  table.search(search.value)
  drawEmpty()
})
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || (event.key === "Enter" && table.count() > 0)) {
    event.preventDefault()
    table.focus()
  } else if (event.key === "Escape") {
    event.stopPropagation()
    if (search.value === "") return table.focus()
    search.value = ""
    table.search("")
    drawEmpty()
  }
})
const pressKind = segments(
  byId("kinds"),
  [
    ["all", "All"],
    ["counter", "Counters"],
    ["gauge", "Gauges"],
    ["reading", "Readings"]
  ],
  "all",
  (kind) => {
    table.filter(kind)
    drawEmpty()
  }
)

document.addEventListener("keydown", (event) => {
  if (dialog.open || event.ctrlKey || event.metaKey || event.altKey) return
  const isTyping = event.target instanceof HTMLInputElement
  if (event.key === "/" && !isTyping) {
    event.preventDefault()
    search.focus()
    search.select()
  } else if (event.key === "Escape" && detail.isOpen()) detail.close()
})

makeThemeSwitch(() => {
  detail.repaint()
  table.draw()
})

void ask()
