/**
 * Keeps lanes from holding the event loop: how long they have been at work in this turn of it, all together, and work that
 * waits for a later turn. A sink that answers at once would else have a whole flush run on microtasks, which no timer and no
 * socket interrupts.
 */
import { Clock } from "effect"

/** Milliseconds of one turn. What begins within it comes on top, and a young collection: together at most 10 are the goal. */
const budget = 3

const clock = Clock.make()
const now = (): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** In browsers `setTimeout`. Looked up once, so that a test that replaces timers later does not stop deliveries. */
const { setImmediate: macrotask = setTimeout } = globalThis as {
  readonly setImmediate?: (task: () => void) => unknown
}

let began: number | undefined
const waiting: Array<() => void> = []

/** A lane is at work. */
export const enter = (): void => {
  if (began !== undefined) return
  began = now()
  macrotask(next)
}

/** Whether work that can wait should. */
export const isSpent = (): boolean => waiting.length > 0 || (began !== undefined && now() - began > budget)

/** Runs in a later turn, in the order in which it was asked for. */
export const later = (work: () => void): void => {
  waiting.push(work)
  enter()
}

/** One at least, or a busy turn would put all of them off for ever. */
const next = (): void => {
  began = undefined
  if (waiting.length === 0) return
  enter()
  const first = began!
  do waiting.shift()!()
  while (waiting.length > 0 && now() - first <= budget)
}
