import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Librato from "../../src/sinks/Librato.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import * as StandIn from "../sinks/librato/stand-in.js"

const token = "canary-of-the-contract"

/** A gauge of several samples has no name for each of its numbers. */
const fieldsOf = ({ count, max, min, sum, value }: StandIn.Item): Readonly<Record<string, number>> =>
  value === undefined ? { count: count!, sum: sum!, min: min!, max: max! } : { value }

const subjectOf = (name: string, options: Librato.Options, wire: SinkContract.Wire) =>
  ({
    name,
    backend: Effect.gen(function* () {
      const service = StandIn.make()
      const server = yield* ChaosProxy.httpServer(service.answer)
      return {
        ...server,
        received: Effect.sync(() =>
          service.items.map((item) => ({
            name: item.name,
            tags: item.tags ?? (item.source === undefined ? {} : { host: item.source }),
            fields: fieldsOf(item),
            millis: (item.measure_time ?? item.time)! * 1000
          }))
        ),
        writes: Effect.sync(() => service.bodies.map(({ bytes, items }) => ({ records: items, bytes })))
      }
    }),
    layer: (server: ChaosProxy.HttpServer, delivery) =>
      Librato.layer({ url: server.url, ...options, ...delivery }).pipe(Layer.provide(FetchHttpClient.layer)),
    wire: { strings: false, times: "seconds", ...wire },
    secrets: [token]
  }) satisfies SinkContract.Subject<SinkContract.Backend & ChaosProxy.HttpServer>

describe.concurrent("Librato keeps the contract with sources: it", () => {
  const account = { email: "ops@example.org", token: Redacted.make(token) }
  const subject = subjectOf("Librato", { ...account, naming: "bare" }, { maxTags: 0 })
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})

describe.concurrent("Librato keeps the contract with tags: it", () => {
  const subject = subjectOf("AppOptics", { service: "appoptics", token: Redacted.make(token) }, { maxTags: 50 })
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})
