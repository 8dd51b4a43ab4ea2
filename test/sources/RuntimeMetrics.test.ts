import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Schedule } from "effect"
import { existsSync } from "node:fs"
import { PerformanceObserver } from "node:perf_hooks"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { OpenLanes } from "../../src/delivery/pull.js"
import { LiveHub } from "../../src/delivery/service.js"
import * as Metrics from "../../src/Metrics.js"
import type { Measurement } from "../../src/recording/measurement.js"
import type { InvalidOption } from "../../src/Sink.js"
import * as RuntimeMetrics from "../../src/sources/RuntimeMetrics.js"
import { allGroups, measure } from "../../src/sources/runtime/groups.js"
import { layerIn } from "../../src/sources/runtime/layer.js"
import { type Runtime, runtime } from "../../src/sources/runtime/node.js"
import { FaultySink } from "../../src/testing/index.js"

const quiet = { schedule: Schedule.spaced("1 hour") }

/** What a layer has delivered after a body has run in it. */
const delivered = (
  layer: Layer.Layer<Metrics.Metrics, InvalidOption>,
  body: Effect.Effect<unknown, never, Metrics.Metrics> = Effect.void
): Effect.Effect<ReadonlyArray<Measurement>, InvalidOption> =>
  Effect.gen(function* () {
    const sink = FaultySink.make(quiet)
    yield* body.pipe(Effect.zipRight(Metrics.flush), Effect.provide(Layer.mergeAll(sink.layer, layer)))
    return sink.received()
  })

const tagsOf = ({ series }: Measurement) => Object.fromEntries(series.tags)

const numbers = (all: ReadonlyArray<Measurement>, name: string): ReadonlyArray<number> =>
  all.flatMap((one) =>
    one.series.name !== name || one._tag === "point"
      ? []
      : [one._tag === "distribution" ? one.histogram.count : one.value]
  )

const first = (all: ReadonlyArray<Measurement>, name: string): number => {
  const [value] = numbers(all, name)
  assert(value !== undefined, `${name} in ${Array.from(new Set(all.map(({ series }) => series.name))).join()}`)
  return value
}

/**
 * Runs `gc` in this process, which was not started with the flag for it. Observers hear of it in a later turn, in the order in
 * which they began to observe.
 */
const collect = Effect.async<void>((resume) => {
  const observer = new PerformanceObserver(() => {
    observer.disconnect()
    resume(Effect.void)
  })
  observer.observe({ entryTypes: ["gc"] })
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  setFlagsFromString("--no-expose-gc")
  gc()
})

/** For so long, and for a good part of it on a processor, which others may want as well. */
const busy = (millis: number) =>
  Effect.sync(() => {
    const until = performance.now() + millis
    const before = process.cpuUsage()
    while (performance.now() < until || process.cpuUsage(before).user < millis * 400);
  })

const logs = () => {
  const lines: Array<readonly [string, string]> = []
  const layer = Layer.merge(
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ logLevel, message }) => {
        if (String(message).startsWith("RuntimeMetrics")) lines.push([logLevel._tag, String(message)])
      })
    ),
    Logger.minimumLogLevel(LogLevel.All)
  )
  return { lines, layer }
}

const isLinux = existsSync("/proc/self/fd")

describe("RuntimeMetrics", () => {
  it.live("tells of the memory, the heap, the process and its versions", () =>
    Effect.gen(function* () {
      const all = yield* delivered(RuntimeMetrics.layer())
      assert.isAbove(first(all, "runtime.memory.rss"), 10_000_000)
      assert.isAbove(first(all, "runtime.memory.heap_total"), first(all, "runtime.memory.heap_used") / 2)
      assert.isAtLeast(first(all, "runtime.memory.external"), 1)
      assert.isAtLeast(first(all, "runtime.memory.array_buffers"), 0)
      assert.isAbove(first(all, "runtime.heap.limit"), 10_000_000)
      const spaces = all.filter(({ series }) => series.name === "runtime.heap.space.used")
      assert.sameMembers(
        Array.from(new Set(spaces.map((space) => tagsOf(space)["space"]))),
        getHeapSpaceStatistics().map(({ space_name }) => space_name)
      )
      assert.closeTo(first(all, "runtime.uptime"), process.uptime(), 60)
      assert.closeTo(first(all, "runtime.start_time") + process.uptime(), Date.now() / 1000, 60)
      const info = all.find(({ series }) => series.name === "runtime.info")!
      assert.deepInclude(tagsOf(info), { node: process.versions.node, v8: process.versions.v8 })
      for (const { series } of all) {
        assert.isString(series.unit, series.name)
        assert.isString(series.description, series.name)
      }
    })
  )

  it.live("tells how late the event loop is, how busy it was, and the CPU time, since the last time", () =>
    Effect.gen(function* () {
      const all = yield* delivered(
        RuntimeMetrics.layer({ groups: ["eventLoop", "cpu"], resolution: "5 millis" }),
        Effect.sleep("30 millis").pipe(
          Effect.zipRight(busy(120)),
          Effect.zipRight(Effect.sleep("30 millis")),
          Effect.zipRight(Metrics.flush)
        )
      )
      const delay = all.find(({ series }) => series.name === "runtime.event_loop.delay")
      assert(delay?._tag === "distribution")
      assert.strictEqual(delay.series.kind, "timer")
      assert.isAtLeast(delay.histogram.max, 0.1)
      assert.isBelow(delay.histogram.max, 10)
      assert.isBelow(delay.histogram.quantile(0.1), 0.1)
      assert.isAtLeast(delay.histogram.sum, delay.histogram.max)
      assert.strictEqual(delay.weight, delay.histogram.count)
      const utilization = first(all, "runtime.event_loop.utilization")
      assert.isTrue(utilization > 0 && utilization <= 1, String(utilization))
      const times = all.filter(({ series }) => series.name === "runtime.event_loop.time")
      assert.includeMembers(
        times.map((time) => tagsOf(time)["state"]),
        ["active", "idle"]
      )
      const cpu = all.filter((one) => one.series.name === "runtime.cpu.time" && tagsOf(one)["mode"] === "user")
      const seconds = cpu.reduce((sum, one) => sum + (one._tag === "count" ? one.value : 0), 0)
      assert.isAbove(seconds, 0.03)
      assert.isBelow(seconds, process.cpuUsage().user / 1e6)
    })
  )

  it.live("times garbage collections by kind", () =>
    Effect.gen(function* () {
      const all = yield* delivered(RuntimeMetrics.layer({ groups: ["gc"] }), collect)
      const major = all.find((one) => tagsOf(one)["kind"] === "major")
      assert(major?._tag === "distribution")
      assert.strictEqual(major.series.name, "runtime.gc.duration")
      assert.isAtLeast(major.histogram.count, 1)
      assert.isTrue(major.histogram.sum > 0 && major.histogram.sum < 10)
    })
  )

  it.live("counts what keeps the process alive by type, down to none", () =>
    Effect.gen(function* () {
      const sink = FaultySink.make(quiet)
      const timeouts = (): ReadonlyArray<number> =>
        sink.received().flatMap((one) => (tagsOf(one)["type"] === "Timeout" && one._tag === "gauge" ? [one.value] : []))
      yield* Effect.gen(function* () {
        const timers = Array.from({ length: 200 }, () => setTimeout(() => {}, 60_000))
        yield* Metrics.flush
        timers.forEach(clearTimeout)
        yield* Metrics.flush
      }).pipe(Effect.provide(Layer.mergeAll(sink.layer, RuntimeMetrics.layer({ groups: ["resources"] }))))
      const [up, down] = timeouts()
      assert.isAtLeast(up!, 200)
      // The runner of the tests has timers of its own, which come and go.
      assert.isAtMost(down!, up! - 190)
    })
  )

  it.live.skipIf(!isLinux)("counts open file descriptors (skipped where there is no /proc)", () =>
    Effect.gen(function* () {
      const all = yield* delivered(RuntimeMetrics.layer({ groups: ["fileDescriptors"] }))
      const open = first(all, "runtime.file_descriptors.open")
      assert.isAtLeast(open, 3)
      assert.isAtLeast(first(all, "runtime.file_descriptors.limit"), open)
    })
  )

  it.live("measures only the groups that are asked for, at a level, under a prefix", () =>
    Effect.gen(function* () {
      const all = yield* delivered(RuntimeMetrics.layer({ groups: ["memory"], level: "ops", prefix: "app.node." }))
      assert.isAtLeast(all.length, 5)
      for (const { series } of all) assert.match(`${series.name} ${series.level}`, /^app\.node\.memory\..* ops$/)
    })
  )

  it.live("has OpenTelemetry's names and tags where there are any, and its own for the others", () =>
    Effect.gen(function* () {
      const all = yield* delivered(
        RuntimeMetrics.layer({ semantics: "opentelemetry", resolution: 1 }),
        Effect.zipRight(Effect.sleep("30 millis"), collect)
      )
      const keys = new Set(all.map((one) => [one.series.name, ...Object.keys(tagsOf(one)), one.series.unit].join(" ")))
      const statistics = ["min", "max", "mean", "stddev", "p50", "p90", "p99"]
      assert.containsAllKeys(Object.fromEntries(Array.from(keys, (key) => [key, true])), [
        ...statistics.map((statistic) => `nodejs.eventloop.delay.${statistic} s`),
        "nodejs.eventloop.utilization 1",
        "nodejs.eventloop.time nodejs.eventloop.state s",
        "v8js.gc.duration v8js.gc.type s",
        "v8js.memory.heap.used v8js.heap.space.name By",
        "v8js.memory.heap.space.size v8js.heap.space.name By",
        "v8js.memory.heap.space.available_size v8js.heap.space.name By",
        "v8js.memory.heap.space.physical_size v8js.heap.space.name By",
        "process.memory.usage By",
        "process.cpu.time cpu.mode s",
        "process.uptime s",
        "runtime.heap.limit By",
        "runtime.memory.heap_used By"
      ])
      assert.isFalse(keys.has("runtime.event_loop.delay s"))
    })
  )

  it.live("closes its observers, and keeps no process alive", () =>
    Effect.gen(function* () {
      const node = yield* runtime
      const before = process.getActiveResourcesInfo().sort()
      const rules = { semantics: "default", prefix: "", level: undefined, resolution: 1 } as const
      const lanes = new OpenLanes(new LiveHub(null, "open"))
      const measured = allGroups.map((group) => measure(group, { runtime: node, lanes, rules }))
      assert.deepStrictEqual(process.getActiveResourcesInfo().sort(), before)
      measured.forEach((one) => one?.close?.())
      let disabled = 0
      const monitored = {
        ...node,
        performance: {
          ...node.performance!,
          performance: node.performance!.performance,
          monitorEventLoopDelay: () => {
            const histogram = node.performance!.monitorEventLoopDelay()
            histogram.disable = () => (disabled++, true)
            return histogram
          }
        }
      }
      yield* delivered(layerIn(Effect.succeed(monitored), { groups: ["eventLoop"] }))
      assert.strictEqual(disabled, 1)
    })
  )

  it.live("leaves out what the runtime does not have, and says so once at Debug", () =>
    Effect.gen(function* () {
      const { layer, lines } = logs()
      const browser: Runtime = { process: undefined, performance: undefined, v8: undefined, fs: undefined }
      const nothing = yield* Effect.provide(delivered(layerIn(Effect.succeed(browser), {})), layer)
      assert.deepStrictEqual(nothing, [])
      assert.deepStrictEqual(lines, [
        [
          "Debug",
          "RuntimeMetrics: not measured, as this runtime does not have it: eventLoop, gc, heap, memory, cpu, resources, process, fileDescriptors"
        ]
      ])
    })
  )

  it.live("leaves out what turns out not to work, and goes on with the rest", () =>
    Effect.gen(function* () {
      const { layer, lines } = logs()
      const node = yield* runtime
      const refuse = () => {
        throw new Error("not implemented")
      }
      const partial = { ...node, v8: { ...node.v8!, getHeapStatistics: refuse }, fs: { ...node.fs!, statSync: refuse } }
      const all = yield* Effect.provide(
        delivered(layerIn(Effect.succeed(partial), { groups: ["heap", "fileDescriptors", "memory"] }), Metrics.flush),
        layer
      )
      assert.strictEqual(numbers(all, "runtime.memory.rss").length, all.length / 5)
      assert.deepStrictEqual(
        lines.map(([level, line]) => [level, line.replace(/: .*:/, "")]),
        [
          ["Debug", "RuntimeMetrics fileDescriptors"],
          ["Warning", "RuntimeMetrics not implemented"]
        ]
      )
    })
  )

  it.effect("fails the layer for options that cannot work, by name", () =>
    Effect.gen(function* () {
      for (const [options, option] of [
        [{ groups: ["weather" as "gc"] }, "groups"],
        [{ semantics: "prometheus" as "default" }, "semantics"],
        [{ prefix: 1 as unknown as string }, "prefix"],
        [{ level: "" }, "level"],
        [{ resolution: "0.5 millis" as "1 millis" }, "resolution"],
        [{ resolution: "1 hour" }, "resolution"]
      ] as const) {
        const error = yield* Effect.flip(Effect.provide(Effect.void, RuntimeMetrics.layer(options)))
        assert.strictEqual(error.option, option)
      }
    })
  )
})
