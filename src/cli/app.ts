/** The commands, and how the process that runs one of them ends. */
import { Command } from "@effect/cli"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Logger } from "effect"
import { readFileSync } from "node:fs"
import { arranged } from "./arguments.js"
import { broker } from "./broker.js"
import { check } from "./check.js"
import { codeOf, lineOf, Usage } from "./failures.js"
import { logger, tell, withHelp } from "./output.js"
import { refusal } from "./secrets.js"
import { send } from "./send.js"
import { top } from "./top.js"
import { web } from "./web.js"
import { worker } from "./worker.js"

const name = "effect-metrics"

// The package's own manifest, which has a version.
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}

const command = Command.make(name).pipe(
  Command.withDescription(
    "Metrics from outside of programs: send and check from scripts, relay between processes, and look at a host's pipes."
  ),
  Command.withSubcommands([broker, worker, send, check, web, top])
)

const commands = ["broker", "worker", "send", "check", "web", "top"]

const runCommand = Command.run(command, { name, version, executable: name })

/** What the arguments ask for, behind the program's own name. Fails when it has said why. */
export const program = (args: ReadonlyArray<string>) => {
  const refused = refusal(args)
  const run =
    refused === undefined
      ? runCommand(["node", name, ...arranged(args, commands)])
      : Effect.fail(new Usage({ reason: refused }))
  return run.pipe(
    withHelp,
    Effect.tapErrorCause((cause) => {
      const line = lineOf(cause)
      return line === undefined ? Effect.void : tell(`${name}: ${line}`)
    }),
    Effect.provide(NodeContext.layer),
    Effect.provide(Logger.replace(Logger.defaultLogger, logger))
  )
}

/** Ends what runs, in order, when nobody reads its output any more, as in `| head -1`. */
const unlessClosed = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    self,
    Effect.async<never>((resume) => {
      process.stdout.on("error", () => resume(Effect.interrupt))
      process.stderr.on("error", () => {})
    })
  )

/** As a program: it reads the arguments, obeys SIGTERM and SIGINT, and sets the exit code. */
export const start = (argv: ReadonlyArray<string>): void =>
  NodeRuntime.runMain(unlessClosed(program(argv.slice(2))), {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(codeOf(exit) || Number(process.exitCode ?? 0))
  })
