import { assert, describe, it } from "vitest"
import { lines, run } from "./run.js"

describe("the example of Graphite", () => {
  it("prints what it sends to a receiver of its own", async () => {
    const { code, stderr, stdout } = await run("graphite.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const sent = lines(stdout).filter((line) => line.startsWith("http."))
    for (const line of sent) assert.match(line, /^[\w.]+(;[^;= ]+=[^; ]+)+ \S+ \d{10}$/)
    const requests = sent.filter((line) => line.startsWith("http.requests;"))
    assert.lengthOf(requests, 1)
    assert.match(requests[0]!, /^http\.requests;host=\S+;route=\/users;service=api 10 \d{10}$/)
    assert.isTrue(sent.some((line) => /^http\.duration\.count;.* 10 \d{10}$/.test(line)))
    assert.match(stdout, /graphite: 20 of 20 recordings delivered/)
  })
})
