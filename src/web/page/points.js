/**
 * What happened last, newest first.
 */
import { byId, element, setAttribute, setText, show } from "./dom.js"
import { clock, number, plural, printable } from "./format.js"

/** @typedef {import("./api.js").Point} Point */

const maxFields = 12

/** @param {unknown} value */
const fieldText = (value) => {
  if (typeof value === "number") return number(value)
  if (typeof value === "string") return printable(value, 120)
  return value === null ? "–" : printable(JSON.stringify(value) ?? "", 120)
}

/**
 * @param {string} key
 * @param {string} value
 */
const pair = (key, value) => element("span", "tag", [element("b", "", [printable(key, 60)]), `=${value}`])

/** @param {Point} point */
const rowOf = ({ fields, millis, name, tags }) => {
  const time = element("time", "", [clock(millis)])
  const what = element("span", "point-name", [printable(name, 200)])
  const where = tags.slice(0, maxFields).map(([key, value]) => pair(key, printable(value, 60)))
  const values = fields.slice(0, maxFields).map(([key, value]) => pair(key, fieldText(value)))
  return element("tr", "", [
    element("td", "point-time", [time]),
    element("td", "point-what", [what, ...where]),
    element("td", "point-fields", values)
  ])
}

export const makePoints = () => {
  const pane = byId("points")
  const body = byId("points-body")
  const toggle = byId("points-toggle")
  const scroll = byId("points-scroll")
  let drawn = ""
  let isOpen = !matchMedia("(max-width: 700px), (max-height: 600px)").matches
  const tell = () => {
    setAttribute(toggle, "aria-expanded", String(isOpen))
    show(scroll, isOpen)
  }
  toggle.addEventListener("click", () => {
    isOpen = !isOpen
    tell()
  })
  tell()
  return {
    /** @param {ReadonlyArray<Point>} points oldest first */
    draw: (points) => {
      show(pane, points.length > 0)
      setText(byId("points-count"), plural(points.length, "point"))
      // Mostly nothing has happened since.
      const text = JSON.stringify(points)
      if (text === drawn) return
      drawn = text
      body.replaceChildren(...[...points].reverse().map(rowOf))
    }
  }
}
