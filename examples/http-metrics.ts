/**
 * A server and a client that are measured without a word in their handlers, but for what only a handler knows. The server is
 * asked for some users, and what was measured is printed.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Stream } from "effect"
import { Console, HttpClientMetrics, HttpServerMetrics } from "effect-metrics"
import { createServer } from "node:http"

const user = HttpRouter.params.pipe(
  Effect.filterOrFail(
    ({ id }) => Number(id) < 4,
    () => HttpServerResponse.empty({ status: 404 })
  ),
  Effect.tap(({ id }) => HttpServerMetrics.annotate({ tags: { plan: id === "1" ? "paid" : "free" } })),
  Effect.flatMap(({ id }) => HttpServerResponse.json({ id }))
)

const lines = Stream.tick("5 millis").pipe(Stream.take(3), Stream.as("one line\n"), Stream.encodeText)

const router = HttpRouter.empty.pipe(
  HttpRouter.get("/users/:id", user),
  HttpRouter.get("/log", HttpServerResponse.stream(lines)),
  HttpRouter.get("/health", HttpServerResponse.empty())
)

const ServerLive = HttpServer.serve(router, HttpServerMetrics.middleware({ exclude: ["/health"] }))

const ClientLive = HttpClientMetrics.layer({ host: () => "api" }).pipe(Layer.provide(NodeHttpClient.layer))

const ask = Effect.gen(function* () {
  const client = yield* HttpServer.addressFormattedWith((url) =>
    Effect.map(
      HttpClient.HttpClient,
      (client) => (path: string) => Effect.flatMap(client.get(`${url}${path}`), ({ text }) => text)
    )
  )
  for (const id of [1, 2, 3, 4]) yield* client(`/users/${id}`).pipe(HttpClientMetrics.withRoute("/users/:id"))
  yield* client("/log").pipe(HttpClientMetrics.withRoute("/log"))
  yield* client("/health")
  yield* client("/nowhere")
})

ask.pipe(
  Effect.provide(ServerLive),
  Effect.provide([NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }), ClientLive]),
  Effect.provide(Console.layer({ format: "lines" })),
  NodeRuntime.runMain
)
