// @ts-check
/** The peers, set up as their documentation says, without I/O. */
import { AggregationType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics"
import { StatsD } from "hot-shots"
import { Registry } from "prom-client"

/** The SDK records nothing until it has a reader. */
class ManualReader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

/** @param {ReadonlyArray<object>} [views] */
export const otelMeter = (views = []) =>
  new MeterProvider({ readers: [new ManualReader()], views: /** @type {any} */ (views) }).getMeter("bench")

export const exponentialView = { instrumentName: "*", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }

export const promRegistry = () => new Registry()

/** Formats every metric and keeps it in `mockBuffer`, which the subject empties. */
export const statsdMock = () => new StatsD({ mock: true })
