// @ts-check
/** A million points over HTTP, each sender in a process of its own, the server in another. */
import { atMost, median, quantile, shuffled } from "../harness.mjs"
import { measured, startServer } from "../isolated/fork.mjs"

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
    const repeats = isQuick ? 1 : 5
    let sum = 0
    for (let i = 0; i < points; i++) sum += (i % 1000) + 0.25
    /** @type {Map<string, Array<any>>} */
    const runs = new Map(subjects.map(({ id }) => [id, []]))
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const { id } of shuffled(subjects)) {
        const server = await startServer("ok")
        const report = await measured("http.mjs", [id, points, server.port])
        const seen = await server.seen()
        await server.close()
        if (seen.lines !== points || seen.sum !== sum) {
          throw new Error(`${id}: ${seen.lines} of ${points} lines arrived, with the sum ${seen.sum} for ${sum}`)
        }
        runs.get(id)?.push({ ...report, requests: seen.requests, maxConcurrent: seen.maxConcurrent })
      }
    }
    const costs = (/** @type {string} */ id) => (runs.get(id) ?? []).map((run) => run.nanosPerPoint)
    const results = subjects.map(({ id, kind, name }) => {
      const all = runs.get(id) ?? []
      return {
        name,
        kind,
        median: median(costs(id)),
        p10: quantile(costs(id), 0.1),
        p90: quantile(costs(id), 0.9),
        ratio: median(costs(id)) / median(costs("raw")),
        more: {
          "wall ms": Math.round(median(all.map((run) => run.wallMillis))),
          "peak RSS MB": Math.round(median(all.map((run) => run.maxRssMegabytes))),
          requests: median(all.map((run) => run.requests)),
          "in flight": Math.max(...all.map((run) => run.maxConcurrent))
        }
      }
    })
    return { results, notes: ["In every run all lines arrived, with the sum of their values."] }
  }
}
