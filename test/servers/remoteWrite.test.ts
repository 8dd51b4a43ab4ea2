/** What is pushed to Prometheus, VictoriaMetrics and the Pushgateway, as they have it then. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, type Layer, Logger, Schedule } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Metrics from "../../src/Metrics.js"
import * as PrometheusRemoteWrite from "../../src/sinks/PrometheusRemoteWrite.js"
import * as Pushgateway from "../../src/sinks/Pushgateway.js"
import { find, missing, noVictoriaMetrics, samples, type Server, start, victoriaMetrics } from "./harness.js"

const prometheus = find("prometheus", "prometheus")
const pushgateway = find("prometheus-pushgateway", "prometheus-pushgateway")
const noPrometheus = missing("prometheus", prometheus)
const noPushgateway = missing("prometheus-pushgateway", pushgateway)

const title = (reason: string | false): string => (reason === false ? "" : ` (${reason})`)

/** Runs a program above a sink, and gives the ledger and what was logged. */
const run = <E, E2>(layer: Layer.Layer<Metrics.Metrics, E>, program: Effect.Effect<unknown, E2>) =>
  Effect.gen(function* () {
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(layer),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const [lane] = Metrics.ledgersOf(hub)
    return { ledger: lane!.ledger, logged: logs.join("\n") }
  })

const quick = { retry: { initial: "1 millis", max: "20 millis" } } as const

describe.skipIf(noPrometheus !== false)(`Prometheus, written to${title(noPrometheus)}`, () => {
  let server: Server

  beforeAll(async () => {
    server = await start(
      "prometheus",
      prometheus!,
      (home, port) => {
        const file = join(home, "prometheus.yml")
        writeFileSync(file, "scrape_configs: []\n")
        return [
          `--config.file=${file}`,
          `--storage.tsdb.path=${join(home, "data")}`,
          `--web.listen-address=127.0.0.1:${port}`,
          "--web.enable-remote-write-receiver",
          "--enable-feature=native-histograms"
        ]
      },
      "/-/ready"
    )
  })
  afterAll(() => server?.stop())

  /** The values of a query, by their names and buckets. */
  const query = (text: string) =>
    Effect.promise(async () => {
      const time = Date.now() / 1000 + 1
      const answer = await fetch(`${server.url}/api/v1/query?query=${encodeURIComponent(text)}&time=${time}`)
      // Prometheus' API has this form.
      const { data } = (await answer.json()) as {
        data: { result: ReadonlyArray<{ metric: Record<string, string>; value: [number, string] }> }
      }
      return Object.fromEntries(
        data.result.map(({ metric, value }) => [(metric["__name__"] ?? "") + (metric["le"] ?? ""), Number(value[1])])
      )
    })

  const layer = (options: Partial<PrometheusRemoteWrite.Options> = {}) =>
    PrometheusRemoteWrite.layerFetch({ url: server.url, ...quick, ...options })

  it.live("has counters, gauges and both kinds of histograms, in 1.0, as it knows no 2.0", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Metrics.incrementBy(Metrics.counter("seen.hits", { description: "Hits." }), 2)
        yield* Metrics.flush
        yield* Metrics.incrementBy(Metrics.counter("seen.hits"), 3)
        yield* Metrics.set(Metrics.gauge("seen.memory", { unit: "By" }), 1.5)
        const took = Metrics.timer("seen.took")
        for (const seconds of [0.002, 0.02, 0.02, 20]) yield* Metrics.record(took, seconds)
        yield* Metrics.record(Metrics.distribution("seen.size"), 0)
        yield* Metrics.record(Metrics.distribution("seen.size"), -3)
      })
      const { ledger, logged } = yield* run(layer({ histograms: "both", tags: { job: "j" } }), program)
      assert.deepStrictEqual([ledger.delivered, ledger.recorded], [9, 9])
      assert.match(logged, /knows version 1.0 alone/)
      assert.deepStrictEqual(yield* query('{__name__=~"seen_(hits|memory).*",job="j",instance=~".+"}'), {
        seen_hits_total: 5,
        seen_memory_bytes: 1.5
      })
      const buckets = yield* query("seen_took_seconds_bucket")
      assert.deepStrictEqual(
        ["0.005", "0.025", "10.0", "+Inf"].map((le) => buckets[`seen_took_seconds_bucket${le}`]),
        [1, 3, 3, 4]
      )
      assert.deepStrictEqual(yield* query("histogram_count(seen_took_seconds)"), { "": 4 })
      const { "": median } = yield* query("histogram_quantile(0.5, seen_took_seconds)")
      assert.closeTo(median!, 0.02, 0.002)
      assert.deepStrictEqual(yield* query("histogram_sum(seen_size)"), { "": -3 })
      assert.deepStrictEqual(yield* query("histogram_fraction(-10, -2, seen_size)"), { "": 0.5 })
    })
  )

  it.live("has no series any more that the close has ended", () =>
    Effect.gen(function* () {
      const one = (name: string) => Metrics.increment(Metrics.counter(name))
      yield* run(layer({ staleMarkers: true }), one("ended"))
      yield* run(layer(), one("left"))
      assert.deepStrictEqual(yield* query('{__name__=~"ended_total|left_total"}'), { left_total: 1 })
    })
  )

  it.live("has each recording once, also where it stops in the midst of them", () =>
    Effect.gen(function* () {
      const one = Metrics.increment(Metrics.counter("stopped"))
      const program = Effect.gen(function* () {
        yield* Effect.repeatN(Effect.delay(one, "10 millis"), 9)
        server.signal("SIGSTOP")
        yield* Effect.repeatN(Effect.delay(one, "20 millis"), 9)
        server.signal("SIGCONT")
        yield* Effect.repeatN(Effect.delay(one, "10 millis"), 9)
      })
      const options = { schedule: Schedule.fixed("20 millis"), requestTimeout: "100 millis" } as const
      const { ledger } = yield* run(layer({ ...options, shutdownTimeout: "10 seconds" }), program)
      assert.deepStrictEqual([ledger.recorded, ledger.delivered, ledger.dropped], [30, 30, {}])
      assert.deepStrictEqual(yield* query("stopped_total"), { stopped_total: 30 })
    })
  )

  it.live("says of one measurement why it does not take it, and has the others", () =>
    Effect.gen(function* () {
      const at = (millis: number) => Effect.sync(() => new Date(Date.now() + millis))
      const program = Effect.gen(function* () {
        yield* Metrics.emit("timed", { value: 1 }, { timestamp: yield* at(0) })
        yield* Metrics.flush
        yield* Metrics.emit("timed", { value: 2 }, { timestamp: yield* at(-3_600_000) })
        yield* Metrics.increment(Metrics.counter("beside"))
      })
      const { ledger, logged } = yield* run(layer(), program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped.rejected], [2, 1])
      assert.match(logged, /400: out of (order|bounds)/)
      assert.deepStrictEqual(yield* query('{__name__=~"timed|beside_total"}'), { timed: 1, beside_total: 1 })
    })
  )
})

describe.skipIf(noVictoriaMetrics !== false)(
  `VictoriaMetrics, written to as Prometheus${title(noVictoriaMetrics)}`,
  () => {
    let server: Server
    beforeAll(async () => {
      server = await victoriaMetrics()
    })
    afterAll(() => server?.stop())

    it.live("has what was recorded, once", () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          yield* PrometheusRemoteWrite.check({ url: server.url }).pipe(Effect.provide(FetchHttpClient.layer))
          yield* Metrics.incrementBy(Metrics.counter("vm.hits"), 2)
          yield* Metrics.record(Metrics.distribution("vm.size", { boundaries: [1] }), 3)
        })
        const { ledger } = yield* run(PrometheusRemoteWrite.layerFetch({ url: server.url, ...quick }), program)
        assert.strictEqual(ledger.delivered, 2)
        const stored = yield* Effect.promise(() => samples(server, "vm_"))
        const values = stored.map(({ metric, values }) => [metric["__name__"]! + (metric["le"] ?? ""), values])
        assert.deepStrictEqual(Object.fromEntries(values), {
          vm_hits_total: [2],
          "vm_size_bucket1.0": [0],
          "vm_size_bucket+Inf": [1],
          vm_size_sum: [3],
          vm_size_count: [1]
        })
      })
    )
  }
)

describe.skipIf(noPushgateway !== false)(`the Pushgateway${title(noPushgateway)}`, () => {
  let server: Server
  beforeAll(async () => {
    server = await start(
      "prometheus-pushgateway",
      pushgateway!,
      (_, port) => [`--web.listen-address=127.0.0.1:${port}`],
      "/-/ready"
    )
  })
  afterAll(() => server?.stop())

  /** What would be scraped of a job, without what the Pushgateway says itself. */
  const scraped = (job: string) =>
    Effect.promise(async () => (await (await fetch(`${server.url}/metrics`)).text()).split("\n")).pipe(
      Effect.map((lines) => lines.filter((line) => line.includes(`job="${job}"`) && !/^push_/.test(line)))
    )

  const layer = (job: string, options: Partial<Pushgateway.Options> = {}) =>
    Pushgateway.layerFetch({ url: server.url, job, ...quick, ...options })

  it.live("has the last of what was pushed to a group, whatever that is called", () =>
    Effect.gen(function* () {
      yield* Pushgateway.check({ url: server.url, job: "any" }).pipe(Effect.provide(FetchHttpClient.layer))
      const program = Effect.gen(function* () {
        yield* Metrics.increment(Metrics.counter("files", { description: "Files." }), { tags: { job: "own" } })
        yield* Metrics.flush
        yield* Metrics.record(Metrics.timer("took", { boundaries: [1] }), 0.5)
      })
      const { ledger } = yield* run(layer("a/b", { grouping: { instance: "", path: "/x y" } }), program)
      assert.strictEqual(ledger.delivered, 2)
      const labels = 'job="a/b",path="/x y"'
      assert.deepStrictEqual(yield* scraped("a/b"), [
        `files_total{exported_job="own",instance="",${labels}} 1`,
        `took_seconds_bucket{instance="",${labels},le="1"} 1`,
        `took_seconds_bucket{instance="",${labels},le="+Inf"} 1`,
        `took_seconds_sum{instance="",${labels}} 0.5`,
        `took_seconds_count{instance="",${labels}} 1`
      ])
      yield* run(layer("a/b", { grouping: { instance: "", path: "/x y" } }), Metrics.set(Metrics.gauge("only"), 1))
      assert.deepStrictEqual(yield* scraped("a/b"), [`only{instance="",${labels}} 1`])
    })
  )

  it.live(
    "keeps other metrics of a group where those with the same names are replaced alone, and none of one deleted",
    () =>
      Effect.gen(function* () {
        const set = (name: string, value: number) => Metrics.set(Metrics.gauge(name), value)
        yield* run(layer("two"), Effect.zipRight(set("p", 1), set("q", 1)))
        yield* run(layer("two", { replaces: "metrics", gzip: 0 }), set("p", 2))
        assert.deepStrictEqual(yield* scraped("two"), ['p{instance="",job="two"} 2', 'q{instance="",job="two"} 1'])
        yield* run(layer("two", { onClose: "delete" }), set("p", 3))
        assert.deepStrictEqual(yield* scraped("two"), [])
      })
  )

  it.live("says why it does not take a metric that has another type elsewhere, and has the others", () =>
    Effect.gen(function* () {
      yield* run(layer("gauges"), Metrics.set(Metrics.gauge("clash_total"), 1))
      const program = Effect.zipRight(
        Metrics.increment(Metrics.counter("clash")),
        Metrics.increment(Metrics.counter("fine"))
      )
      const { ledger, logged } = yield* run(layer("counters"), program)
      assert.deepStrictEqual([ledger.delivered, ledger.dropped.rejected], [1, 1])
      assert.match(logged, /400: pushed metrics are invalid or inconsistent/)
      assert.deepStrictEqual(yield* scraped("counters"), ['fine_total{instance="",job="counters"} 1'])
    })
  )
})
