/**
 * Changes the code as `mutants.mjs` says, one change at a time in a copy, and expects tests to fail. A mutant that survives,
 * or whose place is not found exactly once, is an error. `node test/mutants/run.mjs [word]` runs those with the word in
 * their name.
 */
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { mutants } from "./mutants.mjs"

const root = fileURLToPath(new URL("../../", import.meta.url))
const workers = 2
const timeoutMillis = 60_000

/** A folder of its own, so that two runs at once do not change each other's code. */
const copy = () => {
  mkdirSync(`${root}.cache/mutants`, { recursive: true })
  const folder = `${mkdtempSync(`${root}.cache/mutants/run-`)}/`
  for (const name of ["src", "test/delivery", "test/recording", "vitest.config.ts", "tsconfig.json", "package.json"]) {
    cpSync(`${root}${name}`, `${folder}${name}`, { recursive: true })
  }
  symlinkSync(`${root}node_modules`, `${folder}node_modules`, "dir")
  return folder
}

/** `passed`, `failed`, `timed out`, or `broken` where no test ran. */
const vitest = (folder, tests) =>
  new Promise((resolve) => {
    const args = ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "--bail", "1", ...tests]
    const child = spawn(process.execPath, args, { cwd: folder, detached: true, env: { ...process.env, NO_COLOR: "1" } })
    let output = ""
    child.stdout.on("data", (chunk) => (output += chunk))
    child.stderr.on("data", (chunk) => (output += chunk))
    const timer = setTimeout(() => {
      // The tests run in processes of the child's group.
      process.kill(-child.pid, "SIGKILL")
      resolve({ verdict: "timed out", output })
    }, timeoutMillis)
    child.on("close", (code) => {
      clearTimeout(timer)
      const ran = /^ *Tests .*\d+ (failed|passed)/m.test(output)
      resolve({ verdict: code === 0 ? "passed" : ran ? "failed" : "broken", output })
    })
  })

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** However the formatter breaks its lines. */
const apply = async (folder, { file, find, name, replace, tests }) => {
  const original = readFileSync(`${folder}${file}`, "utf8")
  const place = new RegExp(find.trim().split(/\s+/).map(escape).join("\\s+"), "g")
  const places = Array.from(original.matchAll(place)).length
  if (places !== 1) return { name, error: `its place is found ${places} times in ${file}` }
  writeFileSync(
    `${folder}${file}`,
    original.replace(place, () => replace)
  )
  const { output, verdict } = await vitest(folder, tests)
  writeFileSync(`${folder}${file}`, original)
  if (verdict === "passed") return { name, error: `it survives ${tests.join(", ")}` }
  return verdict === "broken" ? { name, error: `no test ran:\n${output}` } : { name, verdict }
}

const folders = Array.from({ length: workers }, copy)
process.on("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))
const word = process.argv[2]
const chosen = word === undefined ? mutants : mutants.filter(({ name }) => name.includes(word))
const tests = Array.from(new Set(chosen.flatMap((mutant) => mutant.tests))).filter((one) => one.startsWith("test/"))
const healthy = await vitest(folders[0], tests)
if (healthy.verdict !== "passed") {
  console.error(`the tests fail without any mutant:\n${healthy.output}`)
  process.exit(1)
}

const waiting = [...chosen]
let passed = 0
let failed = 0
await Promise.all(
  folders.map(async (folder) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { error, name, verdict } = await apply(folder, mutant)
      if (error === undefined) passed++
      else failed++
      console.log(error === undefined ? `killed (${verdict}): ${name}` : `ERROR: ${name}: ${error}`)
    }
  })
)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
