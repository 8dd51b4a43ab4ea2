/** The commands, and how the process that runs one of them ends. */
import { Command } from "@effect/cli"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Logger } from "effect"
import { readFileSync } from "node:fs"
import { broker } from "./broker.js"
import { codeOf, lineOf, Usage } from "./failures.js"
import { logger, tell, withHelp } from "./output.js"
import { refusal } from "./secrets.js"
import { worker } from "./worker.js"

const name = "effect-metrics"

// The package's own manifest, which has a version.
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}

const command = Command.make(name).pipe(
  Command.withDescription("Metrics of several processes: a broker, and workers that write to any backend."),
  Command.withSubcommands([broker, worker])
)

/** As `--name value`: @effect/cli does not know `--name=value` of options that may be repeated. */
const separated = (arg: string): ReadonlyArray<string> => {
  const [, name, value] = /^(--[a-z-]+)=(.*)$/s.exec(arg) ?? []
  return name === undefined ? [arg] : [name, value!]
}

const runCommand = Command.run(command, { name, version, executable: name })

/** As a program: it reads the arguments, obeys SIGTERM and SIGINT, and sets the exit code. */
export const start = (argv: ReadonlyArray<string>): void => {
  const refused = refusal(argv.slice(2))
  const run = refused === undefined ? runCommand(argv.flatMap(separated)) : Effect.fail(new Usage({ reason: refused }))
  run.pipe(
    withHelp,
    Effect.tapErrorCause((cause) => {
      const line = lineOf(cause)
      return line === undefined ? Effect.void : tell(`${name}: ${line}`)
    }),
    Effect.provide(NodeContext.layer),
    Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      teardown: (exit, onExit) => onExit(codeOf(exit) || Number(process.exitCode ?? 0))
    })
  )
}
