import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { folder } from "../web/harness.js"
import { shop } from "../web/shops.js"
import { run } from "./run.js"

describe("the example of the web service", () => {
  it.scopedLive("serves what a process has counted, at the address that it prints", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const { sell } = yield* shop(dir)
      yield* sell(3)
      const ended = yield* Effect.promise(async () => {
        let told: Promise<readonly [page: string, stats: string]> | undefined
        const { stderr } = await run("stats-server.ts", {
          env: { NAMED_PIPE_DIR: dir, PORT: "0" },
          watch: (stdout, signal) => {
            const [url] = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(stdout) ?? []
            if (url === undefined || told !== undefined) return
            const text = async (path: string) => (await fetch(url + path)).text()
            // A busy machine may keep the process from answering in time.
            const counted = async (): Promise<string> => {
              const stats = await text("/stats")
              return stats.includes("orders") ? stats : counted()
            }
            told = Promise.all([text("/"), counted()])
            void told.finally(() => signal("SIGTERM"))
          }
        })
        return { stderr, told: await told }
      })
      assert.strictEqual(ended.stderr, "")
      const [page = "", stats = "{}"] = ended.told ?? []
      assert.include(page, "<title>effect-metrics</title>")
      assert.deepInclude(JSON.parse(stats).stats, { 'orders{shop="eu"}': 3, "checkout.median": 0.25 })
    })
  )
})
