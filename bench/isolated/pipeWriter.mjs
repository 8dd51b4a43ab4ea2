// @ts-check
/**
 * Many pipes, each with a text for every reader, as if there were so many processes: `dir first count lines`. It does no more than the
 * kernel asks, so that what is measured is the reader.
 */
import { execFileSync } from "node:child_process"
import { linkSync, renameSync } from "node:fs"
import { mkdir, open } from "node:fs/promises"
import { textOf } from "./pipeText.mjs"

const [dir = "", first = "0", count = "0", lines = "0"] = process.argv.slice(2)

/** Two that take turns under one name, so that no reader meets the one before it. @param {number} number */
const serve = async (number) => {
  const own = `${dir}/.${number}`
  await mkdir(own)
  execFileSync("mkfifo", ["-m", "600", `${own}/0`, `${own}/1`])
  const show = (/** @type {number} */ slot) => {
    linkSync(`${own}/${slot}`, `${own}/next`)
    renameSync(`${own}/next`, `${dir}/${process.pid}-${number}.stats`)
  }
  const text = textOf(number, Number(lines))
  show(0)
  for (let slot = 0; ; slot = 1 - slot) {
    const file = await open(`${own}/${slot}`, "w")
    show(1 - slot)
    await file.write(text).catch(() => undefined)
    await file.close()
  }
}

for (let i = 0; i < Number(count); i++) void serve(Number(first) + i)
process.send?.("ready")
// To exit, Node would wait for the threads that wait for readers.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
