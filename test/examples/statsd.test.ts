import { assert, describe, it } from "vitest"
import { parseDogStatsD } from "../encoding/statsdLines.js"
import { lines, run } from "./run.js"

describe("the example of StatsD", () => {
  it("prints the lines of its own receiver, where no daemon is named", async () => {
    const { code, stderr, stdout } = await run("statsd.ts")
    assert.strictEqual(code, 0, stderr)
    const all = lines(stdout)
    assert.isTrue(all.some((line) => /statsd: 22 of 22 recordings delivered/.test(line)))
    assert.include(all, "http.requests:10|c|#route:/users,service:api")
    assert.include(all, "http.users:user-17|s|#service:api")
    assert.isTrue(all.some((line) => line.startsWith("_e{8,13}:deployed|version 1.2.3|d:")))
    const timings = all.filter((line) => line.startsWith("http.duration:")).flatMap(parseDogStatsD)
    assert.lengthOf(timings, 10)
    for (const { tags, type, values } of timings) {
      assert.strictEqual(type, "ms")
      assert.isAbove(Number(values[0]), 1)
      assert.deepStrictEqual(tags, [
        ["outcome", "success"],
        ["service", "api"]
      ])
    }
  })
})
