import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const run = (command: string, ...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | string | null | undefined; readonly stdout: string; readonly stderr: string }>(
    (resolve) => {
      execFile(command, args, { cwd: root, timeout: 280_000, maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr })
      )
    }
  )

const names = (): ReadonlyArray<string> =>
  readdirSync(`${root}/bench/rows`)
    .map((file) => readFileSync(`${root}/bench/rows/${file}`, "utf8"))
    .flatMap((text) => Array.from(text.matchAll(/^ {2}name: "([\w-]+)",\n {2}title:/gm), (match) => match[1]!))

const written = () =>
  ["RESULTS.md", "results.json"].map((file) => statSync(`${root}/bench/${file}`, { throwIfNoEntry: false })?.mtimeMs)

describe("the benchmark", () => {
  it("runs every row against the built library, and a quick run writes no results", { timeout: 300_000 }, async () => {
    const built = await run("npm", "run", "--silent", "build")
    assert.strictEqual(built.code, 0, built.stdout + built.stderr)
    const before = written()
    const quick = await run("node", "bench/run.mjs", "--quick")
    assert.strictEqual(quick.code, 0, quick.stderr)
    assert.isAbove(names().length, 10)
    for (const name of names()) assert.include(quick.stdout, `\n${name}: `)
    assert.deepStrictEqual(written(), before)

    const unknown = await run("node", "bench/run.mjs", "--quick", "--only", "no-such-row")
    assert.notStrictEqual(unknown.code, 0)
    for (const name of names()) assert.include(unknown.stderr, name)
  })
})
