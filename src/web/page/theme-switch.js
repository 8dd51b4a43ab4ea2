/**
 * Light, dark, or as the system: kept, and known to what is painted on a canvas.
 */
import { byId, setText } from "./dom.js"

const key = "effect-metrics.theme"

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {ReadonlyMap<Theme, readonly [next: Theme, text: string]>} */
const themes = new Map([
  ["system", ["light", "Colors: as the system"]],
  ["light", ["dark", "Colors: light"]],
  ["dark", ["system", "Colors: dark"]]
])

/** @type {Map<string, string>} */
const colors = new Map()

const probe = document.createElement("span")
probe.hidden = true

/**
 * A color of the style sheet, as it is now.
 *
 * @param {string} name such as `--spark`
 */
export const colorOf = (name) => {
  const known = colors.get(name)
  if (known !== undefined) return known
  if (!probe.isConnected) document.body.append(probe)
  probe.style.color = `var(${name})`
  const { color } = getComputedStyle(probe)
  colors.set(name, color)
  return color
}

/** @returns {Theme} */
const current = () => {
  const { theme } = document.documentElement.dataset
  return theme === "light" || theme === "dark" ? theme : "system"
}

/** @param {Theme} theme */
const keep = (theme) => {
  try {
    if (theme === "system") localStorage.removeItem(key)
    else localStorage.setItem(key, theme)
  } catch {
    // Storage may be forbidden: it is for this visit only.
  }
}

/** @param {() => void} changed */
export const makeThemeSwitch = (changed) => {
  const button = byId("theme", HTMLButtonElement)
  const tell = () => {
    const [, text] = themes.get(current()) ?? ["system", ""]
    button.title = text
    setText(byId("theme-text"), text)
  }
  const repaint = () => {
    colors.clear()
    tell()
    changed()
  }
  button.addEventListener("click", () => {
    const [next] = themes.get(current()) ?? ["system"]
    if (next === "system") delete document.documentElement.dataset["theme"]
    else document.documentElement.dataset["theme"] = next
    keep(next)
    repaint()
  })
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint)
  tell()
}
