import { assert, describe, it } from "vitest"
import { read } from "../../src/encoding/statventReader.js"
import { Processes } from "../../src/web/processes.js"
import { sums } from "../../src/web/sums.js"

const answered = (id: string, counters: ReadonlyArray<string>, gauges: ReadonlyArray<string> = []) => {
  const head =
    `effect_metrics.pipe.counters: ${counters.length}\n` +
    `effect_metrics.pipe.gauges: ${gauges.length}\neffect_metrics.pipe.readings: 0\n`
  const text = head + [...counters, ...gauges].map((line) => `${line}\n`).join("")
  return { _tag: "Answered", id, ...read(text) } as const
}

const make = (maxSeries = 100) => new Processes({ keepMillis: 60_000, maxSeries })

const sumsOf = (processes: Processes, millis: number) =>
  Object.fromEntries([...sums(processes, millis).values()].map(({ key, sum }) => [key, sum]))

describe("what is known of processes", () => {
  it("follows them while they have the same names, and keeps what a counter had where it falls", () => {
    const processes = make()
    processes.observe([answered("1", ["a: 5", "b: 7"], ["g: 9"])], 1)
    processes.observe([answered("1", ["a: 6", "b: 7"], ["g: 2"])], 2)
    assert.deepStrictEqual(sumsOf(processes, 2), { a: 6, b: 7, g: 2 })
    processes.observe([answered("1", ["a: 1", "b: 8"], ["g: 1"])], 3)
    assert.deepStrictEqual(sumsOf(processes, 3), { a: 7, b: 8, g: 1 })
  })

  it("does so in whichever order they come, and where names come or go", () => {
    const processes = make()
    processes.observe([answered("1", ["a: 5", "b: 7"])], 1)
    processes.observe([answered("1", ["b: 8", "a: 6"])], 2)
    assert.deepStrictEqual(sumsOf(processes, 2), { a: 6, b: 8 })
    processes.observe([answered("1", ["b: 9", "c: 1"])], 3)
    assert.deepStrictEqual(sumsOf(processes, 3), { a: 6, b: 9, c: 1 })
    processes.observe([answered("1", ["c: 2", "c: 3"])], 4)
    assert.deepStrictEqual(sumsOf(processes, 4), { a: 6, b: 9, c: 3 })
  })

  it("keeps a slow one's values for a while, then only what it counted", () => {
    const processes = make()
    processes.observe([answered("1", ["a: 5"], ["g: 9"])], 0)
    const silent = { _tag: "Silent", id: "1", reason: "busy" } as const
    processes.observe([silent], 60_000)
    assert.deepStrictEqual(sumsOf(processes, 60_000), { a: 5, g: 9 })
    processes.observe([silent], 60_001)
    assert.deepStrictEqual(sumsOf(processes, 60_001), { a: 5 })
    assert.deepStrictEqual(processes.list(), [{ id: "1", state: "slow", reason: "busy", series: 2 }])
  })

  it("holds no more series than it may, whoever comes and goes", () => {
    const processes = make(3)
    for (let id = 1; id <= 50; id++) {
      processes.observe([answered(String(id), ["a: 1", `only${id}: 1`])], id)
      processes.observe([{ _tag: "Ended", id: String(id) }], id)
    }
    const held = [...processes.all()].reduce((sum, { stats }) => sum + stats.size, 0)
    assert.isAtMost(held, 3)
    processes.observe([], 1e9)
    assert.strictEqual([...processes.all()].length, 0)
    assert.isAtMost(processes.retired().size, 3)
    processes.observe([answered("99", ["a: 1", "b: 1", "c: 1", "d: 1"])], 1e9)
    assert.deepInclude(processes.list()[0], {
      series: 3,
      reason: "1 series are too many or have names that are too long"
    })
  })

  it("lists some of those that have ended, however many do, and forgets nothing that they counted", () => {
    const processes = make(10_000)
    for (let id = 1; id <= 3000; id++) {
      const before = id === 1 ? [] : [{ _tag: "Ended", id: String(id - 1) } as const]
      processes.observe([answered(String(id), ["a: 1"]), ...before], id)
    }
    assert.isAtMost(processes.list().length, 1025)
    assert.deepInclude(processes.list(), { id: "2999", state: "gone", reason: null, series: 1 })
    assert.deepStrictEqual(sumsOf(processes, 3000), { a: 3000 })
  })

  it("has room for who runs, whatever those had that have ended", () => {
    const processes = make(3)
    for (const id of ["1", "2", "3"]) {
      processes.observe([answered(id, ["a: 1", "b: 1", "c: 1"])], 1)
      processes.observe([{ _tag: "Ended", id }], 2)
    }
    processes.observe([answered("4", ["a: 1", "b: 1", "c: 1"])], 3)
    assert.deepInclude(processes.list()[0], { id: "4", reason: null, series: 3 })
    assert.deepStrictEqual(sumsOf(processes, 3), { a: 4, b: 4, c: 4 })
  })

  it("keeps no number that is none of one that has ended", () => {
    const processes = make()
    processes.observe([answered("1", ["a: nan", "b: 1"]), answered("2", ["a: 5", "b: nan"])], 0)
    processes.observe([{ _tag: "Ended", id: "1" }, answered("2", ["a: 6", "b: 2"])], 1)
    processes.observe([answered("2", ["a: 7", "b: 3"])], 100_000)
    assert.deepStrictEqual(sumsOf(processes, 100_000), { a: 7, b: 4 })
  })

  it("takes what is a gauge from now on for no counter that began anew", () => {
    const processes = make()
    processes.observe([answered("1", ["a: 5"])], 0)
    processes.observe([answered("1", [], ["a: -2"])], 1)
    assert.deepStrictEqual(sumsOf(processes, 1), { a: -2 })
  })
})
