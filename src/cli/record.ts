/** Records measurements into a hub. */
import { Effect } from "effect"
import * as Metrics from "../Metrics.js"
import type { CounterEntry, DistributionEntry, GaugeEntry } from "../recording/entry.js"
import * as Instrument from "../recording/instrument.js"
import { recordAt } from "../recording/whole.js"
import type { Measure, Value } from "./measure.js"

/** As an app does: what has no time of its own is gathered with others of its series. */
export const recordInto = (hub: Metrics.Service, measure: Measure): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { level, name, nanos, tags } = measure
    if (measure.kind === "point") return Metrics.emit(name, measure.fields, { tags, level, timestamp: nanos })
    if (nanos !== undefined) return Effect.sync(() => recordThen(hub, measure, nanos))
    switch (measure.kind) {
      case "counter":
        return Metrics.incrementBy(Metrics.counter(name), measure.value, { tags, level })
      case "gauge":
        return Metrics.set(Metrics.gauge(name), measure.value, { tags, level })
      case "timer":
        return Metrics.record(Metrics.timer(name), measure.value, { tags, level })
      case "distribution":
        return Metrics.record(Metrics.distribution(name), measure.value, { tags, level })
    }
  })

const nanosPerMilli = 1_000_000n

/** A recording with a time is a point with the field `value`. */
const recordThen = (hub: Metrics.Service, { kind, level, name, tags, value }: Value, nanos: bigint): void => {
  const instrument = Instrument.make(kind, name, { aggregate: false, level })
  // An instrument of these kinds has no entry of a point.
  const entry = hub.entry(instrument, hub.region([]), tags) as CounterEntry | GaugeEntry | DistributionEntry | undefined
  if (entry === undefined) return
  recordAt(entry, value, {
    millis: Number(nanos / nanosPerMilli),
    nanos: Number(nanos % nanosPerMilli),
    sampleRate: 1,
    weight: 1
  })
}
