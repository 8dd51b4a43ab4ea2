// @ts-check
/**
 * `npm run bench` runs everything and writes `RESULTS.md` and `results.json`; `-- --only counter,http` replaces just the rows
 * whose names begin so; `-- --quick` shows that all rows work, in seconds, and writes nothing.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { cpus, loadavg } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { format, resolveConfig } from "prettier"
import { goalTable, isMet, markdown, rowTable } from "./report.mjs"
import { rows } from "./rows/index.mjs"

const { values } = parseArgs({ options: { quick: { type: "boolean" }, only: { type: "string" } } })
const isQuick = values.quick === true
const chosen = values.only?.split(",")
const names = rows.map(({ name }) => name).filter((name) => chosen?.some((start) => name.startsWith(start)) ?? true)
if (names.length === 0) throw new Error(`--only ${values.only}: rows are ${rows.map(({ name }) => name).join(", ")}`)

const here = dirname(fileURLToPath(import.meta.url))
const jsonFile = join(here, "results.json")
const markdownFile = join(here, "RESULTS.md")

const versionOf = (/** @type {string} */ name) => {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  while (
    !existsSync(join(folder, "package.json")) ||
    !readFileSync(join(folder, "package.json"), "utf8").includes(`"version"`)
  ) {
    folder = dirname(folder)
  }
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version
}

const environment = {
  node: process.versions.node,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  versions: Object.fromEntries(
    ["effect", "prom-client", "@opentelemetry/sdk-metrics", "hot-shots", "@influxdata/influxdb-client"].map((name) => [
      name,
      versionOf(name)
    ])
  )
}

/** By the goals as they are now, also for rows that were measured before. @param {import("./report.mjs").Measured} row */
const judge = (row) => {
  const get = (/** @type {string} */ name) => {
    const result = row.results.find((candidate) => candidate.name === name)
    if (result === undefined) throw new Error(`${row.name}: no subject ${name}`)
    return result
  }
  const goals = rows.find(({ name }) => name === row.name)?.goals ?? []
  return { ...row, goals: goals.map(({ limit, text, value }) => ({ text, limit, value: value(get) })) }
}

/** What a row came to, or the code with which its process ended. @param {import("node:child_process").ChildProcess} child */
const told = (child) =>
  new Promise((resolve) => {
    const end = (/** @type {unknown} */ answer) => {
      child.off("message", end).off("exit", end)
      resolve(answer)
    }
    child.on("message", end).on("exit", end)
  })

/** @param {import("node:child_process").ChildProcess} child @param {string} name */
const measure = async (child, name) => {
  const load = loadavg()[0] ?? NaN
  child.send({ name, isQuick })
  const answer = await told(child)
  if (typeof answer !== "object" || answer === null) {
    console.error(`${name} ended with ${answer}`)
    process.exitCode = 1
    return
  }
  const row = /** @type {import("./report.mjs").Measured} */ (answer)
  console.log(`\n${row.name}: ${row.title}\n\n${rowTable(row)}`)
  measured.push(judge({ ...row, when: { at: new Date().toISOString(), load } }))
}

/** @type {Array<import("./report.mjs").Measured>} */
const measured = []
const waiting = [...names]
const work = async () => {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const child = fork(join(here, "row.mjs"), { execArgv: ["--expose-gc"] })
    await measure(child, name)
    if (!child.connected) continue
    child.disconnect()
    await once(child, "exit")
  }
}
// What is measured is measured alone.
await Promise.all(Array.from({ length: isQuick ? cpus().length : 1 }, work))

console.log(`\n${goalTable(measured)}\n`)
if (isQuick) console.log("--quick: too short to be believed, nothing written")
else {
  const earlier = chosen !== undefined && existsSync(jsonFile) ? JSON.parse(readFileSync(jsonFile, "utf8")).rows : []
  const merged = rows.flatMap(({ name }) => {
    const row = [...measured, ...earlier].find((candidate) => candidate.name === name)
    return row === undefined ? [] : [judge(row)]
  })
  const json = JSON.stringify({ environment, rows: merged })
  writeFileSync(jsonFile, await format(json, { ...(await resolveConfig(jsonFile)), filepath: jsonFile }))
  writeFileSync(markdownFile, markdown(environment, merged))
  const missed = merged.flatMap((row) => row.goals).filter((goal) => !isMet(goal)).length
  console.log(`${markdownFile}: ${missed} goals missed`)
}
