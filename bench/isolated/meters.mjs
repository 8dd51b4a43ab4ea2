// @ts-check
/** What a process can say about itself. */
import { setImmediate as nextTurn } from "node:timers/promises"

const collect = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc)

/** Bytes that are reachable, on and off the heap. */
export const liveBytes = () => {
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** As `liveBytes`, once finalizers have run too. */
export const settledBytes = async () => {
  for (let i = 0; i < 3; i++) {
    collect()
    await nextTurn()
  }
  return liveBytes()
}

/** The longest turn of the event loop, by a chain of immediates: none is missed, but the process never rests. */
export const watchTurns = () => {
  let last = process.hrtime.bigint()
  let longest = 0n
  let isOn = true
  const tick = () => {
    const now = process.hrtime.bigint()
    if (now - last > longest) longest = now - last
    last = now
    if (isOn) setImmediate(tick)
  }
  setImmediate(tick)
  return {
    /** Milliseconds. */
    stop: () => {
      isOn = false
      const since = process.hrtime.bigint() - last
      return Number(since > longest ? since : longest) / 1e6
    }
  }
}

/** Least squares. @param {ReadonlyArray<readonly [x: number, y: number]>} points */
export const slope = (points) => {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return over / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

export const report = (/** @type {object} */ message) =>
  new Promise((resolve) => process.send?.(message, undefined, undefined, resolve))
