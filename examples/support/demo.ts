/**
 * What the demo needs beside its service: arguments, and the final account of its sinks.
 */
import * as Runtime from "@effect/platform/Runtime"
import { Data, Duration, Effect, type Layer, Option } from "effect"
import { Ledger, Metrics } from "effect-metrics"

export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

const usage = `Usage: npm run demo -- [--duration <time>]

  --duration <time>  end after so long, such as 10s, 500ms or 2m; otherwise Ctrl-C ends it

  INFLUXDB_URL       also send to InfluxDB, such as http://localhost:8086
  INFLUXDB_DATABASE  its database, created if missing (default effect_metrics_demo)

Exit code: 0 if every sink delivered all that it recorded, 1 if not, 2 if the arguments make no sense.`

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
  // The pattern lets only the keys of `units` through.
  const millis = Number(amount) * (units[unit as keyof typeof units] ?? NaN)
  return millis > 0 ? Option.some(Duration.millis(millis)) : Option.none()
}

/** How long the demo is to run; none for until it is stopped. */
export const durationOf = (
  given: ReadonlyArray<string>
): Effect.Effect<Option.Option<Duration.Duration>, UsageError> => {
  const [name = "", value = "", ...rest] = given.flatMap((text) => text.split(/=(.*)/s, 2))
  if (given.length === 0) return Effect.succeedNone
  if (name !== "--duration" || rest.length > 0) {
    return new UsageError({ message: `${JSON.stringify(given.join(" "))} is not understood.\n\n${usage}` })
  }
  const duration = parseDuration(value)
  return Option.isSome(duration)
    ? Effect.succeed(duration)
    : new UsageError({
        message: `--duration takes a time above zero such as 10s, not ${JSON.stringify(value)}.\n\n${usage}`
      })
}

/** Says what is wrong with what the user gave, and ends with 2. */
export const refuse = (error: { readonly message: string }): Effect.Effect<void> =>
  Effect.sync(() => {
    console.error(error.message)
    process.exitCode = 2
  })

/** Provides the metrics, and says what became of every recording once they have closed, however that came about. */
export const accounted =
  <E>(metrics: Layer.Layer<Metrics.Metrics, E>) =>
  <A, E2, R>(self: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, Exclude<R, Metrics.Metrics>> =>
    Effect.suspend(() => {
      let hub: Metrics.Service | undefined
      const remember = Effect.map(Metrics.Metrics, (live) => (hub = live))
      return Effect.zipRight(remember, self).pipe(
        Effect.provide(metrics),
        Effect.onExit(() => (hub === undefined ? Effect.void : account(Metrics.ledgersOf(hub))))
      )
    })

const account = (ledgers: ReadonlyArray<Metrics.LaneLedger>): Effect.Effect<void> =>
  Effect.sync(() => {
    console.log()
    for (const { ledger, name } of ledgers) console.log(`${name}: ${describe(ledger)}`)
    const short = ledgers.filter(({ ledger }) => ledger.delivered !== ledger.recorded)
    for (const { ledger, name } of short) {
      console.error(`${name} did not deliver ${ledger.recorded - ledger.delivered} of ${ledger.recorded} recordings`)
    }
    process.exitCode = short.length === 0 ? 0 : 1
  })

const describe = (ledger: Ledger.Ledger): string => {
  const numbers = [`recorded ${ledger.recorded}`, `delivered ${ledger.delivered}`]
  numbers.push(`dropped ${Ledger.dropped(ledger)}${reasons(ledger.dropped)}`)
  numbers.push(`refused ${Ledger.refused(ledger)}${reasons(ledger.refused)}`)
  if (Ledger.buffered(ledger) > 0) numbers.push(`still buffered ${Ledger.buffered(ledger)}`)
  return numbers.join(", ")
}

const reasons = (counts: Readonly<Partial<Record<string, number>>>): string => {
  const all = Object.entries(counts).map(([reason, count]) => `${reason} ${count}`)
  return all.length === 0 ? "" : ` (${all.join(", ")})`
}

/** The exit code that `account` or `refuse` has chosen; 1 for any other failure. Also when a signal has ended the demo. */
export const teardown: Runtime.Teardown = (exit, onExit) =>
  Runtime.defaultTeardown(exit, (code) => onExit(Math.max(code, Number(process.exitCode ?? 0))))
