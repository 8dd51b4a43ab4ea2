/**
 * Metrics for people: on a terminal a table that is redrawn in place, a row for each series; elsewhere plain lines, one a
 * measurement, fit for `grep`. Log lines and other output of the app appear above the table.
 *
 * The table shows, by kind:
 *
 * | | counter | gauge | timer, distribution | point (a row a name) |
 * |---|---|---|---|---|
 * | rate/s, over the last 5 flushes | increase | | recordings | points |
 * | last | last increase | value | mean of the last flush | first number among the fields |
 * | p50, p95, p99, over the last 46 to 60 flushes | | | yes | |
 * | max, over the same | | yes | yes | |
 * | total, since the start | sum | recordings | recordings | points |
 * | trend, a bar a flush | rate | value | mean | rate |
 *
 * Times are in `ns` to `d` and bytes in `B` to `TiB`, as the instrument's unit says; other units stand beside the kind.
 *
 * @since 0.1.0
 */
import { Clock, Effect, Schedule } from "effect"
import type { Duration, Layer, Scope } from "effect"
import type { Metrics } from "../Metrics.js"
import * as Sink from "../Sink.js"
import { line } from "./console/lines.js"
import { asStream, asWritable, type Environment, isColored, type Output, sizeOf, write } from "./console/output.js"
import * as Screen from "./console/screen.js"
import * as State from "./console/state.js"
import { render } from "./console/table.js"

/**
 * @since 0.1.0
 * @category models
 */
export type { Output } from "./console/output.js"

/**
 * All are optional, also those of delivery; `schedule` defaults to every second here.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Sink.DeliveryOptions {
  /** Where to write. Default: `process.stdout`, and `console.log` where there is no such thing, as in a browser. */
  readonly output?: Output | undefined
  /** `"table"` redraws, `"lines"` only appends. Default `"auto"`: a table on a terminal that can move its cursor. */
  readonly format?: "auto" | "table" | "lines" | undefined
  /**
   * Default `"auto"`: on a terminal, unless `NO_COLOR` is set; `FORCE_COLOR` decides over both (`0` and `false` mean never).
   */
  readonly color?: "auto" | "always" | "never" | undefined
  /** Rows kept; of more series, those that changed last. Default 1000. */
  readonly maxRows?: number | undefined
  /** Last points shown below the table, if they fit into a fifth of the height. Default 5. */
  readonly maxPoints?: number | undefined
}

interface Process {
  readonly stdout?: Output | undefined
  readonly stderr?: Output | undefined
  readonly env?: Environment | undefined
}

/** No import of Node: the module loads in a browser, where there is no `process`. */
const currentProcess = (): Process => {
  const { process } = globalThis as { readonly process?: Process | undefined }
  return process ?? {}
}

/** `console.log` ends each text with a line break of its own. */
const browserConsole: Output = {
  // eslint-disable-next-line no-console -- where there is no standard output, this is it
  write: (text) => console.log(text.replace(/\n$/, ""))
}

const sink = "console"

/** An option that cannot work is an error when the layer is built. */
const check = ({
  color,
  format,
  maxPoints,
  maxRows,
  name,
  output
}: Options): Effect.Effect<void, Sink.InvalidOption> => {
  const isCount = (value: unknown, least: number): boolean => Number.isInteger(value) && Number(value) >= least
  const checks: ReadonlyArray<readonly [option: string, value: unknown, isGood: boolean, expected: string]> = [
    ["output", output, typeof output?.write === "function", "an object with a method write"],
    ["format", format, ["auto", "table", "lines"].includes(format!), "one of auto, table, lines"],
    ["color", color, ["auto", "always", "never"].includes(color!), "one of auto, always, never"],
    ["maxRows", maxRows, isCount(maxRows, 1), "a whole number from 1 on"],
    ["maxPoints", maxPoints, isCount(maxPoints, 0), "a whole number from 0 on"]
  ]
  const bad = checks.find(([, value, isGood]) => value !== undefined && !isGood)
  if (bad === undefined) return Effect.void
  const [option, value, , expected] = bad
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value)
  return Effect.fail(new Sink.InvalidOption({ sink: String(name ?? sink), option, value: shown, expected }))
}

/** Half the shortest interval that people can follow: how soon the table notices that nothing happens. */
const idleCheck: Duration.DurationInput = "500 millis"

/**
 * The sink by itself. Its scope ends the table: the last state stays on the terminal, and the output is as it was.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Sink.Sink, Sink.InvalidOption, Scope.Scope> =>
  Effect.gen(function* () {
    yield* check(options)
    const { env = {}, stderr, stdout } = currentProcess()
    const output = options.output ?? stdout ?? browserConsole
    const isTerminal = output.isTTY === true && env["TERM"] !== "dumb"
    const color = options.color ?? "auto"
    const colored = color === "auto" ? isColored(env, isTerminal) : color === "always"
    const format = options.format ?? "auto"
    const state = State.make({
      maxRows: options.maxRows ?? 1000,
      maxPoints: options.maxPoints ?? 5,
      startMillis: yield* Clock.currentTimeMillis
    })
    // A second table on the same terminal would overwrite the first; its lines go above it.
    if (format === "lines" || Screen.isTaken(output) || (format === "auto" && !isTerminal))
      return lines(output, state, colored)
    const others = output === stdout && stderr?.isTTY === true ? [stderr] : []
    return yield* table(output, others, state, colored)
  })

const lines = (output: Output, state: State.State, colored: boolean): Sink.Sink => ({
  write: ({ measurements }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      State.fold(state, measurements, now)
      const text = measurements.map((measurement) => `${line(state, measurement, colored)}\n`).join("")
      return Effect.async<Sink.WriteResult>((resume) =>
        write(output, asWritable(output).write, text, (error) => {
          // A reader that has gone does not come back: nothing is gained by keeping the lines.
          const reason = error instanceof Error ? error.message : String(error)
          const rejected = error === undefined ? [] : measurements.map((_, index) => ({ index, reason }))
          resume(Effect.succeed({ rejected }))
        })
      )
    })
})

const table = (
  output: Output,
  others: ReadonlyArray<Output>,
  state: State.State,
  colored: boolean
): Effect.Effect<Sink.Sink, never, Scope.Scope> =>
  Effect.gen(function* () {
    const screen = yield* Effect.acquireRelease(
      Effect.sync(() => Screen.make(output, others)),
      (screen) => Effect.sync(screen.close)
    )
    const draw = () => {
      const { columns, rows } = sizeOf(output)
      // The cursor stays below the table, and the last column free: some terminals wrap when it is written to.
      screen.draw(render(state, columns - 1, rows - 1, { colored }))
    }
    const stream = asStream(output)
    if (stream !== undefined) {
      yield* Effect.acquireRelease(
        Effect.sync(() => stream.on("resize", draw)),
        () => Effect.sync(() => stream.removeListener("resize", draw))
      )
    }
    yield* Clock.currentTimeMillis.pipe(
      Effect.map((now) => {
        if (State.idle(state, now)) draw()
      }),
      Effect.delay(idleCheck),
      Effect.forever,
      Effect.forkScoped
    )
    return {
      write: ({ measurements }) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          State.fold(state, measurements, now)
          draw()
        })
    }
  })

/**
 * Shows what is recorded below it, every second. It needs no network and loses nothing: what is left when the scope closes
 * is shown before the table stands still.
 *
 * @example
 * import { Effect } from "effect"
 * import { Console, Metrics } from "effect-metrics"
 *
 * const visits = Metrics.counter("visits")
 *
 * Metrics.increment(visits).pipe(
 *   Effect.repeatN(99),
 *   Effect.provide(Console.layer())
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Metrics, Sink.InvalidOption> =>
  Sink.layerWith({
    sink,
    make: make(options),
    defaults: { batchSize: 10_000, ambiguous: "drop", schedule: Schedule.fixed("1 second") },
    delivery: options
  })
