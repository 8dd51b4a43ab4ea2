/** Prometheus, and promtool, which looks at a text as strictly as Prometheus does, and for bad habits. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Redacted, Scope } from "effect"
import fc from "fast-check"
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { encode, type Exposed } from "../../src/encoding/prometheusText.js"
import { folder, service, type Service, until, type Writer, writer } from "../web/harness.js"
import * as Metrics from "../../src/Metrics.js"
import * as Prometheus from "../../src/web/Prometheus.js"
import { find, freePort, missing, type Server, start } from "./harness.js"

const promtool = find("prometheus", "promtool")
const prometheus = find("prometheus", "prometheus")
const noPrometheus = missing("prometheus", promtool ?? prometheus)

const title = noPrometheus === false ? "" : ` (${noPrometheus})`

/** What promtool has to say. It ends with 3 where something is only bad style, and else with 1 where it cannot read a text. */
const check = (text: string): ReadonlyArray<string> => {
  const { status, stderr } = spawnSync(promtool!, ["check", "metrics"], { input: text, encoding: "utf8" })
  assert.include([0, 3], status, stderr)
  return stderr.split("\n").filter((line) => line !== "")
}

describe.skipIf(noPrometheus !== false)(`promtool${title}`, () => {
  const tag = fc.string({ unit: "binary", maxLength: 6 })
  const single = fc.record({
    type: fc.constantFrom("counter" as const, "gauge" as const, "untyped" as const),
    name: fc.oneof(fc.constantFrom("a", "a_total", "a.b", "a_b", "a_sum"), fc.string({ unit: "binary", maxLength: 8 })),
    tags: fc
      .dictionary(fc.oneof(fc.constantFrom("le", "a.b", "a_b", "__x", "pid"), tag), tag, { maxKeys: 4 })
      .map((tags) => Object.entries(tags)),
    description: fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
    unit: fc.constantFrom(undefined, "s", "By", "{x}", "%"),
    value: fc.oneof(fc.double(), fc.bigInt(), fc.integer())
  })

  it("can read whatever is recorded, whatever it is called", () => {
    fc.assert(
      fc.property(fc.array(single, { maxLength: 300 }), (all) => {
        check(encode(all, { escaping: "underscores", conflicts: "rename" }).text)
      }),
      { numRuns: 40 }
    )
    // For so many processes, one after the other.
  }, 120_000)

  it("finds no fault with histograms, summaries, counters and gauges that are described", () => {
    const described = { tags: [["route", '/"\\\n']] as const, description: "What it \\ is\n.", unit: "s" }
    const all: ReadonlyArray<Exposed> = [
      { type: "counter", name: "http.requests", tags: [["route", "/"]], description: "Requests.", value: 3 },
      { type: "gauge", name: "memory", tags: [], description: "Memory.", unit: "By", value: 3n },
      {
        type: "histogram",
        name: "http.duration",
        ...described,
        count: 3,
        sum: 1.5,
        buckets: [
          [0.1, 1],
          [1, 2]
        ]
      },
      { type: "summary", name: "job.duration", ...described, count: 3, sum: 1.5, quantiles: [[0.5, 0.25]] }
    ]
    assert.deepStrictEqual(check(encode(all, { escaping: "underscores", conflicts: "rename" }).text), [])
  })
})

describe.skipIf(noPrometheus !== false)(`Prometheus scraping the pipes of a host${title}`, () => {
  const token = "s3cret"
  let scope: Scope.CloseableScope
  let writers: ReadonlyArray<Writer>
  let served: Service
  let server: Server
  let appPort: number

  const orders = Metrics.counter("orders.placed", { description: "Orders." })
  const took = Metrics.timer("took", { description: "How long it took." })

  const told = (jobs: number): string =>
    [
      "effect_metrics.pipe.counters: 1",
      "effect_metrics.pipe.gauges: 1",
      "effect_metrics.pipe.readings: 1",
      `jobs{queue="mail"}: ${jobs}`,
      "queue.length: 2",
      "job.duration.95th: 0.250000",
      ""
    ].join("\n")

  beforeAll(async () => {
    scope = await Effect.runPromise(Scope.make())
    appPort = await freePort()
    const started = Effect.gen(function* () {
      const dir = yield* folder
      const two = [yield* writer(dir), yield* writer(dir)]
      yield* Effect.forEach(two, (one, i) => one.say(told(i + 1)))
      return [two, yield* service({ dir, timeout: "1 second", token: Redacted.make(token) })] as const
    })
    ;[writers, served] = await Effect.runPromise(Scope.extend(started, scope))
    server = await start(
      "prometheus",
      prometheus!,
      (home, port) => {
        const file = join(home, "prometheus.yml")
        const lines = [
          "global: { scrape_interval: 1s }",
          "scrape_configs:",
          "  - job_name: pipes",
          "    authorization:",
          `      credentials: ${token}`,
          "    static_configs:",
          `      - targets: ["${new URL(served.url).host}"]`,
          "  - job_name: app",
          "    authorization:",
          `      credentials: ${token}`,
          "    static_configs:",
          `      - targets: ["127.0.0.1:${appPort}"]`
        ]
        writeFileSync(file, lines.join("\n"))
        return [
          `--config.file=${file}`,
          `--storage.tsdb.path=${join(home, "data")}`,
          `--web.listen-address=127.0.0.1:${port}`
        ]
      },
      "/-/ready"
    )
  })
  afterAll(async () => {
    await server?.stop()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  /** The last values of a query, by their pids. */
  const query = (text: string) =>
    Effect.promise(async () => {
      const answer = await fetch(`${server.url}/api/v1/query?query=${encodeURIComponent(text)}`)
      // Prometheus' API has this form.
      const { data } = (await answer.json()) as {
        data: { result: ReadonlyArray<{ metric: Record<string, string>; value: [number, string] }> }
      }
      return new Map(data.result.map(({ metric, value }) => [metric["pid"], Number(value[1])]))
    })

  /** While a scrape takes too long, as it may on a busy machine, there are none. */
  const values = (text: string) =>
    Effect.map(
      until(query(text), ({ size }) => size > 0),
      (found) => [...found.values()]
    )

  it.live("has each process by itself, with its token, until one ends", () =>
    Effect.gen(function* () {
      const [first, second] = writers.map(({ pid }) => String(pid))
      const counted = yield* until(query('jobs_total{queue="mail"}'), (found) => found.size === 2)
      assert.deepStrictEqual([counted.get(first), counted.get(second)], [1, 2])
      assert.deepStrictEqual(yield* values("sum(queue_length)"), [4])
      assert.deepStrictEqual(yield* values('effect_metrics_processes{state="live"} == 2'), [2])
      yield* writers[0]!.kill
      yield* writers[1]!.say(told(7))
      const left = yield* until(query("jobs_total"), (found) => found.size === 1 && found.get(second) === 7)
      assert.isUndefined(left.get(first))
      assert.deepStrictEqual(yield* values("job_duration_95th"), [0.25])
    })
  )

  it.live("has what an app exposes, with types, units, and the time since when each series is counted", () =>
    Effect.gen(function* () {
      yield* Metrics.incrementBy(orders, 3, { tags: { kind: 'a"\\\n' } })
      yield* Metrics.record(took, 0.3)
    }).pipe(
      Effect.zipRight(
        Effect.gen(function* () {
          yield* until(query("orders_placed_total == 3"), (found) => found.size === 1)
          assert.deepStrictEqual(yield* values('orders_placed_total{kind="a\\"\\\\\\n"}'), [3])
          assert.deepStrictEqual(yield* values('took_seconds_bucket{le="0.5"}'), [1])
          assert.deepStrictEqual(yield* values('took_seconds_bucket{le="1.0"}'), [1])
          const [created] = yield* values("took_seconds_created")
          assert.isBelow(Math.abs(created! - Date.now() / 1000), 600)
          const metadata = yield* Effect.promise(async () =>
            (await fetch(`${server.url}/api/v1/metadata?metric=took_seconds`)).json()
          )
          assert.deepInclude(metadata, {
            data: { took_seconds: [{ type: "histogram", help: "How long it took.", unit: "seconds" }] }
          })
        })
      ),
      Effect.provide(Prometheus.layer({ port: appPort, token: Redacted.make(token) })),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
  )

  it.live("gets a text with which promtool finds no fault but that pipes have no descriptions", () =>
    Effect.gen(function* () {
      const answer = yield* served.get("/metrics", { headers: { authorization: `Bearer ${token}` } })
      const text = yield* Effect.promise(() => answer.text())
      assert.include(text, "jobs_total{")
      assert.deepStrictEqual(
        check(text).filter((line) => !line.endsWith(" no help text")),
        []
      )
    })
  )
})
