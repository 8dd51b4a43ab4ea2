/**
 * Puts the examples into README.md and the pages of docs/: behind each line `<!-- example: path -->` the file's text as a code
 * block. With `--check` it changes nothing and fails where a page and a file differ, so that what is shown is what is
 * type-checked and run.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const docs = join(root, "docs")
const pages = [
  "README.md",
  ...(existsSync(docs) ? readdirSync(docs, { recursive: true }) : [])
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name))
]

for (const page of pages) {
  const path = join(root, page)
  const before = readFileSync(path, "utf8")
  const after = before.replace(
    /(<!-- example: (\S+) -->\n)(\n```ts\n[\s\S]*?\n```\n)?/g,
    (_, marker, file) => `${marker}\n\`\`\`ts\n${readFileSync(join(root, file), "utf8").trim()}\n\`\`\`\n`
  )
  if (!process.argv.includes("--check")) writeFileSync(path, after)
  else if (before !== after) {
    console.error(`${page} does not show its examples as they are: run node scripts/readme.mjs`)
    process.exitCode = 1
  }
}
