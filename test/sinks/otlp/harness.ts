/** The sink against a receiver on this machine that answers by a script, with waits too short to be noticed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Layer, Logger } from "effect"
import * as Ledger from "../../../src/Ledger.js"
import * as Metrics from "../../../src/Metrics.js"
import * as Otlp from "../../../src/sinks/Otlp.js"
import { decode, metricsOf, ofJson, type Metric, type Request } from "../../encoding/otlp.js"
import type { Answer, Asked, Server } from "../../transport/server.js"
import { serve } from "../../transport/server.js"

export interface Result {
  readonly server: Server
  readonly ledger: Ledger.Ledger
  /** Everything that was logged, as text. */
  readonly logged: string
}

/** Runs a program above the sink until all is written, and tells what the receiver got and the ledger says. */
export const run = <E>(
  answer: Answer,
  program: Effect.Effect<unknown, E>,
  options: Partial<Otlp.Options> | ((url: string) => Partial<Otlp.Options>) = {}
): Effect.Effect<Result, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const layer = Otlp.layer({
      url: server.url,
      retry: { initial: "1 millis", max: "5 millis" },
      schedule: Metrics.aligned("1 hour"),
      ...(typeof options === "function" ? options(server.url) : options)
    })
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(Layer.provide(layer, FetchHttpClient.layer)),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const [lane] = Metrics.ledgersOf(hub)
    assert.strictEqual(Ledger.imbalance(lane!.ledger), 0)
    return { server, ledger: lane!.ledger, logged: logs.join("\n") }
  })

export const requestOf = ({ body, bytes, headers }: Asked): Request =>
  headers["content-type"] === "application/json" ? ofJson(body) : decode(bytes)

/** All metrics of all requests, one after the other. */
export const metrics = ({ asked }: Server): ReadonlyArray<Metric> => asked.flatMap((one) => metricsOf(requestOf(one)))
