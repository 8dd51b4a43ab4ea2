/**
 * A block of lines at the end of what a terminal shows, redrawn in place. What others write meanwhile goes above it: while
 * the block is there, `write` of its streams is wrapped, so that each foreign text first clears the block and no line of it
 * is overwritten. The cursor is never hidden and no mode is left switched on, so that a process that dies leaves the
 * terminal as it should be.
 */
import { asWritable, type Output, sizeOf, type Write, write } from "./output.js"
import { width } from "./text.js"

export interface Screen {
  /** Replaces the block. Lines must not be wider than the terminal. */
  readonly draw: (block: string) => void
  /** Leaves the block as it is, and the streams as they were. */
  readonly close: () => void
}

/** One synchronized update where the terminal knows it; the others ignore it. */
const begin = "\x1b[?2026h"
const end = "\x1b[?2026l"

const sgr = /\p{Cc}\[[0-9;]*m/gu

/** A redraw after foreign text waits so long if there was one just before: a busy log must not draw for every line. */
const redrawMillis = 33

const endsLine = (chunk: unknown): boolean | undefined => {
  if (typeof chunk === "string") return chunk === "" ? undefined : chunk.slice(-80).replace(sgr, "").endsWith("\n")
  return chunk instanceof Uint8Array && chunk.length > 0 ? chunk[chunk.length - 1] === 10 : undefined
}

/** Streams with a block on them: there is one block a terminal. */
const taken = new WeakSet<Output>()

export const isTaken = (output: Output): boolean => taken.has(output)

/** @param others streams that reach the same terminal, such as standard error. */
export const make = (output: Output, others: ReadonlyArray<Output>): Screen => {
  let block = ""
  /** Widths of the lines that are on the terminal, empty when there is no block. */
  let drawn: ReadonlyArray<number> = []
  /** Whether foreign text ended within a line, and how many draws that has been so. */
  let unfinished = 0
  let lastRedraw = -Infinity
  let timer: ReturnType<typeof setTimeout> | undefined
  let closed = false
  taken.add(output)

  const original = asWritable(output).write
  const raw = (text: string): void => write(output, original, text, () => undefined)

  /** Lines that the block takes up now: a terminal that became narrower has wrapped them. */
  const height = (): number => {
    const { columns } = sizeOf(output)
    return drawn.reduce((sum, cells) => sum + Math.max(1, Math.ceil(cells / columns)), 0)
  }

  const put = (): void => {
    const lines = block === "" ? [] : block.split("\n")
    const before = height()
    const text = lines.map((line) => `${line}\x1b[K\n`).join("")
    raw(begin + (before === 0 ? "" : `\r\x1b[${before}A`) + text + (lines.length === 0 ? "" : "\x1b[J") + end)
    drawn = lines.map((line) => width(line.replace(sgr, "")))
  }

  /** Line by line: some terminals save what is on a screen that is cleared as a whole, and would collect old tables. */
  const clear = (): void => {
    if (drawn.length === 0) return
    raw(`\r${"\x1b[A\x1b[2K".repeat(height())}`)
    drawn = []
  }

  const redraw = (): void => {
    timer = undefined
    if (closed || unfinished > 0 || drawn.length > 0) return
    lastRedraw = Date.now()
    put()
  }

  const scheduleRedraw = (): void => {
    if (timer !== undefined) return
    const wait = lastRedraw + redrawMillis - Date.now()
    timer = setTimeout(redraw, Math.max(0, wait))
    // Only to show something: it must not keep a process alive.
    const handle: unknown = timer
    if (typeof handle !== "object" || handle === null || !("unref" in handle)) return
    if (typeof handle.unref === "function") handle.unref()
  }

  const foreign = (chunk: unknown): void => {
    const ends = endsLine(chunk)
    if (ends === undefined) return
    clear()
    unfinished = ends ? 0 : 1
  }

  const restores = [output, ...others].map((stream) => {
    const writable = asWritable(stream)
    const owned = Object.prototype.hasOwnProperty.call(stream, "write")
    const before: Write = writable.write
    const wrapped: Write = function (...args) {
      if (closed) return before.apply(this, [...args])
      foreign(args[0])
      const result = before.apply(this, [...args])
      if (unfinished === 0) scheduleRedraw()
      return result
    }
    writable.write = wrapped
    return () => {
      // Someone who wrapped it after us still calls ours, which now only passes on.
      if (writable.write !== wrapped) return
      if (owned) writable.write = before
      else Reflect.deleteProperty(writable, "write")
    }
  })

  return {
    draw: (next) => {
      block = next
      if (unfinished === 1) {
        // It may be a prompt, or a line about to be finished: it has until the next drawing.
        unfinished = 2
        return
      }
      if (unfinished > 1) {
        raw("\n")
        unfinished = 0
      }
      put()
    },
    close: () => {
      if (closed) return
      closed = true
      if (timer !== undefined) clearTimeout(timer)
      for (const restore of restores) restore()
      taken.delete(output)
      if (unfinished > 0) raw("\n")
      if (drawn.length === 0) put()
    }
  }
}
