/**
 * A part of a relay as a process of its own, which does what its parent asks for: a publisher, a broker, or a worker that
 * writes to InfluxDB and Librato. Arguments: which, and its options as JSON.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Deferred, Effect, Layer, Logger, LogLevel, Option, Redacted, Runtime, Schedule } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as Broker from "../../src/relay/Broker.js"
import * as Worker from "../../src/relay/Worker.js"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import * as Librato from "../../src/sinks/Librato.js"
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

// Its parent is gone, and with it whoever would end this.
process.on("disconnect", () => process.exit(1))

const [part, options = "{}"] = process.argv.slice(2)
const given: unknown = JSON.parse(options)
// As the parent gives what belongs to the part.
if (part === "publisher") publisher(given as PartOptions["publisher"])
if (part === "broker") broker(given as PartOptions["broker"])
if (part === "worker") worker(given as PartOptions["worker"])
