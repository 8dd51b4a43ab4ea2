/**
 * Delivery options, checked and in numbers. A value that cannot work is an error that names it when the layer is built, so
 * that nothing is clamped in silence.
 */
import { Effect, Schedule } from "effect"
import type { Kind } from "../recording/measurement.js"
import { InvalidOption, maxTimer, show, toMillis } from "./checks.js"
import type { DeliveryOptions } from "./options.js"

/** What a sink gives as its own defaults: any delivery option, and at least these. */
export interface SinkDefaults extends DeliveryOptions {
  readonly name: string
  readonly batchSize: number
  readonly batchBytes: number
  readonly ambiguous: "retry" | "drop"
}

/** Durations in milliseconds, `Infinity` where there is no limit. */
export interface Resolved {
  readonly name: string
  readonly enabled: boolean
  readonly schedule: Schedule.Schedule<unknown>
  readonly triggerSize: number
  readonly batchSize: number
  readonly batchBytes: number
  readonly capacity: number
  readonly capacityBytes: number
  readonly overflow: "drop-newest" | "drop-oldest"
  readonly concurrency: number
  readonly retryInitial: number
  readonly retryMax: number
  readonly jitter: "full" | "none"
  readonly maxAge: number
  readonly rateLimit: number | undefined
  readonly sampleRate: number
  readonly levels: ReadonlySet<string> | undefined
  readonly view: DeliveryOptions["view"]
  readonly viewPoint: DeliveryOptions["viewPoint"]
  readonly prefix: string
  readonly tags: Readonly<Record<string, string>>
  readonly hostTag: NonNullable<DeliveryOptions["hostTag"]>
  readonly maxSeries: number
  readonly expireAfter: number | undefined
  /** The kinds whose every recording is a point. */
  readonly raw: ReadonlySet<Kind>
  readonly resend: "changed" | "always"
  readonly ambiguous: "retry" | "drop"
  readonly shutdownTimeout: number
  readonly requestTimeout: number
  readonly selfMetrics: boolean
}

const maxSlots = 2 ** 30

const kinds: ReadonlyArray<Kind> = ["counter", "gauge", "timer", "distribution"]

export const resolve = (options: DeliveryOptions, defaults: SinkDefaults): Effect.Effect<Resolved, InvalidOption> =>
  Effect.suspend(() => {
    let failure: InvalidOption | undefined
    const refuse = (option: string, value: unknown, expected: string): void => {
      const sink = typeof name === "string" && name !== "" ? name : defaults.name
      failure ??= new InvalidOption({ sink, option, value: show(value), expected })
    }
    const given = <K extends keyof DeliveryOptions>(option: K): DeliveryOptions[K] =>
      options[option] ?? defaults[option]
    const whole = (option: keyof DeliveryOptions, fallback: number, most: number): number => {
      const value: unknown = given(option) ?? fallback
      if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most) return value
      refuse(option, value, `a whole number from 1 to ${most}`)
      return fallback
    }
    const millis = (option: string, value: unknown, fallback: number, least: number, most: number): number => {
      if (value === undefined) return fallback
      const decoded = toMillis(value)
      if (decoded !== undefined && decoded >= least) return Math.min(decoded, most)
      refuse(option, value, least > 0 ? `a duration of at least ${least} ms` : "a duration")
      return fallback
    }
    const oneOf = <A extends string>(option: string, value: A | undefined, fallback: A, all: ReadonlyArray<A>): A => {
      if (value === undefined) return fallback
      if (!all.includes(value)) refuse(option, value, `one of ${all.join(", ")}`)
      return value
    }
    const flag = (option: "enabled" | "selfMetrics", fallback: boolean): boolean => {
      const value: unknown = given(option) ?? fallback
      if (typeof value !== "boolean") refuse(option, value, "true or false")
      return value === true
    }

    const raw = (): ReadonlySet<Kind> => {
      const aggregated = new Map(kinds.map((kind) => [kind, true]))
      for (const value of [defaults.aggregate, options.aggregate]) {
        const isObject = typeof value === "object" && value !== null
        const byKind = isObject ? value : Object.fromEntries(kinds.map((kind) => [kind, value]))
        for (const [kind, isAggregated] of Object.entries<unknown>(byKind)) {
          const option = isObject ? `aggregate.${kind}` : "aggregate"
          if (!kinds.some((one) => one === kind))
            refuse(option, isAggregated, `an option: there are ${kinds.join(", ")}`)
          else if (isAggregated !== undefined && typeof isAggregated !== "boolean") {
            refuse(option, isAggregated, "true or false")
          } else if (isAggregated !== undefined) aggregated.set(kind as Kind, isAggregated)
        }
      }
      return new Set(kinds.filter((kind) => aggregated.get(kind) === false))
    }

    const name = given("name") ?? defaults.name
    if (typeof name !== "string" || name === "") refuse("name", name, "a name")
    const schedule = given("schedule") ?? Schedule.fixed("10 seconds")
    if (!Schedule.isSchedule(schedule)) {
      refuse("schedule", schedule, 'a Schedule, such as Schedule.fixed("10 seconds")')
    }
    const sampleRate: unknown = given("sampleRate") ?? 1
    if (!(typeof sampleRate === "number" && sampleRate >= 0 && sampleRate <= 1)) {
      refuse("sampleRate", sampleRate, "a number from 0 to 1")
    }
    const rateLimit: unknown = given("rateLimit")
    if (rateLimit !== undefined && !(typeof rateLimit === "number" && rateLimit > 0)) {
      refuse("rateLimit", rateLimit, "a number above 0")
    }
    const levels = given("levels")
    if (
      levels !== undefined &&
      !(Array.isArray(levels) && levels.length > 0 && levels.every((level) => level !== ""))
    ) {
      refuse("levels", levels, "a list of at least one level")
    }
    for (const option of ["view", "viewPoint"] as const) {
      const value = given(option)
      if (value !== undefined && typeof value !== "function") refuse(option, value, "a function")
    }
    const tags = { ...defaults.tags, ...options.tags }
    for (const [key, value] of Object.entries<unknown>(tags)) {
      if (key === "" || typeof value !== "string") refuse(`tags.${key}`, value, "a tag with a name and a string")
    }
    const prefix: unknown = given("prefix") ?? ""
    if (typeof prefix !== "string") refuse("prefix", prefix, "a string")
    const hostTag = given("hostTag") ?? "none"
    if (typeof hostTag === "string") oneOf("hostTag", hostTag, "none", ["auto", "none"])
    const retry = { ...defaults.retry, ...options.retry }
    const batchSize = whole("batchSize", defaults.batchSize, maxSlots)
    const capacity = whole("capacity", 100_000, maxSlots)
    const retryInitial = millis("retry.initial", retry.initial, 250, 1, maxTimer)
    const expireAfter = millis(
      "expireAfter",
      given("expireAfter"),
      Number.POSITIVE_INFINITY,
      1,
      Number.POSITIVE_INFINITY
    )

    const resolved: Resolved = {
      name,
      enabled: flag("enabled", true),
      schedule,
      // More than the queue holds would never be reached.
      triggerSize: whole("triggerSize", Math.min(batchSize, capacity), capacity),
      batchSize,
      batchBytes: whole("batchBytes", defaults.batchBytes, maxSlots),
      capacity,
      capacityBytes: whole("capacityBytes", 16 * 1024 * 1024, Number.MAX_SAFE_INTEGER),
      overflow: oneOf("overflow", given("overflow"), "drop-newest", ["drop-newest", "drop-oldest"]),
      concurrency: whole("concurrency", 1, 1024),
      retryInitial,
      retryMax: Math.max(retryInitial, millis("retry.max", retry.max, 30_000, 1, maxTimer)),
      jitter: oneOf("retry.jitter", retry.jitter, "full", ["full", "none"]),
      maxAge: millis("maxAge", given("maxAge"), 15 * 60_000, 1, Number.POSITIVE_INFINITY),
      // Checked above.
      rateLimit: rateLimit === Number.POSITIVE_INFINITY ? undefined : (rateLimit as number | undefined),
      sampleRate: sampleRate as number,
      levels: levels === undefined ? undefined : new Set(levels),
      view: given("view"),
      viewPoint: given("viewPoint"),
      prefix: String(prefix),
      tags,
      hostTag,
      maxSeries: whole("maxSeries", 10_000, maxSlots),
      expireAfter: Number.isFinite(expireAfter) ? expireAfter : undefined,
      raw: raw(),
      resend: oneOf("resend", given("resend"), "changed", ["changed", "always"]),
      ambiguous: oneOf("ambiguous", given("ambiguous"), defaults.ambiguous, ["retry", "drop"]),
      shutdownTimeout: millis("shutdownTimeout", given("shutdownTimeout"), 5000, 0, maxTimer),
      requestTimeout: millis("requestTimeout", given("requestTimeout"), 10_000, 1, maxTimer),
      selfMetrics: flag("selfMetrics", false)
    }
    return failure === undefined ? Effect.succeed(resolved) : Effect.fail(failure)
  })
