/** The options of sinks that can be given as text: those that are plain values, by their names. */
import type { DeliveryOptions } from "../Sink.js"
import type * as Console from "../sinks/Console.js"
import type * as Graphite from "../sinks/Graphite.js"
import type * as InfluxDb from "../sinks/InfluxDb.js"
import type * as Librato from "../sinks/Librato.js"
import type * as Nats from "../sinks/Nats.js"
import type * as OpenTsdb from "../sinks/OpenTsdb.js"
import type * as Otlp from "../sinks/Otlp.js"
import type * as StatsD from "../sinks/StatsD.js"
import type * as ZeroMq from "../sinks/ZeroMq.js"
import type { NatsOptions } from "../relay/Transport.js"
import type { ServerOptions } from "../transport/natsOptions.js"
import { choice, duration, flag, list, number, pairs, text, threshold, type Values } from "./values.js"

const delivery: Values<DeliveryOptions> = {
  name: text,
  triggerSize: number,
  batchSize: number,
  batchBytes: number,
  capacity: number,
  capacityBytes: number,
  overflow: choice("drop-newest", "drop-oldest"),
  concurrency: number,
  maxAge: duration,
  rateLimit: number,
  sampleRate: number,
  levels: list(text),
  prefix: text,
  tags: pairs,
  hostTag: choice("auto", "none"),
  maxSeries: number,
  expireAfter: duration,
  aggregate: flag,
  resend: choice("changed", "always"),
  ambiguous: choice("retry", "drop"),
  shutdownTimeout: duration,
  requestTimeout: duration,
  selfMetrics: flag
}

const quantiles = list(number)

export const influxDb: Values<InfluxDb.Options> = {
  ...delivery,
  headers: pairs,
  version: choice(1, 2, 3),
  org: text,
  retentionPolicy: text,
  consistency: choice("any", "one", "quorum", "all"),
  precision: choice("ns", "us", "ms", "s"),
  gzip: threshold,
  createDatabase: flag,
  uint: choice("supported", "unsupported"),
  quantiles
}

export const otlp: Values<Otlp.Options> = {
  ...delivery,
  headers: pairs,
  format: choice("protobuf", "json"),
  gzip: threshold,
  resource: pairs,
  temporality: choice("cumulative", "delta"),
  histograms: choice("exponential", "explicit"),
  boundaries: list(number),
  names: choice("strict", "any")
}

const points: Values<OpenTsdb.PointOptions> = {
  ...delivery,
  resolution: choice("ms", "s"),
  duplicates: choice("spread", "last"),
  counters: choice("increase", "total"),
  maxTags: number,
  sanitise: text,
  quantiles
}

export const openTsdb: Values<OpenTsdb.Options> = { ...points, tls: flag, acknowledge: choice("none", "version") }

export const openTsdbHttp: Values<OpenTsdb.HttpOptions> = {
  ...points,
  headers: pairs,
  gzip: threshold,
  acknowledge: choice("queued", "stored")
}

export const statsD: Values<StatsD.Options> = {
  ...delivery,
  dialect: choice("etsy", "dogstatsd"),
  tagStyle: choice("graphite", "influx", "librato", "signalfx", "datadog", "none"),
  sanitise: flag,
  maxPacketBytes: number,
  histogramAs: choice("h", "d", "ms", "none"),
  quantiles,
  timestamps: choice("none", "numbers", "all"),
  packedValues: flag,
  containerId: text,
  externalData: text,
  cardinality: choice("none", "low", "orchestrator", "high"),
  telemetry: flag,
  pacing: choice("none")
}

export const graphite: Values<Graphite.Options> = {
  ...delivery,
  tls: flag,
  naming: choice("tagged", "dotted"),
  sanitise: flag,
  quantiles
}

export const librato: Values<Librato.Options> = {
  ...delivery,
  headers: pairs,
  api: choice("metrics", "measurements"),
  email: text,
  sourceTags: list(text),
  naming: choice("folded", "bare"),
  sanitise: flag,
  period: number,
  quantiles,
  gzip: threshold
}

export const terminal: Values<Console.Options> = {
  ...delivery,
  format: choice("auto", "table", "lines"),
  color: choice("auto", "always", "never"),
  maxRows: number,
  maxPoints: number
}

export const zeroMq: Values<ZeroMq.Options> = {
  ...delivery,
  format: choice("native", "zibrato"),
  source: text,
  publisher: text,
  highWaterMark: number
}

const natsServer: Values<ServerOptions> = {
  subject: text,
  replicas: number,
  maxBytes: number,
  duplicateWindow: duration
}

export const nats: Values<Nats.Options> = { ...delivery, ...natsServer, publisher: text }

export const natsWorker: Values<NatsOptions> = {
  ...natsServer,
  durable: text,
  ackWait: duration,
  maxPending: number,
  maxDeliver: number,
  deadLetters: text
}
