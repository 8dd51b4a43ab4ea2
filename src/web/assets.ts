/**
 * The files of the page: all that is ever served, by the path at which it is served. Nothing of a request's path reaches the
 * file system.
 */
import type * as Crypto from "node:crypto"
import type * as Fs from "node:fs/promises"
import { Effect } from "effect"
import { load } from "../transport/node.js"

export interface Asset {
  /** Where it is served. */
  readonly path: string
  readonly contentType: string
  /** Its name in the folder `page` beside this module. */
  readonly file: string
  /** A file of another package, below its `node_modules`: the build copies it to `file`. Default: the file is our own. */
  readonly from?: string | undefined
}

const html = "text/html; charset=utf-8"
const css = "text/css; charset=utf-8"
const javascript = "text/javascript; charset=utf-8"

export const assets: ReadonlyArray<Asset> = [
  { path: "/", contentType: html, file: "index.html" },
  { path: "/page.css", contentType: css, file: "page.css" },
  { path: "/page.js", contentType: javascript, file: "page.js" }
]

export interface Loaded {
  readonly contentType: string
  readonly bytes: Uint8Array
  /** Changes when the file does. */
  readonly etag: string
}

const placesOf = ({ file, from }: Asset): ReadonlyArray<URL> => [
  new URL(`./page/${file}`, import.meta.url),
  // Where this runs from its source, nothing has been copied.
  ...(from === undefined ? [] : [new URL(`../../node_modules/${from}`, import.meta.url)])
]

const read = async (asset: Asset): Promise<Loaded | undefined> => {
  const { readFile } = await load<typeof Fs>("node:fs/promises")
  const { createHash } = await load<typeof Crypto>("node:crypto")
  for (const place of placesOf(asset)) {
    const bytes = await readFile(place).catch(() => undefined)
    if (bytes === undefined) continue
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`
    return { contentType: asset.contentType, bytes, etag }
  }
  return undefined
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
