/**
 * Upper bounds of buckets where nobody declares any, as the field is used to them.
 */

/** Of OpenTelemetry's specification, for values of any unit. */
export const usual: ReadonlyArray<number> = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000]

/** Of OpenTelemetry's conventions, in seconds: what they advise for the durations of requests. */
export const usualSeconds: ReadonlyArray<number> = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10
]

/** Whether they can be bounds: finite and ascending. */
export const isBoundaries = (given: unknown): given is ReadonlyArray<number> =>
  Array.isArray(given) &&
  given.length > 0 &&
  given.every((bound, i) => Number.isFinite(bound) && (i === 0 || given[i - 1] < bound))
