import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"

const sheet = readFileSync(new URL("../../src/web/page/style.css", import.meta.url), "utf8")

/** Of a custom property, in light and dark. */
const pairs = new Map(
  Array.from(
    sheet.matchAll(/^ {2}--([\w-]+): light-dark\((#[\da-f]{6}), (#[\da-f]{6})\);$/gm),
    ([, name = "", light = "", dark = ""]) => [name, { light, dark }] as const
  )
)

const luminance = (color: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** As WCAG 2 has it. */
const contrast = (a: string, b: string): number => {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light + 0.05) / (dark + 0.05)
}

const grounds = ["ground", "surface", "raised", "hover", "chosen"]
const lines = Array.from({ length: 8 }, (_, line) => `line-${line}`)

/** What stands on what, and the least that WCAG AA asks: 4.5 of text, 3 of what is drawn and of the edges of controls. */
const wanted: ReadonlyArray<readonly [what: string, on: ReadonlyArray<string>, least: number]> = [
  ["text", grounds, 4.5],
  ["quiet", grounds, 4.5],
  ["slow", ["ground", "surface"], 4.5],
  ["bad", ["ground", "surface", "raised", "bad-ground"], 4.5],
  ["on-accent", ["accent"], 4.5],
  ["accent", ["ground", "surface", "raised"], 3],
  ["control", ["ground", "surface", "raised"], 3],
  ["live", ["ground", "surface"], 3],
  ["gone", ["ground", "surface"], 3],
  ["spark", ["surface", "hover", "chosen"], 3],
  ...lines.map((line) => [line, ["surface"], 3] as const)
]

describe("the colors of the page", () => {
  it.each(["light", "dark"] as const)("can be told apart, as WCAG AA asks, in the %s theme", (theme) => {
    const color = (name: string): string => {
      const pair = pairs.get(name)
      assert.isDefined(pair, name)
      return pair[theme]
    }
    for (const [what, on, least] of wanted) {
      for (const ground of on) assert.isAtLeast(contrast(color(what), color(ground)), least, `${what} on ${ground}`)
    }
  })
})
