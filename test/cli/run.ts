/** The command in this process: what it writes and how it would end. */
import { Effect } from "effect"
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
  readonly isColoured?: boolean
}

/** Ends as the process would: an interruption of this effect is a SIGTERM. */
export const run = (args: ReadonlyArray<string>, given: Given = {}): Effect.Effect<Ended> =>
  Effect.suspend(() => {
    const written = { out: "", err: "", code: 0 }
    const shell = {
      environment: given.environment ?? {},
      out: (text: string) => void (written.out += text),
      err: (text: string) => void (written.err += text),
      isColoured: () => given.isColoured === true,
      input: async function* () {
        yield* given.input ?? []
      },
      exitWith: (code: number) => void (written.code = code)
    }
    return program(args).pipe(
      Effect.provideService(Shell, shell),
      Effect.exit,
      Effect.map((exit) => ({ code: codeOf(exit) || written.code, stdout: written.out, stderr: written.err }))
    )
  })
