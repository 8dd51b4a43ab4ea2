import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { parse } from "../encoding/lineProtocol.js"

const password = "canary-of-the-contract"

/** A server that speaks line protocol, by a reader of its own. */
const subjectOf = (version: 1 | 3, options: Partial<InfluxDb.Options>) =>
  ({
    name: `InfluxDb ${version}`,
    backend: Effect.map(ChaosProxy.httpServer(), (server) => ({
      ...server,
      received: Effect.map(server.requests, (requests) =>
        requests.flatMap(({ body }) =>
          parse(version, body).map(({ fields, measurement, tags, time }) => ({
            name: measurement,
            tags: Object.fromEntries(tags),
            fields: Object.fromEntries(fields),
            millis: Number(time) / 1e6
          }))
        )
      ),
      writes: Effect.map(server.requests, (requests) =>
        requests.map(({ body, bytes }) => ({ records: parse(version, body).length, bytes }))
      )
    })),
    layer: (server: ChaosProxy.HttpServer, delivery) =>
      InfluxDb.layer({ url: server.url, database: "app", ...options, ...delivery }).pipe(
        Layer.provide(FetchHttpClient.layer)
      ),
    secrets: [password]
  }) satisfies SinkContract.Subject<SinkContract.Backend & ChaosProxy.HttpServer>

describe.concurrent("InfluxDb 1 keeps the contract: it", () => {
  const subject = subjectOf(1, { username: "contract", password: Redacted.make(password) })
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})

describe.concurrent("InfluxDb 3 keeps the contract: it", () => {
  const subject = subjectOf(3, { version: 3, token: Redacted.make(password) })
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})
