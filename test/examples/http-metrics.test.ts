import { assert, describe, it } from "vitest"
import { last, lines, run } from "./run.js"

describe("the HTTP example", () => {
  it("measures each request at both ends, by route, and leaves nothing in flight", async () => {
    const { code, stderr, stdout } = await run("http-metrics.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const totals = new Map(
      lines(stdout).flatMap((line) => {
        const found = /^(http\.\w+\.requests\{.*\}) .* total=(\d+)$/.exec(line)
        return found === null ? [] : [[found[1]!, Number(found[2])] as const]
      })
    )
    assert.deepStrictEqual(Object.fromEntries(totals), {
      "http.client.requests{host=api,method=GET,outcome=success,route=/log,status=200}": 1,
      "http.client.requests{host=api,method=GET,outcome=success,route=/users/:id,status=200}": 3,
      "http.client.requests{host=api,method=GET,outcome=success,route=/users/:id,status=404}": 1,
      "http.client.requests{host=api,method=GET,outcome=success,status=204}": 1,
      "http.client.requests{host=api,method=GET,outcome=success,status=404}": 1,
      "http.server.requests{method=GET,outcome=failure,route=/users/:id,status=404}": 1,
      "http.server.requests{method=GET,outcome=failure,route=unmatched,status=404}": 1,
      "http.server.requests{method=GET,outcome=success,plan=free,route=/users/:id,status=200}": 2,
      "http.server.requests{method=GET,outcome=success,plan=paid,route=/users/:id,status=200}": 1,
      "http.server.requests{method=GET,outcome=success,route=/log,status=200}": 1
    })
    assert.match(last(stdout, "http.server.in_flight") ?? "", / value=0$/)
    assert.match(last(stdout, "http.client.in_flight") ?? "", / value=0$/)
  })
})
