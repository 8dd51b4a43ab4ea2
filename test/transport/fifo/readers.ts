/** Programs that read pipes, and processes that have them. */
import { type Duration, Effect, type Scope } from "effect"
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bundled } from "../../process/bundle.js"
import { judge } from "./texts.js"

export const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-metrics-fifo-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** What a program writes until it ends, which it must. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  timeout: Duration.DurationInput = "40 seconds",
  options: SpawnOptions = {}
): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "ignore"] })
    let output = ""
    child.stdout.setEncoding("utf8").on("data", (piece: string) => (output += piece))
    child.on("close", () => resume(Effect.succeed(output)))
    return Effect.sync(() => child.kill("SIGKILL"))
  }).pipe(Effect.timeout(timeout), Effect.orDie)

export const cat = (path: string): Effect.Effect<string> => run("cat", [path])

export const python = "/usr/bin/python3"
export const hasPython = existsSync(python)

/** Rounds of readers that start in the same instant, as they are forked before that. What each got is a line of JSON. */
const storm = `
import json, os, sys
path, rounds, kinds = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
def read(kind):
    if kind == "python":
        with open(path) as file: return file.read().encode()
    fd = os.open(path, os.O_RDONLY)
    if kind == "silent":
        os.read(stop[0], 1)
        return b""
    if kind == "leaver":
        os.read(fd, 10)
        return b""
    size = {"bytes": 1, "small": 100}.get(kind, 131072)
    got = []
    while True:
        piece = os.read(fd, size)
        if not piece: return b"".join(got)
        got.append(piece)
for _ in range(rounds):
    start, stop, kids = os.pipe(), os.pipe(), []
    for kind in kinds:
        out = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(start[1]); os.close(stop[1]); os.close(out[0])
            os.read(start[0], 1)
            got = read(kind)
            while got: got = got[os.write(out[1], got):]
            os._exit(0)
        os.close(out[1])
        kids.append((kind, pid, out[0]))
    os.close(start[0]); os.close(start[1])
    # Whoever never reads stays until all others have got theirs.
    for kind, pid, out in sorted(kids, key=lambda kid: kid[0] == "silent"):
        if kind == "silent" and stop[1] >= 0:
            os.close(stop[1]); stop = (stop[0], -1)
        with os.fdopen(out) as file: got = file.read()
        os.waitpid(pid, 0)
        if kind not in ("silent", "leaver"): print(json.dumps(got))
    if stop[1] >= 0: os.close(stop[1])
    os.close(stop[0])
`

export type Kind = "cat" | "python" | "bytes" | "small" | "silent" | "leaver"

/** What those got who came at once, `rounds` times, but for the silent and the leavers: how many of each. */
export const meet = (path: string, rounds: number, ...kinds: ReadonlyArray<Kind>) =>
  Effect.map(run(python, ["-c", storm, path, String(rounds), kinds.join(",")], "100 seconds"), (output) => {
    const tally: Record<string, number> = {}
    for (const line of output.split("\n").slice(0, -1)) {
      // What the script printed.
      const verdict = judge(JSON.parse(line) as string)
      tally[verdict] = (tally[verdict] ?? 0) + 1
    }
    return tally
  })

export const app = fileURLToPath(new URL("app.ts", import.meta.url))

const program = Effect.promise(() => bundled("test/transport/fifo/app.ts"))

export interface App {
  readonly child: ChildProcess
  /** What it said first: `ready` and a path, or `refused` and a reason. */
  readonly said: Effect.Effect<string>
  /** `code signal` */
  readonly ended: Effect.Effect<string>
  readonly output: () => string
}

/** A process with a pipe, see `app.ts`. */
export const start = (
  mode: string,
  options: { readonly dir?: string; readonly size?: number; readonly isShared?: boolean; readonly name?: string },
  spawnOptions: SpawnOptions = {},
  ...before: ReadonlyArray<string>
): Effect.Effect<App, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(program, (program) => {
      const [command = "", ...args] = [...before, process.execPath, program, mode, JSON.stringify(options)]
      const child = spawn(command, args, { ...spawnOptions, stdio: ["ignore", "pipe", "pipe"] })
      let output = ""
      let speak: () => void = () => {}
      const spoken = new Promise<void>((resolve) => (speak = resolve))
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (piece: string) => {
          output += piece
          if (/(ready|refused).*\n/.test(output)) speak()
        })
      }
      const closed = new Promise<string>((resolve) =>
        child.on("close", (code, signal) => {
          speak()
          resolve(`${code} ${signal}`)
        })
      )
      const wait = <A>(promise: Promise<A>) =>
        Effect.promise(() => promise).pipe(
          Effect.timeout("30 seconds"),
          Effect.mapError(() => new Error(`the app says: ${output}`)),
          Effect.orDie
        )
      return {
        child,
        said: Effect.map(wait(spoken), () => /(?:ready|refused) (.*)\n/.exec(output)?.[1] ?? `nothing but: ${output}`),
        ended: wait(closed),
        output: () => output
      }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )
