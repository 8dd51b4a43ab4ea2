/** Options that several commands have. */
import { Options } from "@effect/cli"
import { type Duration, Effect, Either, Option, Schedule } from "effect"
import { defaultDirectory } from "../transport/fifoPlace.js"
import type { Destination } from "./destinations.js"
import { unknownArgument, Usage } from "./failures.js"
import { Shell } from "./shell.js"
import { destinationsOf, layersOf, type SinkLayer } from "./sinks.js"
import { durationOrSeconds, interval, read, text, type Value } from "./values.js"

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

export const pipeDir = Options.text("pipe-dir").pipe(
  Options.withAlias("d"),
  Options.withPseudoName("folder"),
  Options.optional,
  Options.withDescription("The folder with the pipes. Without it: that of NamedPipe, which is the user's own.")
)

export const trustOthers = Options.boolean("trust-others").pipe(
  Options.withDescription("Also reads pipes of other users.")
)

/** What cannot be read is wrong usage. */
export const parse = <A>(option: string, value: Value<A>, given: string): Effect.Effect<A, Usage> =>
  Either.mapLeft(read(option, value, given), (reason) => new Usage({ reason }))

/** The folder that was given, or the one in which `NamedPipe` has its pipes. */
export const folder = (given: Option.Option<string>): Effect.Effect<string, Usage> =>
  Option.isSome(given)
    ? parse("--pipe-dir", { ...text, expected: "the path of a folder" }, given.value)
    : defaultDirectory

/** An option that is not known is read as the first of what are no options. */
export const withoutOptions = ([first = ""]: ReadonlyArray<string>): Effect.Effect<void, Usage> =>
  /^-./.test(first) ? Effect.fail(new Usage({ reason: `${unknownArgument(first)} (see --help)` })) : Effect.void

/** The sinks that URLs name. */
export const destinations = (
  option: string,
  urls: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Destination>, Usage> =>
  Effect.flatMap(Shell, ({ environment }) =>
    Either.mapLeft(destinationsOf(urls, environment), ({ message }) => new Usage({ reason: `${option} ${message}` }))
  )

export interface Sinks {
  /** The option that names them. */
  readonly option: string
  readonly urls: ReadonlyArray<string>
  readonly flush: string
  readonly shutdownTimeout: string
}

export interface Prepared {
  readonly destinations: ReadonlyArray<Destination>
  readonly layers: ReadonlyArray<SinkLayer>
  readonly shutdownTimeout: Duration.Duration
}

/** The layers of the sinks that the command line names; perhaps none. */
export const prepare = ({ flush, option, shutdownTimeout, urls }: Sinks): Effect.Effect<Prepared, Usage> =>
  Effect.gen(function* () {
    const every = yield* parse("--flush", interval, flush)
    const deadline = yield* parse("--shutdown-timeout", durationOrSeconds, shutdownTimeout)
    const found = yield* destinations(option, urls)
    const layers = layersOf(found, { schedule: Schedule.fixed(every), shutdownTimeout: deadline })
    return { destinations: found, layers, shutdownTimeout: deadline }
  })
