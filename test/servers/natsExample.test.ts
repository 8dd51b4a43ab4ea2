import { assert, describe, it } from "vitest"
import { lines, run } from "../examples/run.js"
import { nats, noNats } from "./nats.js"

describe.skipIf(noNats !== false)(`the example of NATS${noNats === false ? "" : ` (${noNats})`}`, () => {
  it("writes what is in the stream when its publishers have gone", async () => {
    const server = await nats()
    try {
      const { code, stderr, stdout } = await run("nats.ts", { env: { NATS_SERVER: `127.0.0.1:${server.port}` } })
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.match(stdout, /^berlin: 40 of 40 recordings are in the stream$/m)
      assert.match(stdout, /^paris: 60 of 60 recordings are in the stream$/m)
      const written = lines(stdout).filter((line) => line.startsWith("orders"))
      assert.lengthOf(written, 2)
      assert.match(written.join("\n"), /shop=berlin.* 20\b|=20\b/)
      assert.match(written.join("\n"), /shop=paris.* 30\b|=30\b/)
    } finally {
      await server.stop()
    }
  })
})
