/** The sink against a receiver on this machine that answers by a script, with waits too short to be noticed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Layer, Logger } from "effect"
import * as Ledger from "../../../src/Ledger.js"
import * as Metrics from "../../../src/Metrics.js"
import * as PrometheusRemoteWrite from "../../../src/sinks/PrometheusRemoteWrite.js"
import { received, type Told } from "../../encoding/remoteWrite.js"
import type { Answer, Server } from "../../transport/server.js"
import { serve, status } from "../../transport/server.js"

export interface Result {
  readonly server: Server
  readonly ledger: Ledger.Ledger
  /** Everything that was logged, as text. */
  readonly logged: string
}

/** Of a receiver that knows 2.0. */
export const taken: Answer = status(204, "", { "x-prometheus-remote-write-samples-written": "1" })

/** Runs a program above the sink until all is written, and tells what the receiver got and the ledger says. */
export const run = <E>(
  answer: Answer,
  program: Effect.Effect<unknown, E>,
  options: Partial<PrometheusRemoteWrite.Options> = {}
): Effect.Effect<Result, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const layer = PrometheusRemoteWrite.layer({
      url: server.url,
      hostTag: { key: "instance", value: "i" },
      retry: { initial: "1 millis", max: "5 millis" },
      schedule: Metrics.aligned("1 hour"),
      ...options
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

/** What each request says. */
export const toldIn = ({ asked }: Server): ReadonlyArray<ReadonlyArray<Told>> =>
  asked.map(({ bytes, headers }) => received(headers, bytes))
