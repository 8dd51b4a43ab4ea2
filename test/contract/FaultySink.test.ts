/**
 * The sink that does what a test tells it to keeps the contract as well, so that an app's test against it shows what a real
 * one would do.
 */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { FieldValue, Measurement } from "../../src/recording/measurement.js"
import * as Sink from "../../src/Sink.js"
import * as FaultySink from "../../src/testing/FaultySink.js"
import * as SinkContract from "../../src/testing/SinkContract.js"

const plain = (value: FieldValue): number | bigint | boolean | string =>
  typeof value === "object" ? value.value : value

const fieldsOf = (one: Measurement): SinkContract.Received["fields"] => {
  if (one._tag === "distribution") return { count: one.histogram.count, sum: one.histogram.sum }
  if (one._tag !== "point") return { value: one.value }
  return Object.fromEntries(one.fieldNames.map((name, i) => [name, plain(one.fieldValues[i]!)]))
}

const receivedOf = (one: Measurement): SinkContract.Received => ({
  name: one.series.name,
  tags: Object.fromEntries(one.series.tags),
  fields: fieldsOf(one),
  millis: one.millis
})

const answers: Readonly<Record<Exclude<SinkContract.Fault, "slow">, FaultySink.Answer>> = {
  none: "ok",
  hang: "hang",
  down: new Sink.Unavailable({ sink: "faulty", reason: "it is down", ambiguous: false }),
  close: new Sink.Unavailable({ sink: "faulty", reason: "it closed the connection", ambiguous: true })
}

/** The sink is its own backend, and is made with the options that a check asks for. */
const backend = Effect.sync(() => {
  let faulty: FaultySink.FaultySink | undefined
  let answer: FaultySink.Answer = "ok"
  return {
    layer: (delivery: Sink.DeliveryOptions) => {
      const made = FaultySink.make(delivery)
      made.answer(() => answer)
      faulty ??= made
      return made.layer
    },
    received: Effect.sync(() => (faulty?.received() ?? []).map(receivedOf)),
    fault: (fault: SinkContract.Fault) =>
      Effect.sync(() => {
        if (fault !== "slow") answer = answers[fault]
      })
  }
})

describe.concurrent("FaultySink keeps the contract: it", () => {
  const checks = SinkContract.checks({
    name: "FaultySink",
    backend,
    layer: ({ layer }, delivery) => layer(delivery),
    wire: { batchBytes: false },
    faults: ["down", "hang", "close"]
  })
  for (const { name, run } of checks) it.live(name, () => run)
})
