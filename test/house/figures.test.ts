import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const pages = ["README.md", ...readdirSync(`${root}/docs`, { recursive: true }).map((path) => `docs/${String(path)}`)]

/** Without code, and without the numbers that `scripts/readme.mjs` puts behind markers. */
const proseOf = (page: string): string =>
  readFileSync(`${root}/${page}`, "utf8")
    .replace(/^```[^]*?^```$/gm, "")
    .replace(/`[^`\n]*`/g, "")
    .replace(/<!-- figure: .+? -->[\d.]+(?: \d{3})*/g, "")

const alwaysMeasured = /\d ?(?:ns|µs|×)|\d times as |\d % of a core/
const measured = /\d ?(?:ns|µs|ms|s|×|%|bytes|[kKMG]i?B)(?!\w)|\d times\b/

describe("figures of the benchmark", () => {
  for (const page of pages.filter((path) => path.endsWith(".md"))) {
    it(`come from its results in ${page}, and are not typed`, () => {
      const blocks = proseOf(page).split(/\n\n+(?!\|)/)
      for (const block of blocks) {
        const found = (/RESULTS\.md/.test(block) ? measured : alwaysMeasured).exec(block)
        assert.isNull(found, `${found?.[0]} in: ${block}`)
      }
    })
  }
})
