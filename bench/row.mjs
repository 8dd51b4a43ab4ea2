// @ts-check
/** Runs one row, in a process of its own so that no row leaves its types behind in another's code. */
import { rows } from "./rows/index.mjs"

const row = rows.find(({ name }) => name === process.argv[2])
if (row === undefined) throw new Error(`no row ${process.argv[2]}`)
const { notes = [], results } = await row.run({ isQuick: process.argv[3] === "quick" })

process.send?.({ name: row.name, title: row.title, unit: row.unit, results, notes }, undefined, undefined, () =>
  process.exit()
)
