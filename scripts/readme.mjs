/**
 * Puts into README.md and the pages of docs/ what is kept elsewhere: behind each line `<!-- example: path -->` that file's text
 * as a code block, and behind each `<!-- figure: row / subject / key -->` a number of bench/results.json (`median`, `ratio`, or a
 * further column; `median, µs` and `median, ms` are nanoseconds in that unit). With `--check` it changes nothing and fails where a
 * page differs, so that what is shown is what is type-checked and run, and what is quoted is what was measured.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const docs = join(root, "docs")
const pages = [
  "README.md",
  ...(existsSync(docs) ? readdirSync(docs, { recursive: true }) : [])
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name))
]

const { rows } = JSON.parse(readFileSync(join(root, "bench/results.json"), "utf8"))

const thousands = (text) => text.replace(/\B(?=(\d{3})+$)/g, " ")

/** Two digits are what a measurement is good for; bytes and counts are whole. */
const spell = (value, key) => {
  const isWhole = value >= 10 || Number.isInteger(value)
  if (isWhole && key !== "median" && key !== "ratio") return thousands(String(Math.round(value)))
  const rounded = Number(value.toPrecision(2))
  return rounded < 10 ? rounded.toFixed(value < 1 ? 2 : 1) : thousands(String(rounded))
}

const nanosIn = { µs: 1e3, ms: 1e6 }

const figure = (page, row, subject, asked) => {
  const [key, unit] = asked.split(", ")
  const result = rows.find(({ name }) => name === row)?.results.find(({ name }) => name === subject)
  const value = result?.[key] ?? result?.more?.[key]
  const scale = unit === undefined ? 1 : nanosIn[unit]
  if (typeof value !== "number" || scale === undefined)
    throw new Error(`${page}: no figure ${row} / ${subject} / ${asked} in bench/results.json`)
  return spell(value / scale, key)
}

for (const page of pages) {
  const path = join(root, page)
  const before = readFileSync(path, "utf8")
  const after = before
    .replace(
      /(<!-- example: (\S+) -->\n)(\n```ts\n(?:[\s\S]*?\n)??```\n)?/g,
      (_, marker, file) => `${marker}\n\`\`\`ts\n${readFileSync(join(root, file), "utf8").trim()}\n\`\`\`\n`
    )
    .replace(
      /(<!-- figure: (.+?) \/ (.+?) \/ (.+?) -->)[\d.]+(?: \d{3})*/g,
      (_, marker, row, subject, key) => `${marker}${figure(page, row, subject, key)}`
    )
  if (!process.argv.includes("--check")) writeFileSync(path, after)
  else if (before !== after) {
    console.error(`${page} does not show its examples or figures as they are: run node scripts/readme.mjs`)
    process.exitCode = 1
  }
}
