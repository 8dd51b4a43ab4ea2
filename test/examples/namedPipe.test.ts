import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { lines, run } from "./run.js"

describe.concurrent("the example of NamedPipe", () => {
  it("prints what cat would, and leaves nothing behind", async () => {
    const { code, stderr, stdout } = await run("named-pipe.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const [path = "", ...told] = lines(stdout)
    assert.match(path, /named-pipe: \S+\/\d+\.stats$/)
    assert.deepStrictEqual(
      told.map((line) => line.replace(/\d\.\d{6}$/, "…")),
      [
        "effect_metrics.pipe.counters: 3",
        "effect_metrics.pipe.gauges: 1",
        "effect_metrics.pipe.readings: 5",
        'http.requests{route="/users"}: 20',
        "http.duration.count: 20",
        "http.duration.sum: …",
        "http.active: 0",
        ...["median", "95th", "99th", "100th", "mean"].map((label) => `http.duration.${label}: …`)
      ]
    )
  })

  it("can be read by others while it runs, and removes its pipe when it is interrupted", async () => {
    const dir = mkdtempSync(join(tmpdir(), "effect-metrics-example-"))
    let told: string | undefined
    try {
      const { code } = await run("named-pipe.ts", {
        env: { NAMED_PIPE_DIR: dir },
        watch: (stdout, signal) => {
          const path = /named-pipe: (\S+\.stats)/.exec(stdout)?.[1]
          if (path === undefined || told !== undefined) return
          told = ""
          // The layer is there when its path is logged.
          told = execFileSync("cat", [path], { encoding: "utf8", timeout: 20_000 })
          signal("SIGINT")
        }
      })
      assert.notStrictEqual(code, null)
      assert.match(told ?? "", /^effect_metrics\.pipe\.counters: \d\n/)
      assert.deepStrictEqual(readdirSync(dir), [])
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
