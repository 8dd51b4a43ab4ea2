/**
 * Metrics for Effect apps: instrument once, ship to any number of backends.
 *
 * @module effect-metrics
 * @since 0.1.0
 */

/**
 * The relay's broker: forwards what publishers send to workers.
 *
 * @since 0.1.0
 */
export * as Broker from "./relay/Broker.js"

/**
 * A sink for people: a live table on a terminal, plain lines elsewhere.
 *
 * @since 0.1.0
 */
export * as Console from "./sinks/Console.js"

/**
 * A sink for people: a page in the browser that shows what is recorded, live.
 *
 * @since 0.1.0
 */
export * as Dashboard from "./web/Dashboard.js"

/**
 * A source: what is recorded with Effect's own `Metric`.
 *
 * @since 0.1.0
 */
export * as EffectMetrics from "./sources/EffectMetrics.js"

/**
 * A sink for Graphite: plaintext and pickles over TCP.
 *
 * @since 0.1.0
 */
export * as Graphite from "./sinks/Graphite.js"

/**
 * A source: the requests that an HTTP client of @effect/platform makes.
 *
 * @since 0.1.0
 */
export * as HttpClientMetrics from "./sources/HttpClientMetrics.js"

/**
 * A source: the requests that an HTTP server of @effect/platform answers.
 *
 * @since 0.1.0
 */
export * as HttpServerMetrics from "./sources/HttpServerMetrics.js"

/**
 * A sink for InfluxDB 1, 2 and 3, and what else takes line protocol over HTTP.
 *
 * @since 0.1.0
 */
export * as InfluxDb from "./sinks/InfluxDb.js"

/**
 * A sink's account of every recording.
 *
 * @since 0.1.0
 */
export * as Ledger from "./Ledger.js"

/**
 * A sink for Librato and AppOptics: JSON over HTTP, with sources or with tags.
 *
 * @since 0.1.0
 */
export * as Librato from "./sinks/Librato.js"

/**
 * What a sink receives.
 *
 * @since 0.1.0
 */
export * as Measurement from "./Measurement.js"

/**
 * Instruments, combinators, direct recording, the service and its layers.
 *
 * @since 0.1.0
 */
export * as Metrics from "./Metrics.js"

/**
 * A sink that is read: a pipe with a name, in which whoever opens it finds everything as it is, in statvent's text.
 *
 * @since 0.1.0
 */
export * as NamedPipe from "./sinks/NamedPipe.js"

/**
 * Sinks for OpenTSDB: `put` lines over TCP, and JSON over HTTP.
 *
 * @since 0.1.0
 */
export * as OpenTsdb from "./sinks/OpenTsdb.js"

/**
 * A sink for OpenTelemetry: OTLP over HTTP, in protobuf or JSON.
 *
 * @since 0.1.0
 */
export * as Otlp from "./sinks/Otlp.js"

/**
 * A sink that is read: what Prometheus scrapes, on a port of its own or on the app's server.
 *
 * @since 0.1.0
 */
export * as Prometheus from "./web/Prometheus.js"

/**
 * A sink for Prometheus, and what else takes its remote write: 2.0 or 1.0.
 *
 * @since 0.1.0
 */
export * as PrometheusRemoteWrite from "./sinks/PrometheusRemoteWrite.js"

/**
 * A sink for Prometheus' Pushgateway.
 *
 * @since 0.1.0
 */
export * as Pushgateway from "./sinks/Pushgateway.js"

/**
 * A source: the process and its JavaScript runtime.
 *
 * @since 0.1.0
 */
export * as RuntimeMetrics from "./sources/RuntimeMetrics.js"

/**
 * Making a sink of one's own, the options that all have, and the errors they know.
 *
 * @since 0.1.0
 */
export * as Sink from "./Sink.js"

/**
 * The web service over the pipes of a host: JSON, Prometheus' text, and a page.
 *
 * @since 0.1.0
 */
export * as StatsServer from "./web/StatsServer.js"

/**
 * A sink for StatsD: etsy's daemon and what speaks its protocol, and DogStatsD; over UDP, Unix sockets and TCP.
 *
 * @since 0.1.0
 */
export * as StatsD from "./sinks/StatsD.js"

/**
 * What carries messages between publishers and workers.
 *
 * @since 0.1.0
 */
export * as Transport from "./relay/Transport.js"

/**
 * The relay's worker: merges what publishers send, and records it into sinks.
 *
 * @since 0.1.0
 */
export * as Worker from "./relay/Worker.js"

/**
 * A sink that publishes to a stream of NATS JetStream.
 *
 * @since 0.1.0
 */
export * as Nats from "./sinks/Nats.js"

/**
 * A sink that publishes to the relay's broker over ZeroMQ.
 *
 * @since 0.1.0
 */
export * as ZeroMq from "./sinks/ZeroMq.js"
