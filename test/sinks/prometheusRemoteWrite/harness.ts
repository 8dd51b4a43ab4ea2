import type { Effect, Scope } from "effect"
import * as PrometheusRemoteWrite from "../../../src/sinks/PrometheusRemoteWrite.js"
import { received, type Told } from "../../encoding/remoteWrite.js"
import { type Answer, type Server, status } from "../../transport/server.js"
import * as Posting from "../posting.js"

/** Of a receiver that knows 2.0. */
export const taken: Answer = status(204, "", { "x-prometheus-remote-write-samples-written": "1" })

export const run = <E>(
  answer: Answer,
  program: Effect.Effect<unknown, E>,
  options: Partial<PrometheusRemoteWrite.Options> = {}
): Effect.Effect<Posting.Result, never, Scope.Scope> =>
  Posting.run(answer, program, (url) =>
    PrometheusRemoteWrite.layer({ url, hostTag: { key: "instance", value: "i" }, ...Posting.quick, ...options })
  )

/** What each request says. */
export const toldIn = ({ asked }: Server): ReadonlyArray<ReadonlyArray<Told>> =>
  asked.map(({ bytes, headers }) => received(headers, bytes))
