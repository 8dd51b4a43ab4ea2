import { assert, describe, it } from "vitest"
import { freePort } from "../servers/harness.js"
import { lines, run } from "./run.js"

describe.concurrent("the examples of moving over", () => {
  it("from potsdb: put the lines that it put, and lose no increment to a second", async () => {
    const { code, stderr, stdout } = await run("migration-potsdb.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const put = lines(stdout).filter((line) => line.startsWith("put "))
    assert.lengthOf(put, 4)
    assert.match(
      put.find((line) => line.includes("shop.orders")) ?? "",
      /^put shop\.orders \d{10} 3 country=de host=\S+$/
    )
    assert.isTrue(put.some((line) => /^put shop\.room \d{10} 21\.5 host=\S+ room=cellar$/.test(line)))
    assert.isTrue(put.some((line) => /^put shop\.room 1704099600 19 host=\S+ room=cellar$/.test(line)))
    assert.isTrue(put.some((line) => /^put shop\.door \d{10} 1 host=door-1$/.test(line)))
  })

  it("from Zibrato: its messages, a worker for its levels, Librato's request", async () => {
    const env = { METRICS_BROKER_PORT: String(await freePort()) }
    const { code, stdout } = await run("migration-zibrato.ts", { env })
    assert.strictEqual(code, 0, stdout)
    const [request, body = ""] = lines(stdout)
    assert.strictEqual(request, "POST /v1/metrics")
    const { gauges } = JSON.parse(body) as {
      readonly gauges: ReadonlyArray<{ readonly name: string; readonly source?: string; readonly value: number }>
    }
    const of = (name: string) => gauges.filter((gauge) => gauge.name === name && gauge.source === "web-1")
    assert.deepStrictEqual(
      of("worker_was_called").map(({ value }) => value),
      [3]
    )
    assert.deepStrictEqual(
      of("temperature").map(({ value }) => value),
      [0]
    )
    assert.lengthOf(of("slow_function"), 3)
    for (const { value } of of("slow_function")) assert.isAtLeast(value, 0.09)
  })

  it("from sprockets-influxdb: its variables, its request measurement, a database for each", async () => {
    const { code, stderr, stdout } = await run("migration-sprockets-influxdb.ts", { env: { ENVIRONMENT: "test" } })
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const written = lines(stdout)
    const bodyOf = (database: string) => written[written.indexOf(`POST /write?db=${database}&precision=ns`) + 1] ?? ""
    assert.match(
      bodyOf("requests"),
      /^request,endpoint=\/param\/:id,environment=test,handler=params\.Handler,hostname=\S+,method=GET,plan=paid,status_code=200 cache_hit=T,content_length=12i,duration=0\.\d+,remote_ip="\S+" \d+$/
    )
    assert.match(
      bodyOf("app"),
      /^lookup,environment=test,hostname=\S+,table=params duration=0\.\d+,found=T,rows=3i,text="100" \d+$/
    )
  })

  it("from statvent: its numbers in a pipe, and its service's answer", async () => {
    const { code, stderr, stdout } = await run("migration-statvent.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    const { stats, timestamp } = JSON.parse(lines(stdout).at(-1) ?? "") as {
      readonly stats: unknown
      readonly timestamp: number
    }
    assert.deepStrictEqual(stats, {
      requests: 1,
      bytes: 512,
      "queue length": 3,
      "took.count": 1,
      "took.sum": 0.25,
      "took.median": 0.25,
      "took.95th": 0.25,
      "took.99th": 0.25,
      "took.100th": 0.25,
      "took.mean": 0.25
    })
    assert.isAbove(timestamp, 1_700_000_000)
  })
})
