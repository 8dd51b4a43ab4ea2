/**
 * Several readers of one pipe, who would split what is written: each gets a copy, chunk by chunk in turns.
 *
 * The kernel hands what is written into an empty pipe to the one who has waited for longest. So as long as every reader waits
 * before each chunk, and takes a chunk with one read, a chunk that is written once for each of them comes to each of them once.
 * Whether all wait is what Linux says of a process of the same user.
 */
import type * as Fs from "node:fs"

/** Few readers take less at once: what the kernel writes in one piece. */
const smallChunk = 4096
/** A shell that takes a byte at a time is not to be waited for. */
const leastChunk = 256
/** What a pipe holds. */
const largeChunk = 65_536
/** How long one may compute, or be kept from it. */
const busyMillis = 2000
/** How long one may wait for something else than the pipe: for a start, and while it passes on what it got. */
const elsewhereMillis = 50
const passingMillis = 2000

/** How long a process may be kept from running in the midst of opening a pipe. */
const settleMillis = 150
const stepMillis = 3
/** How long it is looked for readers. On a machine with so many open files, those who come at once are not found. */
const searchMillis = 100
/** For how long at a time. */
const sliceMillis = 1
/** How long processes whose files cannot be seen, or which have none, are not asked again. */
const skipMillis = 10_000

let skipped = new Set<string>()
let skippedAt = 0

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * As {@link readersOf}, once those are through who have found the pipe under its name, and not yet opened it when it lost that:
 * such a process can run, and waits for a processor.
 */
export const settled = async (
  fs: typeof Fs,
  cpus: number,
  path: string,
  inode: bigint
): Promise<ReadonlyArray<number>> => {
  let found: ReadonlyArray<number> = []
  for (let look = 0; ; look++) {
    for (let spent = 0; spent < settleMillis; spent += stepMillis) {
      await sleep(stepMillis)
      if (runnable(fs) <= cpus) break
    }
    const before = found
    found = await readersOf(fs, path, inode)
    // There is at least one, but it may be one that cannot be seen. Where two came at once, there may be more.
    if (found.length === 1 || (look > 0 && found.length === before.length)) {
      return found
    }
  }
}

/** How many can run at this moment. */
const runnable = (fs: typeof Fs): number => Number(/ (\d+)\//.exec(read(fs, "/proc/loadavg"))?.[1] ?? 0)

/**
 * The processes that have a pipe open, as often as they have, but for this one. `path` is under what name they opened it. Other
 * users' cannot be seen, nor those in another container, and none where there is no `/proc`.
 */
export const readersOf = async (fs: typeof Fs, path: string, inode: bigint): Promise<ReadonlyArray<number>> => {
  const found: Array<number> = []
  const start = performance.now()
  if (start - skippedAt > skipMillis) {
    skipped = new Set()
    skippedAt = start
  }
  const own = String(process.pid)
  let sliceEnd = start + sliceMillis
  for (const pid of list(fs, "/proc") ?? []) {
    if (!/^\d/.test(pid) || pid === own || skipped.has(pid)) continue
    const fds = list(fs, `/proc/${pid}/fd`)
    if (fds === undefined || fds.length === 0) skipped.add(pid)
    for (const fd of fds ?? []) if (isOpen(fs, `/proc/${pid}/fd/${fd}`, path, inode)) found.push(Number(pid))
    if (performance.now() < sliceEnd) continue
    if (sliceEnd - start > searchMillis) return []
    await nextTurn()
    sliceEnd = performance.now() + sliceMillis
  }
  return found
}

const list = (fs: typeof Fs, folder: string): ReadonlyArray<string> | undefined => {
  try {
    return fs.readdirSync(folder)
  } catch {
    return undefined
  }
}

const isOpen = (fs: typeof Fs, link: string, path: string, inode: bigint): boolean => {
  try {
    // By the name first, which costs less.
    return fs.readlinkSync(link).startsWith(path) && fs.statSync(link, { bigint: true }).ino === inode
  } catch {
    return false
  }
}

interface Reader {
  readonly pid: number
  /** How many times it has the pipe open. */
  readonly times: number
}

/**
 * Writes all of `bytes` once for each reader. `fd` is open for writing without waiting; it is not closed.
 *
 * `false`: nothing was written, as they do not read in a way in which they could take turns. `true`: whatever could be.
 */
export const write = async (
  fs: typeof Fs,
  fd: number,
  bytes: Uint8Array,
  pids: ReadonlyArray<number>
): Promise<boolean> => {
  const readers = [...new Set(pids)].map((pid) => ({ pid, times: pids.filter((one) => one === pid).length }))
  if (!(await allWait(fs, readers, elsewhereMillis))) return false
  let chunk = Math.min(...readers.map(({ pid }) => takenAtOnce(fs, pid)))
  if (chunk < leastChunk) return false
  try {
    for (let from = 0; from < bytes.length; from += chunk) {
      for (let turn = 0; turn < pids.length; turn++) {
        const to = Math.min(bytes.length, from + chunk)
        const written = fs.writeSync(fd, bytes, from, to - from)
        if (written < to - from) {
          // It holds less than pipes do where a user has very many of them.
          if (from > 0 || turn > 0) return true
          chunk = written
        }
        // Also before the pipe's end: who waits is told of that first.
        if (!(await allWait(fs, readers, passingMillis))) return true
      }
    }
  } catch {
    // All have left.
  }
  return true
}

const read = (fs: typeof Fs, path: string): string => {
  try {
    return fs.readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** What a reader's read asks for, where that is told. */
const takenAtOnce = (fs: typeof Fs, pid: number): number => {
  // A call's number and its arguments; `read` is 0 or 63, by the processor.
  const size = Number(/^(?:0|63) 0x\w+ 0x\w+ (0x\w+) /.exec(read(fs, `/proc/${pid}/syscall`))?.[1] ?? smallChunk)
  return size >= largeChunk ? largeChunk : Math.min(size, smallChunk)
}

type State = "waiting" | "busy" | "elsewhere" | "gone"

const stateOf = (fs: typeof Fs, { pid, times }: Reader): State => {
  const tasks = list(fs, `/proc/${pid}/task`)
  if (tasks === undefined) return "gone"
  let waiting = 0
  let state: State = "elsewhere"
  for (const task of tasks) {
    const at = `/proc/${pid}/task/${task}`
    if (/pipe_read/.test(read(fs, `${at}/wchan`))) waiting++
    // The name of the program, in parentheses, may hold anything.
    else if (/^\) [RD]/.test(/\) [A-Z][^)]*$/.exec(read(fs, `${at}/stat`))?.[0] ?? "")) state = "busy"
  }
  return waiting >= times ? "waiting" : state
}

/** Whether it came to that, within the time that each may spend elsewhere. */
const allWait = async (fs: typeof Fs, readers: ReadonlyArray<Reader>, elsewhere: number): Promise<boolean> => {
  const start = performance.now()
  for (;;) {
    let found: State = "waiting"
    for (const reader of readers) {
      found = stateOf(fs, reader)
      if (found !== "waiting") break
    }
    if (found === "waiting") return true
    const spent = performance.now() - start
    if (found === "gone" || spent > (found === "busy" ? busyMillis : elsewhere)) return false
    await (spent < 3 ? nextTurn() : sleep(1))
  }
}
