import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { labelNamesOf } from "../../src/encoding/prometheusFamilies.js"
import { escapeName } from "../../src/encoding/prometheusNames.js"
import * as PrometheusRemoteWrite from "../../src/sinks/PrometheusRemoteWrite.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { received, type Told, uncompress } from "../encoding/remoteWrite.js"
import { serve } from "../transport/server.js"
import { taken } from "../sinks/prometheusRemoteWrite/harness.js"

const key = "canary-of-the-contract"

/** A histogram's numbers are series of their own. */
const receivedOf = ({ labels, millis, name, native, type, value }: Told): SinkContract.Received => ({
  // Counters and timers have an end that says so; the later of two names that come to the same has a mark.
  name: name.replace(type === 1 ? /_total$/ : type === 3 ? /_seconds$/ : /_[a-z\d]{6}$/, ""),
  tags: labels,
  fields: native === undefined ? { value: value! } : { count: native.countInt, sum: native.sum ?? 0 },
  millis
})

const spell = (word: string, place: SinkContract.Place): string | undefined => {
  if (place === "text" || word === "") return undefined
  if (place === "tag value") return Buffer.from(word).toString()
  if (place !== "tag key") return escapeName(word, "allow-utf-8") ?? escapeName(word, "underscores")
  const dialect = { escaping: "allow-utf-8", conflicts: "rename" } as const
  return String(labelNamesOf([word], "histogram", dialect).get(word))
}

/** A receiver that reads by decoders of others, behind a proxy. */
const backend = Effect.gen(function* () {
  const receiver = yield* serve(taken)
  const { hostname: host, port } = new URL(receiver.url)
  const proxy = yield* ChaosProxy.make({ host, port: Number(port) })
  const read: Array<{ readonly received: ReadonlyArray<SinkContract.Received>; readonly bytes: number }> = []
  const requests = Effect.sync(() => {
    for (const { bytes, headers } of receiver.asked.slice(read.length)) {
      read.push({ received: received(headers, bytes).map(receivedOf), bytes: uncompress(bytes).length })
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

const subject: SinkContract.Subject<Backend> = {
  name: "PrometheusRemoteWrite",
  backend,
  layer: ({ host, port }, delivery) =>
    PrometheusRemoteWrite.layer({
      url: `http://${host}:${port}`,
      headers: { "api-key": Redacted.make(key) },
      histograms: "native",
      names: "utf-8",
      hostTag: "none",
      resend: "changed",
      ...delivery
    }).pipe(Layer.provide(FetchHttpClient.layer)),
  wire: { strings: false, counters: "total", spell },
  secrets: [key]
}

describe.concurrent("PrometheusRemoteWrite keeps the contract: it", () => {
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})
