// @ts-check
/** What the rows share of this library: runtimes with lanes whose sink takes everything and does nothing. */
import { Effect, Layer, Logger, LogLevel, ManagedRuntime, Schedule } from "effect"
import { Sink } from "../dist/index.js"

/** Lanes that flush only when told to, so that no round pays for another's windows. */
export const quiet = {
  schedule: Schedule.spaced("1 hour"),
  maxSeries: 2_000_000,
  hostTag: /** @type {const} */ ("none")
}

/** Its warnings are about what is wanted here: tags that do not tell processes apart, a backend that does not answer. */
export const silently = (/** @type {Layer.Layer<any, any>} */ layer) =>
  Layer.provide(layer, Logger.minimumLogLevel(LogLevel.None))

/** @param {string} name @param {object} [options] */
export const nullSink = (name, options = {}) =>
  Sink.layer({ name, make: Effect.succeed({ write: () => Effect.void }), ...quiet, ...options })

/** @param {number} lanes @param {object} [options] */
export const nullLanes = (lanes, options = {}) =>
  ManagedRuntime.make(
    Array.from({ length: lanes }, (_, i) => nullSink(`null-${i}`, options)).reduce((a, b) => Layer.mergeAll(a, b))
  )
