import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Console, Metrics } from "effect-metrics"

const orders = Metrics.counter("orders", { tagKeys: ["country"] })
const duration = Metrics.timer("order.duration")

const order = (country: string) =>
  Effect.sleep("20 millis").pipe(
    Metrics.trackCount(orders, { tags: { country } }),
    Metrics.trackDuration(duration, { outcome: true })
  )

const program = Effect.forEach(["de", "pt", "de"], order, { discard: true }).pipe(Effect.repeatN(49))

program.pipe(Effect.provide(Console.layer()), NodeRuntime.runMain)
