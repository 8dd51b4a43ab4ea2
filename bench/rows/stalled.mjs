// @ts-check
/** A backend that accepts and never answers, at 50 000 points a second. */
import { measured, startServer } from "../isolated/fork.mjs"

const subjects = [
  { id: "idle", name: "floor: nothing recorded", kind: /** @type {const} */ ("floor"), mode: "stall" },
  { id: "ours", name: "effect-metrics, InfluxDb", kind: /** @type {const} */ ("ours"), mode: "stall" },
  { id: "influx", name: "influxdb-client", kind: /** @type {const} */ ("peer"), mode: "stall" },
  { id: "statsd", name: "hot-shots, TCP", kind: /** @type {const} */ ("peer"), mode: "stall-tcp" }
]

/** @type {import("../harness.mjs").Row} */
export const stalled = {
  name: "stalled",
  title: "A backend that never answers, 50 000 points a second for 20 s: growth of live memory in the second half",
  unit: "KB/s",
  goals: [
    {
      text: "flat once the queue is full: at most 20 KB/s, where the points are 10 000 KB/s",
      limit: 20,
      value: (get) => get("effect-metrics, InfluxDb").median
    },
    {
      text: "every point is accounted for, before and after the close",
      limit: 0,
      value: (get) => Number(get("effect-metrics, InfluxDb").more?.["unaccounted"])
    }
  ],
  run: async ({ isQuick }) => {
    const results = []
    for (const { id, kind, mode, name } of subjects) {
      const server = await startServer(mode)
      const run = await measured("stalled.mjs", [id, 50_000, isQuick ? 1 : 20, server.port])
      const seen = await server.seen()
      await server.close()
      const growth = run.slope * 1024
      const unaccounted =
        run.after === undefined
          ? undefined
          : Math.abs(run.sent - run.recorded) +
            Math.abs(run.imbalance) +
            Math.abs(run.after.imbalance) +
            Math.abs(run.after.recorded - run.after.dropped)
      results.push({
        name,
        kind,
        median: growth,
        p10: growth,
        p90: growth,
        more: {
          "live MB": Number(run.live.toFixed(1)),
          "peak MB": Number(run.peak.toFixed(1)),
          dropped: run.dropped ?? "not told",
          unaccounted: unaccounted ?? "not told",
          "loop p99 ms": Number(run.p99.toFixed(1)),
          "loop max ms": Number(run.longest.toFixed(1)),
          "close ms": run.closeMillis === undefined ? "not tried" : Math.round(run.closeMillis),
          "connections or requests": seen.requests + seen.connections
        }
      })
    }
    return {
      results,
      notes: [
        "Live memory is what a garbage collection leaves, on and off the heap.",
        "The close has a deadline of 1 s."
      ]
    }
  }
}
