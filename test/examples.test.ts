import { Duration, Effect, Option } from "effect"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "vitest"
import { durationOf } from "../examples/support/demo.js"
import { last, lines, run } from "./examples/run.js"
import { freePort } from "./servers/harness.js"

/** The last total of a series in what the console has printed. */
const totalOf = (stdout: string, label: string): number =>
  Number(/ total=(\d+)$/.exec(last(stdout, `${label} `) ?? "")?.[1])

describe.concurrent("the small examples", () => {
  it("count a hundred requests in the first one", async () => {
    const { code, stderr, stdout } = await run("first-metric.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.strictEqual(totalOf(stdout, "http.requests{region=eu,route=/users}"), 100)
    assert.strictEqual(totalOf(stdout, "http.duration{outcome=success,region=eu}"), 100)
    assert.strictEqual(last(stdout, "http.active"), "http.active{region=eu} value=0")
  })

  it("write JSON with a sink of one's own", async () => {
    const { code, stdout } = await run("custom-sink.ts")
    assert.strictEqual(code, 0)
    const written = lines(stdout).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    const [calls, duration] = ["job.calls", "job.duration"].map((name) => written.find((one) => one["name"] === name))
    const tags = { env: "demo", outcome: "success", queue: "mail" }
    assert.deepInclude(calls ?? {}, { value: 10, tags })
    assert.deepInclude(duration ?? {}, { count: 10, tags })
  })

  it("give each sink its part, up to the last finalizer", async () => {
    const { code, stdout } = await run("composition.ts")
    assert.strictEqual(code, 0)
    const seen = lines(stdout).map((line) => line.replace(/ rate=\S+/, ""))
    assert.sameMembers(seen, [
      "refund.refunds count=1 total=1",
      "refund.mail.sent{to=customer} count=1 total=1",
      "audit.refunds count=1 total=1",
      "all.refunds count=1 total=1",
      "all.mail.sent{to=customer} count=1 total=1",
      "all.mail.sent{to=staff} count=1 total=1",
      "all.mail.connections value=0"
    ])
  })

  it("are merged by a worker, whoever publishes them, level by level", async () => {
    const env = { METRICS_BROKER_PORT: String(await freePort()) }
    const { code, stderr, stdout } = await run("relay.ts", { env })
    assert.strictEqual(code, 0, stderr)
    // The two publishers' windows may come to one flush of the worker, or to two.
    const counts: Record<string, number> = {}
    for (const line of lines(stdout)) {
      const [, name = line, count] = /^(\S+) count=(\d+)/.exec(line) ?? []
      counts[name] = (counts[name] ?? 0) + Number(count)
    }
    assert.deepStrictEqual(counts, {
      "orders{shop=berlin}": 20,
      "orders{shop=paris}": 30,
      "order.duration": 50,
      "effect_metrics.worker.messages{format=native}": 2,
      "effect_metrics.worker.measurements": 4
    })
  })
})

interface Account {
  readonly recorded: number
  readonly delivered: number
  readonly dropped: number
  readonly refused: number
}

/** The ledger that the demo prints for a sink at its end. */
const accountOf = (stdout: string, sink: string): Account => {
  const found = lines(stdout).filter((line) => line.startsWith(`${sink}: recorded `))
  assert.lengthOf(found, 1, stdout.slice(-1000))
  const number = (name: string) => Number(new RegExp(`${name} (\\d+)`).exec(found[0]!)?.[1])
  return {
    recorded: number("recorded"),
    delivered: number("delivered"),
    dropped: number("dropped"),
    refused: number("refused")
  }
}

const assertAllDelivered = (account: Account): void => {
  assert.isAbove(account.recorded, 0)
  assert.deepStrictEqual(account, { ...account, delivered: account.recorded, dropped: 0, refused: 0 })
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return String(request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body)
}

/** Stands in for InfluxDB 1 while `use` runs: says that the database is missing until it was created, then takes all. */
const withInflux = async (
  use: (url: string, written: ReadonlyArray<string>, statements: ReadonlyArray<string>) => Promise<void>
): Promise<void> => {
  const written: Array<string> = []
  const statements: Array<string> = []
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost")
      if (pathname === "/query") {
        statements.push(new URLSearchParams(body).get("q") ?? searchParams.get("q") ?? "")
        response.setHeader("content-type", "application/json").end('{"results":[{"statement_id":0}]}')
      } else if (statements.length === 0) {
        response.writeHead(404, { "content-type": "application/json" })
        response.end(`{"error":"database not found: \\"${searchParams.get("db")}\\""}`)
      } else {
        written.push(...lines(body))
        response.writeHead(204).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    // A server that listens on a port has an address of this form.
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, written, statements)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Sends a signal once, when the console has shown the load for the second time. */
const signalUnderLoad = (name: NodeJS.Signals) => {
  let isSent = false
  return (stdout: string, signal: (name: NodeJS.Signals) => void): void => {
    if (isSent || stdout.split("http.server.in_flight{method=GET} value=").length < 3) return
    isSent = true
    signal(name)
  }
}

describe.concurrent("the examples of the sinks", () => {
  it("for people: shows what was counted and timed", async () => {
    const { code, stderr, stdout } = await run("console.ts")
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.strictEqual(totalOf(stdout, "jobs{queue=mail}"), 50)
    assert.match(last(stdout, "job.duration{outcome=success} ") ?? "", /count=/)
  })

  it("for InfluxDB: creates its database, and writes counts, times and points", () =>
    withInflux(async (url, written) => {
      const { code, stdout } = await run("influxdb.ts", { env: { INFLUXDB_URL: url } })
      assert.strictEqual(code, 0, stdout)
      assert.include(stdout, "delivered influxdb: 6")
      const counted = written.filter((line) => line.startsWith("uploads,"))
      assert.lengthOf(counted, 2)
      for (const line of counted)
        assert.match(line, /^uploads,host=.*,kind=(image|video),service=uploader value=1i \d+$/)
      const timed = written.filter((line) => line.startsWith("upload.duration,"))
      assert.match(timed[0] ?? "", /outcome=success,service=uploader count=2i,le_0.01=/)
      const points = written.filter((line) => line.startsWith("upload,"))
      assert.deepStrictEqual(
        points.map((line) => / (bytes=\d+i) /.exec(line)?.[1]),
        ["bytes=20000i", "bytes=3000000i"]
      )
    }))

  it("for InfluxDB: is off, and says so in its ledgers, where no address is given", async () => {
    const { code, stdout } = await run("influxdb.ts")
    assert.strictEqual(code, 0)
    assert.match(stdout, /delivered "?\s*$/m)
  })
})

/** Of the field `value` in the lines that begin so. */
const sumOf = (written: ReadonlyArray<string>, start: RegExp): number =>
  written.filter((line) => start.test(line)).reduce((sum, line) => sum + Number(/ value=([\d.]+)/.exec(line)?.[1]), 0)

const usersRequested = /^http\.server\.requests,.*,outcome=success,route=\/users\/:id,status=200 /

const requests = (route: string): string => `http.server.requests{method=GET,outcome=success,route=${route},status=200}`

describe.concurrent("the demo", () => {
  it("ends by itself, with 0 when all was delivered", async () => {
    const { code, stderr, stdout } = await run("http-service.ts", { arguments: ["--duration", "2s"] })
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    assert.match(stdout, /Listening on http:\/\/127\.0\.0\.1:\d+/)
    assertAllDelivered(accountOf(stdout, "console"))
    const orders = totalOf(stdout, requests("/order"))
    assert.isAbove(orders, 0)
    assert.strictEqual(totalOf(stdout, "warehouse.reserve.calls{outcome=success}"), orders)
    // Recorded with Effect's own Metric, and by its runtime.
    assert.strictEqual(totalOf(stdout, "users.lookups"), totalOf(stdout, requests("/users/:id")))
    assert.isAbove(totalOf(stdout, "effect_fiber_started"), orders)
    assert.match(last(stdout, "runtime.memory.rss ") ?? "", /value=\d/)
    assert.match(stdout, /^order\.placed\{shop=eu\} amount=[\d.]+ items=\d currency=EUR /m)
    // Every request has ended before the metrics did.
    assert.strictEqual(last(stdout, "http.server.in_flight"), "http.server.in_flight{method=GET} value=0")
  })

  it("ships the same numbers to InfluxDB, in a database that it creates", () =>
    withInflux(async (url, written, statements) => {
      const { code, stdout } = await run("http-service.ts", {
        arguments: ["--duration=2s"],
        env: { INFLUXDB_URL: url, INFLUXDB_DATABASE: "shop" }
      })
      assert.strictEqual(code, 0, stdout.slice(-1000))
      assert.deepStrictEqual(statements, ['CREATE DATABASE "shop"'])
      const [console, influx] = [accountOf(stdout, "console"), accountOf(stdout, "influxdb")]
      assertAllDelivered(console)
      // Sinks close one after the other, and the runtime is read for the last time before each.
      assertAllDelivered(influx)
      const orders = written.filter((line) => line.startsWith("order.placed,"))
      assert.strictEqual(orders.length, totalOf(stdout, "warehouse.reserve.calls{outcome=success}"))
      const users = totalOf(stdout, requests("/users/:id"))
      assert.strictEqual(sumOf(written, usersRequested), users)
      assert.strictEqual(sumOf(written, /^users\.lookups,/), users)
      assert.isAtLeast(sumOf(written, /^effect_fiber_started,/), users)
      assert.isTrue(written.some((line) => line.startsWith("runtime.event_loop.delay,")))
    }))

  it("ends with 1 and says what is missing when a sink could not deliver", async () => {
    const { code, stderr, stdout } = await run("http-service.ts", {
      arguments: ["--duration", "1s"],
      env: { INFLUXDB_URL: "http://127.0.0.1:1" }
    })
    assert.strictEqual(code, 1)
    assertAllDelivered(accountOf(stdout, "console"))
    const { delivered, dropped, recorded } = accountOf(stdout, "influxdb")
    assert.deepStrictEqual([delivered, dropped], [0, recorded])
    assert.include(stdout, `dropped ${dropped} (shutdown_deadline ${dropped})`)
    assert.include(stderr, `influxdb did not deliver ${recorded} of ${recorded} recordings`)
  })

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`loses nothing to a ${signal} under load, and prints each ledger`, () =>
      withInflux(async (url, written) => {
        const { code, stdout } = await run("http-service.ts", {
          env: { INFLUXDB_URL: url },
          watch: signalUnderLoad(signal)
        })
        assert.strictEqual(code, 0, stdout.slice(-1000))
        assertAllDelivered(accountOf(stdout, "console"))
        assertAllDelivered(accountOf(stdout, "influxdb"))
        assert.strictEqual(sumOf(written, usersRequested), totalOf(stdout, requests("/users/:id")))
        const orders = written.filter((line) => line.startsWith("order.placed,"))
        assert.strictEqual(orders.length, totalOf(stdout, "warehouse.reserve.calls{outcome=success}"))
      }))
  }

  it("ends with 2 and a clear message when its arguments make no sense", async () => {
    const { code, stderr, stdout } = await run("http-service.ts", { arguments: ["--duration", "soon"] })
    assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "" })
    assert.match(stderr, /^--duration takes a time above zero such as 10s, not "soon"\./)
    assert.include(stderr, "Usage: npm run demo -- [--duration <time>]")
  })

  it("ends with 2 when InfluxDB's address cannot be one", async () => {
    const { code, stderr } = await run("http-service.ts", { env: { INFLUXDB_URL: "localhost:8086" } })
    assert.strictEqual(code, 2)
    assert.match(stderr, /option url: "localhost:8086" is not an address with a scheme, such as http:/)
  })
})

describe("the demo's arguments", () => {
  const millisOf = (...given: ReadonlyArray<string>) =>
    Option.map(Effect.runSync(durationOf(given)), (duration) => Duration.toMillis(duration))

  it("are a duration, or nothing", () => {
    assert.deepStrictEqual(millisOf(), Option.none())
    assert.deepStrictEqual(millisOf("--duration", "10s"), Option.some(10_000))
    assert.deepStrictEqual(millisOf("--duration=1.5m"), Option.some(90_000))
    assert.deepStrictEqual(millisOf("--duration", "250ms"), Option.some(250))
  })

  it("are refused with a reason otherwise", () => {
    const senseless = [
      "--duration",
      "--duration=",
      "--duration 0s",
      "--duration 10",
      "--duration 1s 2s",
      "--forever",
      "10s"
    ]
    for (const given of senseless) {
      const { message } = Effect.runSync(Effect.flip(durationOf(given.split(" "))))
      assert.match(message, /^(--duration takes a time above zero|".*" is not understood\.)/, given)
    }
  })
})
