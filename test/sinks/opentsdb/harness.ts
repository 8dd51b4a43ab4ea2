/** The sinks against the stand-in for OpenTSDB, with waits too short to be noticed. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert } from "@effect/vitest"
import type { Scope } from "effect"
import { Clock, Effect, Layer, Logger } from "effect"
import * as Ledger from "../../../src/Ledger.js"
import * as Metrics from "../../../src/Metrics.js"
import * as OpenTsdb from "../../../src/sinks/OpenTsdb.js"
import { serve, type Tsd } from "./server.js"

const quick = {
  hostTag: "none",
  tags: { host: "h" },
  retry: { initial: "1 millis", max: "5 millis" },
  schedule: Metrics.aligned("1 hour")
} as const satisfies OpenTsdb.PointOptions

export interface Result {
  readonly tsd: Tsd
  readonly ledger: Ledger.Ledger
  /** Everything that was logged, as text. */
  readonly logged: string
}

export type Program = Effect.Effect<unknown> | ((tsd: Tsd) => Effect.Effect<unknown>)

const runWith =
  <O extends OpenTsdb.PointOptions>(
    layerOf: (tsd: Tsd, options: Partial<O>) => Layer.Layer<Metrics.Metrics, unknown>
  ) =>
  (
    program: Program,
    options: Partial<O> = {},
    setup: (tsd: Tsd) => void = () => {}
  ): Effect.Effect<Result, never, Scope.Scope> =>
    Effect.gen(function* () {
      const tsd = yield* serve
      setup(tsd)
      const logs: Array<string> = []
      const logger = Logger.make((entry) => void logs.push(JSON.stringify(Logger.structuredLogger.log(entry))))
      const hub = yield* Effect.zipRight(typeof program === "function" ? program(tsd) : program, Metrics.Metrics).pipe(
        Effect.provide(layerOf(tsd, options)),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Effect.orDie
      )
      const { ledger } = Metrics.ledgersOf(hub)[0]!
      assert.strictEqual(Ledger.imbalance(ledger), 0)
      return { tsd, ledger, logged: logs.join("\n") }
    })

/** Over TCP. Done when the server has read what the sink wrote. */
export const run = (
  program: Program,
  options: Partial<OpenTsdb.Options> = {},
  setup?: (tsd: Tsd) => void
): Effect.Effect<Result, never, Scope.Scope> =>
  Effect.tap(
    runWith<OpenTsdb.Options>(({ port }, options) => OpenTsdb.layer({ ...quick, host: "127.0.0.1", port, ...options }))(
      program,
      options,
      setup
    ),
    ({ tsd }) => until(() => tsd.open() === 0)
  )

export const runHttp = runWith<OpenTsdb.HttpOptions>(({ url }, options) =>
  OpenTsdb.layerHttp({ ...quick, url, ...options }).pipe(Layer.provide(FetchHttpClient.layer))
)

/** For what happens on the other side of a socket, which knows no test clock. */
export const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (isSo() ? Effect.void : Effect.delay(until(isSo), "5 millis"))).pipe(
    Effect.withClock(Clock.make())
  )

/** Without their times. */
export const bare = ({ lines }: Tsd): ReadonlyArray<string> => lines.map((line) => line.replace(/^(put \S+) \d+/, "$1"))
