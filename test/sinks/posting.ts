/** A sink that posts, against a receiver on this machine that answers by a script, with waits too short to be noticed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type { HttpClient } from "@effect/platform/HttpClient"
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Layer, Logger } from "effect"
import * as Ledger from "../../src/Ledger.js"
import * as Metrics from "../../src/Metrics.js"
import type * as Sink from "../../src/Sink.js"
import { type Answer, serve, type Server } from "../transport/server.js"

export interface Result {
  readonly server: Server
  readonly ledger: Ledger.Ledger
  /** Everything that was logged, as text. */
  readonly logged: string
}

/** Tries again at once, and writes only when it is told to. */
export const quick = { retry: { initial: "1 millis", max: "5 millis" }, schedule: Metrics.aligned("1 hour") } as const

/** Runs a program above the sink until all is written, and tells what the receiver got and the ledger says. */
export const run = <E>(
  answer: Answer,
  program: Effect.Effect<unknown, E>,
  layerOf: (url: string) => Layer.Layer<Metrics.Metrics, Sink.InvalidOption, HttpClient>
): Effect.Effect<Result, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* serve(answer)
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(Layer.provide(layerOf(server.url), FetchHttpClient.layer)),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const [lane] = Metrics.ledgersOf(hub)
    assert.strictEqual(Ledger.imbalance(lane!.ledger), 0)
    return { server, ledger: lane!.ledger, logged: logs.join("\n") }
  })
