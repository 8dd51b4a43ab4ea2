/** Whether the process that made a pipe is still there. */
import type * as Fs from "node:fs/promises"
import { load } from "../transport/node.js"

const maxPid = 2 ** 31 - 1

/** Of a pipe's name: `1234` and `1234-anything`. `undefined` where there is none. */
export const pidOf = (id: string): number | undefined => {
  const digits = /^[1-9]\d{0,9}(?!\d)/.exec(id)?.[0]
  const pid = Number(digits)
  return digits !== undefined && pid <= maxPid ? pid : undefined
}

/** Also where it is another user's. In another PID namespace than ours it is not, though it may well be there. */
export const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}

/** Of a second, in the kernel's files: the same on all machines. */
const ticks = 100
/** Clocks are set, and files have coarse times. */
const slackMillis = 2_000

/** When it started, since the epoch. `undefined` where the system does not say. */
const startedMillis = async (pid: number): Promise<number | undefined> => {
  const { readFile } = await load<typeof Fs>("node:fs/promises")
  try {
    const [own, all] = await Promise.all([readFile(`/proc/${pid}/stat`, "utf8"), readFile("/proc/stat", "utf8")])
    // The name of the program, in parentheses, may hold anything.
    const started = Number(own.slice(own.lastIndexOf(")") + 2).split(" ")[19])
    const booted = Number(/^btime (\d+)$/m.exec(all)?.[1])
    const millis = (booted + started / ticks) * 1000
    return Number.isFinite(millis) ? millis : undefined
  } catch {
    return undefined
  }
}

/** Whether the process that has the pid now started after the pipe was last made or written, and so is another one. */
export const isReused = async (pid: number, pipeMillis: number): Promise<boolean> => {
  const started = await startedMillis(pid)
  return started !== undefined && started > pipeMillis + slackMillis
}
