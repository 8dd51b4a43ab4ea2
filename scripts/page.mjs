/** Puts the files of the web service's page beside what was built of it: our own, and those of packages that it takes with it. */
import { copyFileSync, cpSync } from "node:fs"
import { assets } from "../dist/web/assets.js"

const page = new URL("../dist/web/page/", import.meta.url)

cpSync(new URL("../src/web/page/", import.meta.url), page, { recursive: true })
for (const { file, from } of assets) {
  if (from !== undefined) copyFileSync(new URL(`../node_modules/${from}`, import.meta.url), new URL(file, page))
}
