import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Graphite from "../../src/sinks/Graphite.js"
import * as ChaosProxy from "../../src/testing/ChaosProxy.js"
import * as SinkContract from "../../src/testing/SinkContract.js"
import { parsePath } from "../encoding/graphite.js"
import * as StandIn from "../sinks/graphite/standIn.js"

type Backend = SinkContract.Backend & ChaosProxy.ChaosProxy

const backend = (protocol: "plaintext" | "pickle") =>
  Effect.gen(function* () {
    const { port, records } = yield* StandIn.make(protocol)
    const proxy = yield* ChaosProxy.make({ port })
    const received = Effect.map(records, (all) =>
      all.map(({ path, second, value }) => {
        const { name, tags } = parsePath(path)
        return { name, tags: Object.fromEntries(tags), fields: { value }, millis: second * 1000 }
      })
    )
    return { ...proxy, received }
  })

for (const protocol of ["plaintext", "pickle"] as const) {
  describe.concurrent(`Graphite keeps the contract, by ${protocol}: it`, () => {
    const subject: SinkContract.Subject<Backend> = {
      name: `Graphite (${protocol})`,
      backend: backend(protocol),
      layer: ({ host, port }, delivery) => Graphite.layer({ host, port, protocol, ...delivery }),
      wire: { acknowledgedBy: "kernel", strings: false, times: "seconds" }
    }
    for (const { name, run } of SinkContract.checks(subject)) it.live(name, () => run)
  })
}
