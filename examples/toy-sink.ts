import { Effect } from "effect"
import { type Measurement, Sink } from "effect-metrics"

/** Posts each batch as a JSON array. */
export const ToyDb = (url: string, options: Sink.DeliveryOptions = {}) => {
  const lost = (reason: string, ambiguous: boolean) => new Sink.Unavailable({ sink: "toydb", reason, ambiguous })
  const write = ({ measurements }: Sink.Batch) =>
    Effect.tryPromise({
      try: (signal) => fetch(url, { method: "POST", body: JSON.stringify(measurements.map(toJson)), signal }),
      catch: () => lost("no answer", true)
    }).pipe(Effect.flatMap(({ ok, status }) => (ok ? Effect.void : lost(`status ${status}`, false))))
  return Sink.layer({ ...options, name: options.name ?? "toydb", make: Effect.succeed({ write }) })
}

const toJson = (one: Sink.Measurement) => {
  const record = { name: one.series.name, tags: Object.fromEntries(one.series.tags), millis: one.millis }
  if (one._tag === "distribution") return { ...record, fields: { count: one.histogram.count, sum: one.histogram.sum } }
  if (one._tag !== "point") return { ...record, fields: { value: one.value } }
  return { ...record, fields: Object.fromEntries(one.fieldNames.map((name, i) => [name, plain(one.fieldValues[i]!)])) }
}

const plain = (value: Measurement.FieldValue) =>
  typeof value === "string" ? value : Number(typeof value === "object" ? value.value : value)
