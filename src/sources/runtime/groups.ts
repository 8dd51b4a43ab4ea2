/**
 * The groups of what is read of the runtime. Each is made of what it needs, or says that it cannot be.
 */
import type { OpenLanes } from "../../delivery/pull.js"
import { CounterEntry, DistributionEntry, GaugeEntry } from "../../recording/entry.js"
import type { Tag } from "../../recording/measurement.js"
import * as Tags from "../../recording/tags.js"
import { fileLimit, type IntervalHistogram, openFiles, type PerformanceEntry, type Runtime } from "./node.js"
import { nameOf, type QuantityName, type Semantics } from "./names.js"
import type { Group } from "./options.js"

export interface Rules {
  readonly semantics: Semantics
  readonly prefix: string
  readonly level: string | undefined
  /** Milliseconds between two samples of the event loop's delay. */
  readonly resolution: number
}

/** What a group is while it is measured. */
export interface Measured {
  readonly read: () => void
  readonly close?: () => void
}

interface World {
  readonly runtime: Runtime
  readonly lanes: OpenLanes
  readonly rules: Rules
}

/** `undefined` or a throw means that it is not there. */
type Make = (world: World) => Measured | undefined

/** Series that one quantity may have: types of resources come from native code, but who knows. */
const maxValues = 64

const byTag = <E>(
  world: World,
  quantity: QuantityName,
  make: (name: ReturnType<typeof nameOf>, tags: ReadonlyArray<Tag>) => E
) => {
  const name = nameOf(quantity, world.rules)
  const entries = new Map<string, E>()
  return {
    all: entries,
    of: (value: string): E => {
      const known = entries.get(value)
      if (known !== undefined) return known
      const kept = entries.size < maxValues ? value : "other"
      const entry = entries.get(kept) ?? make(name, [[name.tag, kept]])
      entries.set(kept, entry)
      return entry
    }
  }
}

const gauge = ({ lanes, rules }: World, quantity: QuantityName, tags: ReadonlyArray<Tag> = Tags.empty): GaugeEntry =>
  new GaugeEntry(lanes, nameOf(quantity, rules).instrument, tags)

const gauges = (world: World, quantity: QuantityName) =>
  byTag(world, quantity, ({ instrument }, tags) => new GaugeEntry(world.lanes, instrument, tags))

const counters = (world: World, quantity: QuantityName) =>
  byTag(world, quantity, ({ instrument }, tags) => new CounterEntry(world.lanes, instrument, tags))

const eventLoop: Make = (world) => {
  const { performance: hooks } = world.runtime
  if (hooks === undefined) return undefined
  const histogram = hooks.monitorEventLoopDelay({ resolution: world.rules.resolution })
  histogram.enable()
  const delay = world.rules.semantics === "opentelemetry" ? delayGauges(world) : delayTimer(world)
  const utilization = gauge(world, "utilization")
  const time = counters(world, "loopTime")
  let last = hooks.performance.eventLoopUtilization()
  return {
    read: () => {
      if (histogram.count > 0) delay(histogram)
      histogram.reset()
      const now = hooks.performance.eventLoopUtilization()
      const { active, idle } = hooks.performance.eventLoopUtilization(now, last)
      last = now
      // It takes turns of the event loop for there to be any of either.
      if (!(active + idle > 0)) return
      utilization.set(active / (active + idle))
      time.of("active").incrementBy(Math.max(0, active) / 1000)
      time.of("idle").incrementBy(Math.max(0, idle) / 1000)
    },
    close: () => histogram.disable()
  }
}

/** The monitor measures from one of its timers to the next. */
const delayTimer = (world: World) => {
  const entry = new DistributionEntry(world.lanes, nameOf("delay", world.rules).instrument, Tags.empty)
  const late = (nanos: number): number => Math.max(0, nanos / 1e9 - world.rules.resolution / 1000)
  return (histogram: IntervalHistogram): void => {
    const values: Array<number> = []
    const counts: Array<number> = []
    let before = 0
    let sum = 0
    const put = (value: number, through: number): void => {
      if (through <= before) return
      values.push(value)
      counts.push(through - before)
      sum += value * (through - before)
      before = through
    }
    // It tells its percentiles at ever finer steps, up to the greatest value.
    for (const [percentile, nanos] of histogram.percentiles) {
      put(late(nanos), percentile === 0 ? 1 : Math.round((histogram.count * percentile) / 100))
    }
    put(late(histogram.max), histogram.count)
    entry.absorb(values, counts, sum)
  }
}

const delayGauges = (world: World) => {
  const set = (quantity: QuantityName): ((nanos: number) => void) => {
    const entry = gauge(world, quantity)
    return (nanos) => entry.set(nanos / 1e9)
  }
  const [min, max, mean] = [set("delayMin"), set("delayMax"), set("delayMean")]
  const [stddev, p50, p90, p99] = [set("delayStddev"), set("delayP50"), set("delayP90"), set("delayP99")]
  return (histogram: IntervalHistogram): void => {
    min(histogram.min)
    max(histogram.max)
    mean(histogram.mean)
    stddev(histogram.stddev)
    p50(histogram.percentile(50))
    p90(histogram.percentile(90))
    p99(histogram.percentile(99))
  }
}

const gc: Make = (world) => {
  const { performance: hooks } = world.runtime
  if (hooks === undefined || !entryTypes(hooks.PerformanceObserver).includes("gc")) return undefined
  const { constants } = hooks
  const kinds = new Map<unknown, string>([
    [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
    [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
    [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
    [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"]
  ])
  const durations = byTag(world, "gc", ({ instrument }, tags) => new DistributionEntry(world.lanes, instrument, tags))
  const record = (entries: ReadonlyArray<PerformanceEntry>): void => {
    world.lanes.refresh()
    for (const entry of entries) durations.of(kinds.get(kindOf(entry)) ?? "other").record(entry.duration / 1000)
  }
  const observer = new hooks.PerformanceObserver((list) => record(list.getEntries()))
  observer.observe({ entryTypes: ["gc"] })
  return { read: () => record(observer.takeRecords()), close: () => observer.disconnect() }
}

/** Node's types leave out what its documentation has. */
const entryTypes = (observer: object): ReadonlyArray<string> =>
  (observer as { readonly supportedEntryTypes?: ReadonlyArray<string> }).supportedEntryTypes ?? []
const kindOf = (entry: object): unknown => (entry as { readonly detail?: { readonly kind?: unknown } }).detail?.kind

const heap: Make = (world) => {
  const { v8 } = world.runtime
  if (v8 === undefined) return undefined
  const limit = gauge(world, "heapLimit")
  const used = gauges(world, "spaceUsed")
  const size = gauges(world, "spaceSize")
  const available = gauges(world, "spaceAvailable")
  const physical = gauges(world, "spacePhysical")
  v8.getHeapSpaceStatistics()
  return {
    read: () => {
      limit.set(v8.getHeapStatistics().heap_size_limit)
      for (const space of v8.getHeapSpaceStatistics()) {
        used.of(space.space_name).set(space.space_used_size)
        size.of(space.space_name).set(space.space_size)
        available.of(space.space_name).set(space.space_available_size)
        physical.of(space.space_name).set(space.physical_space_size)
      }
    }
  }
}

const memory: Make = (world) => {
  const { process } = world.runtime
  if (process === undefined) return undefined
  const rss = gauge(world, "rss")
  const heapTotal = gauge(world, "heapTotal")
  const heapUsed = gauge(world, "heapUsed")
  const external = gauge(world, "external")
  const arrayBuffers = gauge(world, "arrayBuffers")
  process.memoryUsage()
  return {
    read: () => {
      const usage = process.memoryUsage()
      rss.set(usage.rss)
      heapTotal.set(usage.heapTotal)
      heapUsed.set(usage.heapUsed)
      external.set(usage.external)
      arrayBuffers.set(usage.arrayBuffers)
    }
  }
}

const cpu: Make = (world) => {
  const { process } = world.runtime
  if (process === undefined) return undefined
  const time = counters(world, "cpu")
  let last = process.cpuUsage()
  return {
    read: () => {
      const now = process.cpuUsage()
      time.of("user").incrementBy(Math.max(0, now.user - last.user) / 1e6)
      time.of("system").incrementBy(Math.max(0, now.system - last.system) / 1e6)
      last = now
    }
  }
}

const resources: Make = (world) => {
  const { process } = world.runtime
  if (process === undefined) return undefined
  const active = gauges(world, "resources")
  process.getActiveResourcesInfo()
  return {
    read: () => {
      const counts = new Map<GaugeEntry, number>(Array.from(active.all.values(), (entry) => [entry, 0]))
      for (const type of process.getActiveResourcesInfo()) {
        const entry = active.of(type)
        counts.set(entry, (counts.get(entry) ?? 0) + 1)
      }
      for (const [entry, count] of counts) entry.set(count)
    }
  }
}

const process: Make = (world) => {
  const { performance: hooks, process } = world.runtime
  if (process === undefined) return undefined
  const uptime = gauge(world, "uptime")
  const startTime = gauge(world, "startTime")
  const versions = process.versions as Readonly<Record<string, string | undefined>>
  const tags = ["node", "v8", "bun", "deno"].flatMap((name): ReadonlyArray<Tag> => {
    const version = versions[name]
    return version === undefined ? [] : [[name, version]]
  })
  const info = gauge(world, "info", Tags.canonical(tags))
  const start = hooks?.performance.timeOrigin
  return {
    read: () => {
      uptime.set(process.uptime())
      if (start !== undefined) startTime.set(start / 1000)
      info.set(1)
    }
  }
}

const fileDescriptors: Make = (world) => {
  const { fs } = world.runtime
  if (fs === undefined) return undefined
  openFiles(fs)
  const open = gauge(world, "openFiles")
  const limit = gauge(world, "fileLimit")
  const most = fileLimit(fs)
  return {
    read: () => {
      open.set(openFiles(fs))
      if (most !== undefined) limit.set(most)
    }
  }
}

const groups: Readonly<Record<Group, Make>> = {
  eventLoop,
  gc,
  heap,
  memory,
  cpu,
  resources,
  process,
  fileDescriptors
}

export const allGroups = Object.keys(groups) as ReadonlyArray<Group>

/** `undefined` where the runtime does not have it. */
export const measure = (group: Group, world: World): Measured | undefined => {
  try {
    return groups[group](world)
  } catch {
    return undefined
  }
}
