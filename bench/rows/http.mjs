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

const notes = [
  "In every run all lines arrived, with the sum of their values.",
  "Every sender takes the time of each point from the clock, and makes it the only one of its series with that time.",
  "What a process costs that has run for a while: start is what it takes until the first 200 000 points have been sent, most of it the compilation of code that is new to it, and is not in the figures beside it. Nor are the next 3 000 000: what runs once a request is compiled only after hundreds of requests.",
  "The raw sender keeps nothing: what is not sent is not bounded, retried, told apart or counted."
]

/** @type {import("../harness.mjs").Row} */
export const http = {
  name: "http",
  title: "1 000 000 points over HTTP: CPU of the sender, 5000 lines a request, at most 2 in flight, no gzip",
  unit: "ns CPU",
  goals: [atMost("at most 1.3 times node:http", "effect-metrics, handle, node client", 1.3, "raw: node:http")],
  run: async ({ isQuick }) => {
    const points = isQuick ? 50_000 : 1_000_000
    const start = points / 5
    const before = 3 * points
    let sum = 0
    for (const amount of [start, before, points]) for (let i = 0; i < amount; i++) sum += (i % 1000) + 0.25
    const results = await compareProcesses(
      { isQuick },
      subjects,
      async (id) => {
        const server = await startServer("ok")
        const report = await measured("http.mjs", [id, points, server.port, start, before])
        const seen = await server.seen()
        await server.close()
        const sent = start + before + points
        if (seen.lines !== sent || seen.sum !== sum) {
          throw new Error(`${id}: ${seen.lines} of ${sent} lines arrived, with the sum ${seen.sum} for ${sum}`)
        }
        return {
          ...report,
          cost: report.nanosPerPoint,
          linesPerRequest: seen.lines / seen.requests,
          maxConcurrent: seen.maxConcurrent
        }
      },
      (all) => ({
        "start, ms CPU": Math.round(median(all.map(({ startCpuMillis }) => startCpuMillis))),
        "lines a request": Math.round(median(all.map(({ linesPerRequest }) => linesPerRequest))),
        "in flight": Math.max(...all.map(({ maxConcurrent }) => maxConcurrent))
      })
    )
    return { results, notes }
  }
}
