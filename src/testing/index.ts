/**
 * For tests of apps and of sinks.
 *
 * @module effect-metrics/testing
 * @since 0.1.0
 */

/**
 * A backend that does what a test tells it to.
 *
 * @since 0.1.0
 */
export * as FaultySink from "./FaultySink.js"

/**
 * The suite that every sink must pass.
 *
 * @since 0.1.0
 */
export * as SinkContract from "./SinkContract.js"

/**
 * Metrics in unit tests: a layer that keeps every recording, and readers for it.
 *
 * @since 0.1.0
 */
export * as TestMetrics from "./TestMetrics.js"
