/** Puts the files of the web service's page beside what was built of it. */
import { copyFileSync, mkdirSync } from "node:fs"
import { assets } from "../dist/web/assets.js"

const page = new URL("../dist/web/page/", import.meta.url)

mkdirSync(page, { recursive: true })
for (const { file, from } of assets) {
  // Those of packages are where those are.
  if (from === undefined) copyFileSync(new URL(`../src/web/page/${file}`, import.meta.url), new URL(file, page))
}
