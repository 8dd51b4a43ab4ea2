/**
 * Changes the code as `mutants.mjs` says, one change at a time, and expects tests to fail. A mutant that survives, or whose
 * place is not found exactly once, is an error. `node test/mutants/run.mjs [word]` runs those with the word in their name.
 *
 * Starting vitest and loading Effect takes longer than most mutants live, so one run of vitest has them all: for each a file
 * that imports the tests as `x.test.ts?mutant=17`, from where the query passes on to all that they import of the project, so
 * that no two mutants share a module; the module to be changed is changed as it is read. They share Effect, and what that keeps
 * for a process, such as its own metrics. So after the mutants of a file of tests come these tests without any change, and have
 * to pass.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { BaseSequencer, startVitest } from "vitest/node"
import { mutants } from "./mutants.mjs"

const root = fileURLToPath(new URL("../../", import.meta.url))
const workers = 2
const timeoutMillis = 120_000

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** However the formatter breaks its lines. */
const placesOf = ({ find }, text) =>
  Array.from(text.matchAll(new RegExp(find.trim().split(/\s+/).map(escape).join("\\s+"), "g")))

const word = process.argv[2]
const chosen = word === undefined ? mutants : mutants.filter(({ name }) => name.includes(word))

const withoutChange = Array.from(new Set(chosen.map(({ tests }) => tests)), (tests) => ({ name: "no change", tests }))

/** In the order in which they run; a case is known by its place. */
const cases = withoutChange.flatMap((last) => [...chosen.filter(({ tests }) => tests === last.tests), last])

const numberOf = (id) => /[?&]mutant=(\d+)/.exec(id)?.[1]
const changed = new Set()

/** Hands the number of the case on from file to file, and changes the file that the case is about. */
const mutation = {
  name: "mutation",
  enforce: "pre",
  async resolveId(source, importer, options) {
    const number = numberOf(source) ?? numberOf(importer ?? "")
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true })
    if (number === undefined || resolved === null || resolved.external) return resolved
    const path = resolved.id.split("?")[0]
    return path.startsWith(root) && !path.includes("/node_modules/") ? `${path}?mutant=${number}` : resolved
  },
  load(id) {
    const number = numberOf(id)
    if (number === undefined) return undefined
    const path = id.split("?")[0]
    const text = readFileSync(path, "utf8")
    const mutant = cases[Number(number)]
    if (path !== `${root}${mutant.file}`) return text
    const places = placesOf(mutant, text)
    if (places.length !== 1) throw new Error(`its place is found ${places.length} times in ${mutant.file}`)
    changed.add(mutant)
    const [{ 0: found, index }] = places
    return `${text.slice(0, index)}${mutant.replace}${text.slice(index + found.length)}`
  }
}

mkdirSync(`${root}.cache/mutants`, { recursive: true })
const folder = mkdtempSync(`${root}.cache/mutants/run-`)
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
const fileOf = (number) => `${folder}/${number}.test.mjs`
const caseOf = (module) => cases[Number(basename(module.moduleId, ".test.mjs"))]
for (const [number, { tests }] of cases.entries()) {
  writeFileSync(fileOf(number), `await import("${root}${tests.file}?mutant=${number}")\n`)
}

/** What a case came to; `module` is missing where the process ended under it. */
const verdictOf = (one, module) => {
  const results = Array.from(module?.children.allTests() ?? [], (test) => test.result())
  const failed = results.find(({ state }) => state === "failed")
  const errors = [...(failed?.errors ?? []), ...(module?.errors() ?? [])].map(({ message }) => message).join("\n")
  const isChange = one.file !== undefined
  if (!results.some(({ state }) => state === "passed" || state === "failed")) return { error: `no test ran: ${errors}` }
  if (!isChange) return errors === "" ? { verdict: "passed" } : { error: `the tests fail without a change: ${errors}` }
  if (!changed.has(one)) return { error: `${one.tests.file} does not import ${one.file}` }
  return failed === undefined ? { error: `it survives ${one.tests.file}` } : { verdict: "killed" }
}

const timers = new Map()
const waiting = new Set(cases)
let passed = 0
let failed = 0
const conclude = (one, module) => {
  waiting.delete(one)
  const { error, verdict } = verdictOf(one, module)
  if (error === undefined) passed++
  else failed++
  const name = `${one.name} (${one.tests.file})`
  console.log(error === undefined ? `${verdict}: ${name}` : `ERROR: ${name}: ${error}`)
}

const reporter = {
  onTestModuleCollected(module) {
    if (module.errors().length > 0) return
    const end = () => {
      console.log(`ERROR: ${caseOf(module).name}: it never ends, and a process that is busy cannot go on to the others`)
      process.kill(module.meta().pid, "SIGKILL")
      process.exit(1)
    }
    timers.set(module.moduleId, setTimeout(end, timeoutMillis))
  },
  onTestModuleEnd(module) {
    clearTimeout(timers.get(module.moduleId))
    conclude(caseOf(module), module)
  },
  // A file that could not be read has not begun either.
  onTestRunEnd(modules) {
    for (const module of modules) if (waiting.has(caseOf(module))) conclude(caseOf(module), module)
  }
}

class InOrder extends BaseSequencer {
  sort(files) {
    return files.toSorted((a, b) => cases.indexOf(caseOf(a)) - cases.indexOf(caseOf(b)))
  }
}

await startVitest(
  "test",
  [],
  {
    config: false,
    root,
    watch: false,
    include: [`${folder}/*.test.mjs`],
    exclude: [],
    pool: "forks",
    poolOptions: { forks: { isolate: false, minForks: 1, maxForks: workers } },
    runner: `${root}test/mutants/runner.mjs`,
    reporters: [reporter],
    sequence: { sequencer: InOrder },
    provide: { only: Object.fromEntries(cases.flatMap(({ tests: { only } }, number) => [[fileOf(number), only]])) },
    dangerouslyIgnoreUnhandledErrors: true,
    testTimeout: timeoutMillis / 4,
    silent: true
  },
  { plugins: [mutation] }
)
for (const one of waiting) conclude(one, undefined)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
