/**
 * What is measured of the runtime, what it is called here and, where they have a word for it, in OpenTelemetry's conventions.
 */
import { make, type Instrument } from "../../recording/instrument.js"

/**
 * Whose names and tags: this library's own, or OpenTelemetry's conventions.
 *
 * @since 0.1.0
 * @category models
 */
export type Semantics = "default" | "opentelemetry"

interface Quantity {
  readonly kind: "counter" | "gauge" | "timer"
  readonly name: string
  readonly unit?: string
  readonly description: string
  readonly tag?: string
  readonly boundaries?: ReadonlyArray<number>
  readonly opentelemetry?: {
    readonly name: string
    readonly tag?: string
    readonly boundaries?: ReadonlyArray<number>
  }
}

const counter = (
  name: string,
  unit: string,
  description: string,
  tag: string,
  opentelemetry: Quantity["opentelemetry"]
) =>
  ({
    kind: "counter",
    name,
    unit,
    description,
    tag,
    ...(opentelemetry === undefined ? {} : { opentelemetry })
  }) as const

const gauge = (name: string, unit: string, description: string, opentelemetry?: string) =>
  ({
    kind: "gauge",
    name,
    unit,
    description,
    ...(opentelemetry === undefined ? {} : { opentelemetry: { name: opentelemetry } })
  }) as const

const spaces = (name: string, description: string, opentelemetry: string) =>
  ({
    kind: "gauge",
    name: `heap.space.${name}`,
    unit: "By",
    description,
    tag: "space",
    opentelemetry: { name: `v8js.memory.heap.${opentelemetry}`, tag: "v8js.heap.space.name" }
  }) as const

const delay = (statistic: string) => ({
  kind: "gauge" as const,
  name: `event_loop.delay.${statistic}`,
  unit: "s",
  description: `Event loop delay, with the sampling interval: ${statistic}`,
  opentelemetry: { name: `nodejs.eventloop.delay.${statistic}` }
})

export const quantities = {
  delay: {
    kind: "timer",
    name: "event_loop.delay",
    description: "How late the event loop ran a timer",
    boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]
  },
  delayMin: delay("min"),
  delayMax: delay("max"),
  delayMean: delay("mean"),
  delayStddev: delay("stddev"),
  delayP50: delay("p50"),
  delayP90: delay("p90"),
  delayP99: delay("p99"),
  loopTime: counter("event_loop.time", "s", "Time that the event loop was in each state", "state", {
    name: "nodejs.eventloop.time",
    tag: "nodejs.eventloop.state"
  }),
  utilization: gauge(
    "event_loop.utilization",
    "1",
    "The part of the time that the event loop was active, since the last reading",
    "nodejs.eventloop.utilization"
  ),
  gc: {
    kind: "timer",
    name: "gc.duration",
    description: "Garbage collections",
    tag: "kind",
    boundaries: [0.001, 0.01, 0.1, 1, 2, 5],
    opentelemetry: { name: "v8js.gc.duration", tag: "v8js.gc.type", boundaries: [0.01, 0.1, 1, 10] }
  },
  heapLimit: gauge("heap.limit", "By", "What the heap may grow to"),
  spaceUsed: spaces("used", "Bytes used of a heap space", "used"),
  spaceSize: spaces("size", "Size of a heap space", "space.size"),
  spaceAvailable: spaces("available", "Bytes free of a heap space", "space.available_size"),
  spacePhysical: spaces("physical", "Memory committed to a heap space", "space.physical_size"),
  rss: gauge("memory.rss", "By", "Physical memory of the process", "process.memory.usage"),
  heapTotal: gauge("memory.heap_total", "By", "Size of the heap"),
  heapUsed: gauge("memory.heap_used", "By", "Bytes used of the heap"),
  external: gauge("memory.external", "By", "Memory of native objects that the heap refers to, with array buffers"),
  arrayBuffers: gauge("memory.array_buffers", "By", "Memory of array buffers, with Node's buffers"),
  cpu: counter("cpu.time", "s", "CPU time of the process", "mode", { name: "process.cpu.time", tag: "cpu.mode" }),
  resources: {
    kind: "gauge",
    name: "resources.active",
    unit: "{resource}",
    description: "Timers, handles and requests that keep the process alive",
    tag: "type",
    opentelemetry: { name: "v8js.resource.active", tag: "v8js.resource.type" }
  },
  uptime: gauge("uptime", "s", "Time since the process began", "process.uptime"),
  startTime: gauge("start_time", "s", "When the process began, since the epoch"),
  info: gauge("info", "1", "1, with the versions in its tags"),
  openFiles: gauge(
    "file_descriptors.open",
    "{file_descriptor}",
    "Open file descriptors",
    "process.unix.file_descriptor.count"
  ),
  fileLimit: gauge("file_descriptors.limit", "{file_descriptor}", "How many file descriptors may be open")
} satisfies Readonly<Record<string, Quantity>>

export type QuantityName = keyof typeof quantities

export interface Named {
  readonly instrument: Instrument
  /** The key of the tag that tells its series apart. */
  readonly tag: string
}

/** Own names have the prefix; those of the conventions are as the conventions have them. */
export const nameOf = (
  quantity: QuantityName,
  options: { readonly semantics: Semantics; readonly prefix: string; readonly level: string | undefined }
): Named => {
  const own: Quantity = quantities[quantity]
  const { boundaries, name, tag } =
    options.semantics === "opentelemetry" && own.opentelemetry !== undefined
      ? { ...own, ...own.opentelemetry }
      : { ...own, name: options.prefix + own.name }
  const { description, kind, unit } = own
  return { instrument: make(kind, name, { description, unit, boundaries, level: options.level }), tag: tag ?? "" }
}
