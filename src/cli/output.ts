/** What the command writes: results and help to standard output, everything else to standard error, a line at a time. */
import { HelpDoc } from "@effect/cli"
import { Console, Context, Effect, FiberRef, FiberRefs, Logger } from "effect"
import { Shell } from "./shell.js"

// eslint-disable-next-line no-control-regex -- colours begin with ESC
const colours = /\u001b\[[\d;]*m/g

/** A help text on one line or more, without colours. */
export const plain = (doc: HelpDoc.HelpDoc): string => HelpDoc.toAnsiText(doc).replace(colours, "").trim()

/** A line of what was asked for. */
export const say = (line: string): Effect.Effect<void> => Effect.map(Shell, ({ out }) => out(`${line}\n`))

/** A line about it. */
export const tell = (line: string): Effect.Effect<void> => Effect.map(Shell, ({ err }) => err(`${line}\n`))

/** For what is no service: ended by a SIGTERM, it has not done what was asked for. */
export const orTell = (line: string) =>
  Effect.onInterrupt(() =>
    Effect.zipRight(
      tell(`effect-metrics: ${line}`),
      Effect.map(Shell, ({ exitWith }) => exitWith(1))
    )
  )

/** Help keeps its colours on a terminal; of errors there is one line, which `app` writes. */
export const withHelp = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Shell, ({ isColoured, out }) =>
    Effect.consoleWith((console) =>
      Effect.withConsole(self, {
        ...console,
        [Console.TypeId]: Console.TypeId,
        log: (...texts) =>
          Effect.sync(() => {
            const text = texts.map(String).join(" ")
            out(
              `${
                isColoured()
                  ? text
                  : text
                      .replace(colours, "")
                      .replace(/[ \t]+$/gm, "")
                      .trimEnd()
              }\n`
            )
          }),
        error: () => Effect.void
      })
    )
  )

/** The text of a log, on one line. */
export const textOf = (message: unknown): string =>
  (Array.isArray(message) ? message : [message])
    .map((part) => (typeof part === "string" ? part : part instanceof Error ? part.message : JSON.stringify(part)))
    .join(" ")
    .replace(/\s*\n\s*/g, " ")

/** Log lines as services write them: who collects them adds what else is wanted. */
export const logger = Logger.make<unknown, void>(({ context, date, logLevel, message }) => {
  const { err } = Context.get(FiberRefs.getOrDefault(context, FiberRef.currentContext), Shell)
  err(`${date.toISOString()} ${logLevel.label} ${textOf(message)}\n`)
})
