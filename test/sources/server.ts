/** A real server on a free port of the loopback, measured into `TestMetrics`, and clients that may go away. */
import type * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders, request as nodeRequest, type Server } from "node:http"
import { connect, type Socket } from "node:net"
import { TestMetrics } from "effect-metrics/testing"

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Whether the connection broke in the middle of the body. */
  readonly isBroken: boolean
}

export interface Client {
  readonly port: number
  readonly ask: (
    path: string,
    options?: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string }
  ) => Effect.Effect<Answer>
  /** Sends a request, and gives its connection when the head of the request has been written. */
  readonly begin: (path: string, method?: string) => Effect.Effect<Socket, never, Scope.Scope>
}

type App = Layer.Layer<never, never, HttpServer.HttpServer>

/** The measured app, as a layer that asks for the server. `TestMetrics.layer` is around the test. */
export const serving = (app: App, create: () => Server = createServer): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.gen(function* () {
    let server: Server | undefined
    const live = NodeHttpServer.layer(() => (server = create()), { port: 0, host: "127.0.0.1" })
    yield* Layer.build(Layer.provide(app, Layer.orDie(live)))
    const address = server?.address()
    if (typeof address !== "object" || address === null) return yield* Effect.dieMessage("no address")
    yield* Effect.addFinalizer(() => Effect.sync(() => server?.closeAllConnections()))
    const { port } = address
    return {
      port,
      ask: (path, { body, headers = {}, method = "GET" } = {}) =>
        Effect.async<Answer>((resume) => {
          const sent = nodeRequest({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
            let text = ""
            const done = (isBroken: boolean) => () =>
              resume(
                Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body: text, isBroken })
              )
            response.setEncoding("utf8")
            response.on("data", (part: string) => (text += part))
            response.on("end", done(!response.complete)).on("error", done(true))
          })
          sent.on("error", (error) => resume(Effect.die(error)))
          sent.end(body)
        }),
      begin: (path, method = "GET") =>
        Effect.acquireRelease(
          Effect.async<Socket>((resume) => {
            const socket = connect(port, "127.0.0.1", () => {
              socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`, () =>
                resume(Effect.succeed(socket))
              )
            })
            socket.on("error", () => {})
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
    } satisfies Client
  })

/** Waits until it holds: what happens in the server's own fibers gives a test nothing to await. */
export const eventually = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  condition.pipe(
    Effect.filterOrFail((holds) => holds),
    Effect.retry({ while: () => Effect.as(Effect.sleep("2 millis"), true) }),
    Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => "it never happened" }),
    Effect.orDie,
    Effect.asVoid
  )

/** Waits until that many requests have been counted. */
export const counted = (requests: number, name = "http.server.requests"): Effect.Effect<void> =>
  eventually(Effect.map(TestMetrics.counterValue(name), (count) => count >= requests))

/** The tags of each request, as `GET /a 200 success`. */
export const lines = (
  name = "http.server.requests",
  keys: ReadonlyArray<string> = ["method", "route", "status", "outcome"]
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(TestMetrics.all, (all) =>
    all.filter((one) => one.name === name).map(({ tags }) => keys.map((key) => tags[key] ?? "-").join(" "))
  )

/** What the gauge has been, one by one. */
export const inFlight = (gauge = "http.server.in_flight"): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(TestMetrics.all, (all) =>
    all.filter(({ name }) => name === gauge).map(({ fields }) => Number(fields["value"]))
  )
