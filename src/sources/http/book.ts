/**
 * The handles of a source's instruments, bound once for the tags of each kind of request: what a request costs is to find
 * them. The benchmark's row "middleware".
 */
import { Effect, FiberRef, type MetricLabel } from "effect"
import * as Metrics from "../../Metrics.js"
import type { Instrument, Key, Naming } from "./names.js"
import { joined } from "./tags.js"

export interface Instruments {
  readonly requests: Metrics.Counter | undefined
  readonly duration: Metrics.Timer | undefined
  readonly inFlight: Metrics.Gauge | undefined
  readonly requestSize: Metrics.Distribution | undefined
  readonly responseSize: Metrics.Distribution | undefined
}

export const declare = (
  { boundaries, names, standard }: Naming,
  wanted: ReadonlyArray<Instrument> = standard,
  level: string | undefined
): Instruments => {
  const isWanted = new Set(wanted)
  const only = <A>(instrument: Instrument, make: (name: string) => A): A | undefined =>
    isWanted.has(instrument) ? make(names[instrument]) : undefined
  return {
    requests: only("requests", (name) => Metrics.counter(name, { level, valueType: "int", description: "Requests" })),
    duration: only("duration", (name) =>
      Metrics.timer(name, { level, boundaries, description: "How long requests take" })
    ),
    inFlight: only("inFlight", (name) =>
      Metrics.gauge(name, { level, valueType: "int", description: "Requests that are under way" })
    ),
    requestSize: only("requestSize", (name) =>
      Metrics.distribution(name, { level, unit: "By", description: "Size of requests' bodies" })
    ),
    responseSize: only("responseSize", (name) =>
      Metrics.distribution(name, { level, unit: "By", description: "Size of responses' bodies" })
    )
  }
}

/** What a request that has ended is recorded into. */
interface Handles {
  readonly requests: Metrics.CounterHandle | undefined
  readonly duration: Metrics.DistributionHandle | undefined
  readonly requestSize: Metrics.DistributionHandle | undefined
  readonly responseSize: Metrics.DistributionHandle | undefined
}

/** A size is `undefined` where nothing says it. */
export interface Measured {
  readonly seconds: number
  readonly requestSize: number | undefined
  readonly responseSize: number | undefined
}

const record = (handles: Handles, { requestSize, responseSize, seconds }: Measured): undefined => {
  handles.requests?.increment()
  handles.duration?.record(seconds)
  if (requestSize !== undefined) handles.requestSize?.record(requestSize)
  if (responseSize !== undefined) handles.responseSize?.record(responseSize)
}

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

/** Handles kept before all are forgotten: a bound for routes and hosts that have none. */
const maxKept = 10_000

const outcomes = { success: 0, failure: 1, defect: 2, interrupt: 3 }

/** The handles for one hub and one region. */
export class Book {
  private readonly gauges = new Map<string, Map<string, Metrics.GaugeHandle>>()
  private readonly ended = new Map<string | undefined, Map<string, Map<string, Map<number, Handles>>>>()
  private kept = 0
  constructor(
    private readonly instruments: Instruments,
    private readonly naming: Naming,
    readonly hub: Metrics.Service,
    readonly labels: Labels
  ) {}

  /** An effect that records in this book's hub and region, wherever it is run. */
  within<A>(self: Effect.Effect<A>): Effect.Effect<A> {
    return self.pipe(
      Effect.provideService(Metrics.Metrics, this.hub),
      Effect.locally(FiberRef.currentMetricLabels, this.labels)
    )
  }

  gauge(method: string, place: string): Metrics.GaugeHandle | undefined {
    return this.gauges.get(method)?.get(place)
  }

  bindGauge(method: string, place: string): Effect.Effect<Metrics.GaugeHandle | undefined> {
    const { inFlight } = this.instruments
    if (inFlight === undefined) return Effect.succeed(undefined)
    return Effect.map(this.within(Metrics.bind(inFlight, this.naming.inFlightTags(method, place))), (handle) => {
      this.keep()
      branch(this.gauges, method).set(place, handle)
      return handle
    })
  }

  private handles(key: Key): Handles | undefined {
    return this.ended.get(key.route)?.get(key.method)?.get(key.place)?.get(leafOf(key))
  }

  /** Binds for a key seen for the first time. */
  private bind(key: Key): Effect.Effect<Handles> {
    const { instruments } = this
    const tags = this.naming.tags(key)
    const bound = Effect.gen(function* () {
      return {
        requests: instruments.requests && (yield* Metrics.bind(instruments.requests, tags)),
        duration: instruments.duration && (yield* Metrics.bind(instruments.duration, tags)),
        requestSize: instruments.requestSize && (yield* Metrics.bind(instruments.requestSize, tags)),
        responseSize: instruments.responseSize && (yield* Metrics.bind(instruments.responseSize, tags))
      }
    })
    return Effect.map(this.within(bound), (handles) => {
      this.keep()
      branch(branch(branch(this.ended, key.route), key.method), key.place).set(leafOf(key), handles)
      return handles
    })
  }

  /** Records an end, with the request's own tags if it has any: those are not kept. */
  end(key: Key, own: Metrics.Tags | undefined, measured: Measured): Effect.Effect<void> | undefined {
    if (own === undefined) {
      const known = this.handles(key)
      return known === undefined
        ? Effect.map(this.bind(key), (bound) => record(bound, measured))
        : record(known, measured)
    }
    const { duration, requests, requestSize, responseSize } = this.instruments
    const options = { tags: joined(this.naming.tags(key), own) }
    const all: Array<Effect.Effect<void>> = []
    if (requests !== undefined) all.push(Metrics.increment(requests, options))
    if (duration !== undefined) all.push(Metrics.record(duration, measured.seconds, options))
    if (requestSize !== undefined && measured.requestSize !== undefined) {
      all.push(Metrics.record(requestSize, measured.requestSize, options))
    }
    if (responseSize !== undefined && measured.responseSize !== undefined) {
      all.push(Metrics.record(responseSize, measured.responseSize, options))
    }
    return this.within(Effect.all(all, { discard: true }))
  }

  private keep(): void {
    if (++this.kept <= maxKept) return
    this.kept = 1
    this.gauges.clear()
    this.ended.clear()
  }
}

const leafOf = ({ outcome, status }: Key): number => status * 4 + outcomes[outcome]

const branch = <K, L, V>(of: Map<K, Map<L, V>>, key: K): Map<L, V> => {
  let known = of.get(key)
  if (known === undefined) of.set(key, (known = new Map<L, V>()))
  return known
}

/** The books of a source: most have one hub and one region. */
export interface Library {
  readonly book: (hub: Metrics.Service, labels: Labels) => Book
}

export const library = (instruments: Instruments, naming: Naming): Library => {
  let last: Book | undefined
  const books = new WeakMap<Metrics.Service, Book>()
  return {
    book: (hub, labels) => {
      if (last !== undefined && last.hub === hub && last.labels === labels) return last
      last = books.get(hub)
      if (last === undefined || last.labels !== labels) {
        last = new Book(instruments, naming, hub, labels)
        books.set(hub, last)
      }
      return last
    }
  }
}
