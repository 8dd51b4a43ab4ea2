/**
 * For tests of apps and of sinks.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 */
export * as FaultySink from "./FaultySink.js"

/**
 * @since 0.1.0
 */
export * as SinkContract from "./SinkContract.js"

/**
 * @since 0.1.0
 */
export * as TestMetrics from "./TestMetrics.js"
