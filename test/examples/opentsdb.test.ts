import { hostname } from "node:os"
import { assert, describe, it } from "vitest"
import { lines, run } from "./run.js"

describe("the example of OpenTsdb", () => {
  it("puts counters, timers and points to a server of its own", async () => {
    const { code, stderr, stdout } = await run("opentsdb.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const put = lines(stdout).filter((line) => line.startsWith("put "))
    const tags = (country: string) => `country=${country} host=${hostname()} service=shop`
    const bare = put.map((line) => line.replace(/ \d{10} /, " "))
    for (const country of ["de", "pt"]) assert.include(bare, `put shop.orders 1 ${tags(country)}`)
    assert.include(bare, `put shop.order 19.5 ${tags("de")}`)
    assert.include(bare, `put shop.order.duration.count 2 host=${hostname()} outcome=success service=shop`)
    assert.include(put, `put shop.visitors 1704099600 7 host=${hostname()} service=shop`)
    assert.match(stdout, /opentsdb: 7 of 7 recordings delivered/)
  })
})
