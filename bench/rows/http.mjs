// @ts-check
/** A million points over HTTP, each sender in a process of its own, the server in another. */
import { atMost, median } from "../harness.mjs"
import { compareProcesses, measured, startServer } from "../isolated/fork.mjs"

const subjects = [
  { id: "raw", name: "raw: node:http", kind: /** @type {const} */ ("raw") },
  { id: "ours-node", name: "effect-metrics, handle, node client", kind: /** @type {const} */ ("ours") },
  { id: "ours-fetch", name: "effect-metrics, handle, layerFetch", kind: /** @type {const} */ ("ours") },
  { id: "ours-emit", name: "effect-metrics, emit in a fiber, node client", kind: /** @type {const} */ ("ours") },
  { id: "influx", name: "influxdb-client", kind: /** @type {const} */ ("peer") }
]

/** @type {import("../harness.mjs").Row} */
export const http = {
  name: "http",
  title: "1 000 000 points over HTTP: CPU of the sender, 5000 lines a request, at most 2 in flight, no gzip",
  unit: "ns CPU",
  goals: [atMost("at most 1.3 times node:http", "effect-metrics, handle, node client", 1.3, "raw: node:http")],
  run: async ({ isQuick }) => {
    const points = isQuick ? 50_000 : 1_000_000
    let sum = 0
    for (let i = 0; i < points; i++) sum += (i % 1000) + 0.25
    const results = await compareProcesses(
      { isQuick },
      subjects,
      async (id) => {
        const server = await startServer("ok")
        const report = await measured("http.mjs", [id, points, server.port])
        const seen = await server.seen()
        await server.close()
        if (seen.lines !== points || seen.sum !== sum) {
          throw new Error(`${id}: ${seen.lines} of ${points} lines arrived, with the sum ${seen.sum} for ${sum}`)
        }
        return { ...report, cost: report.nanosPerPoint, requests: seen.requests, maxConcurrent: seen.maxConcurrent }
      },
      (all) => ({
        requests: median(all.map(({ requests }) => requests)),
        "in flight": Math.max(...all.map(({ maxConcurrent }) => maxConcurrent))
      })
    )
    return { results, notes: ["In every run all lines arrived, with the sum of their values."] }
  }
}
