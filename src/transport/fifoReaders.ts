/**
 * Who has a pipe open, and what each of them does at this moment: what Linux says of processes in `/proc`.
 *
 * It says that of processes of the same user, to root of all; not of those in another container, unless that is within this one.
 */
import type * as Fs from "node:fs"

/** A process that has the pipe open. */
export interface Reader {
  readonly pid: string
  /** As often as it has: its files in `/proc`. */
  readonly links: ReadonlyArray<string>
}

/** What is looked for. */
export interface Pipe {
  /** Under what name it was opened. */
  readonly path: string
  readonly inode: bigint
}

/** How long one that can run may be kept from it in the midst of opening a pipe: for the turns of so many others, twice over. */
const turnMillis = 8
const settleMillis = 150
const stepMillis = 3
/** In how many open files it is looked for readers, which takes some 200 ms. Where there are more, those who come at once are not found. */
const maxFiles = 100_000
/** For how long at a time. */
const sliceMillis = 1
/** How long processes whose files cannot be seen, or which have none, are not asked again. */
const skipMillis = 10_000
/** More looks than it takes until two find the same. */
const maxLooks = 20
/** What is taken at once where that is not told: all buffers that programs read into are multiples of it, or nearly all. */
const unknownTake = 256

let skipped = new Set<string>()
let skippedAt = 0

/** A reader is no reason for a process to go on. */
export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis).unref())
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const openings = (readers: ReadonlyArray<Reader>): number =>
  readers.reduce((sum, { links }) => sum + links.length, 0)

/**
 * All readers, once those are through who have found the pipe under its name, and not yet opened it when it lost that: such a
 * process can run, and waits for a processor.
 */
export const settled = async (fs: typeof Fs, cpus: number, pipe: Pipe): Promise<ReadonlyArray<Reader>> => {
  let before = -1
  for (let look = 0; ; look++) {
    const start = performance.now()
    for (let enough = 0; enough < settleMillis;) {
      await sleep(stepMillis)
      const queue = runnable(fs) / cpus
      enough = Math.max(enough, turnMillis * queue)
      if (queue <= 1 || performance.now() - start >= enough) break
    }
    const found = await readersOf(fs, pipe)
    const count = openings(found)
    // There is at least one, but it may be one that cannot be seen. Where two came at once, there may be more.
    if (count === 1 || count === before || look === maxLooks) return found
    before = count
  }
}

/** How many can run at this moment. */
const runnable = (fs: typeof Fs): number => Number(/ (\d+)\//.exec(read(fs, "/proc/loadavg"))?.[1] ?? 0)

/** The processes that have the pipe open, but for this one. None where there is no `/proc`. */
const readersOf = async (fs: typeof Fs, pipe: Pipe): Promise<ReadonlyArray<Reader>> => {
  const found: Array<Reader> = []
  const start = performance.now()
  if (start - skippedAt > skipMillis) {
    skipped = new Set()
    skippedAt = start
  }
  const own = String(process.pid)
  let files = 0
  let sliceEnd = start + sliceMillis
  for (const pid of list(fs, "/proc")) {
    if (!/^\d/.test(pid) || pid === own || skipped.has(pid)) continue
    const folder = `/proc/${pid}/fd`
    const fds = list(fs, folder)
    if (fds.length === 0) skipped.add(pid)
    const links = fds.map((fd) => `${folder}/${fd}`).filter((link) => isOpen(fs, link, pipe))
    if (links.length > 0) found.push({ pid, links })
    files += fds.length
    // Not by a clock, which goes on while a busy machine keeps this process waiting.
    if (files > maxFiles) return []
    if (performance.now() < sliceEnd) continue
    await nextTurn()
    sliceEnd = performance.now() + sliceMillis
  }
  return found
}

const isOpen = (fs: typeof Fs, link: string, { inode, path }: Pipe): boolean => {
  try {
    // By the name first, which costs less.
    return fs.readlinkSync(link).startsWith(path) && fs.statSync(link, { bigint: true }).ino === inode
  } catch {
    return false
  }
}

/** The reader as it is now, if it has the pipe open still. */
export const still = (fs: typeof Fs, { links, pid }: Reader, pipe: Pipe): Reader | undefined => {
  const left = links.filter((link) => isOpen(fs, link, pipe))
  return left.length === 0 ? undefined : { pid, links: left }
}

export type State = "waiting" | "busy" | "elsewhere"

/** What a thread asks of the pipe that it waits for; nothing, where it does not wait for it. */
interface Wait {
  readonly size: number
}

const waitOf = (fs: typeof Fs, { links }: Reader, task: string): Wait | undefined => {
  if (!/pipe_read/.test(read(fs, `${task}/wchan`))) return undefined
  // A call's number and its arguments; `read` is 0 or 63, by the processor. Not told where a debugger may not look either.
  const call = /^(?:0|63) (0x\w+) 0x\w+ (0x\w+) /.exec(read(fs, `${task}/syscall`))
  if (call === null) return { size: unknownTake }
  // It may be another pipe that it waits for.
  return links.some((link) => link.endsWith(`/${Number(call[1])}`)) ? { size: Math.max(1, Number(call[2])) } : undefined
}

/** Whether it waits for something in the pipe, everywhere where it has that open; computes; or waits for something else. */
export const stateOf = (fs: typeof Fs, reader: Reader): State => {
  let waiting = 0
  let state: State = "elsewhere"
  for (const task of tasksOf(fs, reader)) {
    if (waitOf(fs, reader, task) !== undefined) waiting++
    // The name of the program, in parentheses, may hold anything.
    else if (/\) [RD][^)]*$/.test(read(fs, `${task}/stat`))) state = "busy"
  }
  return waiting >= reader.links.length ? "waiting" : state
}

/** How many bytes one that waits asks for at once: the least, where it has several threads that do. */
export const takenAtOnce = (fs: typeof Fs, reader: Reader): number =>
  Math.min(...tasksOf(fs, reader).map((task) => waitOf(fs, reader, task)?.size ?? Number.POSITIVE_INFINITY))

const tasksOf = (fs: typeof Fs, { pid }: Reader): ReadonlyArray<string> =>
  list(fs, `/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`)

/** How many bytes it has read since it began, of whatever. */
export const bytesRead = (fs: typeof Fs, { pid }: Reader): number | undefined => {
  const count = /^rchar: (\d+)$/m.exec(read(fs, `/proc/${pid}/io`))?.[1]
  return count === undefined ? undefined : Number(count)
}

const list = (fs: typeof Fs, folder: string): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(folder)
  } catch {
    return []
  }
}

const read = (fs: typeof Fs, path: string): string => {
  try {
    return fs.readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
