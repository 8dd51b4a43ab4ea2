/** `effect-metrics check` */
import { Args, Command, Options } from "@effect/cli"
import { Duration, Effect, Either, FiberRef, HashSet, Logger } from "effect"
import { deliver } from "./deliver.js"
import { type Found, findDestination } from "./destinations.js"
import { Told, Usage } from "./failures.js"
import type { Measure } from "./measure.js"
import * as Shared from "./options.js"
import { orTell, say, textOf } from "./output.js"
import { NotThere, probe } from "./probe.js"
import { recordInto } from "./record.js"
import { Shell } from "./shell.js"
import { durationOrSeconds } from "./values.js"

const timeout = Options.text("timeout").pipe(
  Options.withPseudoName("duration"),
  Options.withDefault("5s"),
  Options.withDescription("How long each may take. Without it: 5s")
)

const write = Options.boolean("write").pipe(
  Options.withDescription("Also writes one gauge, effect_metrics.check. Without it, nothing is written.")
)

const urls = Args.text({ name: "url" }).pipe(
  Args.withDescription("A sink, by URL, such as influxdb://localhost:8086/app; one or more."),
  Args.repeated
)

const sample: Measure = {
  kind: "gauge",
  name: "effect_metrics.check",
  value: 1,
  tags: {},
  level: undefined,
  nanos: undefined
}

const written = (found: Found, limit: Duration.Duration) =>
  deliver([found.destination], limit, (hub) => recordInto(hub, sample)).pipe(
    Effect.flatMap((results) => {
      const failed = results.find(({ missing }) => missing > 0)
      return failed === undefined
        ? Effect.succeed(`${sample.name} was written`)
        : Effect.fail(new NotThere({ reason: `${sample.name} was not written: ${failed.reason}` }))
    })
  )

interface Result {
  readonly line: string
  readonly isThere: boolean
}

const checked = (found: Found, limit: Duration.Duration, isWriting: boolean) =>
  Effect.suspend(() => {
    const logs: Array<string> = []
    // What a sink would say in a log belongs to its line here.
    const logger = Logger.make<unknown, void>(({ message }) => void logs.push(textOf(message).replace(/^[\w+]+: /, "")))
    const lineOf = (word: string, words: string): string =>
      `${word}  ${found.shown}  ${words}${logs.length === 0 ? "" : ` (${logs[0]})`}`
    return probe(found.destination).pipe(
      Effect.timeoutFail({
        duration: limit,
        onTimeout: () => new NotThere({ reason: `no answer within ${Duration.format(limit)}` })
      }),
      Effect.flatMap((words) =>
        isWriting ? Effect.map(written(found, limit), (more) => `${words}; ${more}`) : Effect.succeed(words)
      ),
      Effect.map((words): Result => ({ line: lineOf("ok    ", words), isThere: true })),
      Effect.catchAll((error) =>
        error._tag === "InvalidOption"
          ? Effect.fail(new Usage({ reason: `${found.shown}: ${error.message}` }))
          : Effect.succeed<Result>({
              line: lineOf("failed", "reason" in error ? error.reason : error.message),
              isThere: false
            })
      ),
      Effect.locally(FiberRef.currentLoggers, HashSet.make(logger))
    )
  })

export const check = Command.make("check", { timeout, write, urls }, (given) =>
  Effect.gen(function* () {
    yield* Shared.withoutOptions(given.urls)
    const limit = yield* Shared.parse("--timeout", durationOrSeconds, given.timeout)
    const { environment } = yield* Shell
    if (given.urls.length === 0) {
      return yield* new Usage({
        reason: "there is no URL to check, such as influxdb://localhost:8086/app (see --help)"
      })
    }
    const all = yield* Either.mapLeft(
      Either.all(given.urls.map((url) => findDestination(url, environment))),
      ({ message }) => new Usage({ reason: message })
    )
    const results = yield* Effect.forEach(all, (found) => checked(found, limit, given.write), {
      concurrency: 8
    }).pipe(orTell("it was ended before it could say what is there"))
    for (const { line } of results) yield* say(line)
    if (results.some(({ isThere }) => !isThere)) yield* new Told()
  })
).pipe(
  Command.withDescription("Says of each sink whether its backend can be reached and written to, and if not, why not.")
)
