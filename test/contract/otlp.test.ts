import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Otlp from "../../src/sinks/Otlp.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { attributesOf, type DataPoint, dataOf, decode, metricsOf, ofJson, type Request } from "../encoding/otlp.js"
import { serve, status } from "../transport/server.js"

const key = "canary-of-the-contract"

/** A histogram has no name for each of its numbers. */
const fieldsOf = ({ asDouble, asInt, count, max, min, sum }: DataPoint): Readonly<Record<string, number>> =>
  count === undefined ? { value: Number(asDouble ?? asInt) } : { count: Number(count), sum: sum!, min: min!, max: max! }

const receivedOf = (request: Request): ReadonlyArray<SinkContract.Received> =>
  metricsOf(request).flatMap((metric) =>
    dataOf(metric).dataPoints.map((point) => ({
      name: metric.name,
      tags: attributesOf(point.attributes),
      fields: fieldsOf(point),
      millis: Number(point.timeUnixNano) / 1e6
    }))
  )

/** A receiver that reads by OpenTelemetry's own code, behind a proxy. */
const backend = Effect.gen(function* () {
  const receiver = yield* serve(status(200))
  const { hostname: host, port } = new URL(receiver.url)
  const proxy = yield* ChaosProxy.make({ host, port: Number(port) })
  const read: Array<{ readonly received: ReadonlyArray<SinkContract.Received>; readonly bytes: number }> = []
  const requests = Effect.sync(() => {
    for (const { body, bytes, headers } of receiver.asked.slice(read.length)) {
      const request = headers["content-type"] === "application/json" ? ofJson(body) : decode(bytes)
      read.push({ received: receivedOf(request), bytes: bytes.length })
    }
    return read
  })
  return {
    ...proxy,
    received: Effect.map(requests, (all) => all.flatMap(({ received }) => received)),
    writes: Effect.map(requests, (all) => all.map(({ bytes, received }) => ({ bytes, records: received.length })))
  }
})

type Backend = Effect.Effect.Success<typeof backend>

const subjectOf = (
  name: string,
  options: Partial<Otlp.Options>,
  wire: SinkContract.Wire
): SinkContract.Subject<Backend> => ({
  name,
  backend,
  layer: ({ host, port }, delivery) =>
    Otlp.layer({
      url: `http://${host}:${port}`,
      headers: { "api-key": Redacted.make(key) },
      ...options,
      ...delivery
    }).pipe(Layer.provide(FetchHttpClient.layer)),
  wire: { strings: false, ...wire },
  secrets: [key]
})

const spell =
  (isName: RegExp) =>
  (word: string, place: SinkContract.Place): string | undefined =>
    place === "text" || (place === "name" && !isName.test(word)) || (place === "tag key" && word === "")
      ? undefined
      : Buffer.from(word).toString()

describe.concurrent("Otlp in protobuf, with totals, keeps the contract: it", () => {
  const subject = subjectOf("Otlp", {}, { counters: "total", spell: spell(/^[A-Za-z][\w./-]{0,254}$/) })
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})

describe.concurrent("Otlp in JSON, with increases, keeps the contract: it", () => {
  const options = { format: "json", temporality: "delta", names: "any" } as const
  const subject = subjectOf("Otlp", options, { spell: spell(/^[^]{1,255}$/) })
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})
