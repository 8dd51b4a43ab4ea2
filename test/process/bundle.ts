/** A program as one file of JavaScript, so that many processes of it start in the time of one. */
import { build, type Plugin } from "esbuild"
import { readFileSync, renameSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The dashboard's files stay beside the module that serves them. */
const assets: Plugin = {
  name: "assets",
  setup: (build) =>
    build.onLoad({ filter: /src\/web\/assets\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
      loader: "ts"
    }))
}

const made = new Map<string, Promise<string>>()

const make = async (path: string, packages: "bundle" | "external"): Promise<string> => {
  const outfile = `${root}.cache/parts/${path.replaceAll("/", "-")}.mjs`
  const own = `${outfile}.${process.pid}`
  const banner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)'
  await build({
    absWorkingDir: root,
    entryPoints: [path],
    bundle: true,
    packages,
    platform: "node",
    format: "esm",
    outfile: own,
    // A program may import createRequire itself.
    ...(packages === "bundle" ? { banner: { js: banner } } : {}),
    plugins: [assets],
    logLevel: "error"
  })
  renameSync(own, outfile)
  return outfile
}

/** Where it is, for a program's path from the root. `packages` says whether those of npm go into it, which starts fastest. */
export const bundled = (path: string, packages: "bundle" | "external" = "bundle"): Promise<string> => {
  const found = made.get(path) ?? make(path, packages)
  made.set(path, found)
  return found
}
