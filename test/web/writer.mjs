/**
 * Stands in for a process with a pipe: makes it, waits until somebody opens it, makes the next, and writes, as statvent does. Its parent
 * says what: `{ id, text }`, for a pipe of that name, or `null` for its pid.
 */
import { execFileSync } from "node:child_process"
import { open, unlink } from "node:fs/promises"

const dir = process.argv[2]
const texts = new Map()

const serve = async (id) => {
  const path = `${dir}/${id}.stats`
  execFileSync("mkfifo", ["-m", "600", path])
  let opening = open(path, "w")
  process.send({ ready: id })
  for (;;) {
    const file = await opening
    await unlink(path)
    execFileSync("mkfifo", ["-m", "600", path])
    // Before its reader has the end, and may come again.
    opening = open(path, "w")
    await file.write(texts.get(id)).catch(() => undefined)
    await file.close()
  }
}

process.on("message", ({ id, text }) => {
  const name = id ?? String(process.pid)
  const isNew = !texts.has(name)
  texts.set(name, text)
  if (isNew) void serve(name)
  else process.send({ ready: name })
})
