/**
 * Several readers of one pipe, who would split what is written: each gets a copy, chunk by chunk in turns.
 *
 * The kernel hands what is written into an empty pipe to the one who has waited for longest. So as long as every reader waits
 * before each chunk, and takes a chunk with one read, a chunk that is written once for each of them comes to each of them once.
 */
import type * as Fs from "node:fs"
import {
  bytesRead,
  nextTurn,
  openings,
  type Pipe,
  type Reader,
  sleep,
  type State,
  stateOf,
  still,
  takenAtOnce
} from "./fifoReaders.js"

/** What the kernel writes in one piece, and the most that a pipe is sure to hold. */
const smallChunk = 4096
/** What a pipe holds. */
const largeChunk = 65_536
/** Two shells that take a byte at a time would need more for a large snapshot, and are not worth that. */
const maxTurns = 10_000
/** For how many chunks it is seen whether one goes on taking so little. */
const patientChunks = 16

/** How long one may compute, or be kept from it. */
const busyMillis = 2000
/** How long one may wait for something else than the pipe: before it reads at all, and while it passes on what it got. */
const startMillis = 50
const passingMillis = 2000
/** For how long it is not slept in between. */
const spinMillis = 3

/**
 * Writes all of `bytes` once for each reader. `fd` is open for writing without waiting; it is not closed.
 *
 * `false`: nothing was written, as there are not several who read in a way in which they could take turns. `true`: everyone got
 * all, but who left before that, or took nothing for too long; or all got the beginning, where one takes hardly anything at once.
 */
export const write = async (
  fs: typeof Fs,
  fd: number,
  bytes: Uint8Array,
  pipe: Pipe,
  found: ReadonlyArray<Reader>,
  isWanted: () => boolean
): Promise<boolean> => {
  let readers = await waiting(fs, pipe, found, startMillis)
  if (openings(readers) < 2) return false
  let holds = largeChunk
  let tooLittle = 0
  try {
    for (let from = 0; from < bytes.length && readers.length > 0;) {
      // Anew each time: a program that fills a buffer asks for what is missing in it.
      const size = Math.min(holds, ...readers.map((reader) => takenAtOnce(fs, reader)))
      const chunk = size >= largeChunk ? largeChunk : Math.min(size, smallChunk)
      const isTooLittle = ((bytes.length - from) / chunk) * openings(readers) > maxTurns
      tooLittle = isTooLittle ? tooLittle + 1 : 0
      if (tooLittle > patientChunks) return true
      const before = readers.map((reader) => bytesRead(fs, reader))
      let to = Math.min(bytes.length, from + chunk)
      let isFirst = true
      for (let left = openings(readers); left > 0; isFirst = false) {
        if (!isWanted()) return true
        const written = fs.writeSync(fd, bytes, from, to - from)
        if (written < to - from) {
          // It holds less than pipes do, as where a user has very many of them. What the first got is what all get.
          if (!isFirst) return true
          holds = written
          to = from + written
        }
        // Also after the last, before the pipe's end: who waits is told of that first.
        const present = await waiting(fs, pipe, readers, passingMillis)
        const gone = openings(readers) - openings(present)
        left = gone === 0 ? left - 1 : untaken(fs, readers, before, present, to - from, left - 1)
        readers = present
      }
      from = to
    }
  } catch {
    // All have left.
  }
  return true
}

/** Those who wait for what is written, once all do but those who have closed the pipe, or do not come within the time. */
const waiting = async (
  fs: typeof Fs,
  pipe: Pipe,
  readers: ReadonlyArray<Reader>,
  elsewhereMillis: number
): Promise<ReadonlyArray<Reader>> => {
  const start = performance.now()
  let present = readers
  for (;;) {
    const spent = performance.now() - start
    let areAllWaiting = true
    present = present.flatMap((reader) => {
      const state = stateOf(fs, reader)
      if (state === "waiting") return [reader]
      const now = still(fs, reader, pipe)
      if (now === undefined || spent > patience(state, elsewhereMillis)) return []
      areAllWaiting = false
      return [now]
    })
    if (areAllWaiting) return present
    await (spent < spinMillis ? nextTurn() : sleep(1))
  }
}

const patience = (state: State, elsewhereMillis: number): number => (state === "busy" ? busyMillis : elsewhereMillis)

/** How many copies of a chunk are still to be written where somebody has left, perhaps with one. */
const untaken = (
  fs: typeof Fs,
  readers: ReadonlyArray<Reader>,
  before: ReadonlyArray<number | undefined>,
  present: ReadonlyArray<Reader>,
  size: number,
  otherwise: number
): number => {
  let count = 0
  for (const reader of present) {
    const then = before[readers.findIndex(({ pid }) => pid === reader.pid)]
    const now = bytesRead(fs, reader)
    if (then === undefined || now === undefined) return otherwise
    count += reader.links.length - Math.min(reader.links.length, Math.floor((now - then) / size))
  }
  return count
}
