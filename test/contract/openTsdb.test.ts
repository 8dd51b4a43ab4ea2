import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as OpenTsdb from "../../src/sinks/OpenTsdb.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import type { Stored } from "../encoding/openTsdb.js"
import { serve } from "../sinks/opentsdb/server.js"

const password = "canary-of-the-contract"

const receivedOf = ({ metric, millis, tags, value }: Stored): SinkContract.Received => ({
  name: metric,
  tags,
  fields: { value },
  millis
})

/** The stand-in for OpenTSDB, behind a proxy. */
const backend = Effect.gen(function* () {
  const tsd = yield* serve
  const proxy = yield* ChaosProxy.make(tsd)
  return {
    ...proxy,
    received: Effect.sync(() => tsd.stored.map(receivedOf)),
    requests: Effect.sync(() =>
      tsd.asked.map(({ body }) => ({
        records: (JSON.parse(body) as ReadonlyArray<unknown>).length,
        bytes: Buffer.byteLength(body)
      }))
    )
  }
})

type Backend = Effect.Effect.Success<typeof backend>

/** What the server takes in a word. Fields are asked for as `name.field` too. */
const spell =
  (foreign: RegExp) =>
  (word: string, place: SinkContract.Place): string | undefined =>
    place === "text" || word === "" || foreign.test(word) ? undefined : word

const lines = (options: Partial<OpenTsdb.Options>, acknowledgedBy: "kernel" | "backend") =>
  ({
    name: `OpenTsdb, ${acknowledgedBy}`,
    backend,
    layer: ({ host, port }: Backend, delivery) => OpenTsdb.layer({ host, port, ...options, ...delivery }),
    wire: { acknowledgedBy, strings: false, times: "seconds", maxTags: 8, spell: spell(/[^\w./-]/u) }
  }) satisfies SinkContract.Subject<Backend>

describe.concurrent("OpenTsdb over TCP keeps the contract: it", () => {
  for (const { name, run } of SinkContract.checks(lines({}, "kernel"))) it.live(name, () => run)
})

describe.concurrent("OpenTsdb over TCP that waits for answers keeps the contract: it", () => {
  const subject = lines({ acknowledge: "version" }, "backend")
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})

describe.concurrent("OpenTsdb with totals keeps the contract: it", () => {
  const subject = lines({ acknowledge: "version", counters: "total" }, "backend")
  const wire = { ...subject.wire, counters: "total" } as const
  for (const { name, run } of SinkContract.checks({ ...subject, wire })) it.live(name, () => run)
})

describe.concurrent("OpenTsdb over HTTP keeps the contract: it", () => {
  const subject = {
    name: "OpenTsdb, HTTP",
    backend: Effect.map(backend, ({ requests, ...rest }) => ({ ...rest, writes: requests })),
    layer: ({ host, port }, delivery) =>
      OpenTsdb.layerHttp({
        url: `http://${host}:${port}`,
        username: "contract",
        password: Redacted.make(password),
        ...delivery
      }).pipe(Layer.provide(FetchHttpClient.layer)),
    wire: { strings: false, maxTags: 8, spell: spell(/[^\w./\p{L}-]|[\u{10000}-\u{10ffff}]/u) },
    secrets: [password]
  } satisfies SinkContract.Subject<SinkContract.Backend & ChaosProxy.ChaosProxy>
  for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
})
