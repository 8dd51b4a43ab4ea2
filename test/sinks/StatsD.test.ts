import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Metrics from "../../src/Metrics.js"
import * as StatsD from "../../src/sinks/StatsD.js"
import { linesOf } from "./statsd/harness.js"

const hits = Metrics.counter("hits")
const depth = Metrics.gauge("depth")
const duration = Metrics.timer("duration")
const size = Metrics.distribution("size")

const everything = Effect.gen(function* () {
  yield* Metrics.incrementBy(hits, 2)
  yield* Metrics.incrementBy(hits, 3, { tags: { route: "a" } })
  yield* Metrics.set(depth, -4)
  yield* Metrics.record(duration, 0.32)
  yield* Metrics.record(size, 7.5)
  yield* StatsD.set("visitors", "u-17")
  yield* Metrics.emit("job", { value: 1, rows: 12n, done: true, state: "ok" })
})

describe("StatsD", () => {
  it.live("writes every kind of measurement as etsy's daemon reads it", () =>
    Effect.gen(function* () {
      const { ledger, lines } = yield* linesOf(everything)
      assert.sameMembers(lines as Array<string>, [
        "hits:2|c",
        "hits;route=a:3|c",
        "depth:0|g",
        "depth:-4|g",
        "duration:320|ms",
        "size:7.5|ms",
        "visitors:u-17|s",
        "job:1|g",
        "job.rows:12|g",
        "job.done:1|g"
      ])
      assert.strictEqual(ledger.delivered, 7)
      assert.deepStrictEqual(ledger.refused, { unsupported_field: 1 })
    })
  )
})
