import { existsSync, readFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

const pages = [
  ...(await readdir(root)),
  ...(await readdir(join(root, "docs"), { recursive: true })).map((name) => join("docs", name)),
  "bench/RESULTS.md"
].filter((name) => name.endsWith(".md"))

/** The anchors of headings, as GitHub makes them. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-")
    )
  )

describe("links within the project", () => {
  it("lead from the guides' first page to each of them", () => {
    const first = readFileSync(join(root, "docs/README.md"), "utf8")
    for (const page of pages.filter((path) => path.startsWith("docs/") && path !== "docs/README.md")) {
      assert.include(first, `](${page.slice("docs/".length)}`)
    }
  })

  for (const page of pages) {
    it(`lead somewhere in ${page}`, () => {
      const text = readFileSync(join(root, page), "utf8")
      // Code has brackets and parentheses of its own.
      const prose = text.replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, "`")
      for (const [, link = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link)) continue
        const [path = "", anchor] = link.split("#")
        const file = path === "" ? join(root, page) : resolve(root, dirname(page), path)
        assert.isTrue(existsSync(file), `${page}: ${link}`)
        if (anchor !== undefined) assert.isTrue(anchorsOf(readFileSync(file, "utf8")).has(anchor), `${page}: ${link}`)
      }
    })
  }
})
