import { assert, describe, it } from "vitest"
import { run } from "./run.js"

/** Asks until an order was answered. */
const untilPlaced = async (url: string): Promise<string> => {
  for (;;) {
    const text = await (await fetch(url)).text()
    if (text.includes("order_duration_seconds_count{")) return text
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe("the example of Prometheus", () => {
  it("can be scraped at the address that it prints", async () => {
    let told: Promise<string> | undefined
    const { stderr } = await run("prometheus.ts", {
      env: { PORT: "0" },
      watch: (stdout, signal) => {
        const [url] = /http:\/\/127\.0\.0\.1:\d+\/metrics/.exec(stdout) ?? []
        if (url === undefined || told !== undefined) return
        told = untilPlaced(url)
        void told.finally(() => signal("SIGTERM"))
      }
    })
    assert.strictEqual(stderr, "")
    const text = (await told) ?? ""
    assert.match(
      text,
      /^# HELP orders_total Orders placed\.\n# TYPE orders_total counter\norders_total\{kind="\w+",service="shop"\} \d+$/m
    )
    assert.match(text, /^order_duration_seconds_bucket\{service="shop",le="0\.005"\} \d+$/m)
    assert.match(text, /^runtime_cpu_/m)
  })
})
