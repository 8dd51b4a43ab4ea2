// @ts-check
/** Processes of their own, where memory or CPU is what is measured. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const pathOf = (/** @type {string} */ script) => fileURLToPath(new URL(script, import.meta.url))

/**
 * Runs a script to its end and gives what it reported.
 * @param {string} script @param {ReadonlyArray<string | number>} args @returns {Promise<any>}
 */
export const measured = async (script, args) => {
  const child = fork(pathOf(script), args.map(String), { execArgv: ["--expose-gc", "--max-old-space-size=6000"] })
  /** @type {any} */
  let report
  child.on("message", (message) => {
    report = message
  })
  const [code] = await once(child, "exit")
  if (report === undefined) throw new Error(`${script} ${args.join(" ")} ended with ${code} and without a report`)
  return report
}

/** A server that ends with `close`. @param {string} mode @param {string} [script] */
export const startServer = async (mode, script = "server.mjs") => {
  const child = fork(pathOf(script), [mode])
  const [{ port }] = await once(child, "message")
  return {
    port: /** @type {number} */ (port),
    /** What it has seen so far. @returns {Promise<any>} */
    seen: async () => {
      const answer = once(child, "message")
      child.send("report")
      return (await answer)[0]
    },
    close: async () => {
      child.disconnect()
      await once(child, "exit")
    }
  }
}
