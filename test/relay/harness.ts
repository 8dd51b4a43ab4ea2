import { Effect, Exit, Layer, Logger, LogLevel, Scope } from "effect"
import type * as Metrics from "../../src/Metrics.js"
import { topicOf } from "../../src/encoding/relayFrame.js"
import * as Broker from "../../src/relay/Broker.js"
import * as Worker from "../../src/relay/Worker.js"
import * as Sink from "../../src/Sink.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"
import { publisher } from "../../src/transport/zeroMq.js"
import { freePort } from "../servers/harness.js"

export interface Ports {
  readonly port: number
  readonly workerPort: number
}

export const ports: Effect.Effect<Ports> = Effect.map(
  Effect.all([Effect.promise(freePort), Effect.promise(freePort)]),
  ([port, workerPort]) => ({ port, workerPort })
)

/** A backend that keeps what it is sent. */
export interface Backend {
  readonly measurements: Array<Sink.Measurement>
  readonly layer: Layer.Layer<Metrics.Metrics, Sink.InvalidOption>
}

export const backend = (options: Partial<Parameters<typeof Sink.layer>[0]> = {}): Backend => {
  const measurements: Array<Sink.Measurement> = []
  return {
    measurements,
    layer: Sink.layer({
      name: "backend",
      byLevel: true,
      ...options,
      make: Effect.succeed({
        write: (batch) => Effect.sync(() => void measurements.push(...batch.measurements))
      })
    })
  }
}

/** What a relay says of itself is for tests of just that. */
export const ofApps = (measurements: ReadonlyArray<Sink.Measurement>): ReadonlyArray<Sink.Measurement> =>
  measurements.filter(({ series }) => !series.name.startsWith("effect_metrics."))

export const totals = (measurements: ReadonlyArray<Sink.Measurement>): Record<string, number> => {
  const sums: Record<string, number> = {}
  for (const measurement of ofApps(measurements)) {
    const { level, name, tags } = measurement.series
    const key = [level ?? "", name, ...tags.map(([key, value]) => `${key}=${value}`)].join(" ").trim()
    const value =
      measurement._tag === "point"
        ? Number(measurement.fieldValues[0])
        : measurement._tag === "distribution"
          ? measurement.histogram.count
          : measurement.value
    sums[key] = measurement._tag === "gauge" ? value : (sums[key] ?? 0) + value
  }
  return sums
}

export interface RunningWorker {
  readonly account: Effect.Effect<Worker.Account>
  readonly backend: Backend
  /** Ends the worker, and then its sinks, which write what they have. */
  readonly stop: Effect.Effect<void>
}

export const startWorker = (
  { workerPort }: Ports,
  options: Worker.Options = {},
  into: Backend = backend()
): Effect.Effect<RunningWorker, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { close, context } = yield* closeable(
      Worker.layer({ port: workerPort, ...options }).pipe(
        Layer.provide(into.layer),
        Layer.provide(Logger.minimumLogLevel(LogLevel.None))
      )
    )
    yield* Effect.addFinalizer(() => close)
    return {
      account: Effect.flatMap(Worker.Worker, ({ account }) => account).pipe(Effect.provide(context)),
      backend: into,
      stop: close
    }
  })

const closeable = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    return { context, close: Scope.close(scope, Exit.void) }
  })

/**
 * Done when the workers receive what publishers send, and have received all that was sent to find that out: nothing of it comes
 * between what the test sends. A publisher's messages keep their order, and the last is one that nobody else sends.
 */
export const joined = (
  { port }: Ports,
  ...workers: ReadonlyArray<Pick<RunningWorker, "account"> & { readonly level?: string }>
): Effect.Effect<void, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { publish } = yield* publisher({ host: "127.0.0.1", port, highWaterMark: 100, linger: 0 })
      for (const { account, level = "info" } of workers) {
        const probe = { id: "", level, frames: [new TextEncoder().encode(`${level}|Probe|||||`)] }
        yield* Effect.repeat(Effect.ignore(publish([probe])).pipe(Effect.delay(20), Effect.zipRight(account)), {
          until: ({ unreadable }) => unreadable.malformed > 0
        })
      }
      for (const { account, level = "info" } of workers) {
        const { version } = (yield* account).unreadable
        const frames = [topicOf(level), "em\0"].map((text) => new TextEncoder().encode(text))
        yield* publish([{ id: "", level, frames }])
        yield* Effect.repeat(Effect.delay(account, 5), { until: ({ unreadable }) => unreadable.version > version })
      }
    })
  )

export const startBroker = (ports: Ports) => Layer.build(Broker.layer(ports))

/** An app that publishes: `record` runs with its metrics, and they are closed after it. */
export const publish = <A, E>(
  { port }: Ports,
  record: Effect.Effect<A, E>,
  options: ZeroMq.Options = {}
): Effect.Effect<A, unknown> => Effect.provide(record, ZeroMq.layer({ port, hostTag: "none", ...options }))
