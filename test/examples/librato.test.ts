import { assert, describe, it } from "vitest"
import { lines, run } from "./run.js"

describe("the example of Librato", () => {
  it("prints what Librato would get, and no secret", async () => {
    const { code, stderr, stdout } = await run("librato.ts", { env: { APPOPTICS_TOKEN: "" } })
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.lengthOf(
      lines(stdout).filter((line) => line === "POST /v1/metrics"),
      1
    )
    const sent = lines(stdout).filter((line) => line.startsWith("{"))
    const { gauges } = JSON.parse(sent[0]!) as {
      readonly gauges: ReadonlyArray<Readonly<Record<string, string | number>>>
    }
    assert.isTrue(gauges.every(({ measure_time: time, source }) => Number.isInteger(time) && source === "mailer-1"))
    const values = new Map(gauges.map(({ count, name, value }) => [name, value ?? count]))
    assert.deepStrictEqual(Object.fromEntries(values), {
      "mail.waiting": 2,
      "mail.sent.kind.invoice": 5,
      "mail.sent.kind.reminder": 1,
      "mail.duration": 6
    })
    assert.match(stdout, /librato: 13 of 13 recordings delivered/)
    assert.notInclude(stdout, "secret")
  })
})
