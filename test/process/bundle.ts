/** A program of this folder as one file of JavaScript, so that many processes of it start in the time of one. */
import { build } from "esbuild"
import { renameSync } from "node:fs"
import { fileURLToPath } from "node:url"

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const made = new Map<string, Promise<string>>()

const make = async (name: string): Promise<string> => {
  const outfile = file(`../../.cache/parts/${name}.mjs`)
  const own = `${outfile}.${process.pid}`
  const banner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)'
  await build({
    entryPoints: [file(`./${name}.ts`)],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: own,
    banner: { js: banner }
  })
  renameSync(own, outfile)
  return outfile
}

/** Where it is. */
export const bundled = (name: string): Promise<string> => {
  const found = made.get(name) ?? make(name)
  made.set(name, found)
  return found
}
