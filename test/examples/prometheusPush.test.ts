import { assert, describe, it } from "vitest"
import { lines, run } from "./run.js"

describe("the example of", () => {
  it("PrometheusRemoteWrite writes, and says that all has ended", async () => {
    const { code, stderr, stdout } = await run("prometheus-remote-write.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const asked = lines(stdout).filter((line) => line.startsWith("POST"))
    assert.isAtLeast(asked.length, 2)
    assert.deepStrictEqual(new Set(asked), new Set(["POST /api/v1/write version 2.0.0 in snappy"]))
    assert.match(stdout, /prometheus-remote-write: 7 of 7 recordings delivered/)
  })

  it("Pushgateway pushes what the job did", async () => {
    const { code, stderr, stdout } = await run("pushgateway.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.deepStrictEqual([...lines(stdout.replace(/\d{10}/, "1700000000"))].sort(), [
      "# HELP backup_files_total Files copied.",
      "# HELP backup_finished_seconds When the last backup was done.",
      "# TYPE backup_files_total counter",
      "# TYPE backup_finished_seconds gauge",
      "PUT /metrics/job/backup",
      'backup_files_total{kind="changed"} 7',
      'backup_files_total{kind="new"} 120',
      "backup_finished_seconds 1700000000"
    ])
  })
})
