// @ts-check
/** Runs one row, in a process of its own so that no row leaves its types behind in another's code. */
import { rows } from "./rows/index.mjs"

const row = rows.find(({ name }) => name === process.argv[2])
if (row === undefined) throw new Error(`no row ${process.argv[2]}`)
const { notes = [], results } = await row.run({ isQuick: process.argv[3] === "quick" })

const get = (/** @type {string} */ name) => {
  const result = results.find((candidate) => candidate.name === name)
  if (result === undefined) throw new Error(`${row.name}: no subject ${name}`)
  return result
}
const goals = row.goals.map(({ limit, text, value }) => ({ text, limit, value: value(get) }))
const message = { name: row.name, title: row.title, unit: row.unit, results, goals, notes }
process.send?.(message, undefined, undefined, () => process.exit())
