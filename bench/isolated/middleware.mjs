// @ts-check
/** Answers requests over real connections: `middleware.mjs <subject>`. Each message is answered with the CPU since the last. */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Logger, ManagedRuntime } from "effect"
import { createServer } from "node:http"
import { HttpServerMetrics } from "../../dist/index.js"
import { nullSink } from "../ours.mjs"

const answer = HttpServerResponse.text("hello")
const router = HttpRouter.empty.pipe(HttpRouter.get("/users/:id", answer), HttpRouter.get("/items", answer))

/** @type {Record<string, () => Layer.Layer<never, never, HttpServer.HttpServer>>} */
const subjects = {
  bare: () => HttpServer.serve(router),
  ours: () => HttpServer.serve(router, HttpServerMetrics.middleware()),
  around: () => HttpServer.serve(HttpServerMetrics.middleware()(router)),
  logger: () => HttpServer.serve(router, HttpMiddleware.logger)
}

const server = createServer()
const live = subjects[process.argv[2] ?? ""]?.() ?? Layer.empty
const runtime = ManagedRuntime.make(
  live.pipe(
    Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
    Layer.provide(nullSink("null")),
    Layer.provide(Logger.replace(Logger.defaultLogger, Logger.none)),
    Layer.orDie
  )
)
await runtime.runPromise(Effect.void)

let last = process.cpuUsage()
process.on("message", () => {
  const { system, user } = process.cpuUsage(last)
  last = process.cpuUsage()
  process.send?.((user + system) * 1000)
})
process.on("disconnect", () => process.exit())
const address = server.address()
process.send?.(typeof address === "object" && address !== null ? address.port : 0)
