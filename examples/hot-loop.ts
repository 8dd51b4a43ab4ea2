/**
 * Recording in a loop that must not pay for it: handles, and points only for what is worth one.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Console, Metrics } from "effect-metrics"

const rows = Metrics.counter("import.rows", { valueType: "int", tagKeys: ["table"] })
const sizes = Metrics.distribution("import.row.size", { unit: "By" })

const importRows = (table: string, count: number) =>
  Effect.gen(function* () {
    // Looked up once. A handle is for this program's sinks, also for those that are added later.
    const counted = yield* Metrics.bind(rows, { table })
    const measured = yield* Metrics.bind(sizes)
    for (let row = 0; row < count; row++) {
      counted.increment()
      measured.record(64 + (row % 512))
    }
    yield* Metrics.emit("import.done", { rows: count }, { tags: { table } })
  })

importRows("orders", 1_000_000).pipe(Effect.provide(Console.layer({ format: "lines" })), NodeRuntime.runMain)
