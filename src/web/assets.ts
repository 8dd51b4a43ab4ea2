/**
 * The files of the page: all that is ever served, by the path at which it is served. Nothing of a request's path reaches the
 * file system.
 */
import type * as Crypto from "node:crypto"
import type * as Fs from "node:fs/promises"
import type * as Module from "node:module"
import { Effect } from "effect"
import { load } from "../transport/node.js"

export interface Asset {
  /** Where it is served. */
  readonly path: string
  readonly contentType: string
  /** Its name in the folder `page` beside this module. */
  readonly file: string
  /** A file of a package that this one depends on, as one imports it. Default: the file is our own. */
  readonly from?: string | undefined
}

const html = "text/html; charset=utf-8"
const css = "text/css; charset=utf-8"
const javascript = "text/javascript; charset=utf-8"

const svg = "image/svg+xml"

const own = (contentType: string, ...files: ReadonlyArray<string>): ReadonlyArray<Asset> =>
  files.map((file) => ({ path: `/${file}`, contentType, file }))

export const assets: ReadonlyArray<Asset> = [
  { path: "/", contentType: html, file: "index.html" },
  ...own(css, "style.css"),
  ...own(javascript, "theme.js", "main.js", "api.js", "detail.js", "dom.js", "format.js", "history.js", "plot.js"),
  ...own(javascript, "points.js", "processes.js", "spark.js", "table.js", "theme-switch.js"),
  ...own(svg, "icon.svg"),
  { path: "/uplot.js", contentType: javascript, file: "uplot.js", from: "uplot/dist/uPlot.esm.js" },
  { path: "/uplot.css", contentType: css, file: "uplot.css", from: "uplot/dist/uPlot.min.css" }
]

export interface Loaded {
  readonly contentType: string
  readonly bytes: Uint8Array
  /** Changes when the file does. */
  readonly etag: string
}

const read = async ({ contentType, file, from }: Asset): Promise<Loaded | undefined> => {
  const { readFile } = await load<typeof Fs>("node:fs/promises")
  const { createHash } = await load<typeof Crypto>("node:crypto")
  const { createRequire } = await load<typeof Module>("node:module")
  try {
    const place =
      from === undefined ? new URL(`./page/${file}`, import.meta.url) : createRequire(import.meta.url).resolve(from)
    const bytes = await readFile(place)
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`
    return { contentType, bytes, etag }
  } catch {
    return undefined
  }
}

/** By path. What cannot be read is not there. */
export const loadAssets = (all: ReadonlyArray<Asset> = assets): Effect.Effect<ReadonlyMap<string, Loaded>> =>
  Effect.promise(async () => {
    const loaded = new Map<string, Loaded>()
    for (const asset of all) {
      const found = await read(asset)
      if (found !== undefined) loaded.set(asset.path, found)
    }
    return loaded
  })
