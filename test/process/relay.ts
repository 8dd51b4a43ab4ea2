/**
 * A part of a relay as a process of its own, which does what its parent asks for: a publisher, a broker, or a worker that
 * writes to InfluxDB and Librato. Arguments: which, and its options as JSON.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Deferred, Effect, Layer, Logger, LogLevel, Option, Redacted, Runtime, Schedule } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as Broker from "../../src/relay/Broker.js"
import * as Transport from "../../src/relay/Transport.js"
import * as Worker from "../../src/relay/Worker.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import * as Librato from "../../src/sinks/Librato.js"
import * as Nats from "../../src/sinks/Nats.js"
import * as ZeroMq from "../../src/sinks/ZeroMq.js"
import type { Answers, Ask, PartOptions } from "../relay/processes.js"
import { recorder } from "./load.js"

const tell = (message: object): void => void process.send!(message)

/** Answers until it is asked to end; its last word is said when the layer has closed. */
const run = <R, E, Part extends keyof PartOptions>(
  _: Part,
  layer: Layer.Layer<R, E>,
  answers: { readonly [Key in keyof Answers[Part]]: (value: number) => Effect.Effect<Answers[Part][Key], unknown, R> },
  lastWord: Effect.Effect<() => unknown, never, R>
): void =>
  Effect.gen(function* () {
    const word = yield* Effect.gen(function* () {
      const runtime = yield* Effect.runtime<R>()
      const end = yield* Deferred.make<void>()
      process.on("message", ({ ask, id, value }: Ask) => {
        if (ask === "end") return Deferred.unsafeDone(end, Effect.void)
        const answer = answers[ask as keyof Answers[Part]](value)
        Runtime.runFork(runtime)(Effect.map(answer, (answer) => tell({ id, answer })))
      })
      tell({ isReady: true })
      yield* Deferred.await(end)
      return yield* lastWord
    }).pipe(Effect.provide(layer), Logger.withMinimumLogLevel(LogLevel.Error))
    tell({ lastWord: word() })
    process.disconnect()
  }).pipe(NodeRuntime.runMain)

const ledger = Effect.map(Metrics.ledgers, ([first]) => first!.ledger)
const hub = Effect.map(Metrics.Metrics, (hub) => () => Metrics.ledgersOf(hub))

const publisher = ({ everyMillis, index, port }: PartOptions["publisher"]): void => {
  const record = recorder(index)
  run(
    "publisher",
    ZeroMq.layer({ port, hostTag: "none", schedule: Schedule.fixed(everyMillis), shutdownTimeout: "20 seconds" }),
    {
      record: (steps) => Effect.zipRight(record(steps), ledger),
      flush: () => Effect.zipRight(Metrics.flush, ledger),
      ledger: () => ledger
    },
    hub
  )
}

const broker = (options: PartOptions["broker"]): void =>
  run(
    "broker",
    Broker.layer(options),
    {},
    Effect.succeed(() => null)
  )

const worker = ({ database, influxDb, levels, librato, port }: PartOptions["worker"]): void => {
  const common = { hostTag: { value: "w" }, shutdownTimeout: "20 seconds" } as const
  const sinks = Layer.mergeAll(
    InfluxDb.layerFetch({ ...common, url: influxDb, database, schedule: Schedule.fixed("1 second") }),
    // One window of all that there is, so that its percentiles are those of all values.
    InfluxDb.layerFetch({
      ...common,
      name: "whole",
      url: influxDb,
      database: `${database}_whole`,
      schedule: Schedule.fixed("1 hour"),
      view: ({ name, tags }) => (name === "latency" ? Option.some({ name, tags }) : Option.none()),
      viewPoint: () => Option.none()
    }),
    Librato.layerFetch({
      ...common,
      url: librato,
      email: "ops@example.org",
      token: Redacted.make("token"),
      api: "measurements",
      schedule: Schedule.fixed("1 second")
    })
  )
  const account = Effect.flatMap(Worker.Worker, ({ account }) => account)
  run(
    "worker",
    Layer.provideMerge(Worker.layer({ port, levels }), sinks),
    { account: () => account },
    Effect.zipWith(account, hub, (account, ledgers) => () => ({ account, ledgers: ledgers() }))
  )
}

const hits = Metrics.counter("hits", { level: "info", tagKeys: ["route"] })
const latency = Metrics.timer("latency")
const routes = ["/a", "/b", "/c"] as const

const natsPublisher = ({ index, servers }: PartOptions["natsPublisher"]): void => {
  const step = Effect.gen(function* () {
    for (let i = 0; i < 30; i++) {
      yield* Metrics.increment(hits, { tags: { route: routes[i % 3]! } })
      yield* Metrics.record(latency, (i + 1) / 1024)
    }
    // Several at one time of the clock, which a backend that overwrites by it must tell apart.
    for (let n = 0; n < 5; n++) yield* Metrics.emit("order", { n }, { tags: { shop: "berlin" } })
    yield* Effect.sleep(5)
  })
  run(
    "natsPublisher",
    Nats.layer({
      servers,
      replicas: 3,
      hostTag: "none",
      tags: { instance: String(index) },
      schedule: Schedule.fixed(50),
      retry: { initial: "50 millis", max: "500 millis" },
      shutdownTimeout: "40 seconds"
    }),
    {
      record: (millis) =>
        Effect.suspend(() => {
          const end = performance.now() + millis
          return Effect.repeat(step, { while: () => performance.now() < end })
        }).pipe(Effect.zipRight(ledger))
    },
    hub
  )
}

const natsWorker = ({ database, influxDb, servers, windows }: PartOptions["natsWorker"]): void => {
  const account = Effect.flatMap(Worker.Worker, ({ account }) => account)
  run(
    "natsWorker",
    Worker.layer({ windows, transport: Transport.nats({ servers, replicas: 3, ackWait: "3 seconds" }) }).pipe(
      Layer.provideMerge(
        InfluxDb.layerFetch({
          url: influxDb,
          database,
          hostTag: "none",
          schedule: Schedule.fixed(100),
          triggerSize: 50,
          view: ({ name, tags }) => (name.startsWith("effect_metrics.") ? Option.none() : Option.some({ name, tags })),
          shutdownTimeout: "20 seconds"
        })
      )
    ),
    { account: () => account },
    Effect.zipWith(account, hub, (account, ledgers) => () => ({ account, ledgers: ledgers() }))
  )
}

// Its parent is gone, and with it whoever would end this.
process.on("disconnect", () => process.exit(1))

const [part, options = "{}"] = process.argv.slice(2)
const given: unknown = JSON.parse(options)
// As the parent gives what belongs to the part.
if (part === "publisher") publisher(given as PartOptions["publisher"])
if (part === "broker") broker(given as PartOptions["broker"])
if (part === "worker") worker(given as PartOptions["worker"])
if (part === "natsPublisher") natsPublisher(given as PartOptions["natsPublisher"])
if (part === "natsWorker") natsWorker(given as PartOptions["natsWorker"])
