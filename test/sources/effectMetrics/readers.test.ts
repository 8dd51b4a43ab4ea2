import { MetricKey, MetricRegistry } from "effect"
import { assert, describe, it } from "vitest"
import type { OpenLanes } from "../../../src/delivery/pull.js"
import { Readers, type Rules } from "../../../src/sources/effectMetrics/readers.js"

const rules: Rules = {
  view: (metric) => metric,
  asGauge: () => false,
  prefix: "",
  level: undefined,
  timers: "seconds",
  frequencyTag: "key",
  // So that each word is refused, once.
  maxSeries: 0
}

describe("the reader of a frequency", () => {
  it("goes through its words in slices, each once, and leaves those that come meanwhile for the next time", () => {
    const key = MetricKey.frequency("f")
    const hook = MetricRegistry.make().get(key)
    const add = (from: number, through: number) => {
      for (let i = from; i < through; i++) hook.update(`word ${i}`)
    }
    let words = 0
    // All that a reader asks of lanes that it records nothing in.
    const lanes = { refuse: () => words++ } as unknown as OpenLanes
    const reader = new Readers(lanes, rules).of({ key, read: () => hook.get() })
    const read = () => reader!.read()![Symbol.iterator]()
    add(0, 1000)
    const steps = read()
    steps.next()
    assert.isBelow(words, 100)
    add(1000, 1500)
    assert.isAtLeast(Array.from({ [Symbol.iterator]: () => steps }).length, 10)
    assert.strictEqual(words, 1000)
    Array.from({ [Symbol.iterator]: read })
    assert.strictEqual(words, 1500)
  })
})
