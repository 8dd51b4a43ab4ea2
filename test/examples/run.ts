/** Runs the examples as programs of their own. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { bundled } from "../process/bundle.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Ends by itself: a child that hangs is killed, and then has no exit code. */
const limitMillis = 50_000

/** Runs an example; `watch` sees all output so far, and may send a signal. */
export const run = async (
  example: string,
  options: {
    readonly arguments?: ReadonlyArray<string>
    readonly env?: Readonly<Record<string, string>>
    readonly watch?: (stdout: string, signal: (name: NodeJS.Signals) => void) => void
  } = {}
): Promise<Ended> => {
  const program = await bundled(`examples/${example}`, "external")
  return new Promise((resolve, reject) => {
    const { INFLUXDB_URL: _, ...inherited } = process.env
    const child = spawn(process.execPath, [program, ...(options.arguments ?? [])], {
      cwd: root,
      env: { ...inherited, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: limitMillis,
      killSignal: "SIGKILL"
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      options.watch?.(stdout, (name) => child.kill(name))
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })
}

/** The last line that starts so. */
export const last = (stdout: string, start: string): string | undefined =>
  lines(stdout)
    .filter((line) => line.startsWith(start))
    .at(-1)

export const lines = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line !== "")
