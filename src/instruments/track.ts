/**
 * Combinators: instruments around effects. They see every exit (success, failure, defect, interruption from inside or
 * outside) and never change the result, the error, the requirements or the interruptibility of what they wrap.
 */
import type { Effect, Exit } from "effect"
import type { GivenTags } from "../recording/hub.js"
import { stepGauges } from "../recording/entry.js"
import {
  type Counter,
  counter,
  type Distribution,
  type Gauge,
  gauge,
  inside,
  type Tags,
  type Timer,
  timer
} from "./declare.js"
import { around, clockOf, find, site } from "./site.js"

/**
 * Which exits are recorded: all, successes only, or all others (failures, defects and interruptions).
 *
 * @since 0.1.0
 * @category models
 */
export type When = "always" | "success" | "failure"

interface TrackBase {
  /** Which exits are recorded. Default `"always"`. */
  readonly when?: When | undefined
  /** Adds the tag `outcome`: `success`, `failure`, `defect` or `interrupt`. Default `false`. */
  readonly outcome?: boolean | undefined
  /** In place of the instrument's level. */
  readonly level?: string | undefined
}

/**
 * What is recorded of an effect, and how it is tagged.
 *
 * @since 0.1.0
 * @category models
 */
export interface TrackOptions<TagKeys extends string = string> extends TrackBase {
  /** They win over the tags of the fiber's region, those over the lane's. */
  readonly tags?: Tags<TagKeys> | undefined
}

/**
 * As `TrackOptions`, with tags that depend on how the effect ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface TrackExitOptions<TagKeys extends string, in A, in E> extends TrackBase {
  /** Tags that depend on how the effect ended. If it throws, the recording is refused as `threw`. */
  readonly tags: (exit: Exit.Exit<A, E>) => Tags<TagKeys>
}

/**
 * A combinator that keeps the type of what it wraps.
 *
 * @since 0.1.0
 * @category models
 */
export type Track = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * A combinator for effects whose exits a tag function can read.
 *
 * @since 0.1.0
 * @category models
 */
export type TrackExit<A, E> = <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface AnyOptions extends TrackBase {
  readonly tags?: GivenTags | ((exit: Exit.Exit<never, never>) => GivenTags) | undefined
}

/** The two overloads give a tag function the exits of the effect that it is put around. */
const siteOptions = (options: AnyOptions | undefined): Parameters<typeof site>[1] => ({
  tags: options?.tags as GivenTags | ((exit: Exit.Exit<unknown, unknown>) => GivenTags) | undefined,
  outcome: options?.outcome
})

const wanted = (when: When | undefined, exit: Exit.Exit<unknown, unknown>): boolean =>
  when === undefined || when === "always" || (when === "success") === (exit._tag === "Success")

/**
 * Counts how often an effect has run.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const requests = Metrics.counter("http.requests", { tagKeys: ["route"] })
 *
 * const handler = Effect.succeed("ok").pipe(
 *   Metrics.trackCount(requests, { tags: { route: "/users" }, outcome: true })
 * )
 *
 * @since 0.1.0
 * @category combinators
 */
export const trackCount: {
  <TagKeys extends string>(self: Counter<TagKeys>, options?: TrackOptions<NoInfer<TagKeys>>): Track
  <TagKeys extends string, A, E>(
    self: Counter<TagKeys>,
    options: TrackExitOptions<NoInfer<TagKeys>, A, E>
  ): TrackExit<A, E>
} = (self: Counter, options?: AnyOptions): Track => {
  const instrument = inside(self, options?.level)
  const place = site(instrument, siteOptions(options))
  return around(instrument.name, (hub, labels) => (exit) => {
    if (wanted(options?.when, exit)) place.entry(hub, labels, exit)?.increment()
  })
}

/**
 * Measures how long an effect runs, in seconds, by Effect's `Clock` and monotonic.
 *
 * @since 0.1.0
 * @category combinators
 */
export const trackDuration: {
  <TagKeys extends string>(self: Timer<TagKeys>, options?: TrackOptions<NoInfer<TagKeys>>): Track
  <TagKeys extends string, A, E>(
    self: Timer<TagKeys>,
    options: TrackExitOptions<NoInfer<TagKeys>, A, E>
  ): TrackExit<A, E>
} = (self: Timer, options?: AnyOptions): Track => {
  const instrument = inside(self, options?.level)
  const place = site(instrument, siteOptions(options))
  return around(instrument.name, (hub, labels, fiber) => {
    const clock = clockOf(fiber)
    const start = clock.unsafeCurrentTimeNanos()
    return (exit) => {
      if (wanted(options?.when, exit)) place.entry(hub, labels, exit)?.record(secondsSince(start, clock))
    }
  })
}

const secondsSince = (start: bigint, clock: { readonly unsafeCurrentTimeNanos: () => bigint }): number =>
  Math.max(0, Number(clock.unsafeCurrentTimeNanos() - start) / 1e9)

/**
 * Counts up a gauge while an effect runs, and down when it has ended. The step down goes to the sinks that saw the step up.
 *
 * @since 0.1.0
 * @category combinators
 */
export const trackInFlight = <TagKeys extends string>(
  self: Gauge<TagKeys>,
  options?: { readonly tags?: Tags<NoInfer<TagKeys>> | undefined; readonly level?: string | undefined }
): Track => {
  const instrument = inside(self, options?.level)
  const tags = options?.tags
  return around(instrument.name, (hub, labels) => {
    const cells = find(hub, labels, instrument, tags)?.current()
    if (cells === undefined) return () => {}
    stepGauges(cells, 1)
    return () => stepGauges(cells, -1)
  })
}

/**
 * Records a value read from an effect's result. If the function throws or gives no finite number, that is refused and the
 * result is untouched.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const rows = Metrics.distribution("query.rows")
 *
 * const query = Effect.succeed([1, 2, 3]).pipe(Metrics.trackSuccessWith(rows, (result) => result.length))
 *
 * @since 0.1.0
 * @category combinators
 */
export const trackSuccessWith = <TagKeys extends string, A>(
  self: Distribution<TagKeys> | Timer<TagKeys>,
  value: (result: A) => number,
  options?: { readonly tags?: Tags<NoInfer<TagKeys>> | undefined; readonly level?: string | undefined }
): (<E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  const instrument = inside(self, options?.level)
  const place = site(instrument, { tags: options?.tags })
  return around(instrument.name, (hub, labels) => (exit) => {
    if (exit._tag === "Failure") return
    let number: number
    try {
      // `around` is put around effects of `A` alone, by the type of this function.
      number = value(exit.value as A)
    } catch {
      return hub.refuse(instrument, "threw")
    }
    place.entry(hub, labels, exit)?.record(number)
  })
}

/**
 * Everything at once, under one name: the counter `name.calls` and the timer `name.duration`, both tagged by `outcome`, and the
 * gauge `name.in_flight`.
 *
 * @example
 * import { Metrics } from "effect-metrics"
 * import { Effect } from "effect"
 *
 * const charge = (amount: number) => Effect.succeed(amount).pipe(Metrics.track("billing.charge", { tags: { currency: "EUR" } }))
 *
 * @since 0.1.0
 * @category combinators
 */
export const track = (
  name: string,
  options?: { readonly tags?: Tags | undefined; readonly level?: string | undefined }
): Track => {
  const instruments = instrumentsOf(name)
  const calls = trackCount(instruments.calls, { ...options, outcome: true })
  const duration = trackDuration(instruments.duration, { ...options, outcome: true })
  const inFlight = trackInFlight(instruments.inFlight, options)
  return (self) => calls(duration(inFlight(self)))
}

interface Tracked {
  readonly calls: Counter
  readonly duration: Timer
  readonly inFlight: Gauge
}

/** `track` is often called anew for each effect: hubs know instruments by identity, so a name's are made once. */
const tracked = new Map<string, Tracked>()

const maxTracked = 1000

const instrumentsOf = (name: string): Tracked => {
  let known = tracked.get(name)
  if (known === undefined) {
    known = {
      calls: counter(`${name}.calls`),
      duration: timer(`${name}.duration`),
      inFlight: gauge(`${name}.in_flight`)
    }
    if (tracked.size >= maxTracked) tracked.clear()
    tracked.set(name, known)
  }
  return known
}
