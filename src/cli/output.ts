/** What the command writes: results and help to standard output, everything else to standard error, a line at a time. */
import { HelpDoc } from "@effect/cli"
import { Console, Effect, Logger } from "effect"

// eslint-disable-next-line no-control-regex -- colours begin with ESC
const colours = /\u001b\[[\d;]*m/g

const isColoured = (): boolean => process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined

/** A help text on one line or more, without colours. */
export const plain = (doc: HelpDoc.HelpDoc): string => HelpDoc.toAnsiText(doc).replace(colours, "").trim()

export const tell = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`${line}\n`)
  })

/** Help keeps its colours on a terminal; of errors there is one line, which `app` writes. */
export const withHelp = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.consoleWith((console) =>
    Effect.withConsole(self, {
      ...console,
      [Console.TypeId]: Console.TypeId,
      log: (...texts) =>
        Effect.sync(() => {
          const text = texts.map(String).join(" ")
          process.stdout.write(`${isColoured() ? text : text.replace(colours, "").trimEnd()}\n`)
        }),
      error: () => Effect.void
    })
  )

/** Log lines as services write them: who collects them adds what else is wanted. */
export const logger = Logger.make<unknown, void>(({ date, logLevel, message }) => {
  const texts = (Array.isArray(message) ? message : [message]).map((part) =>
    typeof part === "string" ? part : part instanceof Error ? part.message : JSON.stringify(part)
  )
  process.stderr.write(`${date.toISOString()} ${logLevel.label} ${texts.join(" ").replace(/\s*\n\s*/g, " ")}\n`)
})
