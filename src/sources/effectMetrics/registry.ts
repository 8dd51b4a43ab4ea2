/**
 * Finds the metrics in Effect's registry and reads them one by one. `MetricRegistry.snapshot` reads them all in one go, which
 * holds the event loop where there are many, and never returns where one of them cannot be read: a summary without room, or
 * one that has seen NaN, spins for ever.
 */
import {
  Duration,
  type MetricKey,
  MetricKeyType,
  type MetricRegistry,
  MetricState,
  MutableHashMap,
  Option
} from "effect"

export interface EffectMetric {
  readonly key: MetricKey.MetricKey.Untyped
  /** `undefined` if it cannot be read. */
  readonly read: () => MetricState.MetricState.Untyped | undefined
}

interface Hook {
  readonly get: () => MetricState.MetricState.Untyped
}

type Hooks = MutableHashMap.MutableHashMap<MetricKey.MetricKey.Untyped, Hook>

/** Not part of its interface. Where it is gone, `snapshot` must do. */
const hooksOf = (registry: MetricRegistry.MetricRegistry): Hooks | undefined => {
  // What is under that name and looks like this is nothing else.
  const { map } = registry as { readonly map?: Hooks | undefined }
  return typeof map === "object" && map !== null && "referential" in map ? map : undefined
}

/** Metrics looked at between two looks at the clock. */
export const slice = 64

/** A registry's metrics, in the order in which they came. They never go. */
export class Metrics {
  readonly all: Array<EffectMetric> = []
  private readonly known = new Set<MetricKey.MetricKey.Untyped>()
  private readonly hooks: Hooks | undefined
  private readonly states = new Map<MetricKey.MetricKey.Untyped, MetricState.MetricState.Untyped>()

  constructor(readonly registry: MetricRegistry.MetricRegistry) {
    this.hooks = hooksOf(registry)
  }

  /** Adds to `all` what came since the last time. It must look at all there are, and may be paused where it yields. */
  *refresh(): Generator<void> {
    if (this.hooks === undefined) {
      for (const { metricKey, metricState } of this.registry.snapshot()) {
        this.states.set(metricKey, metricState)
        this.add(metricKey, () => this.states.get(metricKey))
      }
    } else if (MutableHashMap.size(this.hooks) > this.known.size) {
      let looked = 0
      for (const [key, hook] of this.hooks) {
        if (!this.known.has(key)) this.add(key, reader(key, hook))
        if (++looked % slice === 0) yield
      }
    }
  }

  private add(key: MetricKey.MetricKey.Untyped, read: EffectMetric["read"]): void {
    if (this.known.has(key)) return
    this.known.add(key)
    this.all.push({ key, read })
  }
}

const reader = ({ keyType }: MetricKey.MetricKey.Untyped, hook: Hook): EffectMetric["read"] => {
  if (!MetricKeyType.isSummaryKey(keyType)) return () => hook.get()
  // Without room, its reader's loop runs past its end. Kept for ever, NaN can only be found by what NaN makes spin.
  if (!(keyType.maxSize >= 1) || !Duration.isFinite(keyType.maxAge)) return () => undefined
  return () => {
    const old = withoutSamples(hook)
    return old === undefined || hasNaN(old) ? old : hook.get()
  }
}

/** At the end of time all samples are too old to be looked at, and the rest of the state is as it is. */
const withoutSamples = (hook: Hook): MetricState.MetricState.Untyped | undefined => {
  const { now } = Date
  try {
    Date.now = () => Infinity
    return hook.get()
  } catch {
    return undefined
  } finally {
    Date.now = now
  }
}

/** Once a sample was NaN, the minimum is for ever. */
const hasNaN = (state: MetricState.MetricState.Untyped): boolean =>
  MetricState.isSummaryState(state) && Number.isNaN(state.min)

/** The quantiles that have a value. */
export const quantilesOf = (state: MetricState.MetricState.Summary): ReadonlyArray<readonly [number, number]> =>
  state.quantiles.flatMap(([quantile, value]) => (Option.isSome(value) ? [[quantile, value.value] as const] : []))
