/**
 * What the publishers of the relay's tests record: the same whenever it is asked, so that a test knows what must arrive. A step
 * is so many recordings of each level, and takes ten milliseconds.
 */
import { Effect } from "effect"
import * as Metrics from "../../src/Metrics.js"

export const stepsPerSecond = 100

/** Of each publisher in each step. */
export const perStep = { info: 40, crit: 10, none: 5, unheard: 5, points: 1 } as const

/** `information` begins as `info` does, and nobody asks for either of these. */
const unheard = ["debug", "information"] as const

/** Numbers from 0 to 1, 0 apart: the same for the same seed. */
const uniform = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 2 ** 32
  }
}

/**
 * Seconds, skewed as latencies are: half of them below 50 ms, those of `crit` below 5 s. They are multiples of 2^-16, so that the
 * sum of any number of them is exact in any order.
 */
export const latencies = (publisher: number, level: "info" | "crit"): (() => number) => {
  const next = uniform(publisher * 2 + (level === "info" ? 1 : 2))
  const middle = level === "info" ? 0.05 : 5
  return () => {
    const normal = Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
    return Math.max(1, Math.round(middle * Math.exp(normal) * 65_536)) / 65_536
  }
}

const work = Metrics.counter("work", { tagKeys: ["shop"] })
const latency = Metrics.timer("latency")
const queue = Metrics.gauge("queue", { level: "info", tagKeys: ["instance"] })
const plain = Metrics.counter("plain")

const shops = ["berlin", "paris"] as const

/** Records steps, no faster than they are meant to be; those after them go on where they end. */
export const recorder = (publisher: number): ((steps: number) => Effect.Effect<void>) => {
  const next = { info: latencies(publisher, "info"), crit: latencies(publisher, "crit") }
  const instance = String(publisher)
  let at = 0
  const step = Effect.gen(function* () {
    at++
    for (const level of ["info", "crit"] as const) {
      for (let i = 0; i < perStep[level]; i++) {
        yield* Metrics.increment(work, { level, tags: { shop: shops[i % 2]! } })
        yield* Metrics.record(latency, next[level](), { level })
      }
      yield* Metrics.emit("order", { n: at }, { level, tags: { instance } })
    }
    for (let i = 0; i < perStep.none; i++) yield* Metrics.increment(plain)
    yield* Metrics.emit("note", { n: at }, { tags: { instance } })
    for (const level of unheard) {
      for (let i = 0; i < perStep.unheard; i++) yield* Metrics.incrementBy(work, 1000, { level })
      yield* Metrics.record(latency, 1e6, { level })
      yield* Metrics.emit("order", { n: 1e9 }, { level, tags: { instance } })
    }
    yield* Metrics.set(queue, at, { tags: { instance } })
  })
  return (steps) =>
    Effect.gen(function* () {
      const start = performance.now()
      for (let i = 1; i <= steps; i++) {
        yield* step
        yield* Effect.sleep(Math.max(0, start + (i * 1000) / stepsPerSecond - performance.now()))
      }
    })
}
