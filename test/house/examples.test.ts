import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Example {
  readonly title: string
  readonly code: string
}

const lineAt = (text: string, index: number) => text.slice(0, index).split("\n").length

/** What follows `@example` in a doc comment, up to the next tag. */
const ofSource = (path: string, text: string): Array<Example> =>
  [...text.matchAll(/^ *\* @example\n((?: *\*(?! @|\/).*\n)+)/gm)].map((match) => ({
    title: `${path}:${lineAt(text, match.index)}`,
    code: (match[1] ?? "").replace(/^ *\* ?/gm, "").replace(/^```.*$/gm, "")
  }))

/** Without the blocks that are files of examples/: those are compiled where they are, beside what they import. */
const ofMarkdown = (path: string, text: string): Array<Example> =>
  [...text.matchAll(/(<!-- example: \S+ -->\n\n)?^```ts\n([^]*?)^```$/gm)].flatMap((match) =>
    match[1] === undefined ? [{ title: `${path}:${lineAt(text, match.index)}`, code: match[2] ?? "" }] : []
  )

const examples: Array<Example> = []
for (const path of (await readdir(join(root, "src"), { recursive: true })).filter((name) => name.endsWith(".ts"))) {
  examples.push(...ofSource(`src/${path}`, await readFile(join(root, "src", path), "utf8")))
}
const pages = [
  ...(await readdir(root)),
  ...(await readdir(join(root, "docs"), { recursive: true })).map((path) => `docs/${path}`)
]
for (const path of pages.filter((name) => name.endsWith(".md"))) {
  examples.push(...ofMarkdown(path, await readFile(join(root, path), "utf8")))
}

describe("examples in docs compile", () => {
  let folder: string
  const problems = new Map<string, Array<string>>()

  beforeAll(async () => {
    await mkdir(join(root, ".cache"), { recursive: true })
    folder = await mkdtemp(join(root, ".cache/examples-"))
    const files = await Promise.all(
      examples.map(async ({ code }, index) => {
        const file = join(folder, `${index}.ts`)
        await writeFile(file, code)
        return file
      })
    )
    const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile) as { config: object }
    const parsed = ts.parseJsonConfigFileContent({ ...config, include: [], files }, ts.sys, root)
    // An example may declare what it does not go on to use.
    const options = { ...parsed.options, noUnusedLocals: false, noUnusedParameters: false }
    const program = ts.createProgram(files, options)
    for (const [index, file] of files.entries()) {
      const source = program.getSourceFile(file)
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
      problems.set(
        examples[index]?.title ?? "",
        found.map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"))
      )
    }
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("finds them", () => assert.isAbove(examples.length, 0))

  for (const { title } of examples) {
    it(title, () => assert.deepStrictEqual(problems.get(title), []))
  }
})
