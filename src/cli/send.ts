/** `effect-metrics send` */
import { Args, Command, Options } from "@effect/cli"
import { Effect, Either, Option, Stream } from "effect"
import type * as Metrics from "../Metrics.js"
import { type Delivered, deliver } from "./deliver.js"
import type { Destination } from "./destinations.js"
import { Told, Usage } from "./failures.js"
import * as Lines from "./lines.js"
import { measureOf } from "./measure.js"
import * as Shared from "./options.js"
import { orTell, tell } from "./output.js"
import { recordInto } from "./record.js"
import { Shell } from "./shell.js"
import { durationOrSeconds } from "./values.js"

const to = Options.text("to").pipe(
  Options.withPseudoName("url"),
  Options.repeated,
  Options.withDescription("A sink, by URL, such as influxdb://localhost:8086/app; may be repeated.")
)

const timeout = Options.text("timeout").pipe(
  Options.withPseudoName("duration"),
  Options.withDefault("5s"),
  Options.withDescription("How long to try where a backend is down or does not answer. Without it: 5s")
)

const tag = Options.text("tag").pipe(
  Options.withPseudoName("name=value"),
  Options.repeated,
  Options.withDescription("A tag; may be repeated.")
)

const field = Options.text("field").pipe(
  Options.withPseudoName("name=value"),
  Options.repeated,
  Options.withDescription(
    "A field of a point; may be repeated: 3 is a float, 3i an integer, 3u an unsigned one, true and false are booleans, " +
      'what else there is and "3" in quotes is a text.'
  )
)

const timestamp = Options.text("timestamp").pipe(
  Options.withPseudoName("time"),
  Options.optional,
  Options.withDescription(
    "When it was: 2026-01-31T12:00:00Z, or seconds since 1970 (ms, us and ns too). Without it: now"
  )
)

const level = Options.text("level").pipe(
  Options.optional,
  Options.withDescription("A level such as debug, by which workers choose.")
)

const words = Args.text({ name: "measurement" }).pipe(
  Args.withDescription(
    "counter NAME [NUMBER], gauge NAME NUMBER, timer NAME DURATION (as 250ms), distribution NAME NUMBER, or point NAME. " +
      "Just - takes them from standard input, one a line, in the same words and options."
  ),
  Args.repeated
)

const ended = "it was ended before it could say that all has arrived"

/** One that waits for nobody when it is left: a terminal or a pipe may be silent for ever. */
const impatient = <A>(iterable: AsyncIterable<A>): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => {
    const iterator = iterable[Symbol.asyncIterator]()
    return {
      next: () => iterator.next(),
      return: async () => {
        // Done when what is awaited has come; until then nothing holds the process up.
        void iterator.return?.().catch(() => {})
        return { done: true, value: undefined }
      }
    }
  }
})

/** What is not in memory at once: so many lines are written before further ones are read. */
const linesAtOnce = 5000
/** So many bad lines are told of one by one. */
const maxTold = 20

/** Records what standard input has, and gives the number of bad lines. */
const recordLines = (hub: Metrics.Service): Effect.Effect<number> =>
  Effect.gen(function* () {
    const { input } = yield* Shell
    let number = 0
    let bad = 0
    const take = (line: string): Effect.Effect<void> => {
      number++
      const read = Lines.read(line)
      if (Either.isRight(read)) return read.right === undefined ? Effect.void : recordInto(hub, read.right)
      bad++
      return bad > maxTold ? Effect.void : tell(`effect-metrics: line ${number}: ${read.left}`)
    }
    const flush = Effect.forEach(hub.allAttached(), (lane) => Effect.timeoutOption(lane.flush, "5 seconds"), {
      concurrency: "unbounded",
      discard: true
    })
    yield* Stream.fromAsyncIterable(impatient(input()), (error) => error).pipe(
      Stream.map((chunk) => (typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk)),
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) =>
        Effect.suspend(() =>
          number % linesAtOnce === linesAtOnce - 1 ? Effect.zipRight(take(line), flush) : take(line)
        )
      ),
      Effect.orDie
    )
    if (bad > maxTold) yield* tell(`effect-metrics: and ${bad - maxTold} bad lines more`)
    return bad
  })

const report = (results: ReadonlyArray<Delivered>, bad: number): Effect.Effect<void, Told> =>
  Effect.gen(function* () {
    const failed = results.filter(({ missing }) => missing > 0)
    for (const { missing, name, reason, recorded } of failed) {
      const what = recorded === 1 ? "not delivered" : `${missing} of ${recorded} not delivered`
      yield* tell(`effect-metrics: ${name}: ${what}: ${reason}`)
    }
    if (failed.length > 0 || bad > 0) yield* new Told()
  })

const warnOfTimes = (destinations: ReadonlyArray<Destination>): Effect.Effect<void> =>
  Effect.forEach(
    destinations,
    (destination) =>
      destination._tag === "statsd" && (destination.options.timestamps ?? "none") === "none"
        ? tell("effect-metrics: statsd: its wire has no times: --timestamp does not arrive there")
        : Effect.void,
    { discard: true }
  )

export const send = Command.make("send", { to, timeout, tag, field, timestamp, level, words }, (given) =>
  Effect.gen(function* () {
    yield* Shared.withoutOptions(given.words)
    const limit = yield* Shared.parse("--timeout", durationOrSeconds, given.timeout)
    const destinations = yield* Shared.destinations("--to", given.to)
    if (destinations.length === 0) {
      return yield* new Usage({ reason: "--to is missing, or has no URL, such as influxdb://localhost:8086/app" })
    }
    const said = {
      ...given,
      tags: given.tag,
      fields: given.field,
      timestamp: Option.getOrUndefined(given.timestamp),
      level: Option.getOrUndefined(given.level)
    }
    if (given.words.length === 1 && given.words[0] === "-") {
      if (said.tags.length > 0 || said.fields.length > 0 || said.timestamp !== undefined || said.level !== undefined) {
        return yield* new Usage({ reason: "with - tags, fields, time and level are said line by line" })
      }
      let bad = 0
      const results = yield* deliver(destinations, limit, (hub) =>
        Effect.map(recordLines(hub), (count) => {
          bad = count
        })
      ).pipe(orTell(ended))
      return yield* report(results, bad)
    }
    const measure = yield* Either.mapLeft(measureOf(said), (reason) => new Usage({ reason: `${reason} (see --help)` }))
    if (measure.nanos !== undefined) yield* warnOfTimes(destinations)
    const results = yield* deliver(destinations, limit, (hub) => recordInto(hub, measure)).pipe(orTell(ended))
    yield* report(results, 0)
  })
).pipe(
  Command.withDescription("Sends a measurement to sinks, from a shell or a script, and says whether it has arrived.")
)
