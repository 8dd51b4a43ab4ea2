#!/usr/bin/env node
/**
 * The command `effect-metrics`. The packages that nothing but the command needs are loaded from here on, so that one which is not
 * there is named.
 */
import { explain } from "./missing.js"

try {
  const { start } = await import("./app.js")
  start(process.argv)
} catch (error) {
  process.stderr.write(`effect-metrics: ${explain(error)}\n`)
  process.exitCode = 1
}
