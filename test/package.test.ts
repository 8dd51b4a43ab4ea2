import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFile(join(root, path), "utf8")

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>
  readonly dependencies?: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly scripts: Record<string, string>
}

// JSON.parse says nothing of the shape; the shape is what package.json has, and the tests below fail where it has not.
const manifest = async (path = "package.json"): Promise<Manifest> => JSON.parse(await read(path)) as Manifest

const execute = promisify(execFile)

/** Runs a command with this very Node, and fails with all it printed. */
const run = async (cwd: string, command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const path = `${join(process.execPath, "..")}:${process.env.PATH ?? ""}`
  try {
    const { stdout } = await execute(command, args, {
      cwd,
      env: { ...process.env, PATH: path, NODE_ENV: "development", NO_COLOR: "1" },
      maxBuffer: 1 << 26
    })
    return stdout
  } catch (error) {
    const { message, stdout } = error as Error & { readonly stdout?: string } // what execFile rejects with
    throw new Error(`${message}\n${stdout ?? ""}`)
  }
}

const bin = (name: string) => join(root, "node_modules/.bin", name)

/** `Metrics` of `src/Metrics.ts`: what index.ts names, and what the subpath is called. */
const publicModules = async (): Promise<Map<string, string>> => {
  const modules = async (folder: string) =>
    (await readdir(join(root, folder), { withFileTypes: true }))
      .filter((entry) => entry.isFile() && /^[A-Z].*\.ts$/.test(entry.name))
      .map((entry) => [entry.name.slice(0, -3), `${folder}/${entry.name}`] as const)
  return new Map([
    ...(await modules("src")),
    ...(await modules("src/sinks")),
    ...(await modules("src/sources")),
    ...(await modules("src/relay")),
    ...(await modules("src/web"))
  ])
}

describe("package.json", () => {
  it("has one subpath for each module, and nothing else", async () => {
    const expected: Manifest["exports"] = {
      ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./testing": { types: "./dist/testing/index.d.ts", default: "./dist/testing/index.js" },
      "./testing/ChaosProxy": {
        types: "./dist/testing/ChaosProxy.d.ts",
        default: "./dist/testing/ChaosProxy.js"
      },
      "./package.json": "./package.json"
    }
    for (const [name, path] of await publicModules()) {
      const built = `./${path.replace(/^src/, "dist").slice(0, -3)}`
      expected[`./${name}`] = { types: `${built}.d.ts`, default: `${built}.js` }
    }
    assert.deepStrictEqual((await manifest()).exports, expected)
  })

  it("names the same modules as the front door", async () => {
    const index = await import("effect-metrics")
    assert.sameMembers(Object.keys(index), [...(await publicModules()).keys()])
  })

  it("brings the plots of its page and nothing else, and runs nothing when installed", async () => {
    const { dependencies, scripts } = await manifest()
    assert.hasAllKeys(dependencies, ["uplot"])
    for (const hook of ["preinstall", "install", "postinstall", "prepare"]) assert.notProperty(scripts, hook)
  })

  it("has a lock file that names no host", async () => {
    const lock = await read("package-lock.json")
    assert.notInclude(lock, '"resolved"')
    assert.include(await read(".npmrc"), "omit-lockfile-registry-resolved=true")
  })

  it("has the version of the changelog", async () => {
    const { version } = await manifest()
    assert.match(await read("CHANGELOG.md"), new RegExp(`^## ${version.replaceAll(".", "\\.")} `, "m"))
  })
})

const program = `
import { Effect, Layer } from "effect"
import { Console, InfluxDb, Ledger, Measurement, Metrics, Sink } from "effect-metrics"
import * as OneModule from "effect-metrics/Metrics"
import * as OneSink from "effect-metrics/InfluxDb"
import * as Testing from "effect-metrics/testing"

const requests = Metrics.counter("http.requests", { tagKeys: ["route"] })
const written: Array<Measurement.Measurement> = []

const Memory = Sink.layer({
  name: "memory",
  make: Effect.succeed({
    write: ({ measurements }: Sink.Batch) => Effect.sync(() => void written.push(...measurements))
  })
})

await Effect.void.pipe(
  Metrics.trackCount(requests, { tags: { route: "/users" } }),
  Effect.provide(Layer.mergeAll(Memory)),
  Effect.runPromise
)

const only = written[0]
if (written.length !== 1 || only?._tag !== "count" || only.value !== 1) throw new Error(JSON.stringify(written))
if (OneModule.counter !== Metrics.counter || OneSink.layer !== InfluxDb.layer) throw new Error("two copies")
console.log(only.series.name, only.series.tags[0]?.join("="), only.value, Object.keys(Testing).length > 0)
export type Exported = [Ledger.Ledger, typeof Console]
`

describe("the packed package", () => {
  let folder: string
  let project: string
  let tarball: string
  let packed: ReadonlyArray<string>

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "effect-metrics-"))
    project = join(folder, "app")
    await run(root, "npm", "run", "--silent", "build")
    const output = await run(root, "npm", "pack", "--ignore-scripts", "--json", "--pack-destination", folder)
    const [answer] = JSON.parse(output) as [{ filename: string; files: Array<{ path: string }> }] // npm-pack(1), --json
    tarball = join(folder, answer.filename)
    packed = answer.files.map((file) => file.path)

    const installed = async (name: string) => `${name}@${(await manifest(`node_modules/${name}/package.json`)).version}`
    const peers = await Promise.all(Object.keys((await manifest()).peerDependencies).map(installed))
    await mkdir(project)
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel", "error"]
    await run(project, "npm", "install", ...quiet, tarball, ...peers)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("holds what is built, its source, the examples, the docs, and its papers", () => {
    const top = new Set(packed.map((path) => path.split("/")[0]))
    assert.sameMembers(
      [...top],
      ["dist", "src", "examples", "docs", "bench", "package.json", "README.md", "LICENSE", "CHANGELOG.md"]
    )
    // The page of the web service is as it is, apart from what only its types need.
    for (const path of packed.filter((path) => path.startsWith("src/web/page/"))) {
      assert.include(packed, path.replace(/^src/, "dist"))
    }
    for (const path of packed.filter((path) => path.startsWith("src/") && !path.startsWith("src/web/page/"))) {
      const built = path.replace(/^src/, "dist").replace(/ts$/, "")
      assert.includeMembers([...packed], [`${built}js`, `${built}d.ts`, `${built}js.map`, `${built}d.ts.map`])
    }
  })

  it("has pages whose links lead to what it holds", async () => {
    const holds = (path: string) => packed.some((file) => file === path || file.startsWith(`${path}/`))
    for (const page of packed.filter((path) => path.endsWith(".md"))) {
      // Code has brackets and parentheses of its own.
      const prose = (await read(page)).replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, "`")
      for (const [, link = ""] of prose.matchAll(/\]\(([^)#\s]+)/g)) {
        if (!/^[a-z]+:/.test(link)) assert.isTrue(holds(join(page, "..", link)), `${page}: ${link}`)
      }
    }
  })

  it("satisfies publint", async () => {
    await run(root, bin("publint"), "run", tarball, "--strict")
  })

  it("has types that resolve for every subpath", async () => {
    await run(root, bin("attw"), tarball, "--profile", "esm-only", "--no-emoji", "--no-definitely-typed")
  })

  it("type-checks and runs in an empty project", async () => {
    await writeFile(join(project, "main.ts"), program)
    const options = { target: "ES2022", module: "NodeNext", strict: true, exactOptionalPropertyTypes: true }
    const types = { lib: ["ES2022", "DOM"], types: [], skipLibCheck: false, outDir: "out" }
    await writeFile(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...options, ...types }, include: ["main.ts"] })
    )
    await run(project, process.execPath, bin("tsc"), "-p", ".")
    assert.strictEqual(await run(project, process.execPath, "out/main.js"), "http.requests route=/users 1 true\n")
  })

  it("has a command", async () => {
    const { version } = await manifest()
    assert.strictEqual(
      await run(project, join(project, "node_modules/.bin/effect-metrics"), "--version"),
      `${version}\n`
    )
  })

  it("hides what is internal", async () => {
    for (const path of ["recording/lane", "recording/lane.js", "dist/Metrics.js", "src/Metrics.ts", "index"]) {
      const code = `import("effect-metrics/${path}").then(() => "found", (error) => error.code).then(console.log)`
      assert.strictEqual(
        await run(project, process.execPath, "--input-type=module", "--eval", code),
        "ERR_PACKAGE_PATH_NOT_EXPORTED\n"
      )
    }
  })
})
