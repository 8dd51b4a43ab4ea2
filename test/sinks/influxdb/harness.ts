/** The sink against a server on this machine that answers by a script, with waits too short to be noticed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Layer, Logger } from "effect"
import * as Ledger from "../../../src/Ledger.js"
import * as Metrics from "../../../src/Metrics.js"
import * as InfluxDb from "../../../src/sinks/InfluxDb.js"
import type { Answer, Server } from "../../transport/server.js"
import { serve } from "../../transport/server.js"

export const quick = {
  hostTag: "none",
  tags: { host: "h" },
  retry: { initial: "1 millis", max: "5 millis" },
  schedule: Metrics.aligned("1 hour")
} as const satisfies Partial<InfluxDb.Options>

export const layerOf = (options: Partial<InfluxDb.Options> & Pick<InfluxDb.Options, "url">) =>
  InfluxDb.layer({ ...quick, database: options.version === 2 ? undefined : "app", ...options }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )

export interface Result {
  readonly server: Server
  /** By lane. */
  readonly ledgers: Readonly<Record<string, Ledger.Ledger>>
  /** Of the first lane. */
  readonly ledger: Ledger.Ledger
  /** Everything that was logged, as text. */
  readonly logged: string
}

/** Runs a program above the sink until all is written, and tells what the server got and the ledgers say. */
export const run = (
  answer: Answer,
  program: Effect.Effect<unknown>,
  options: Partial<InfluxDb.Options> | ((url: string) => Partial<InfluxDb.Options>) = {}
): Effect.Effect<Result, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(layerOf({ url: server.url, ...(typeof options === "function" ? options(server.url) : options) })),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const ledgers = Object.fromEntries(Metrics.ledgersOf(hub).map(({ ledger, name }) => [name, ledger]))
    for (const ledger of Object.values(ledgers)) assert.strictEqual(Ledger.imbalance(ledger), 0)
    return { server, ledgers, ledger: ledgers["influxdb"]!, logged: logs.join("\n") }
  })

export const linesOf = ({ asked }: Server): ReadonlyArray<string> => asked.flatMap(({ body }) => body.split("\n"))
