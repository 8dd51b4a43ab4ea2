import { assert, describe, it } from "vitest"
import { run } from "./run.js"

interface Told {
  readonly series: ReadonlyArray<{ readonly name: string; readonly value: number }>
}

/** Asks until something was counted. */
const untilCounted = async (url: string): Promise<Told> => {
  for (;;) {
    const told = (await (await fetch(`${url}/api/snapshot`)).json()) as Told
    if (told.series.some(({ name }) => name === "upload.duration.count")) return told
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe("the example of the dashboard", () => {
  it("serves its page and its numbers at the address that it prints", async () => {
    let told: Promise<Told> | undefined
    let page: Promise<string> | undefined
    const { stderr } = await run("dashboard.ts", {
      watch: (stdout, signal) => {
        const [url] = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(stdout) ?? []
        // With another one on its port it warns of that, and prints its own address last.
        const own = /the dashboard is at (\S+) instead/.exec(stdout)?.[1] ?? url
        if (own === undefined || told !== undefined) return
        page = fetch(own).then((response) => response.text())
        told = untilCounted(own)
        void Promise.all([page, told]).finally(() => signal("SIGTERM"))
      }
    })
    assert.strictEqual(stderr, "")
    assert.include((await page) ?? "", "<title>effect-metrics</title>")
    assert.includeMembers(
      ((await told)?.series ?? []).map(({ name }) => name),
      ["uploads", "upload.size.p95", "upload.duration.median"]
    )
  })
})
