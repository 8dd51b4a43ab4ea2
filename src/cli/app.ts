/** The commands, and how the process that runs one of them ends. */
import { Command } from "@effect/cli"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Logger } from "effect"
import { readFileSync } from "node:fs"
import { arranged, askedOf } from "./arguments.js"
import { broker } from "./broker.js"
import { check } from "./check.js"
import * as Completions from "./completions.js"
import { schemeNames } from "./destinations.js"
import { codeOf, lineOf, unknownArgument, Usage } from "./failures.js"
import * as Help from "./help.js"
import { common, manualOf } from "./manual.js"
import { logger, say, tell, withHelp } from "./output.js"
import { refusal } from "./secrets.js"
import { send } from "./send.js"
import { Shell } from "./shell.js"
import { top } from "./top.js"
import { web } from "./web.js"
import { worker } from "./worker.js"

const name = "effect-metrics"

// The package's own manifest, which has a version.
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}

const description =
  "Metrics from outside of programs: send and check from scripts, relay between processes, and look at a host's pipes."

const all = { broker, worker, send, check, web, top }

const command = Command.make(name).pipe(
  Command.withDescription(description),
  Command.withSubcommands([broker, worker, send, check, web, top])
)

const manuals = Object.entries(all).map(([name, command]) => manualOf(command, name))

const commands = manuals.map(({ name }) => name)

const runCommand = Command.run(command, { name, version, executable: name })

/** What is wrong with the names in the arguments, before their values are looked at. */
const wrongName = (args: ReadonlyArray<string>): string | undefined => {
  const { command, options } = askedOf(args, commands)
  const manual = manuals.find(({ name }) => name === command)
  const known = new Map([...(manual?.options ?? []), ...common].flatMap((one) => one.names.map((name) => [name, one])))
  const unknown = options.find(({ name }) => !known.has(name))
  if (unknown !== undefined) return `${unknownArgument(unknown.name)} (see --help)`
  const bare = options.find(({ name, value }) => value === undefined && known.get(name)?.value !== undefined)
  if (bare !== undefined) return `${bare.name} has no value behind it: ${bare.name} <${known.get(bare.name)!.value!}>`
  const shell = options.find(({ name }) => name === "--completions")
  if (shell !== undefined) return `--completions is not followed by one of ${Completions.shells.join(", ")}`
  if (manual !== undefined || args.every((arg) => arg.startsWith("-")) || options.length > 0) return undefined
  return `there is no such command: there are ${commands.join(", ")} (see --help)`
}

/** Help, where the arguments ask for it, or a script that completes them. */
const answerTo = (args: ReadonlyArray<string>, isColoured: boolean): string | undefined => {
  const { command, options } = askedOf(args, commands)
  if (args.length === 0 || options.some(({ name }) => name === "--help" || name === "-h")) {
    const manual = manuals.find(({ name }) => name === command)
    return manual === undefined
      ? Help.ofProgram(name, description, manuals, isColoured)
      : Help.ofCommand(name, manual, isColoured)
  }
  const wanted = options.find(({ name }) => name === "--completions")?.value
  const shell = Completions.shells.find((one) => one === wanted)
  return shell && Completions.script(shell, { program: name, manuals, schemes: schemeNames.map((one) => `${one}:`) })
}

const programOf = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const refused = refusal(args)
    if (refused !== undefined) return yield* new Usage({ reason: refused })
    const { isColoured } = yield* Shell
    const answer = answerTo(args, isColoured())
    if (answer !== undefined) return yield* say(answer)
    const wrong = wrongName(args)
    if (wrong !== undefined) return yield* new Usage({ reason: wrong })
    return yield* runCommand(["node", name, ...arranged(args, commands)])
  })

/** What the arguments ask for, behind the program's own name. Fails when it has said why. */
export const program = ([first = "", ...others]: ReadonlyArray<string>) =>
  programOf(first === "help" ? [...others, "--help"] : first === "" ? others : [first, ...others]).pipe(
    withHelp,
    Effect.tapErrorCause((cause) => {
      const line = lineOf(cause)
      return line === undefined ? Effect.void : tell(`${name}: ${line}`)
    }),
    Effect.provide(NodeContext.layer),
    Effect.provide(Logger.replace(Logger.defaultLogger, logger))
  )

/** Nobody reads, or the terminal is gone: who wanted to know has gone. */
const isGone = ({ code }: NodeJS.ErrnoException): boolean => code === "EPIPE" || code === "EIO"

/** Ends what runs, in order, when nobody reads its output any more, as in `| head -1`. */
const unlessClosed = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    self,
    Effect.async<never>((resume) => {
      process.stdout.on("error", (error: NodeJS.ErrnoException) => {
        if (!isGone(error)) {
          process.exitCode = 1
          process.stderr.write(`${name}: standard output cannot be written (${error.code ?? error.name})\n`)
        }
        resume(Effect.interrupt)
      })
      process.stderr.on("error", () => {})
    })
  )

/** As a program: it reads the arguments, obeys SIGTERM, SIGINT and SIGHUP, and sets the exit code. */
export const start = (argv: ReadonlyArray<string>): void => {
  // Of a terminal that is closed. What is buffered would be lost.
  const { stderr, stdin, stdout } = process
  const hasTerminal = [stdin, stdout, stderr].some(({ isTTY }) => isTTY)
  let isHungUp = false
  process.once("SIGHUP", () => {
    isHungUp = hasTerminal
    process.kill(process.pid, "SIGTERM")
  })
  NodeRuntime.runMain(unlessClosed(program(argv.slice(2))), {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => {
      // Node cannot put a terminal in order that is gone, and would abort. All is done, so it ends by the signal itself.
      if (isHungUp) process.kill(process.pid, "SIGHUP")
      onExit(codeOf(exit) || Number(process.exitCode ?? 0))
    }
  })
}
