/**
 * statvent's pipe: each process has one with a name, `<pid>.stats`, and whoever reads it, such as `cat`, gets everything that was
 * recorded as it is then, and the end. Nothing is computed until somebody reads. `StatsServer` serves all pipes of a host as JSON,
 * as Prometheus' text, and as a page.
 *
 * | recorded | lines |
 * |---|---|
 * | counter | `requests{route="/users"}: 42`: the sum since the start |
 * | gauge | `queue.length: 3`: the last value |
 * | timer, distribution | `took.count`, `took.sum`: all since the start; `took.median`, `took.95th`, `took.99th`, `took.100th`, `took.mean`: of the last 100 values, timers in seconds |
 * | point | none: it is dropped as `unsupported` |
 *
 * What a line cannot carry is dropped as `invalid`, and said once: names with control characters, with a blank at an end, that would
 * be read as another name with tags, or that another instrument's line has; tags with control characters other than line feeds.
 *
 * It needs pipes in the file system, and so runs on Linux, macOS and other Unixes.
 *
 * @since 0.1.0
 */
import { Effect, type Layer, type Scope } from "effect"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import * as Fifo from "../transport/fifo.js"
import { PipeError } from "../transport/fifoFailure.js"
import { defaultWindow, type Options, resolve, sinkName } from "./namedPipe/options.js"
import * as Snapshot from "./namedPipe/snapshot.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Options } from "./namedPipe/options.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Label } from "../encoding/statvent.js"

/**
 * @since 0.1.0
 * @category errors
 */
export { PipeError } from "../transport/fifoFailure.js"

/** The module loads in a browser, where there is no `process`. */
const pid = (): number | undefined => {
  const { process } = globalThis as { readonly process?: { readonly pid?: number } }
  return process?.pid
}

const serve = (
  totals: Sink.Totals,
  options: Options
): Effect.Effect<void, PipeError | Sink.InvalidOption, Scope.Scope> =>
  Effect.gen(function* () {
    const { suffix, ...resolved } = yield* resolve(options)
    const id = pid()
    if (id === undefined) return yield* new PipeError({ path: totals.name, reason: "there are no pipes in a browser" })
    const { path } = yield* Fifo.serve({
      ...resolved,
      name: suffix === undefined ? String(id) : `${id}-${suffix}`,
      snapshot: yield* Snapshot.make(totals, resolved)
    })
    yield* Effect.logInfo(`${totals.name}: ${path}`)
  })

/**
 * Makes a pipe in which everything can be read that is recorded below it; its path is logged once. It is gone when the scope closes,
 * and when the process exits. Inside a sealed hub, such as that of tests, it is not made.
 *
 * It fails with `InvalidOption` for an option that makes no sense, and with `PipeError` where there can be no pipe: the folder is
 * another user's or can be written by others, something else has the name, the program `mkfifo` is missing. An app that should run
 * without one provides `Layer.orElse(layer, () => Metrics.layer)`.
 *
 * @example
 * import { Effect, Schedule } from "effect"
 * import { Metrics, NamedPipe } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * // cat $XDG_RUNTIME_DIR/effect-metrics/*.stats
 * const program = Metrics.increment(visits).pipe(
 *   Effect.repeat(Schedule.spaced("1 second")),
 *   Effect.provide(NamedPipe.layer())
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics, Sink.InvalidOption | PipeError> =>
  Sink.layerRead({
    sink: sinkName,
    samples: options.window ?? defaultWindow,
    options,
    make: (totals) => serve(totals, options)
  })
