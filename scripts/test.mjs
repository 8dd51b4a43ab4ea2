/**
 * What `npm test` does: every check there is, each also a script of its own. Those that only read go two at a time, while the
 * servers are fetched; then the tests have the machine for themselves; then come the mutants, beside the package. A step that
 * fails does not keep the later ones from running. The end names each test that failed, and the last line adds up the tests,
 * and counts every other step as one.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { relative } from "node:path"
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

/** They only read: two at a time, the longest first. */
const checks = [
  { title: "types: src, test, bench and examples", ...script("types") },
  { title: "lint: what eslint forbids", ...script("lint") },
  { title: "formatted: by prettier", ...script("formatted") },
  { title: "unused: files, exports and packages nobody needs (knip)", ...script("unused") },
  { title: "circles: who may import whom (dependency-cruiser)", ...script("circles") },
  { title: "readme: it shows the examples as they are", ...script("readme") },
  { title: "type tests: what must and must not compile (tstyche)", ...script("test:types") }
]

const tests = {
  title: "tests: unit, property, vectors, house rules, real servers",
  ...vitest("tests", ["unit", "house", "servers"])
}

/** One computes, the other waits for npm and the disk. */
const last = [
  { title: "mutants: the suite must notice each", ...script("test:mutants") },
  { title: "package: build, pack, install into an empty project, use it", ...vitest("package", ["package"]) }
]

const servers = { title: "servers: fetch the real backends into .cache", ...script("servers") }

/** Shows what it prints as it comes, or all of it at its end. */
const execute = ([command, ...args], shown) =>
  new Promise((resolve) => {
    const out = shown === "live" ? "inherit" : "pipe"
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", out, out], timeout: 12 * minutes })
    const chunks = []
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => chunks.push(chunk))
    const end = (code) => {
      process.stdout.write(Buffer.concat(chunks))
      resolve(code)
    }
    child.on("error", (error) => {
      console.error(error.message)
      end(1)
    })
    child.on("close", (code) => end(code ?? 1))
  })

const reportOf = (step) =>
  step.report !== undefined && existsSync(`${root}/${step.report}`)
    ? JSON.parse(readFileSync(`${root}/${step.report}`, "utf8"))
    : undefined

/** A step that is no test run counts as one; a run that failed without a failed test (a file that did not load) as well. */
const count = (json, code) =>
  json === undefined
    ? { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
    : {
        passed: json.numPassedTests,
        failed: code === 0 ? 0 : Math.max(1, json.numFailedTests),
        skipped: json.numPendingTests + json.numTodoTests
      }

/** What a reader of the last lines needs to know. */
const failuresOf = (json) =>
  (json?.testResults ?? []).flatMap(({ assertionResults, message, name }) => {
    const file = relative(root, name)
    const failed = assertionResults.filter(({ status }) => status === "failed")
    if (failed.length === 0) return message ? [`${file}\n    ${message.slice(0, 600)}`] : []
    return failed.map(
      ({ failureMessages, fullName }) => `${file}: ${fullName}\n    ${failureMessages.join("\n").slice(0, 1200)}`
    )
  })

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

rmSync(`${root}/${report}`, { recursive: true, force: true })
mkdirSync(`${root}/${report}`, { recursive: true })

const start = performance.now()
const total = { passed: 0, failed: 0, skipped: 0 }
const summary = []
const failures = []

const run = async (step, shown) => {
  if (shown === "live") console.log(`\n${step.title}`)
  const began = performance.now()
  const code = await execute(step.run, shown)
  const json = reportOf(step)
  const counted = count(json, code)
  for (const key of Object.keys(total)) total[key] += counted[key]
  failures.push(...failuresOf(json))
  const line = `${code === 0 ? "ok    " : "FAILED"} ${seconds(began).padStart(8)}  ${step.title}`
  summary.push(line)
  if (shown !== "live") console.log(line)
}

const waiting = [...checks]
const lane = async () => {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await run(step, "at its end")
}
await Promise.all([run(servers, "at its end"), lane(), lane()])
await run(tests, "live")
await Promise.all(last.map((step) => run(step, "at its end")))

if (failures.length > 0) console.log(`\nFailed:\n${failures.map((failure) => `- ${failure}`).join("\n")}`)
console.log(`\n${summary.join("\n")}\n${seconds(start)} in all\n`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 ? 0 : 1
