import { MetricKey, MetricRegistry } from "effect"
import { assert, describe, it } from "vitest"
import { Metrics, slice } from "../../../src/sources/effectMetrics/registry.js"

describe("the metrics of a registry", () => {
  it("are looked through in slices, each is found once, and those that come meanwhile or after a look cut off too", () => {
    const registry = MetricRegistry.make()
    const add = (name: string) => registry.get(MetricKey.counter(name))
    for (let i = 0; i < 10 * slice; i++) add(`counter ${i}`)
    const metrics = new Metrics(registry)
    assert.strictEqual(Array.from(metrics.refresh()).length, 10)
    assert.strictEqual(metrics.all.length, 10 * slice)

    add("one")
    assert.strictEqual(Array.from(metrics.refresh()).length, 10)
    assert.strictEqual(metrics.all.at(-1)?.key.name, "one")
    assert.deepStrictEqual(Array.from(metrics.refresh()), [], "there is nothing new")

    add("two")
    const cutOff = metrics.refresh()
    cutOff.next()
    add("three")
    Array.from(metrics.refresh())
    assert.deepStrictEqual(
      metrics.all.slice(10 * slice).map(({ key }) => key.name),
      ["one", "two", "three"]
    )
  })
})
