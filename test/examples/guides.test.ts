import { assert, describe, it } from "vitest"
import { last, lines, run } from "./run.js"

/** The last total of a series in what the console has printed. */
const totalOf = (stdout: string, label: string): number =>
  Number(/ total=(\d+)$/.exec(last(stdout, `${label} `) ?? "")?.[1])

describe.concurrent("the examples of the guides", () => {
  it("show a first metric", async () => {
    const { code, stderr, stdout } = await run("getting-started.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.strictEqual(totalOf(stdout, "orders{country=de}"), 100)
    assert.strictEqual(totalOf(stdout, "orders{country=pt}"), 50)
    assert.strictEqual(totalOf(stdout, "order.duration{outcome=success}"), 150)
  })

  it("go on without the backend where none is given", async () => {
    const { code, stderr, stdout } = await run("getting-started-backend.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.include(stdout, "console: 10 of 10 recordings delivered")
    assert.match(last(stdout, "order{country=pt,shop=books}") ?? "", / items=1 paid=true /)
    assert.strictEqual(last(stdout, "orders.waiting"), "orders.waiting{shop=books} value=0")
  })

  it("give each of several sinks its part", async () => {
    const { code, stdout } = await run("choosing-sinks.ts")
    assert.strictEqual(code, 0)
    // A counter whose time was not too short for it has a rate as well.
    const seen = lines(stdout).map((line) => line.replace(/ rate=\S+/, ""))
    assert.sameMembers(seen, [
      "all.logins{tenant=acme} count=1 total=1",
      "all.logins{tenant=globex} count=1 total=1",
      "all.payments.failed{provider=bank} count=1 total=1",
      "pager.payments.failed{provider=bank} count=1 total=1",
      "cheap.logins count=2 total=2",
      "cheap.payments.failed{provider=bank} count=1 total=1"
    ])
  })

  it("say what was lost when the backend was not there", async () => {
    const { code, stdout } = await run("reliability.ts")
    assert.strictEqual(code, 0)
    assert.include(stdout, "influxdb: 101 recorded, 101 buffered")
    assert.include(stdout, `dropped {"shutdown_deadline":101}, refused {"negative":1}`)
  })

  it("count a million rows by handles", async () => {
    const { code, stdout } = await run("hot-loop.ts")
    assert.strictEqual(code, 0)
    assert.strictEqual(totalOf(stdout, "import.rows{table=orders}"), 1_000_000)
    assert.strictEqual(totalOf(stdout, "import.row.size"), 1_000_000)
    assert.match(last(stdout, "import.done{table=orders}") ?? "", / rows=1000000 /)
  })
})
