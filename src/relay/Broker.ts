/**
 * The broker between publishers and workers: takes messages at one port and forwards them, unchanged, at the next. It keeps
 * nothing: a worker that is not there misses what is published, and one that reads too slowly misses what it has no room for,
 * which hurts no other. Programs of Zibrato's fit at both ports, and messages of any version pass.
 *
 * It reports its traffic to the sinks around it, if there are any: counters `effect_metrics.broker.messages` and `.bytes`, and the
 * gauge `effect_metrics.broker.connections` with the tag `side`, `publisher` or `subscriber`.
 *
 * @since 0.1.0
 */
import { Duration, Effect, Layer, type Scope } from "effect"
import * as Metrics from "../Metrics.js"
import type { InvalidOption } from "../Sink.js"
import type { TransportFailure } from "../transport/failure.js"
import type { MissingPackage } from "../transport/missing.js"
import { forwarder } from "../transport/zeroMq.js"
import { checked, hostCheck, wholeCheck } from "./options.js"
import { RelayError } from "./Transport.js"

/**
 * All have defaults.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The address to bind, of this machine; `"*"` is all of them. There is no authentication. Default `"127.0.0.1"`. */
  readonly host?: string | undefined
  /** Where publishers connect. Default 5550. */
  readonly port?: number | undefined
  /** Where workers connect. Default: the port after `port`. */
  readonly workerPort?: number | undefined
  /** Messages that wait for each connection at most. Default 10 000. */
  readonly highWaterMark?: number | undefined
  /** A longer message ends the connection over which it came. Default 16 MiB. */
  readonly maxMessageBytes?: number | undefined
  /** How long what waits for workers is sent on for at the end. Default 1 s. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
}

const messages = Metrics.counter("effect_metrics.broker.messages", { description: "Messages forwarded" })
const bytes = Metrics.counter("effect_metrics.broker.bytes", { description: "Bytes of their frames", unit: "By" })
const connections = Metrics.gauge("effect_metrics.broker.connections", {
  description: "Programs that are connected",
  tagKeys: ["side"]
})

const bound = Effect.gen(function* () {
  return {
    traffic: { messages: yield* Metrics.bind(messages), bytes: yield* Metrics.bind(bytes) },
    connected: {
      publisher: yield* Metrics.bind(connections, { side: "publisher" }),
      subscriber: yield* Metrics.bind(connections, { side: "subscriber" })
    }
  }
})

/** A broker that is not measured is no mistake, and gets no warning. */
const meters = Effect.matchEffect(Metrics.required, {
  onFailure: () => Effect.provide(bound, Metrics.layerNoop),
  onSuccess: () => bound
})

const toRelayError = ({ reason }: TransportFailure): RelayError => new RelayError({ reason })

/**
 * Binds both ports until the scope closes, and gives what forwards until it is interrupted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<Effect.Effect<never, RelayError>, InvalidOption | RelayError | MissingPackage, Scope.Scope> =>
  Effect.gen(function* () {
    const {
      highWaterMark = 10_000,
      host = "127.0.0.1",
      maxMessageBytes = 16 * 1024 * 1024,
      port = 5550,
      shutdownTimeout = "1 second",
      workerPort = port + 1
    } = options
    yield* checked(
      hostCheck(host),
      wholeCheck("port", port, 65_535),
      wholeCheck("workerPort", workerPort, 65_535),
      wholeCheck("highWaterMark", highWaterMark, 2 ** 30),
      wholeCheck("maxMessageBytes", maxMessageBytes, 2 ** 30)
    )
    const { connected, traffic } = yield* meters
    const forward = yield* forwarder({
      host,
      publishPort: port,
      subscribePort: workerPort,
      highWaterMark,
      maxMessageBytes,
      linger: Math.min(Duration.toMillis(shutdownTimeout), 2 ** 31 - 1),
      onMessage: (length) => {
        traffic.messages.increment()
        traffic.bytes.incrementBy(length)
      },
      onConnection: (side, change) => connected[side].incrementBy(change)
    }).pipe(Effect.catchTag("TransportFailure", (failure) => Effect.fail(toRelayError(failure))))
    return Effect.mapError(forward, toRelayError)
  })

/**
 * Forwards until it is interrupted.
 *
 * @example
 * import { Broker } from "effect-metrics"
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 *
 * NodeRuntime.runMain(Broker.run({ host: "*" }))
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (options: Options = {}): Effect.Effect<never, InvalidOption | RelayError | MissingPackage> =>
  Effect.scoped(Effect.flatten(make(options)))

/**
 * Forwards in the background as long as the layer lives. The ports are bound when it is built, which fails if they cannot be.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<never, InvalidOption | RelayError | MissingPackage> =>
  Layer.scopedDiscard(
    Effect.flatMap(make(options), (forward) =>
      forward.pipe(
        Effect.catchAll(({ reason }) => Effect.logError(`the broker has ended: ${reason}`)),
        Effect.forkScoped
      )
    )
  )
