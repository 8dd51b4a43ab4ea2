/** Options that several commands have. */
import { Options } from "@effect/cli"
import { type Duration, Effect, Either, Layer, Schedule } from "effect"
import type { Metrics } from "../Metrics.js"
import type { InvalidOption } from "../Sink.js"
import { Usage } from "./failures.js"
import { sinksOf } from "./sinks.js"
import { durationOrSeconds, explain, read, type Value } from "./values.js"

export const flush = Options.text("flush").pipe(
  Options.withPseudoName("duration"),
  Options.withDefault("10s"),
  Options.withDescription("How often sinks write: 500ms, 10s, 1m30s. A number alone is seconds. Without it: 10s")
)

export const shutdownTimeout = Options.text("shutdown-timeout").pipe(
  Options.withPseudoName("duration"),
  Options.withDefault("5s"),
  Options.withDescription("How long the end waits for what is not written yet. Without it: 5s")
)

/** What cannot be read is wrong usage. */
export const parse = <A>(option: string, value: Value<A>, given: string): Effect.Effect<A, Usage> =>
  Either.mapLeft(read(value, given), (expected) => new Usage({ reason: explain(option, given, expected) }))

export interface Sinks {
  /** The option that names them. */
  readonly option: string
  readonly urls: ReadonlyArray<string>
  readonly flush: string
  readonly shutdownTimeout: string
}

export interface Prepared {
  readonly layers: ReadonlyArray<Layer.Layer<Metrics, InvalidOption>>
  readonly shutdownTimeout: Duration.Duration
}

/** The layers of the sinks that the command line names; perhaps none. */
export const prepare = ({ flush, option, shutdownTimeout, urls }: Sinks): Effect.Effect<Prepared, Usage> =>
  Effect.gen(function* () {
    const every = yield* parse("--flush", durationOrSeconds, flush)
    const deadline = yield* parse("--shutdown-timeout", durationOrSeconds, shutdownTimeout)
    const common = { schedule: Schedule.fixed(every), shutdownTimeout: deadline }
    const layers = yield* Either.mapLeft(
      sinksOf(urls, process.env, common),
      ({ message }) => new Usage({ reason: `${option} ${message}` })
    )
    return { layers, shutdownTimeout: deadline }
  })

export const merged = ([first, ...others]: Prepared["layers"]): Prepared["layers"][number] | undefined =>
  first === undefined ? undefined : Layer.mergeAll(first, ...others)
