import type { Effect, Scope } from "effect"
import * as Otlp from "../../../src/sinks/Otlp.js"
import { decode, metricsOf, ofJson, type Metric, type Request } from "../../encoding/otlp.js"
import type { Answer, Asked, Server } from "../../transport/server.js"
import * as Posting from "../posting.js"

export const run = <E>(
  answer: Answer,
  program: Effect.Effect<unknown, E>,
  options: Partial<Otlp.Options> | ((url: string) => Partial<Otlp.Options>) = {}
): Effect.Effect<Posting.Result, never, Scope.Scope> =>
  Posting.run(answer, program, (url) =>
    Otlp.layer({ url, ...Posting.quick, ...(typeof options === "function" ? options(url) : options) })
  )

export const requestOf = ({ body, bytes, headers }: Asked): Request =>
  headers["content-type"] === "application/json" ? ofJson(body) : decode(bytes)

/** All metrics of all requests, one after the other. */
export const metrics = ({ asked }: Server): ReadonlyArray<Metric> => asked.flatMap((one) => metricsOf(requestOf(one)))
