/** Workers that are given messages by a test. */
import { Deferred, Effect, Layer, Logger } from "effect"
import * as RelayFrame from "../../src/encoding/relayFrame.js"
import * as RelayWriter from "../../src/encoding/relayWriter.js"
import * as Metrics from "../../src/Metrics.js"
import { Histogram } from "../../src/recording/histogram.js"
import type { Kind, Measurement, Series } from "../../src/recording/measurement.js"
import type { Received } from "../../src/relay/Transport.js"
import * as Worker from "../../src/relay/Worker.js"
import { type Backend, backend } from "./harness.js"

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const millis = 1_357_682_400_000

export const seriesOf = (name: string, kind: Kind | "point", more: Partial<Series> = {}): Series => ({
  name,
  tags: [],
  kind,
  valueType: "float",
  unit: undefined,
  description: undefined,
  level: "info",
  boundaries: undefined,
  encoded: undefined,
  ...more
})

export const gaugeAt = (value: number, at: number): Measurement => ({
  _tag: "gauge",
  series: seriesOf("g", "gauge"),
  weight: 1,
  millis: at,
  nanos: 0,
  startMillis: at - 1000,
  value
})

export const countOf = (value: number, more: Partial<Series> = {}): Measurement => ({
  _tag: "count",
  series: seriesOf("c", "counter", more),
  weight: value,
  millis,
  nanos: 0,
  startMillis: millis - 1000,
  value
})

export const sizes = (values: ReadonlyArray<number>): Measurement => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return {
    _tag: "distribution",
    series: seriesOf("d", "distribution"),
    weight: values.length,
    millis,
    nanos: 0,
    startMillis: millis - 1000,
    histogram,
    buckets: undefined
  }
}

let batches = 0

export const nativeFrames = (
  measurements: ReadonlyArray<Measurement>,
  batch = `b-${batches++}`
): ReadonlyArray<Uint8Array> => {
  const [section] = RelayWriter.make()(measurements, Infinity).payload
  const { level } = section!
  return [bytesOf(RelayFrame.topicOf(level)), RelayFrame.frame({ publisher: "p", batch, level }, section!)]
}

/** A transport that gives what it is told to, and then nothing. */
export interface Feed {
  readonly give: (...messages: ReadonlyArray<ReadonlyArray<Uint8Array> | string>) => void
  readonly acknowledged: Array<number>
  /** Messages given back, and why. */
  readonly released: Array<readonly [number, string]>
  readonly topics: Array<string>
  readonly transport: NonNullable<Worker.Options["transport"]>
  readonly subscribed: Effect.Effect<void>
}

export const feedOf = (acknowledges = false): Feed => {
  const acknowledged: Array<number> = []
  const released: Array<readonly [number, string]> = []
  const topics: Array<string> = []
  const subscribed = Deferred.unsafeMake<void>(undefined as never)
  let receive: (message: Received) => void = () => {}
  let number = 0
  return {
    acknowledged,
    released,
    topics,
    subscribed: Deferred.await(subscribed),
    give: (...messages) => {
      for (const message of messages) {
        const at = number++
        receive({
          frames: typeof message === "string" ? [bytesOf(message)] : message,
          acknowledge: acknowledges ? Effect.sync(() => void acknowledged.push(at)) : undefined,
          release: (reason) => Effect.sync(() => void released.push([at, reason]))
        })
      }
    },
    transport: Effect.succeed({
      subscribe: (asked, take) =>
        Effect.suspend(() => {
          topics.push(...asked)
          receive = take
          return Effect.zipRight(Deferred.succeed(subscribed, undefined), Effect.never)
        })
    })
  }
}

export interface World extends Feed {
  readonly account: Effect.Effect<Worker.Account>
  readonly flush: Effect.Effect<ReadonlyArray<Metrics.LaneLedger>>
  readonly backend: Backend
  readonly logs: Array<string>
}

export const withWorker = <A, E>(
  use: (world: World) => Effect.Effect<A, E>,
  options: Worker.Options = {},
  into: Backend = backend(),
  acknowledges = false
): Effect.Effect<A, unknown> => {
  const feed = feedOf(acknowledges)
  const logs: Array<string> = []
  const logger = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ message }) => void logs.push(String(message)))
  )
  return Effect.gen(function* () {
    const worker = yield* Worker.Worker
    yield* feed.subscribed
    return yield* use({
      ...feed,
      account: worker.account,
      flush: yield* Effect.map(Metrics.Metrics, flushOf),
      backend: into,
      logs
    })
  }).pipe(
    Effect.provide(
      Worker.layer({ transport: feed.transport, ...options }).pipe(
        Layer.provideMerge(into.layer),
        Layer.provide(logger)
      )
    )
  )
}

const flushOf = (hub: Metrics.Service) => Effect.provideService(Metrics.flush, Metrics.Metrics, hub)
