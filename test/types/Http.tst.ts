import type { HttpClient, HttpClientError, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { HttpApiBuilder, HttpLayerRouter, HttpServer } from "@effect/platform"
import { Context, type Effect, type Layer } from "effect"
import { describe, expect, it } from "tstyche"
import * as HttpClientMetrics from "../../src/sources/HttpClientMetrics.js"
import * as HttpServerMetrics from "../../src/sources/HttpServerMetrics.js"

class Db extends Context.Tag("Db")<Db, { readonly query: Effect.Effect<number> }>() {}
type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

declare const app: Effect.Effect<Response, "boom", Db | Request>
declare const client: HttpClient.HttpClient.With<"boom" | HttpClientError.HttpClientError, Db>

describe("the middleware", () => {
  it("keeps the errors and requirements of an app", () => {
    expect(HttpServerMetrics.middleware()(app)).type.toBe<Effect.Effect<Response, "boom", Db | Request>>()
  })

  it("fits wherever platform takes one", () => {
    expect(HttpServer.serve(app, HttpServerMetrics.middleware())).type.toBe<
      Layer.Layer<never, never, HttpServer.HttpServer | Db>
    >()
    expect(HttpApiBuilder.serve).type.toBeCallableWith(HttpServerMetrics.middleware())
    expect(HttpApiBuilder.middleware).type.toBeCallableWith(HttpServerMetrics.middleware())
    expect(HttpLayerRouter.middleware).type.toBeCallableWith(HttpServerMetrics.middleware(), { global: true })
  })

  it("takes its own options and nothing else", () => {
    expect(HttpServerMetrics.middleware).type.toBeCallableWith({ instruments: ["duration"], point: {} })
    expect(HttpServerMetrics.middleware).type.not.toBeCallableWith({ instruments: ["durations"] })
    expect(HttpServerMetrics.middleware).type.not.toBeCallableWith({ semantics: "otel" })
    expect(HttpServerMetrics.annotate).type.not.toBeCallableWith({ tags: { rows: 1 } })
  })
})

describe("a measured client", () => {
  it("keeps its errors and requirements", () => {
    expect(HttpClientMetrics.instrument()(client)).type.toBe<typeof client>()
  })

  it("is a layer over the client in the context", () => {
    expect(HttpClientMetrics.layer()).type.toBe<Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>>()
  })
})
