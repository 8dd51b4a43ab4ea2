/** The sink against the stand-in, with waits too short to be noticed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Layer, Logger, Redacted } from "effect"
import * as Ledger from "../../../src/Ledger.js"
import * as Metrics from "../../../src/Metrics.js"
import * as Librato from "../../../src/sinks/Librato.js"
import type { Answer as Respond, Server } from "../../transport/server.js"
import { serve } from "../../transport/server.js"
import type { StandIn } from "./stand-in.js"

export const account = { email: "ops@example.org", token: Redacted.make("canary") } as const

export const quick = {
  hostTag: { value: "h" },
  retry: { initial: "1 millis", max: "5 millis" },
  schedule: Metrics.aligned("1 hour")
} as const satisfies Partial<Librato.Options>

export const respond =
  ({ answer }: StandIn): Respond =>
  ({ body, headers, method, socket, url }, response) => {
    const { body: text = "", headers: said = {}, status } = answer({ method, path: url, headers, body })
    if (status === -1) socket.destroy()
    else response.writeHead(status, said).end(text)
  }

export interface Result {
  readonly server: Server
  readonly ledger: Ledger.Ledger
  /** Everything that was logged, as text. */
  readonly logged: string
}

/** Runs a program above the sink until all is written, and tells what the service got and the ledger says. */
export const run = (
  service: StandIn | Respond,
  program: Effect.Effect<unknown>,
  options: Partial<Librato.Options> | ((url: string) => Partial<Librato.Options>) = {}
): Effect.Effect<Result, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* serve(typeof service === "function" ? service : respond(service))
    const logs: Array<string> = []
    const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
    const given = typeof options === "function" ? options(server.url) : options
    const who = given.service === "appoptics" ? { token: account.token } : account
    const hub = yield* Effect.zipRight(program, Metrics.Metrics).pipe(
      Effect.provide(
        Librato.layer({ ...quick, ...who, url: server.url, ...given }).pipe(Layer.provide(FetchHttpClient.layer))
      ),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.orDie
    )
    const [lane] = Metrics.ledgersOf(hub)
    assert.strictEqual(Ledger.imbalance(lane!.ledger), 0)
    return { server, ledger: lane!.ledger, logged: logs.join("\n") }
  })
