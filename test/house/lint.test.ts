import { ESLint } from "eslint"
import { fileURLToPath } from "node:url"
import tseslint from "typescript-eslint"
import { assert, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

// The snippets are no files of the project, so the rules that need types cannot see them.
const eslint = new ESLint({ cwd: root, overrideConfig: [tseslint.configs.disableTypeChecked] })

const broken = async (filePath: string, code: string): Promise<Array<string | null>> => {
  const [result] = await eslint.lintText(code, { filePath: `${root}/${filePath}` })
  return (result?.messages ?? []).map((message) => message.ruleId ?? message.message)
}

const defaults = 'import { named } from "./named.js"\nexport { named as default }\n'
const barrel = 'import { NodeHttpClient } from "@effect/platform-node"\nexport const client = NodeHttpClient.layer\n'
const module = 'import * as Client from "@effect/platform-node/NodeHttpClient"\nexport const client = Client.layer\n'
const unusedDirective = "Unused eslint-disable directive (no problems were reported from 'no-console')."
const lines = (count: number) =>
  Array.from({ length: count }, (_, index) => `export const a${index} = ${index}`).join("\n")

const cases: ReadonlyArray<readonly [title: string, file: string, code: string, rules: ReadonlyArray<string>]> = [
  ["forbids a default export", "src/delivery/a.ts", "export default 1\n", ["no-restricted-syntax"]],
  ["forbids a renamed default export", "src/sinks/A.ts", defaults, ["no-restricted-syntax"]],
  ["forbids console in src", "src/sinks/A.ts", 'console.log("")\n', ["no-console"]],
  ["allows console in examples", "examples/a.ts", 'console.log("")\n', []],
  ["forbids any in src", "src/Metrics.ts", "export const a: any = 1\n", ["@typescript-eslint/no-explicit-any"]],
  ["forbids the barrel of platform-node in src", "src/transport/a.ts", barrel, ["no-restricted-imports"]],
  ["forbids the barrel of platform-node in tests", "test/a.test.ts", barrel, ["no-restricted-imports"]],
  ["forbids the barrel of platform-node in benches", "bench/a.mjs", barrel, ["no-restricted-imports"]],
  ["allows a module of platform-node", "src/transport/a.ts", module, []],
  ["forbids process in the core", "src/Metrics.ts", "export const a = process.pid\n", ["no-restricted-globals"]],
  ["forbids Buffer in a sink", "src/sinks/A.ts", 'export const a = Buffer.from("")\n', ["no-restricted-globals"]],
  ["allows process in transport", "src/transport/a.ts", "export const a = process.pid\n", []],
  [
    "forbids markup of text in the page",
    "src/web/page/a.js",
    'document.body.innerHTML = ""\n',
    ["no-restricted-syntax"]
  ],
  ["forbids document.write in the page", "src/web/page/a.js", 'document.write("")\n', ["no-restricted-syntax"]],
  ["forbids eval in the page", "src/web/page/a.js", 'eval("")\n', ["no-eval"]],
  ["forbids T[] for Array<T>", "src/Metrics.ts", "export const a: string[] = []\n", ["@typescript-eslint/array-type"]],
  [
    "forbids a value import of a type",
    "src/Metrics.ts",
    'import { A } from "./a.js"\nexport const f = (a: A) => a\n',
    ["@typescript-eslint/consistent-type-imports"]
  ],
  [
    "forbids an import that is only of types and still loads the module",
    "src/Metrics.ts",
    'import { type A } from "./a.js"\nexport const f = (a: A) => a\n',
    ["@typescript-eslint/no-import-type-side-effects"]
  ],
  ["forbids a file of more than 500 lines", "src/Metrics.ts", lines(501), ["max-lines"]],
  ["allows a file of 500 lines", "src/Metrics.ts", lines(500), []],
  [
    "forbids a suppression that suppresses nothing",
    "src/Metrics.ts",
    "// eslint-disable-next-line no-console\n",
    [unusedDirective]
  ]
]

describe("the rules of style", () => {
  for (const [title, file, code, rules] of cases) {
    it(title, async () => assert.deepStrictEqual(await broken(file, code), [...rules]))
  }

  it("forbids a promise that nobody waits for, which takes types to see", async () => {
    const parserOptions = {
      // The smallest of them.
      project: ["test/types/tsconfig.json"],
      // Where CI=true the parser would read the file as it is on the disk, and not the text given.
      disallowAutomaticSingleRunInference: true
    }
    const typed = new ESLint({ cwd: root, overrideConfig: [{ languageOptions: { parserOptions } }] })
    const [result] = await typed.lintText("Promise.resolve(1)\nexport {}\n", {
      filePath: `${root}/test/types/Measurement.tst.ts`
    })
    assert.deepStrictEqual(
      result?.messages.map((message) => message.ruleId),
      ["@typescript-eslint/no-floating-promises"]
    )
  })
})
