/** Etsy's StatsD daemon, on a free port of the loopback interface. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { connect } from "node:net"
import { join } from "node:path"
import { freePort } from "./harness.js"

export interface Daemon {
  readonly port: number
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
  /** Sends a signal to the daemon, and to nothing else. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** What it holds of a kind, by name. */
  readonly read: (what: "counters" | "gauges" | "timers") => Promise<Readonly<Record<string, unknown>>>
}

export const etsy = async (folder: string): Promise<Daemon> => {
  const script = createRequire(import.meta.url).resolve("statsd/stats.js")
  const [port, managementPort] = [await freePort(), await freePort()]
  const file = join(folder, "config.js")
  const server = (name: string) => `{ server: "./servers/${name}", address: "127.0.0.1", port: ${port} }`
  // It never flushes, so that everything is there to be read.
  writeFileSync(
    file,
    `{ servers: [${server("udp")}, ${server("tcp")}], mgmt_address: "127.0.0.1", mgmt_port: ${managementPort},
       flushInterval: 600000, backends: [] }`
  )
  const ask = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = ""
      const socket = connect(managementPort, "127.0.0.1", () => socket.write(`${command}\n`))
      socket.on("error", reject)
      socket.on("data", (text) => {
        answer += String(text)
        if (!answer.includes("END\n")) return
        socket.destroy()
        resolve(answer.slice(0, answer.indexOf("END\n")))
      })
    })
  let child: ChildProcess | undefined
  // A test run that is cut short must not leave it behind.
  const atExit = (): void => void child?.kill("SIGKILL")
  return {
    port,
    start: async () => {
      child = spawn(process.execPath, [script, file], { stdio: "ignore" })
      process.once("exit", atExit)
      const end = Date.now() + 40_000
      while (
        !(await ask("counters").then(
          () => true,
          () => false
        ))
      ) {
        if (Date.now() > end) throw new Error("statsd did not become ready within 40 s")
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    stop: async () => {
      process.off("exit", atExit)
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGCONT")
      child.kill("SIGKILL")
      await once(child, "exit")
    },
    signal: (signal) => void child?.kill(signal),
    // It prints its objects as Node does: names, numbers, and of long lists the first hundred.
    read: async (what) => {
      const text = (await ask(what))
        .replace(/,\s*\.\.\. \d+ more items?/g, "")
        .replace(/'([^'\n]*)':/g, (_, name: string) => `${JSON.stringify(name)}:`)
        .replace(/([{,]\s*)([A-Za-z_]\w*):/g, '$1"$2":')
      return JSON.parse(text)
    }
  }
}
