// @ts-check
/** Runs the row it is told to, in a process of its own, so that no row leaves types or caches behind for another. */
import { rows } from "./rows/index.mjs"

process.on("message", async (/** @type {{ readonly name: string, readonly isQuick: boolean }} */ { isQuick, name }) => {
  const row = rows.find((one) => one.name === name)
  if (row === undefined) throw new Error(`no row ${name}`)
  const { notes = [], results } = await row.run({ isQuick })
  process.send?.({ name: row.name, title: row.title, unit: row.unit, results, notes })
})
process.on("disconnect", () => process.exit())
