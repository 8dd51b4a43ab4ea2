/**
 * The place in a program where something is recorded: it finds the fiber's hub and region, and keeps the entry it found
 * there the last time. Hot: the benchmark's rows "in a fiber".
 */
import { Cause, Clock, Context, Effect, Exit, type Fiber, FiberRef } from "effect"
import type { CounterEntry, DistributionEntry, Entry, GaugeEntry } from "../recording/entry.js"
import type { GivenTags, Hub, Label } from "../recording/hub.js"
import { type Instrument, withTag } from "../recording/instrument.js"
import { defaultHub, type LiveHub, Metrics, reachedDefault } from "../delivery/service.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

export const hubOf = (fiber: AnyFiber): LiveHub =>
  // What is stored under the reference's key is the reference's type.
  (fiber.currentContext.unsafeMap.get(Metrics.key) as LiveHub | undefined) ?? defaultHub

export const labelsOf = (fiber: AnyFiber): ReadonlyArray<Label> => fiber.getFiberRef(FiberRef.currentMetricLabels)

export const clockOf = (fiber: AnyFiber): Clock.Clock => Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)

/** The kind of entry that a hub makes for each kind of instrument. */
interface Entries {
  readonly counter: CounterEntry
  readonly gauge: GaugeEntry
  readonly timer: DistributionEntry
  readonly distribution: DistributionEntry
}

/** `hub.entry`, typed by the instrument's kind: a hub makes the entry that its instrument's kind asks for. */
export const find = <K extends keyof Entries>(
  hub: Hub,
  labels: ReadonlyArray<Label>,
  instrument: Instrument & { readonly kind: K },
  tags: GivenTags | undefined
): Entries[K] | undefined => hub.entry(instrument, hub.region(labels), tags) as Entries[K] | undefined

/** An effect that uses the entry of these tags. They are read when it first runs in a region. */
export const recording = <K extends keyof Entries>(
  instrument: Instrument & { readonly kind: K },
  tags: GivenTags | undefined,
  use: (entry: Entries[K]) => void
): Effect.Effect<void> => {
  let hub: LiveHub | undefined
  let labels: ReadonlyArray<Label> | undefined
  let entry: Entries[K] | undefined
  return Effect.withFiberRuntime((fiber) => {
    const currentHub = hubOf(fiber)
    if (currentHub === defaultHub) return reachedDefault(instrument.name)
    const currentLabels = labelsOf(fiber)
    if (entry === undefined || currentHub !== hub || currentLabels !== labels) {
      entry = find(currentHub, currentLabels, instrument, tags)
      if (entry === undefined) return Effect.void
      hub = currentHub
      labels = currentLabels
    }
    use(entry)
    return Effect.void
  })
}

/**
 * Around an effect: `enter` runs before it and gives what runs when it has ended, however it ends, also by interruption from
 * outside. The result, the error, the requirements and the interruptibility of what is wrapped stay as they are. Neither
 * function may throw.
 */
export const around =
  (
    name: string,
    enter: (hub: LiveHub, labels: ReadonlyArray<Label>, fiber: AnyFiber) => (exit: Exit.Exit<unknown, unknown>) => void
  ): (<A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiberRuntime<A, E, R>((fiber) => {
        const hub = hubOf(fiber)
        if (hub === defaultHub) return Effect.zipRight(reachedDefault(name), restore(self))
        const leave = enter(hub, labelsOf(fiber), fiber)
        return Effect.matchCauseEffect(restore(self), {
          onFailure: (cause) => {
            const exit = Exit.failCause(cause)
            leave(exit)
            return exit
          },
          onSuccess: (value) => {
            const exit = Exit.succeed(value)
            leave(exit)
            return exit
          }
        })
      })
    )

/**
 * How an effect ended, as the tag `outcome` says it.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "success" | "failure" | "defect" | "interrupt"

/**
 * What the tag `outcome` says of an exit: `failure` is a typed error, `interrupt` nothing but interruption.
 *
 * @since 0.1.0
 * @category accessors
 */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupt"
  return Cause.isFailure(exit.cause) ? "failure" : "defect"
}

/** Keeps the entries of one combinator: per outcome where it tags by outcome, for the hub and region of the last time. */
export interface Site<K extends keyof Entries> {
  readonly entry: (
    hub: LiveHub,
    labels: ReadonlyArray<Label>,
    exit: Exit.Exit<unknown, unknown>
  ) => Entries[K] | undefined
}

const plain = "plain"

export const site = <K extends keyof Entries>(
  instrument: Instrument & { readonly kind: K },
  options: {
    readonly tags?: GivenTags | ((exit: Exit.Exit<unknown, unknown>) => GivenTags) | undefined
    readonly outcome?: boolean | undefined
  }
): Site<K> => {
  const { outcome, tags } = options
  const variants = new Map<Outcome | typeof plain, Instrument & { readonly kind: K }>()
  const variantOf = (key: Outcome | typeof plain): Instrument & { readonly kind: K } => {
    if (key === plain) return instrument
    let variant = variants.get(key)
    if (variant === undefined) {
      // `withTag` keeps the kind.
      variant = withTag(instrument, "outcome", key) as Instrument & { readonly kind: K }
      variants.set(key, variant)
    }
    return variant
  }
  if (typeof tags === "function") {
    return {
      entry: (hub, labels, exit) => {
        const variant = variantOf(outcome === true ? outcomeOf(exit) : plain)
        try {
          return find(hub, labels, variant, tags(exit))
        } catch {
          return hub.refuse(variant, "threw")
        }
      }
    }
  }
  let lastHub: LiveHub | undefined
  let lastLabels: ReadonlyArray<Label> | undefined
  const kept = new Map<Outcome | typeof plain, Entry>()
  return {
    entry: (hub, labels, exit) => {
      if (hub !== lastHub || labels !== lastLabels) {
        kept.clear()
        lastHub = hub
        lastLabels = labels
      }
      const key = outcome === true ? outcomeOf(exit) : plain
      const known = kept.get(key)
      // Kept for this instrument's kind alone.
      if (known !== undefined) return known as Entries[K]
      const entry = find(hub, labels, variantOf(key), tags)
      if (entry !== undefined) kept.set(key, entry)
      return entry
    }
  }
}
