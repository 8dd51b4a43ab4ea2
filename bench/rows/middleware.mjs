// @ts-check
/** What measuring a server adds to each request: in one process without sockets, and over keep-alive connections. */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer, Logger, Metric } from "effect"
import { HttpServerMetrics } from "../../dist/index.js"
import { atMost, compare, median, quantile, shuffled } from "../harness.mjs"
import { load, serverOf } from "../isolated/requests.mjs"
import { nullLanes } from "../ours.mjs"

const answer = HttpServerResponse.text("hello")
const router = HttpRouter.empty.pipe(
  HttpRouter.get("/users/:id", answer),
  HttpRouter.get("/items", answer),
  Effect.catchAllCause(() => Effect.succeed(answer))
)

const requests = Metric.counter("requests")
const duration = Metric.timer("duration")
const active = Metric.gauge("active")

/** What is written by hand with Effect's own metrics: it sees no route, no abort, and no stream. */
const byHand = HttpMiddleware.make((app) =>
  Effect.acquireUseRelease(
    Metric.modify(active, 1),
    () =>
      Effect.tap(Metric.trackDuration(app, duration), ({ status }) =>
        Metric.increment(Metric.tagged(requests, "status", String(status)))
      ),
    () => Metric.modify(active, -1)
  )
)

const bare = "floor: @effect/platform alone"
const all = "effect-metrics, all instruments"

/** @type {import("../harness.mjs").Row} */
export const middleware = {
  name: "middleware",
  title: "a request through a web handler and a router, in one process",
  unit: "ns",
  goals: [atMost("at most 1.25 times the bare handler", all, 1.25, bare)],
  run: async (context) => {
    const runtime = nullLanes(1)
    const quiet = Logger.replace(Logger.defaultLogger, Logger.none)
    const { logged, plain } = {
      plain: await runtime.runtime(),
      logged: await Effect.runPromise(Effect.scoped(Layer.toRuntime(quiet)))
    }
    /**
     * @param {string} name @param {import("../harness.mjs").Kind} kind
     * @param {HttpMiddleware.HttpMiddleware} [using]
     * @param {import("effect").Runtime.Runtime<never>} [within]
     */
    const subject = (name, kind, using, within = plain) => {
      const handle = HttpApp.toWebHandlerRuntime(within)(router, using)
      const urls = ["http://localhost/users/1", "http://localhost/items"]
      return {
        name,
        kind,
        run: async (/** @type {number} */ n) => {
          for (let i = 0; i < n; i++) await handle(new globalThis.Request(urls[i & 1] ?? ""))
        }
      }
    }
    const results = await compare(
      context,
      [
        subject(bare, "floor"),
        subject(all, "ours", HttpServerMetrics.middleware()),
        subject(
          "effect-metrics, duration alone",
          "ours",
          HttpServerMetrics.middleware({ prefix: "one", instruments: ["duration"] })
        ),
        subject(
          "effect-metrics, OpenTelemetry",
          "ours",
          HttpServerMetrics.middleware({ prefix: "otel", semantics: "opentelemetry" })
        ),
        subject("by hand, with Effect's Metric", "peer", byHand),
        subject("HttpMiddleware.logger, to no logger", "peer", HttpMiddleware.logger, logged)
      ],
      { operations: 4_000, chunk: 1_000, rounds: 12 }
    )
    await runtime.dispose()
    return { results }
  }
}

const servers = [
  { id: "bare", name: "floor: @effect/platform-node alone", kind: /** @type {const} */ ("floor") },
  { id: "ours", name: "effect-metrics, given to the server", kind: /** @type {const} */ ("ours") },
  { id: "around", name: "effect-metrics, around the app", kind: /** @type {const} */ ("ours") },
  { id: "logger", name: "HttpMiddleware.logger, to no logger", kind: /** @type {const} */ ("peer") }
]

/** @type {import("../harness.mjs").Row} */
export const middlewareServer = {
  name: "served-requests",
  title: "a request to a server over 16 kept connections: CPU of the server",
  unit: "ns CPU",
  goals: [
    atMost(
      "at most 1.2 times the bare server",
      "effect-metrics, given to the server",
      1.2,
      "floor: @effect/platform-node alone"
    )
  ],
  run: async ({ isQuick }) => {
    const amount = isQuick ? 200 : 4_000
    const processes = isQuick ? 1 : 4
    const rounds = isQuick ? 1 : 4
    const warmup = isQuick ? 0 : 3
    /** @type {Map<string, Array<number>>} */
    const costs = new Map(servers.map(({ id }) => [id, []]))
    // Two processes of the same program differ by a tenth for as long as they live: how they were compiled is a matter of luck.
    for (let process = 0; process < processes; process++) {
      const started = await Promise.all(servers.map(async ({ id }) => /** @type {const} */ ([id, await serverOf(id)])))
      for (let round = -warmup; round < rounds; round++) {
        for (const [id, server] of shuffled(started)) {
          await server.cpu()
          await load(server.port, amount)
          const nanos = (await server.cpu()) / amount
          if (round >= 0) costs.get(id)?.push(nanos)
        }
      }
      await Promise.all(started.map(([, server]) => server.close()))
    }
    const base = costs.get("bare") ?? []
    const results = servers.map(({ id, kind, name }) => {
      const own = costs.get(id) ?? []
      return {
        name,
        kind,
        median: median(own),
        p10: quantile(own, 0.1),
        p90: quantile(own, 0.9),
        ratio: median(own.map((nanos, round) => nanos / (base[round] ?? NaN)))
      }
    })
    return {
      results,
      notes: [
        "Every request was answered with 200 and its body. Each server was four processes, one after the other.",
        "Without an instrument it is most of this already: a response hook and a context of the request's own, in which routers tell the route and handlers annotate. Recording is about 1 µs of it."
      ]
    }
  }
}
