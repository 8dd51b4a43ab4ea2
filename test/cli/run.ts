/** The command in this process: what it writes and how it would end. */
import { Effect, Fiber, type Scope } from "effect"
import { program } from "../../src/cli/app.js"
import { codeOf } from "../../src/cli/failures.js"
import { Shell } from "../../src/cli/shell.js"

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Given {
  readonly environment?: Readonly<Record<string, string>>
  /** Standard input, in the chunks in which it comes. */
  readonly input?: ReadonlyArray<string>
  /** Whether standard input goes on, and nothing comes. */
  readonly isOpen?: boolean
  readonly isColoured?: boolean
}

export interface Running {
  readonly ended: Effect.Effect<Ended>
  /** As a SIGTERM would. */
  readonly stop: Effect.Effect<Ended>
}

export const start = (args: ReadonlyArray<string>, given: Given = {}): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function* () {
    const written = { out: "", err: "", code: 0 }
    const shell = {
      environment: given.environment ?? {},
      out: (text: string) => void (written.out += text),
      err: (text: string) => void (written.err += text),
      isColoured: () => given.isColoured === true,
      input: async function* () {
        yield* given.input ?? []
        if (given.isOpen === true) await new Promise(() => {})
      },
      exitWith: (code: number) => void (written.code = code)
    }
    const fiber = yield* Effect.forkScoped(Effect.provideService(program(args), Shell, shell))
    const ended = Effect.map(Fiber.await(fiber), (exit) => ({
      code: codeOf(exit) || written.code,
      stdout: written.out,
      stderr: written.err
    }))
    return { ended, stop: Effect.zipRight(Fiber.interruptFork(fiber), ended) }
  })

export const run = (args: ReadonlyArray<string>, given: Given = {}): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(start(args, given), ({ ended }) => ended))
