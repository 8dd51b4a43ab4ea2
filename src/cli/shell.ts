/** What the command has of the shell that runs it. */
import { Context } from "effect"
import { isColored } from "../sinks/console/output.js"
import type { Environment } from "./secrets.js"

export interface Streams {
  readonly environment: Environment
  /** Results and help. */
  readonly out: (text: string) => void
  /** Everything else. */
  readonly err: (text: string) => void
  /** Whether `out` shows colours. */
  readonly isColoured: () => boolean
  readonly input: () => AsyncIterable<Uint8Array | string>
  /** What the process exits with where it ends in order all the same. */
  readonly exitWith: (code: number) => void
}

/** Tests provide another. */
export class Shell extends Context.Reference<Shell>()("effect-metrics/cli/Shell", {
  defaultValue: (): Streams => ({
    environment: process.env,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isColoured: () => isColored(process.env, process.stdout.isTTY === true),
    input: () => process.stdin,
    exitWith: (code) => {
      process.exitCode = code
    }
  })
}) {}
