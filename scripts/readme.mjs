/**
 * Puts the examples into README.md: behind each line `<!-- example: path -->` the file's text as a code block. With `--check`
 * it changes nothing and fails where README and file differ, so that what the README shows is what is type-checked and run.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = new URL("..", import.meta.url)
const path = fileURLToPath(new URL("README.md", root))
const before = readFileSync(path, "utf8")
const after = before.replace(
  /(<!-- example: (\S+) -->\n)(\n```ts\n[\s\S]*?\n```\n)?/g,
  (_, marker, file) =>
    `${marker}\n\`\`\`ts\n${readFileSync(fileURLToPath(new URL(file, root)), "utf8").trim()}\n\`\`\`\n`
)
if (!process.argv.includes("--check")) writeFileSync(path, after)
else if (before !== after) {
  console.error("README.md does not show its examples as they are: run node scripts/readme.mjs")
  process.exitCode = 1
}
