/** A receiver of datagrams over a Unix socket, in another process, as Node has none. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"

/** Whether the optional package was built on this machine. */
export const isBuilt = (() => {
  try {
    createRequire(import.meta.url)("unix-dgram")
    return true
  } catch {
    return false
  }
})()

const python = `
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
if len(sys.argv) > 2: sys.stdin.readline()
while True:
    d = s.recv(65536)
    if d.strip(): print(d.decode().replace("\\n", "~"), flush=True)
`

interface Python {
  readonly until: (datagrams: number) => Effect.Effect<ReadonlyArray<string>>
  /** Lets one go on that was told to wait. */
  readonly go: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
}

/** Prints each datagram as a line, with `~` for LF. */
export const receiver = (path: string, waits?: "waits"): Effect.Effect<Python, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn("/usr/bin/python3", ["-c", python, path, ...(waits === undefined ? [] : [waits])])
      let out = ""
      child.stdout.on("data", (text) => (out += String(text)))
      const lines = () => out.split("\n").slice(1, -1)
      const look = async (isThere: () => boolean) => {
        while (!isThere()) await once(child.stdout, "data", { signal: AbortSignal.timeout(10_000) })
      }
      await look(() => out.includes("ready"))
      return {
        until: (count: number) => Effect.promise(() => look(() => lines().length >= count).then(lines)),
        go: Effect.sync(() => void child.stdin.write("go\n")),
        kill: Effect.promise(async () => {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill("SIGKILL")
          await once(child, "exit")
        })
      }
    }),
    ({ kill }) => kill
  )
