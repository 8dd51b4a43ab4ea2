import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { fromSeed, seeded } from "../../src/delivery/random.js"

describe("random numbers for jitter", () => {
  it("are spread evenly from 0 to below 1, whatever the seed", () => {
    const firsts = Array.from({ length: 200 }, (_, seed) => fromSeed(seed)()).sort((a, b) => a - b)
    const distance = Math.max(...firsts.map((value, i) => Math.abs(value - (i + 0.5) / firsts.length)))
    assert.isBelow(distance, 0.15)
    const random = fromSeed(1)
    const many = Array.from({ length: 10_000 }, random)
    assert.isTrue(many.every((value) => value >= 0 && value < 1))
    assert.approximately(many.reduce((sum, value) => sum + value, 0) / many.length, 0.5, 0.02)
  })

  it("follow Effect's Random", () => {
    const numbers = (seed: string) =>
      Effect.runSync(Effect.map(seeded, (random) => [random(), random()]).pipe(Effect.withRandom(Random.make(seed))))
    assert.deepStrictEqual(numbers("a"), numbers("a"))
    assert.notDeepEqual(numbers("a"), numbers("b"))
  })
})
