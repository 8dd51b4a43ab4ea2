/** `effect-metrics top` */
import { Command, Options } from "@effect/cli"
import { Clock, Duration, Effect, Option, type Scope } from "effect"
import { sizeOf } from "../sinks/console/output.js"
import * as Screen from "../sinks/console/screen.js"
import { NoPipe, Usage } from "./failures.js"
import * as Shared from "./options.js"
import { say } from "./output.js"
import { reader } from "./pipes.js"
import * as Table from "./pipesTable.js"
import { Shell } from "./shell.js"
import { durationOrSeconds } from "./values.js"

const pid = Options.text("pid").pipe(
  Options.optional,
  Options.withDescription("Just this process. Without it: all that have a pipe.")
)

const interval = Options.text("interval").pipe(
  Options.withPseudoName("duration"),
  Options.withDefault("1s"),
  Options.withDescription("How often the pipes are read. Without it: 1s")
)

const once = Options.boolean("once").pipe(
  Options.withDescription("Prints one table, of two readings an interval apart, and ends: for scripts.")
)

/** Rows kept. */
const maxRows = 10_000
const narrowest = 20

interface Source {
  readonly dir: string
  readonly pid: string | undefined
}

const nobody = ({ dir, pid }: Source): string =>
  pid === undefined
    ? `no process has a pipe in ${dir}: one that is measured with NamedPipe makes it, or --pipe-dir is another`
    : `process ${pid} has no pipe in ${dir}`

/** q, and as what a terminal gives Ctrl-C and Ctrl-D when it gives everything. */
const keys = ["q", "Q", "\u0003", "\u0004"]

/** Done when somebody presses q, or Ctrl-C, which comes as a character then. The terminal is as it was when the scope closes. */
const pressed: Effect.Effect<Effect.Effect<void>, never, Scope.Scope> = Effect.gen(function* () {
  const { stdin } = process
  if (stdin.isTTY !== true) return Effect.never
  yield* Effect.acquireRelease(
    Effect.sync(() => void stdin.setRawMode(true)),
    () =>
      Effect.sync(() => {
        stdin.setRawMode(false)
        stdin.pause()
      })
  )
  return Effect.async<void>((resume) => {
    const onData = (bytes: Buffer): void => {
      if (keys.some((key) => bytes.includes(key))) resume(Effect.void)
    }
    stdin.on("data", onData)
    return Effect.sync(() => stdin.off("data", onData))
  })
})

const onTerminal = (draw: (size: Table.Size) => string, every: Duration.Duration, next: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { stderr, stdout } = process
    const quit = yield* pressed
    const screen = yield* Effect.acquireRelease(
      Effect.sync(() => Screen.make(stdout, stderr.isTTY ? [stderr] : [])),
      ({ close }) => Effect.sync(close)
    )
    const redraw = (): void => {
      const { columns, rows } = sizeOf(stdout)
      screen.draw(draw({ columns: columns - 1, rows: rows - 1 }))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => stdout.on("resize", redraw)),
      () => Effect.sync(() => stdout.off("resize", redraw))
    )
    const loop = Effect.forever(Effect.zipRight(Effect.tap(next, redraw), Effect.sleep(every)))
    yield* Effect.raceFirst(loop, quit)
  }).pipe(Effect.scoped)

export const top = Command.make(
  "top",
  { dir: Shared.pipeDir, pid, interval, once, trustOthers: Shared.trustOthers },
  (given) =>
    Effect.gen(function* () {
      const every = yield* Shared.parse("--interval", durationOrSeconds, given.interval)
      if (Duration.toMillis(every) < 100) return yield* new Usage({ reason: "--interval is less than 100ms" })
      if (Option.exists(given.pid, (pid) => !/^\d+$/.test(pid))) {
        return yield* new Usage({ reason: "--pid is not the number of a process" })
      }
      const dir = yield* Shared.folder(given.dir)
      const source = { dir, pid: Option.getOrUndefined(given.pid) }
      const { environment, isColoured } = yield* Shell
      const read = reader({
        ...source,
        owner: given.trustOthers ? "anyone" : "ours",
        timeoutMillis: given.once ? 2000 : 500
      })
      const table = Table.make(yield* Clock.currentTimeMillis, maxRows)
      let isAnybody = false
      let unreadable: string | undefined
      const next = Effect.map(read, (reading) => {
        isAnybody = reading.processes.length > 0
        // In place of processes there is the folder itself, where it cannot be read.
        unreadable = reading.processes.find(({ id }) => id === dir)?.reason ?? undefined
        table.take(reading, reading.millis)
      })
      const draw = (size: Table.Size): string => (isAnybody ? table.draw(size, isColoured()) : nobody(source))
      const columns = Math.max(narrowest, Number(environment["COLUMNS"] ?? "") || 120)
      const print = Effect.suspend(() => say(draw({ columns, rows: Number.POSITIVE_INFINITY })))
      if (given.once) {
        yield* next
        if (unreadable !== undefined) return yield* new NoPipe({ reason: `${dir}: ${unreadable}` })
        if (isAnybody) yield* Effect.delay(next, every)
        return yield* isAnybody ? print : new NoPipe({ reason: nobody(source) })
      }
      if (process.stdout.isTTY === true && environment["TERM"] !== "dumb") return yield* onTerminal(draw, every, next)
      // Table after table, for whoever reads them.
      return yield* Effect.forever(Effect.zipRight(Effect.zipRight(next, print), Effect.sleep(every)))
    })
).pipe(Command.withDescription("Shows what all processes of this host with a pipe measure, as a table. q ends it."))
