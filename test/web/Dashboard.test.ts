import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { TestMetrics } from "../../src/testing/index.js"
import * as Metrics from "../../src/Metrics.js"
import type * as Sink from "../../src/Sink.js"
import * as Dashboard from "../../src/web/Dashboard.js"
import { samples } from "../../src/web/dashboard/rows.js"
import { freePort } from "../servers/harness.js"
import { launch, noChromium, open, rows, until } from "./browser.js"

const visits = Metrics.counter("visits", { description: "Pages shown." })
const active = Metrics.gauge("active")
const duration = Metrics.timer("duration")
const size = Metrics.distribution("size", { unit: "By", boundaries: [100, 1000] })

const recordAll = Effect.gen(function* () {
  yield* Metrics.incrementBy(visits, 3, { tags: { page: '/"a"' } })
  yield* Metrics.set(active, -2)
  for (let i = 1; i <= 100; i++) yield* Metrics.record(duration, i / 128)
  for (const bytes of [50, 500, 5000]) yield* Metrics.record(size, bytes)
  yield* Metrics.emit("order", { amount: 12.5, user: "ada" }, { timestamp: 1_700_000_000_000 })
})

/** What was logged, with its level, and the address among it. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    lines.push(`${logLevel.label} ${Array.isArray(message) ? message.map(String).join(" ") : String(message)}`)
  })
  return {
    lines,
    layer: Layer.mergeAll(Logger.replace(Logger.defaultLogger, logger), Logger.minimumLogLevel(LogLevel.Info)),
    url: () => /http:\/\/\S+/.exec(lines.join("\n"))?.[0] ?? ""
  }
}

/** Runs it under the dashboard, with its address. */
const within = <A, E>(
  options: Dashboard.Options,
  use: (url: string, lines: ReadonlyArray<string>) => Effect.Effect<A, E>
): Effect.Effect<A, E | Sink.InvalidOption> => {
  const log = logged()
  return Effect.suspend(() => use(log.url(), log.lines)).pipe(
    Effect.provide(Dashboard.layer({ port: 0, title: "shop", ...options })),
    Effect.provide(log.layer)
  )
}

const get = (url: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, { headers })
    return { status: response.status, text: await response.text() }
  })

interface Told {
  readonly source: string
  readonly title: string
  readonly processes: ReadonlyArray<unknown>
  readonly series: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly points: ReadonlyArray<unknown>
}

const snapshot = (url: string) => Effect.map(get(`${url}/api/snapshot`), ({ text }) => JSON.parse(text) as Told)

const taken = (): Promise<{ readonly port: number; readonly server: Server }> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resolve({ port: (server.address() as AddressInfo).port, server }))
  })

describe("Dashboard", () => {
  it.live("tells the page everything that was recorded, with units, tags and descriptions", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        yield* recordAll
        const told = yield* snapshot(url)
        assert.deepInclude(told, { source: "app", title: "shop" })
        assert.deepStrictEqual(told.processes, [{ id: String(process.pid), state: "live", reason: null, series: 14 }])
        const shown = told.series.map(({ key, kind, unit, value }) => [key, kind, unit ?? "", value])
        assert.sameDeepMembers(shown, [
          ['visits{page="/\\"a\\""}', "counter", "", 3],
          ["active", "gauge", "", -2],
          ["duration.count", "counter", "", 100],
          ["duration.mean", "reading", "s", 50.5 / 128],
          ["duration.median", "reading", "s", 50 / 128],
          ["duration.p95", "reading", "s", 95 / 128],
          ["duration.p99", "reading", "s", 99 / 128],
          ["duration.max", "reading", "s", 100 / 128],
          ["size.count", "counter", "", 3],
          ["size.mean", "reading", "By", 1850],
          ["size.median", "reading", "By", 500],
          ["size.p95", "reading", "By", 5000],
          ["size.p99", "reading", "By", 5000],
          ["size.max", "reading", "By", 5000]
        ])
        assert.deepInclude(told.series[0], { name: "visits", tags: [["page", '/"a"']], description: "Pages shown." })
        const fields = [
          ["amount", 12.5],
          ["user", "ada"]
        ]
        assert.deepStrictEqual(told.points, [{ name: "order", tags: [], fields, millis: 1_700_000_000_000 }])
      })
    )
  )

  it.live("takes percentiles of the last values alone, and counts all", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        for (let i = 0; i < samples; i++) yield* Metrics.record(duration, 1000)
        for (let i = 0; i < samples; i++) yield* Metrics.record(duration, 1)
        const { series } = yield* snapshot(url)
        const value = (key: string) => series.find((one) => one["key"] === key)?.["value"]
        assert.strictEqual(value("duration.max"), 1)
        assert.strictEqual(value("duration.count"), 2 * samples)
      })
    )
  )

  it.live("can be scraped by Prometheus: boundaries make a histogram, none a summary", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        yield* recordAll
        const { text } = yield* get(`${url}/metrics`)
        for (const line of [
          "# HELP visits_total Pages shown.",
          "# TYPE visits_total counter",
          'visits_total{page="/\\"a\\""} 3',
          "active -2",
          "# TYPE size_bytes histogram",
          'size_bytes_bucket{le="100"} 1',
          'size_bytes_bucket{le="1000"} 2',
          'size_bytes_bucket{le="+Inf"} 3',
          "size_bytes_sum 5550",
          "# TYPE duration_seconds summary",
          'duration_seconds{quantile="0.95"} 0.7421875',
          "duration_seconds_count 100"
        ]) {
          assert.include(text.split("\n"), line)
        }
      })
    )
  )

  it.live("has its numbers as one JSON object", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        yield* recordAll
        const { text } = yield* get(`${url}/stats`)
        const { stats } = JSON.parse(text) as { readonly stats: Readonly<Record<string, number>> }
        assert.deepInclude(stats, { 'visits{page="/\\"a\\""}': 3, active: -2, "duration.count": 100 })
      })
    )
  )

  it.live("tells series apart that come to one key", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        yield* Metrics.incrementBy(Metrics.counter("duration.count"), 7)
        yield* Metrics.record(duration, 1)
        yield* Metrics.incrementBy(Metrics.counter('a{b="c"}'), 2)
        yield* Metrics.incrementBy(Metrics.counter("a"), 3, { tags: { b: "c" } })
        const keys = (yield* snapshot(url)).series.map(({ key }) => key)
        assert.strictEqual(new Set(keys).size, keys.length)
        const { stats } = JSON.parse((yield* get(`${url}/stats`)).text) as { readonly stats: object }
        assert.deepInclude(stats, { "duration.count": 7, "duration.count (2)": 1, 'a{b="c"}': 2, 'a (2){b="c"}': 3 })
      })
    )
  )

  it.live("logs its address once", () =>
    within({}, (url, lines) =>
      Effect.sync(() => {
        assert.deepStrictEqual(lines, [`INFO dashboard: ${url}`])
        assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
      })
    )
  )

  it.live("takes another port where its own is taken, and says so", () =>
    Effect.gen(function* () {
      const { port, server } = yield* Effect.promise(taken)
      yield* within({ port }, (_, lines) =>
        Effect.gen(function* () {
          yield* recordAll
          const [, url = ""] = /the dashboard is at (\S+) instead/.exec(lines[0] ?? "") ?? []
          assert.match(lines[0] ?? "", /^WARN dashboard: port \d+ of 127\.0\.0\.1 is in use/)
          assert.lengthOf((yield* snapshot(url)).series, 14)
        })
      ).pipe(Effect.ensuring(Effect.sync(() => server.close())))
    })
  )

  it.live("lets the app run on where it cannot be served, with one warning", () =>
    within({ host: "192.0.2.1", token: Redacted.make("x") }, (_, lines) =>
      Effect.gen(function* () {
        yield* recordAll
        const hub = yield* Metrics.Metrics
        assert.lengthOf(lines, 1)
        assert.match(lines[0] ?? "", /^WARN dashboard: there is none: 192\.0\.2\.1 is no address of this machine/)
        assert.strictEqual(Metrics.ledgersOf(hub)[0]?.ledger.recorded, 106)
      })
    )
  )

  it.live("gives its numbers to who has the token alone", () =>
    within({ token: Redacted.make("s3cret") }, (url) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* get(`${url}/`)).status, 200)
        assert.strictEqual((yield* get(`${url}/api/snapshot`)).status, 401)
        assert.strictEqual((yield* get(`${url}/metrics`, { authorization: "Bearer s3cret" })).status, 200)
      })
    )
  )

  it.effect("refuses a port that is none, and to be reached by others without a token", () =>
    Effect.gen(function* () {
      const failure = (options: Dashboard.Options) =>
        Effect.map(Effect.flip(Effect.provide(Effect.void, Dashboard.layer(options))), (error) => [
          error.option,
          error.expected
        ])
      assert.deepStrictEqual(yield* failure({ port: 65_536 }), ["port", "a whole number from 0 to 65535"])
      const text = "a Redacted text of visible ASCII characters, without spaces"
      assert.deepStrictEqual(yield* failure({ port: 0, token: Redacted.make("a b") }), ["token", text])
      assert.deepStrictEqual(yield* failure({ port: 0, host: "0.0.0.0" }), [
        "token",
        'a token, as others can reach "0.0.0.0"'
      ])
    })
  )

  it.live("is not made in a test, nor where it is turned off", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(freePort)
      const refused = Effect.map(
        Effect.promise(() =>
          fetch(`http://127.0.0.1:${port}/`).then(
            () => false,
            () => true
          )
        ),
        (isRefused) => assert.isTrue(isRefused)
      )
      const sealed = Dashboard.layer({ port }).pipe(Layer.provideMerge(TestMetrics.layer))
      yield* Effect.provide(refused, sealed)
      yield* Effect.provide(refused, Dashboard.layer({ port, enabled: false }))
    })
  )

  it.live("frees its port when its scope closes, though a page is open", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(freePort)
      yield* within({ port }, (url) => Effect.asVoid(snapshot(url)))
      yield* within({ port }, (url, lines) =>
        Effect.map(snapshot(url), () => assert.deepStrictEqual(lines, [`INFO dashboard: http://127.0.0.1:${port}`]))
      )
    })
  )

  it.live.skipIf(noChromium !== false)("shows in the browser what is recorded, when it is recorded", () =>
    within({}, (url) =>
      Effect.gen(function* () {
        const browser = yield* Effect.acquireRelease(
          Effect.promise(() => launch()),
          (one) => Effect.promise(() => one.close())
        )
        const { complaints, page } = yield* Effect.promise(() => open(browser, url))
        const seen = (count: number) =>
          Effect.promise(() =>
            until(
              () => rows(page),
              ({ length }) => length === count
            )
          )
        yield* Effect.promise(() => page.getByText("Nothing is recorded yet").waitFor())
        yield* Metrics.increment(visits)
        yield* seen(1)
        yield* recordAll
        const all = yield* seen(15)
        const shown = all.map(({ name, value }) => `${name} ${value}`)
        assert.includeMembers(shown, ["active −2", "duration.p99 773 ms", "size.max 5 kB", "visits 1", "visits 3"])
        assert.deepStrictEqual(complaints, [])
      }).pipe(Effect.scoped)
    )
  )
})
