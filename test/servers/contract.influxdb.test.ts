/**
 * The contract of sinks, with InfluxDB itself behind a proxy that plays the faults.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as InfluxDb from "../../src/sinks/InfluxDb.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import type { Server } from "./harness.js"
import { influxDb, noInfluxDb } from "./harness.js"

type Value = number | boolean | string

interface Answer {
  readonly results: ReadonlyArray<{
    readonly error?: string
    readonly series?: ReadonlyArray<{
      readonly name: string
      readonly tags?: Readonly<Record<string, string>>
      readonly columns: ReadonlyArray<string>
      readonly values: ReadonlyArray<readonly [time: number, ...fields: ReadonlyArray<Value | null>]>
    }>
  }>
}

const ask = async (server: Server, database: string, statement: string): Promise<Answer> => {
  const body = new URLSearchParams({ db: database, q: statement, epoch: "ns" })
  const answer = (await (await fetch(`${server.url}/query`, { method: "POST", body })).json()) as Answer
  for (const { error } of answer.results) if (error !== undefined) throw new Error(error)
  return answer
}

/**
 * Measurement by measurement: one question for all would leave out fields that have another type elsewhere.
 */
const everything = async (server: Server, database: string): Promise<Answer> => {
  const named = await ask(server, database, "SHOW MEASUREMENTS")
  const names = named.results.flatMap(({ series = [] }) => series.flatMap(({ values }) => values.map(String)))
  return names.length === 0
    ? { results: [] }
    : ask(server, database, names.map((name) => `SELECT * FROM ${quote(name)} GROUP BY *`).join(";"))
}

const quote = (name: string): string => `"${name.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\n")}"`

/** A row is a record; they come series by series, so their order is that of their times. */
const read = (answer: Answer): ReadonlyArray<SinkContract.Received> =>
  answer.results
    .flatMap(({ series = [] }) =>
      series.flatMap(({ columns, name, tags = {}, values }) =>
        values.map(([time, ...fields]) => ({
          name,
          tags,
          fields: Object.fromEntries(
            fields.flatMap((value, i) => (value === null ? [] : [[columns[i + 1] ?? "", value] as const]))
          ),
          millis: time / 1e6
        }))
      )
    )
    .sort((a, b) => a.millis - b.millis)

describe.skipIf(noInfluxDb !== false)(`the contract${noInfluxDb === false ? "" : ` (${noInfluxDb})`}`, () => {
  let server: Server
  beforeAll(async () => {
    server = await influxDb()
  })
  afterAll(() => server?.stop())

  let databases = 0
  const backend = Effect.gen(function* () {
    const database = `contract${++databases}`
    yield* Effect.promise(() => ask(server, "", `CREATE DATABASE ${database}`))
    const proxy = yield* ChaosProxy.make(server)
    return {
      ...proxy,
      database,
      received: Effect.map(
        Effect.promise(() => everything(server, database)),
        read
      )
    }
  })

  describe.concurrent("is kept by InfluxDb with InfluxDB 1: it", () => {
    const checks = SinkContract.checks({
      name: "InfluxDb",
      backend,
      layer: ({ database, host, port }, delivery) =>
        InfluxDb.layer({ url: `http://${host}:${port}`, database, ...delivery }).pipe(
          Layer.provide(FetchHttpClient.layer)
        )
    })
    for (const { name, run } of checks) it.live(name, () => run)
  })
})
