// @ts-check
/** Sources: what a reading of Effect's registry and of the runtime costs, and what the runtime's monitors cost all the time. */
import { Layer, ManagedRuntime, MetricBoundaries, MetricKey, MetricRegistry } from "effect"
import { setTimeout as sleep } from "node:timers/promises"
import { EffectMetrics, Metrics, RuntimeMetrics } from "../../dist/index.js"
import { median, quantile } from "../harness.mjs"
import { nullSink, silently } from "../ours.mjs"

const bounds = MetricBoundaries.exponential({ start: 1, factor: 2, count: 14 })

/** As many counters, gauges and histograms. @param {number} count */
const registryOf = (count) => {
  const registry = MetricRegistry.make()
  /** @type {Array<() => void>} */
  const updates = []
  for (let i = 0; i < count; i++) {
    const tagged = MetricKey.tagged("series", String(i))
    if (i % 3 === 0) {
      const hook = registry.get(tagged(MetricKey.counter("counter")))
      updates.push(() => hook.update(1))
    } else if (i % 3 === 1) {
      const hook = registry.get(tagged(MetricKey.gauge("gauge")))
      updates.push(() => hook.update(Math.random()))
    } else {
      const hook = registry.get(tagged(MetricKey.histogram("histogram", bounds)))
      updates.push(() => hook.update(Math.random() * 1000))
    }
  }
  return { registry, updates }
}

/** @param {Layer.Layer<any, any>} source */
const hubOf = async (source) => {
  const runtime = ManagedRuntime.make(silently(Layer.mergeAll(nullSink("null"), source)))
  const hub = await runtime.runPromise(Metrics.Metrics)
  return { runtime, pull: () => runtime.runPromise(hub.pull("flush")) }
}

/**
 * @param {string} name @param {"raw" | "ours"} kind @param {Array<number>} nanos
 * @param {Record<string, number | string>} [more]
 */
const result = (name, kind, nanos, more) => ({
  name,
  kind,
  median: median(nanos),
  p10: quantile(nanos, 0.1),
  p90: quantile(nanos, 0.9),
  ...(more === undefined ? {} : { more })
})

const cpuNanos = () => {
  const { system, user } = process.cpuUsage()
  return (user + system) * 1000
}

/** CPU, since a reading is done in slices, between which others work. @param {() => unknown} run */
const timed = async (run) => {
  const start = cpuNanos()
  await run()
  return cpuNanos() - start
}

/**
 * Of each subject in every round, one after the other, as what a round costs depends on what has been allocated before it.
 * @param {number} rounds @param {ReadonlyArray<{ readonly before?: () => unknown, readonly run: () => unknown }>} subjects
 */
const nanosOf = async (rounds, subjects) => {
  const nanos = subjects.map(() => /** @type {Array<number>} */ ([]))
  for (let round = -20; round < rounds; round++) {
    for (const [index, { before, run }] of subjects.entries()) {
      before?.()
      const took = await timed(run)
      if (round >= 0) nanos[index]?.push(took)
      await sleep(1)
    }
  }
  return nanos
}

/** CPU of a process that does nothing else, in microseconds a second. @param {number} seconds */
const cpuOf = async (seconds) => {
  const before = process.cpuUsage()
  await sleep(seconds * 1000)
  const { system, user } = process.cpuUsage(before)
  return (user + system) / seconds
}

/** @type {import("../harness.mjs").Row} */
export const sources = {
  name: "sources",
  title: "A reading of Effect's registry (counters, gauges, histograms), and of the runtime",
  unit: "ns of CPU, a metric or a reading",
  goals: [
    {
      text: "at most twice Effect's own snapshot of 10 k metrics when a tenth of them has changed",
      limit: 2,
      value: (get) => get("EffectMetrics, 10 k, a tenth changed").median / get("raw: registry.snapshot(), 10 k").median
    }
  ],
  run: async ({ isQuick }) => {
    const rounds = isQuick ? 2 : 100
    const count = isQuick ? 500 : 10_000
    const { registry, updates } = registryOf(count)
    const change = (/** @type {number} */ every) => () => {
      for (let i = 0; i < updates.length; i += every) updates[i]?.()
    }
    const each = (/** @type {Array<number>} */ nanos) => nanos.map((one) => one / count)
    const { pull, runtime } = await hubOf(EffectMetrics.layer({ registry }))
    const firstNanos = (await timed(pull)) / count
    const [raw = [], unchanged = [], tenth = [], all = []] = await nanosOf(rounds, [
      { run: () => registry.snapshot() },
      { run: pull },
      { before: change(10), run: pull },
      { before: change(1), run: pull }
    ])
    await runtime.dispose()

    const measured = await hubOf(RuntimeMetrics.layer())
    const [readings = []] = await nanosOf(rounds, [{ run: measured.pull }])
    await measured.runtime.dispose()

    const seconds = isQuick ? 0.05 : 5
    const idle = await cpuOf(seconds)
    /** @type {Array<import("../harness.mjs").Result>} */
    const steady = []
    for (const resolution of [10, 20, 100]) {
      const monitor = await hubOf(RuntimeMetrics.layer({ resolution, groups: ["eventLoop", "gc"] }))
      const micros = (await cpuOf(seconds)) - idle
      await monitor.runtime.dispose()
      const name = `RuntimeMetrics, event loop every ${resolution} ms, a second of nothing else`
      steady.push(result(name, "ours", [micros * 1000], { "CPU %": Number((micros / 10_000).toFixed(2)) }))
    }
    return {
      results: [
        result("raw: registry.snapshot(), 10 k", "raw", each(raw), {
          "ms in all": Number((median(raw) / 1e6).toFixed(2))
        }),
        result("EffectMetrics, 10 k, the first reading", "ours", [firstNanos]),
        ...[
          { name: "EffectMetrics, 10 k, unchanged", nanos: unchanged },
          { name: "EffectMetrics, 10 k, a tenth changed", nanos: tenth },
          { name: "EffectMetrics, 10 k, all changed", nanos: all }
        ].map(({ name, nanos }) =>
          result(name, "ours", each(nanos), { "ms in all": Number((median(nanos) / 1e6).toFixed(2)) })
        ),
        result("RuntimeMetrics, all groups, a reading", "ours", readings),
        ...steady
      ],
      notes: [
        "A reading is cut into slices of at most 5 ms, between which other work has its turn of the event loop.",
        "`CPU %` is of one core, above what the idle process takes; it scatters by about 0.1."
      ]
    }
  }
}
