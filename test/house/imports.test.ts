import type { ICruiseOptions } from "dependency-cruiser"
import { cruise } from "dependency-cruiser"
import extractDepcruiseOptions from "dependency-cruiser/config-utl/extract-depcruise-options"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Files of a small project that breaks one rule, and the rule; `undefined` where it breaks none. */
type Case = readonly [title: string, files: Record<string, string>, rule: string | undefined]

const leaf = "export const a = 1\nexport type A = number\n"
const uses = (path: string) => `import { a } from "${path}"\nexport const b = a\n`
const usesType = (path: string) => `import type { A } from "${path}"\nexport type B = A\n`
const loads = (path: string) => `import "${path}"\nexport const b = 1\n`

const imports = (from: string, path: string, to: string, rule: string | undefined): Case => [
  `${from} importing ${path}`,
  { [from]: uses(path), [to]: leaf },
  rule
]
const takesPackage = (from: string, name: string, rule: string | undefined): Case => [
  `${from} importing ${name}`,
  { [from]: loads(name) },
  rule
]

const cases: ReadonlyArray<Case> = [
  takesPackage("src/recording/a.ts", "effect", "recording-is-pure"),
  takesPackage("src/recording/a.ts", "@effect/platform/HttpClient", "recording-is-pure"),
  takesPackage("src/recording/a.ts", "node:buffer", "recording-is-pure"),
  takesPackage("src/recording/a.ts", "fs", "recording-is-pure"),
  [
    "src/recording/a.ts importing a type of effect",
    { "src/recording/a.ts": 'import type { Effect } from "effect"\nexport type B = Effect.Effect<void>\n' },
    "recording-is-pure"
  ],
  imports("src/recording/a.ts", "../delivery/b.js", "src/delivery/b.ts", "recording-is-pure"),
  imports("src/recording/a.ts", "../Metrics.js", "src/Metrics.ts", "recording-is-pure"),
  imports("src/recording/a.ts", "../Ledger.js", "src/Ledger.ts", "recording-takes-only-types-of-ledger"),
  [
    "src/recording/a.ts importing a type of ../Ledger.js",
    { "src/recording/a.ts": usesType("../Ledger.js"), "src/Ledger.ts": leaf },
    undefined
  ],
  imports("src/recording/a.ts", "./b.js", "src/recording/b.ts", undefined),

  takesPackage("src/encoding/a.ts", "effect", "encoding-is-pure"),
  takesPackage("src/encoding/a.ts", "node:zlib", "encoding-is-pure"),
  imports("src/encoding/a.ts", "../delivery/sink.js", "src/delivery/sink.ts", "encoding-is-pure"),
  imports("src/encoding/a.ts", "../recording/b.js", "src/recording/b.ts", undefined),

  imports("src/transport/a.ts", "../encoding/b.js", "src/encoding/b.ts", "transport-knows-bytes"),
  imports("src/transport/a.ts", "../sinks/B.js", "src/sinks/B.ts", "transport-knows-bytes"),
  imports("src/transport/a.ts", "../delivery/sink.js", "src/delivery/sink.ts", undefined),
  takesPackage("src/transport/a.ts", "node:net", undefined),

  takesPackage("src/delivery/a.ts", "effect", undefined),
  takesPackage("src/delivery/a.ts", "node:fs", "core-has-no-node-modules"),
  imports("src/delivery/a.ts", "../sinks/B.js", "src/sinks/B.ts", "delivery-below-sinks"),
  imports("src/delivery/a.ts", "../transport/host.js", "src/transport/host.ts", undefined),
  imports("src/delivery/a.ts", "../transport/http.js", "src/transport/http.ts", "delivery-below-sinks"),
  imports("src/delivery/a.ts", "../Metrics.js", "src/Metrics.ts", "delivery-below-sinks"),
  imports("src/delivery/a.ts", "../encoding/b.js", "src/encoding/b.ts", "delivery-below-sinks"),

  takesPackage("src/instruments/a.ts", "effect", undefined),
  imports("src/instruments/a.ts", "../delivery/b.js", "src/delivery/b.ts", undefined),
  imports("src/instruments/a.ts", "../Sink.js", "src/Sink.ts", "instruments-below-sinks"),
  imports("src/delivery/a.ts", "../instruments/b.js", "src/instruments/b.ts", "delivery-below-sinks"),
  imports("src/sinks/A.ts", "../instruments/b.js", "src/instruments/b.ts", "instruments-through-metrics"),
  imports("src/Metrics.ts", "./instruments/b.js", "src/instruments/b.ts", undefined),

  imports("src/Metrics.ts", "./sinks/B.js", "src/sinks/B.ts", "core-below-sinks"),
  imports("src/Sink.ts", "./encoding/b.js", "src/encoding/b.ts", "core-below-sinks"),
  imports("src/Metrics.ts", "./recording/b.js", "src/recording/b.ts", undefined),
  imports("src/Sink.ts", "./Metrics.js", "src/Metrics.ts", undefined),
  imports("src/Measurement.ts", "./Metrics.js", "src/Metrics.ts", "measurement-below-metrics"),
  imports("src/Ledger.ts", "./recording/b.js", "src/recording/b.ts", "ledger-stands-alone"),

  imports("src/sinks/A.ts", "./B.js", "src/sinks/B.ts", "sinks-apart"),
  imports("src/sinks/A.ts", "./Ab.js", "src/sinks/Ab.ts", "sinks-apart"),
  imports("src/sinks/Console.ts", "./A.js", "src/sinks/A.ts", "sinks-apart"),
  imports("src/sinks/Console.ts", "./console/b.js", "src/sinks/console/b.ts", undefined),
  imports("src/sinks/A.ts", "./console/b.js", "src/sinks/console/b.ts", "sinks-apart"),
  imports("src/sinks/console/a.ts", "../B.js", "src/sinks/B.ts", "sinks-apart"),
  imports("src/sinks/A.ts", "../encoding/b.js", "src/encoding/b.ts", undefined),
  imports("src/sinks/A.ts", "../testing/b.js", "src/testing/b.ts", "nothing-imports-upward"),
  imports("src/sinks/A.ts", "../index.js", "src/index.ts", "nothing-imports-the-front-door"),
  imports("src/testing/a.ts", "../sinks/B.js", "src/sinks/B.ts", "sources-and-testing-know-no-backend"),
  imports("src/index.ts", "./sinks/B.js", "src/sinks/B.ts", undefined),

  imports("src/sources/HttpA.ts", "../Metrics.js", "src/Metrics.ts", undefined),
  imports("src/sources/HttpA.ts", "../Measurement.js", "src/Measurement.ts", undefined),
  imports("src/sources/HttpA.ts", "./http/b.js", "src/sources/http/b.ts", undefined),
  imports("src/sources/HttpA.ts", "./HttpB.js", "src/sources/HttpB.ts", "http-sources-below-sinks"),
  imports("src/sources/http/a.ts", "../../delivery/b.js", "src/delivery/b.ts", "http-sources-below-sinks"),
  imports("src/sources/http/a.ts", "../../instruments/b.js", "src/instruments/b.ts", "instruments-through-metrics"),
  imports("src/sources/HttpA.ts", "../sinks/B.js", "src/sinks/B.ts", "sources-and-testing-know-no-backend"),
  imports("src/sinks/A.ts", "../sources/HttpB.js", "src/sources/HttpB.ts", "nothing-imports-upward"),
  imports("src/sources/EffectMetrics.ts", "../delivery/b.js", "src/delivery/b.ts", undefined),
  imports("src/sources/effectMetrics/a.ts", "../../recording/b.js", "src/recording/b.ts", undefined),
  imports("src/sources/effectMetrics/a.ts", "../../encoding/b.js", "src/encoding/b.ts", "pulled-sources-below-sinks"),
  takesPackage("src/sources/runtime/a.ts", "node:v8", "core-has-no-node-modules"),
  takesPackage("src/sources/runtime/node.ts", "node:v8", undefined),
  takesPackage("src/sources/HttpA.ts", "@effect/platform/HttpApp", undefined),
  takesPackage("src/sources/HttpA.ts", "node:http", "http-sources-below-sinks"),
  takesPackage("src/sources/HttpA.ts", "@effect/platform-node/NodeHttpServer", "core-has-no-node-platform"),

  takesPackage("src/sinks/A.ts", "node:net", "core-has-no-node-modules"),
  takesPackage("src/sinks/A.ts", "net", "core-has-no-node-modules"),
  takesPackage("src/sinks/A.ts", "@effect/platform-node/NodeSocket", "core-has-no-node-platform"),
  takesPackage("src/cli/a.ts", "node:fs", undefined),
  takesPackage("src/testing/a.ts", "node:net", "core-has-no-node-modules"),
  takesPackage("src/testing/ChaosProxy.ts", "node:net", undefined),
  takesPackage("src/sinks/A.ts", "fast-check", "no-undeclared-packages"),
  takesPackage("src/sinks/A.ts", "no-such-package", "no-unresolvable"),

  [
    "a circle",
    {
      "src/delivery/a.ts": 'import { b } from "./b.js"\nexport const a = () => b\n',
      "src/delivery/b.ts": 'import { a } from "./a.js"\nexport const b = () => a\n'
    },
    "no-circles"
  ],
  [
    "a circle of types",
    {
      "src/delivery/a.ts": 'import type { B } from "./b.js"\nexport interface A { readonly b: B }\n',
      "src/delivery/b.ts": 'import type { A } from "./a.js"\nexport interface B { readonly a: A | undefined }\n'
    },
    "no-circles"
  ]
]

describe("the rules of who imports whom", () => {
  let folder: string
  let options: ICruiseOptions

  beforeAll(async () => {
    await mkdir(join(root, ".cache"), { recursive: true })
    options = await extractDepcruiseOptions(join(root, ".dependency-cruiser.mjs"))
    folder = await mkdtemp(join(root, ".cache/house-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  for (const [title, files, rule] of cases) {
    it(rule === undefined ? `allows ${title}` : `forbids ${title} (${rule})`, async () => {
      const baseDir = await mkdtemp(join(folder, "case-"))
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(baseDir, path)), { recursive: true })
        await writeFile(join(baseDir, path), text)
      }
      const result = await cruise(["src"], { ...options, baseDir })
      assert(typeof result.output === "object")
      const broken = result.output.summary.violations.map((violation) => violation.rule.name)
      if (rule === undefined) assert.deepStrictEqual(broken, [])
      else assert.include(broken, rule)
    })
  }
})
