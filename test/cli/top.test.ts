/** `top` over pipes that processes write, and the table for itself. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import * as Table from "../../src/cli/pipesTable.js"
import type { Process, SeriesOverall } from "../../src/web/model.js"
import { folder, writer } from "../web/harness.js"
import { run } from "./run.js"

const live: Process = { id: "12", state: "live", reason: null, series: 1 }

const series = (key: string, kind: SeriesOverall["kind"], value: number | bigint): SeriesOverall => ({
  key,
  name: key,
  tags: [],
  kind,
  value,
  sum: value,
  min: value,
  max: value,
  count: 1
})

const nobody = new Map<string, number>()

const size = { columns: 120, rows: 40 }

/** Cells of the row of a series. */
const cells = (table: Table.PipesTable, name: string): ReadonlyArray<string> =>
  (
    table
      .draw(size, false)
      .split("\n")
      .find((line) => line.startsWith(name)) ?? ""
  )
    .trim()
    .split(/\s+/)

describe("the table of pipes", () => {
  it("takes what a counter had at first for no increase, and tells its rate from then on", () => {
    const table = Table.make(0, 100)
    table.take({ processes: [live], series: [series("hits", "counter", 1_000_000)], arrived: nobody }, 500)
    assert.deepStrictEqual(cells(table, "hits").slice(0, 5), ["hits", "counter", "0", "0", "1M"])
    table.take({ processes: [live], series: [series("hits", "counter", 1_000_030)], arrived: nobody }, 1500)
    assert.deepStrictEqual(cells(table, "hits").slice(0, 5), ["hits", "counter", "20", "30", "1M"])
  })

  it("takes what a process had that comes late, or was slow at first, for no increase", () => {
    const table = Table.make(0, 100)
    table.take({ processes: [live], series: [series("hits", "counter", 100)], arrived: new Map([["hits", 100]]) }, 500)
    const late = new Map([["hits", 5000]])
    table.take({ processes: [live, live], series: [series("hits", "counter", 5130)], arrived: late }, 1500)
    assert.deepStrictEqual(cells(table, "hits").slice(0, 5), ["hits", "counter", "20", "30", "5,130"])
  })

  it("takes a counter that went down for one that began anew", () => {
    const table = Table.make(0, 100)
    table.take({ processes: [live], series: [series("hits", "counter", 50)], arrived: nobody }, 500)
    table.take({ processes: [live], series: [series("hits", "counter", 3)], arrived: nobody }, 1500)
    assert.deepStrictEqual(cells(table, "hits").slice(0, 5), ["hits", "counter", "0", "0", "3"])
  })

  it("shows gauges, readings and what is unknown as they are, also beyond 2^53", () => {
    const table = Table.make(0, 100)
    const all = [series("a", "gauge", -5), series("b", "reading", 0.25), series("c", "unknown", 2n ** 60n)]
    table.take({ processes: [live], series: all, arrived: nobody }, 500)
    assert.deepStrictEqual(
      ["a", "b", "c"].map((name) => cells(table, name).slice(0, 3)),
      [
        ["a", "gauge", "-5"],
        ["b", "gauge", "0.25"],
        ["c", "gauge", "1.2e+18"]
      ]
    )
  })

  it("forgets what is no longer there, and says which processes have trouble", () => {
    const table = Table.make(0, 100)
    table.take({ processes: [live], series: [series("hits", "counter", 1)], arrived: nobody }, 500)
    const slow: Process = { id: "13", state: "slow", reason: "it does not write\u001b[2J", series: 0 }
    table.take({ processes: [live, slow], series: [], arrived: nobody }, 1500)
    const text = table.draw(size, false)
    assert.notInclude(text, "hits")
    assert.include(text, "2 processes (1 live, 1 slow)")
    assert.include(text, "13: it does not write")
    assert.notInclude(text, "\u001b")
  })
})

describe("top", () => {
  it.scopedLive("prints one table of all processes, or of one, and takes no pipe away", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const [one, two] = [yield* writer(dir), yield* writer(dir)]
      const head = "effect_metrics.pipe.counters: 1\neffect_metrics.pipe.gauges: 1\neffect_metrics.pipe.readings: 0\n"
      yield* one.say(`${head}hits: 30\nactive: 2\n`)
      yield* two.say(`${head}hits: 12\nactive: 3\n`)
      const options = ["--pipe-dir", dir, "--once", "--interval", "200ms"]
      const all = yield* run(["top", ...options])
      assert.deepStrictEqual([all.code, all.stderr], [0, ""])
      assert.include(all.stdout, "2 processes (2 live)  2 series")
      assert.match(all.stdout, /^hits +counter +0 +0 +42 /m)
      assert.match(all.stdout, /^active +gauge +5 /m)
      const single = yield* run(["top", ...options, "--pid", String(two.pid)])
      assert.match(single.stdout, /^hits +counter +0 +0 +12 /m)
      yield* one.kill
      const after = yield* run(["top", ...options])
      assert.match(after.stdout, /^hits +counter +0 +0 +12 /m)
      assert.include(readdirSync(dir), `${one.pid}.stats`)
    })
  )

  it.live("says where there is no pipe", () =>
    Effect.gen(function* () {
      const none = yield* run(["top", "--pipe-dir", "/nowhere", "--once"])
      assert.deepStrictEqual([none.code, none.stdout], [1, ""])
      assert.match(none.stderr, /^effect-metrics: no process has a pipe in \/nowhere[^\n]+\n$/)
      const file = yield* run(["top", "--pipe-dir", "/etc/passwd", "--once"])
      assert.deepStrictEqual([file.code, file.stdout], [1, ""])
      assert.match(file.stderr, /^effect-metrics: \/etc\/passwd: the folder cannot be read \(ENOTDIR\)\n$/)
      const other = yield* run(["top", "--pipe-dir", "/nowhere", "--once", "--pid", "7"])
      assert.deepStrictEqual([other.code, other.stderr], [1, "effect-metrics: process 7 has no pipe in /nowhere\n"])
    })
  )

  for (const [args, words] of [
    [["--interval", "1ms"], "--interval is less than 100ms"],
    [["--interval", "soon"], "is not a duration"],
    [["--pid", "me"], "--pid is not the number of a process"]
  ] as const) {
    it.live(`ends with 2: ${args.join(" ")}`, () =>
      Effect.gen(function* () {
        const { code, stderr } = yield* run(["top", ...args])
        assert.deepStrictEqual([code, stderr.includes(words)], [2, true], stderr)
      })
    )
  }
})
