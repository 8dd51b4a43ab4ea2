/**
 * The web service over all pipes of a host: it reads what every process with a `NamedPipe` sink, or statvent, has to say, and serves
 * it as statvent's JSON (`/stats`), as Prometheus' text (`/metrics`), and as a page.
 *
 * It reads when it is asked. A process that is slow keeps its pipe, and its last values stand in for it; the pipe of one that has
 * died is removed. `docs/web.md` has what becomes of counters, gauges and percentiles of several processes.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, type Scope } from "effect"
import type { InvalidOption } from "../Sink.js"
import { defaultDirectory } from "../transport/fifoPlace.js"
import type { WebError } from "./failure.js"
import * as Host from "./host.js"
import { listen } from "./listen.js"
import { type Options, resolve } from "./options.js"
import * as Server from "./server.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./options.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { WebError } from "./failure.js"

/**
 * Where it listens.
 *
 * @since 0.1.0
 * @category models
 */
export class Address extends Context.Tag("effect-metrics/StatsServer/Address")<
  Address,
  {
    /** An address, also where `host` is a name. */
    readonly host: string
    readonly port: number
    /** As in `http://127.0.0.1:7828`. */
    readonly url: string
  }
>() {}

/**
 * Serves until the scope closes, and gives where.
 *
 * It fails with `InvalidOption` for an option that makes no sense, and for a `host` that others can reach without a `token`; with
 * `WebError` where the port is in use or cannot be bound.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<Context.Tag.Service<Address>, InvalidOption | WebError, Scope.Scope> =>
  Effect.gen(function* () {
    const resolved = yield* resolve(options)
    const dir = resolved.dir ?? (yield* defaultDirectory)
    const source = yield* Host.make({ ...resolved.host, dir })
    const app = yield* Server.make(source, resolved.server)
    const address = yield* listen(app, resolved.listen)
    yield* Effect.logInfo(`the pipes in ${dir} are served at ${address.url}`)
    return address
  })

/**
 * Serves in the background as long as the layer lives. The port is bound when it is built.
 *
 * @example
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Layer } from "effect"
 * import { StatsServer } from "effect-metrics"
 *
 * // http://127.0.0.1:7828
 * NodeRuntime.runMain(Layer.launch(StatsServer.layer()))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Address, InvalidOption | WebError> =>
  Layer.scoped(Address, make(options))
