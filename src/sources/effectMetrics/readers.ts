/**
 * How each kind of Effect's metrics is recorded: what has changed since it was last read.
 */
import { type MetricKey, MetricKeyType, MetricState, Option } from "effect"
import type { OpenLanes } from "../../delivery/pull.js"
import type { RefuseReason } from "../../Ledger.js"
import { CounterEntry, DistributionEntry, GaugeEntry } from "../../recording/entry.js"
import { make as makeInstrument, type Declaration, type Instrument } from "../../recording/instrument.js"
import type { Kind, Tag } from "../../recording/measurement.js"
import * as Tags from "../../recording/tags.js"
import { Increases } from "./increase.js"
import { type EffectMetric, quantilesOf, slice } from "./registry.js"

/**
 * A metric of Effect's, as `view` sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface MetricInfo {
  readonly name: string
  /** In canonical form: of a key that is there twice, the last. Without the `time_unit` that was converted. */
  readonly tags: Readonly<Record<string, string>>
  readonly kind: "counter" | "gauge" | "frequency" | "histogram" | "summary"
}

export interface Rules {
  /** Another name and other tags, or `null` to leave it out. */
  readonly view: (
    metric: MetricInfo
  ) => { readonly name: string; readonly tags: Readonly<Record<string, string>> } | null
  /** Whether a counter that goes up and down is the level of something. */
  readonly asGauge: (metric: MetricInfo) => boolean
  readonly prefix: string
  readonly level: string | undefined
  readonly timers: "seconds" | "as-is"
  readonly frequencyTag: string
  readonly maxSeries: number
}

/** Records what has changed since the last time; told to skip, it takes note of it only. */
export interface Reader {
  /** What may be much is done by who goes through what it gives, and may be paused where that yields. */
  readonly read: (skip?: "skip") => Iterable<void> | void
}

interface Named {
  readonly asGauge: boolean
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
  readonly declaration: Declaration
}

/** Milliseconds that are to be seconds. */
const isTimer = (kind: MetricInfo["kind"], tags: ReadonlyArray<Tag>, rules: Rules): boolean =>
  rules.timers === "seconds" &&
  kind === "histogram" &&
  tags.some(([key, value]) => key === "time_unit" && value === "milliseconds")

const kindOf = (keyType: unknown): MetricInfo["kind"] | undefined =>
  MetricKeyType.isCounterKey(keyType)
    ? "counter"
    : MetricKeyType.isGaugeKey(keyType)
      ? "gauge"
      : MetricKeyType.isFrequencyKey(keyType)
        ? "frequency"
        : MetricKeyType.isHistogramKey(keyType)
          ? "histogram"
          : MetricKeyType.isSummaryKey(keyType)
            ? "summary"
            : undefined

const isIncremental = (keyType: unknown): boolean => MetricKeyType.isCounterKey(keyType) && keyType.incremental

/** Makes the readers of one source. */
export class Readers {
  /** To be logged. */
  readonly warnings: Array<string> = []
  private series = 0
  private readonly instruments = new WeakMap<object, Map<string, Instrument>>()

  constructor(
    private readonly lanes: OpenLanes,
    private readonly rules: Rules
  ) {}

  /** `undefined` where there is nothing to be recorded: left out, or refused. */
  of({ key, read }: EffectMetric): Reader | undefined {
    const kind = kindOf(key.keyType)
    if (kind === undefined) return undefined
    const given = Tags.canonical(key.tags.map((label): Tag => [label.key, label.value]))
    const inSeconds = isTimer(kind, given, this.rules)
    const named = this.name(key, kind, inSeconds ? given.filter(([key]) => key !== "time_unit") : given, given)
    if (named === undefined) return undefined
    switch (kind) {
      case "counter":
        return named.asGauge ? this.gauge(key, named, read) : this.counter(key, named, read)
      case "gauge":
        return this.gauge(key, named, read)
      case "frequency":
        return this.frequency(key, named, read)
      case "histogram":
        return this.histogram(key, named, read, inSeconds)
      case "summary":
        return this.summary(key, named, read)
    }
  }

  private name(
    key: MetricKey.MetricKey.Untyped,
    kind: MetricInfo["kind"],
    tags: ReadonlyArray<Tag>,
    given: ReadonlyArray<Tag>
  ): Named | undefined {
    const { asGauge, level, prefix, view } = this.rules
    const declaration: Declaration = {
      description: Option.getOrUndefined(key.description),
      unit: given.find(([key]) => key === "unit")?.[1] ?? tags.find(([key]) => key === "time_unit")?.[1],
      level
    }
    const refuse = (reason: RefuseReason): undefined => {
      this.lanes.refuse(makeInstrument("counter", prefix + key.name, { level }), reason)
      return undefined
    }
    try {
      const info: MetricInfo = { name: key.name, tags: Tags.toRecord(tags), kind }
      const viewed = view(info)
      if (viewed === null) return undefined
      const retagged = Tags.fromRecord(viewed.tags)
      if (retagged === undefined) return refuse("invalid_tags")
      if (typeof viewed.name !== "string" || viewed.name === "") return refuse("invalid_name")
      const isLevel = kind === "counter" && !isIncremental(key.keyType) && asGauge(info)
      return { asGauge: isLevel, name: prefix + viewed.name, tags: retagged, declaration }
    } catch {
      return refuse("threw")
    }
  }

  /** Metrics that differ in their tags share an instrument: a name may have very many of them. */
  private instrument<K extends Kind>(
    { keyType }: MetricKey.MetricKey.Untyped,
    kind: K,
    name: string,
    declaration: Declaration,
    boundaries?: () => ReadonlyArray<number>
  ): Instrument & { readonly kind: K } {
    let known = this.instruments.get(keyType)
    if (known === undefined) this.instruments.set(keyType, (known = new Map()))
    const identity = JSON.stringify([kind, name, declaration.unit, declaration.description])
    let instrument = known.get(identity)
    if (instrument === undefined) {
      instrument = makeInstrument(kind, name, { ...declaration, boundaries: boundaries?.() })
      known.set(identity, instrument)
    }
    // Kept under its kind.
    return instrument as Instrument & { readonly kind: K }
  }

  /** Whether there may be a series of this name and these tags; if not, that is counted. */
  private admits(instrument: Instrument, tags: ReadonlyArray<Tag>): boolean {
    const refusal =
      instrument.problem ??
      (Tags.identityLength(instrument.name, tags) > Tags.maxIdentityLength ? "too_long" : undefined) ??
      (this.series >= this.rules.maxSeries ? "series_limit" : undefined)
    if (refusal === undefined) this.series++
    else this.lanes.refuse(instrument, refusal)
    return refusal === undefined
  }

  private counterEntry(
    key: MetricKey.MetricKey.Untyped,
    { declaration, name, tags }: Named,
    monotonic: boolean
  ): Increasing | undefined {
    const instrument = this.instrument(key, "counter", name, { ...declaration, monotonic })
    return this.admits(instrument, tags) ? new Increasing(new CounterEntry(this.lanes, instrument, tags)) : undefined
  }

  private gaugeEntry(key: MetricKey.MetricKey.Untyped, { declaration, name, tags }: Named): Changing | undefined {
    const instrument = this.instrument(key, "gauge", name, declaration)
    return this.admits(instrument, tags)
      ? new Changing(this.lanes, new GaugeEntry(this.lanes, instrument, tags))
      : undefined
  }

  private counter(key: MetricKey.MetricKey.Untyped, named: Named, state: EffectMetric["read"]): Reader | undefined {
    const counter = this.counterEntry(key, named, isIncremental(key.keyType))
    if (counter === undefined) return undefined
    return {
      read: (skip) => {
        const now = state()
        if (now !== undefined && MetricState.isCounterState(now)) counter.reach(now.count, skip)
      }
    }
  }

  private gauge(key: MetricKey.MetricKey.Untyped, named: Named, state: EffectMetric["read"]): Reader | undefined {
    const gauge = this.gaugeEntry(key, named)
    if (gauge === undefined) return undefined
    return {
      read: (skip) => {
        const now = state()
        if (now === undefined) return
        if (MetricState.isGaugeState(now)) gauge.set(Number(now.value), skip)
        else if (MetricState.isCounterState(now)) gauge.set(Number(now.count), skip)
      }
    }
  }

  private frequency(key: MetricKey.MetricKey.Untyped, named: Named, state: EffectMetric["read"]): Reader {
    // `null` for words that are refused.
    const words = new Map<string, Increasing | null>()
    const reach = (word: string, count: number, skip: "skip" | undefined): void => {
      let counter = words.get(word)
      if (counter === undefined) {
        const tags = Tags.canonical([...named.tags, [this.rules.frequencyTag, word]])
        counter = this.counterEntry(key, { ...named, tags }, true) ?? null
        words.set(word, counter)
      }
      counter?.reach(count, skip)
    }
    return {
      read: function* (skip) {
        const now = state()
        if (now === undefined || !MetricState.isFrequencyState(now)) return
        // Words that come in a pause are the last, and wait for the next time.
        let left = now.occurrences.size
        for (const [word, count] of now.occurrences) {
          reach(word, count, skip)
          if (--left === 0) return
          if (left % slice === 0) yield
        }
      }
    }
  }

  private histogram(
    key: MetricKey.MetricKey.Untyped,
    { declaration, name, tags }: Named,
    state: EffectMetric["read"],
    inSeconds: boolean
  ): Reader | undefined {
    const divisor = inSeconds ? 1000 : 1
    const bounds = MetricKeyType.isHistogramKey(key.keyType) ? key.keyType.boundaries.values : []
    const instrument = this.instrument(key, inSeconds ? "timer" : "distribution", name, declaration, () =>
      bounds.map((bound) => bound / divisor)
    )
    if (!this.admits(instrument, tags)) return undefined
    const entry = new DistributionEntry(this.lanes, instrument, tags)
    const increases = new Increases(divisor)
    let seen = 0
    return {
      read: (skip) => {
        const now = state()
        if (now === undefined || !MetricState.isHistogramState(now) || now.count === seen) return
        const { count, counts, sum, values } = increases.next(now)
        const came = now.count - seen
        seen = now.count
        if (skip !== undefined) return
        // NaN is in the count and in no bucket.
        if (came > count) this.lanes.refuse(instrument, "not_finite")
        if (count === 0) return
        // Clocks go back.
        if (inSeconds) entry.absorb(values.map(notNegative), counts, notNegative(sum))
        else entry.absorb(values, counts, sum)
      }
    }
  }

  private summary(key: MetricKey.MetricKey.Untyped, named: Named, state: EffectMetric["read"]): Reader | undefined {
    const unitless = { ...named.declaration, unit: undefined }
    const count = this.counterEntry(key, { ...named, name: `${named.name}.count`, declaration: unitless }, true)
    const sum = this.counterEntry(key, { ...named, name: `${named.name}.sum` }, false)
    const gauges = new Map<number, Changing | null>()
    let isReadable = true
    return {
      read: (skip) => {
        const now = state()
        if (now === undefined || !MetricState.isSummaryState(now)) {
          if (isReadable) {
            this.warnings.push(
              `the summary ${JSON.stringify(key.name)} is left out: without room (maxSize) reading it does not end, nor, if NaN is in it, without a finite maxAge`
            )
          }
          isReadable = false
          return
        }
        count?.reach(now.count, skip)
        sum?.reach(now.sum, skip)
        for (const [quantile, value] of quantilesOf(now)) {
          let gauge = gauges.get(quantile)
          if (gauge === undefined) {
            const tags = Tags.canonical([...named.tags, ["quantile", String(quantile)]])
            gauge = this.gaugeEntry(key, { ...named, tags }) ?? null
            gauges.set(quantile, gauge)
          }
          gauge?.set(value, skip)
        }
      }
    }
  }
}

const notNegative = (value: number): number => Math.max(0, value)

/** A counter that is told its total. */
class Increasing {
  private last: number | bigint = 0
  constructor(private readonly entry: CounterEntry) {}

  reach(total: number | bigint, skip: "skip" | undefined): void {
    const { last } = this
    // Once it is NaN or infinite it stays so, and is refused once.
    if (total === last || Object.is(total, last)) return
    this.last = total
    if (skip !== undefined) return
    const [from, to] = [last === 0 && typeof total === "bigint" ? 0n : last, total]
    this.entry.incrementBy(
      typeof to === "bigint" && typeof from === "bigint" ? Number(to - from) : Number(to) - Number(from)
    )
  }
}

/** A gauge that is set where that is news: to the gauge, or to one of the lanes. */
class Changing {
  private last: number | undefined = undefined
  private epoch = -1
  constructor(
    private readonly lanes: OpenLanes,
    private readonly entry: GaugeEntry
  ) {}

  set(value: number, skip: "skip" | undefined): void {
    const { epoch } = this.lanes.root
    if (skip !== undefined || (Object.is(value, this.last) && epoch === this.epoch)) return
    this.last = value
    this.epoch = epoch
    this.entry.set(value)
  }
}
