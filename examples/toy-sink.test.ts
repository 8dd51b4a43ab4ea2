import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SinkContract } from "effect-metrics/testing"
import * as ChaosProxy from "effect-metrics/testing/ChaosProxy"
import { ToyDb } from "./toy-sink.js"

const backend = Effect.map(ChaosProxy.httpServer(), (server) => ({
  ...server,
  received: Effect.map(server.requests, (requests) => requests.flatMap(({ body }) => JSON.parse(body)))
}))

describe.concurrent("ToyDb keeps the contract: it", () => {
  const checks = SinkContract.checks({
    name: "ToyDb",
    backend,
    layer: ({ url }, delivery) => ToyDb(url, delivery),
    wire: { batchBytes: false }
  })
  for (const { name, run } of checks) it.live(name, () => run)
})
