// @ts-check
/** Processes of their own, where memory or CPU is what is measured. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { median, quantile, shuffled } from "../harness.mjs"

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

/**
 * Subjects of which each run is a process of its own, in random order every time.
 * @template {{ readonly cost: number, readonly wallMillis: number, readonly maxRssMegabytes: number }} Run
 * @param {import("../harness.mjs").Context} context
 * @param {ReadonlyArray<{ readonly id: string, readonly name: string, readonly kind: import("../harness.mjs").Kind }>} subjects
 *   The first is what the others are compared with.
 * @param {(id: string) => Promise<Run>} run Its `cost` is in the row's unit.
 * @param {(runs: ReadonlyArray<Run>) => Record<string, number | string>} more Columns of the row alone.
 */
export const compareProcesses = async ({ isQuick }, subjects, run, more) => {
  /** @type {Map<string, Array<Run>>} */
  const runs = new Map(subjects.map(({ id }) => [id, []]))
  for (let repeat = 0; repeat < (isQuick ? 1 : 5); repeat++) {
    for (const { id } of shuffled(subjects)) runs.get(id)?.push(await run(id))
  }
  const costs = (/** @type {string} */ id) => (runs.get(id) ?? []).map(({ cost }) => cost)
  return subjects.map(({ id, kind, name }) => {
    const all = runs.get(id) ?? []
    return {
      name,
      kind,
      median: median(costs(id)),
      p10: quantile(costs(id), 0.1),
      p90: quantile(costs(id), 0.9),
      ratio: median(costs(id)) / median(costs(subjects[0]?.id ?? "")),
      more: {
        "wall ms": Math.round(median(all.map(({ wallMillis }) => wallMillis))),
        "peak RSS MB": Math.round(median(all.map(({ maxRssMegabytes }) => maxRssMegabytes))),
        ...more(all)
      }
    }
  })
}
