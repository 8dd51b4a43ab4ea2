/**
 * Random numbers for jitter and sampling without a fiber: a small generator, seeded once from Effect's `Random`, so that
 * whoever fixes that one fixes these.
 */
import { Effect, Random } from "effect"

/** Numbers from 0 to below 1, 32 bits each. */
export const fromSeed = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

export const seeded: Effect.Effect<() => number> = Effect.map(Random.nextIntBetween(0, 0x1_0000_0000), fromSeed)
