import { assert, describe, it } from "@effect/vitest"
import * as Turn from "../../src/delivery/turn.js"

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const work = (millis: number): void => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

describe("a turn of the event loop", () => {
  it("is spent a few milliseconds after a lane began to work, and the next one is not", async () => {
    Turn.enter()
    work(6)
    assert.isTrue(Turn.isSpent())
    await nextTurn()
    await nextTurn()
    assert.isFalse(Turn.isSpent())
  })

  it("does what waits for it in order, some each turn, and lets nobody overtake", async () => {
    const done: Array<string> = []
    const turns: Array<number> = []
    let turn = 0
    const job = (name: string, left: number) => (): void => {
      done.push(name)
      turns.push(turn)
      work(3)
      if (left > 0) Turn.later(job(name, left - 1))
    }
    for (const name of ["a", "b", "c"]) Turn.later(job(name, 2))
    while (done.length < 9) {
      await nextTurn()
      turn++
    }
    assert.strictEqual(done.join(""), "abcabcabc")
    assert.isAtLeast(new Set(turns).size, 4)
  })
})
