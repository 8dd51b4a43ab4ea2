// @ts-check
/** Many series: what a flush costs, how long it holds the event loop, what a series holds in memory. */
import { median, quantile } from "../harness.mjs"
import { measured, startServer } from "../isolated/fork.mjs"

const sizes = [10_000, 100_000, 1_000_000]
const short = (/** @type {number} */ count) => (count === 1_000_000 ? "1 M" : `${count / 1000} k`)

const subjects = [
  { id: "raw", name: "raw: Map of totals", kind: /** @type {const} */ ("raw"), most: 1_000_000 },
  {
    id: "raw-sliced",
    name: "raw: Map of totals, 5000 objects a turn",
    kind: /** @type {const} */ ("raw"),
    most: 1_000_000
  },
  {
    id: "ours-null",
    name: "effect-metrics, sink that does nothing",
    kind: /** @type {const} */ ("ours"),
    most: 1_000_000
  },
  { id: "ours-influx", name: "effect-metrics, InfluxDb", kind: /** @type {const} */ ("ours"), most: 1_000_000 },
  { id: "prom", name: "prom-client, metrics()", kind: /** @type {const} */ ("peer"), most: 100_000 },
  { id: "otel", name: "OpenTelemetry, collect", kind: /** @type {const} */ ("peer"), most: 100_000 }
]
const nothing = "effect-metrics, sink that does nothing"
const influx = "effect-metrics, InfluxDb"

/** @type {(name: string) => import("../harness.mjs").Goal} */
const linear = (name) => ({
  text: `${name}: a series of 1 M costs at most twice the CPU of one of 10 k`,
  limit: 2,
  value: (get) => Number(get(`${name}, 1 M`).more?.["CPU ns"]) / Number(get(`${name}, 10 k`).more?.["CPU ns"])
})
/** @type {(name: string) => import("../harness.mjs").Goal} */
const unblocked = (name) => ({
  text: `${name}: no turn of the event loop longer than 10 ms (median of the flushes' longest, at the worst size)`,
  limit: 10,
  value: (get) => Math.max(...sizes.map((count) => Number(get(`${name}, ${short(count)}`).more?.["longest turn ms"])))
})

/** @type {import("../harness.mjs").Row} */
export const series = {
  name: "series",
  title: "10 k, 100 k and 1 M counters with 3 tags: all recorded once, then flushed",
  unit: "ns a series",
  goals: [linear(nothing), unblocked(nothing), linear(influx), unblocked(influx)],
  run: async ({ isQuick }) => {
    /** @type {Array<import("../harness.mjs").Result>} */
    const results = []
    for (const size of sizes) {
      const count = isQuick ? size / 100 : size
      for (const { id, kind, most, name } of subjects) {
        if (size > (isQuick && kind === "peer" ? 10_000 : most)) continue
        const server = id === "ours-influx" ? await startServer("ok") : undefined
        const flushes = isQuick ? 1 : size === 1_000_000 ? 3 : 7
        const run = await measured("series.mjs", [id, count, flushes, server?.port ?? 0])
        await server?.close()
        results.push({
          name: `${name}, ${short(size)}`,
          kind,
          median: median(run.nanosPerSeries),
          p10: quantile(run.nanosPerSeries, 0.1),
          p90: quantile(run.nanosPerSeries, 0.9),
          more: {
            "CPU ns": Math.round(median(run.cpuPerSeries)),
            "longest turn ms": Number(median(run.longestTurns).toFixed(1)),
            worst: Number(Math.max(...run.longestTurns).toFixed(1)),
            "GC pause ms": Number(median(run.longestPauses).toFixed(1)),
            "bytes a series": Math.round(run.bytesAtRest),
            "while gathering": Math.round(run.bytesGathering)
          }
        })
      }
    }
    return {
      results,
      notes: [
        "Linear is judged with a margin of 2, because a hundred times the memory leaves the processor's caches: see what becomes of a Map of totals.",
        "The Map of totals that makes 5000 objects a turn shows how much of a turn is the engine's: it allocates as a flush does.",
        "Bytes include the tags' strings. `longest turn` is wall time and includes garbage collection; `GC pause` is its longest part.",
        "The InfluxDb row encodes, and writes over loopback; its time is until the last answer."
      ]
    }
  }
}
