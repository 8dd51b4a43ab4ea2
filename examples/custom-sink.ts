import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { Metrics, Sink } from "effect-metrics"

/** One JSON line a measurement; `write` may fail with `Sink.Unavailable` and the like, and the lane does the rest. */
const JsonLines = (options: Sink.DeliveryOptions = {}) =>
  Sink.layer({
    ...options,
    name: options.name ?? "json-lines",
    make: Effect.succeed({
      write: ({ measurements }: Sink.Batch) =>
        Effect.forEach(measurements, (measurement) => Effect.sync(() => console.log(toJson(measurement))), {
          discard: true
        })
    })
  })

const toJson = (measurement: Sink.Measurement): string => {
  const { millis, series } = measurement
  const common = { name: series.name, tags: Object.fromEntries(series.tags), millis }
  switch (measurement._tag) {
    case "count":
    case "gauge":
      return JSON.stringify({ ...common, value: measurement.value })
    case "distribution": {
      const { count, sum } = measurement.histogram
      return JSON.stringify({ ...common, count, sum, p99: measurement.histogram.quantile(0.99) })
    }
    case "point":
      return JSON.stringify({
        ...common,
        fields: measurement.fieldNames.map((name, i) => [name, String(measurement.fieldValues[i])])
      })
  }
}

const job = Effect.sleep("10 millis").pipe(Metrics.track("job", { tags: { queue: "mail" } }))

job.pipe(Effect.repeatN(9), Effect.provide(JsonLines({ tags: { env: "demo" } })), NodeRuntime.runMain)
