/**
 * What `npm test` does: every check there is, one after the other, each also a script of its own. A step that fails does
 * not keep the later ones from running. The last line adds up the tests, and counts every other step as one.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const report = ".cache/vitest"
const minutes = 60_000

const vitest = (name, projects) => ({
  run: [
    "npx",
    ["--no-install", "vitest", "run"],
    projects.flatMap((project) => ["--project", project]),
    ["--reporter=default", "--reporter=json", `--outputFile.json=${report}/${name}.json`]
  ].flat(2),
  report: `${report}/${name}.json`
})

const script = (name) => ({ run: ["npm", "run", "--silent", name] })

const steps = [
  { title: "servers: fetch the real backends into .cache", ...script("servers") },
  { title: "lint: eslint and prettier", ...script("lint") },
  { title: "types: src, test, bench and examples", ...script("types") },
  { title: "unused: files, exports and packages nobody needs (knip)", ...script("unused") },
  { title: "circles: who may import whom (dependency-cruiser)", ...script("circles") },
  { title: "readme: it shows the examples as they are", ...script("readme") },
  { title: "type tests: what must and must not compile (tstyche)", ...script("test:types") },
  {
    title: "tests: unit, property, vectors, house rules, real servers",
    ...vitest("tests", ["unit", "house", "servers"])
  },
  { title: "mutants: the suite must notice each", ...script("test:mutants"), needs: "test/mutants/run.mjs" },
  { title: "package: build, pack, install into an empty project, use it", ...vitest("package", ["package"]) }
].filter((step) => step.needs === undefined || existsSync(`${root}/${step.needs}`))

const execute = ([command, ...args]) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], timeout: 12 * minutes })
    child.on("error", (error) => {
      console.error(error.message)
      resolve(1)
    })
    child.on("exit", (code) => resolve(code ?? 1))
  })

/** A step that is no test run counts as one; a run that failed without a failed test (a file that did not load) as well. */
const count = (step, code) => {
  const asOne = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  if (step.report === undefined || !existsSync(`${root}/${step.report}`)) return asOne
  const json = JSON.parse(readFileSync(`${root}/${step.report}`, "utf8"))
  return {
    passed: json.numPassedTests,
    failed: code === 0 ? 0 : Math.max(1, json.numFailedTests),
    skipped: json.numPendingTests + json.numTodoTests
  }
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

rmSync(`${root}/${report}`, { recursive: true, force: true })
mkdirSync(`${root}/${report}`, { recursive: true })

const start = performance.now()
const total = { passed: 0, failed: 0, skipped: 0 }
const summary = []
for (const [index, step] of steps.entries()) {
  console.log(`\n[${index + 1}/${steps.length}] ${step.title}`)
  const began = performance.now()
  const code = await execute(step.run)
  const counted = count(step, code)
  for (const key of Object.keys(total)) total[key] += counted[key]
  summary.push(`${code === 0 ? "ok    " : "FAILED"} ${seconds(began).padStart(8)}  ${step.title}`)
}

console.log(`\n${summary.join("\n")}\n${seconds(start)} in all\n`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 ? 0 : 1
