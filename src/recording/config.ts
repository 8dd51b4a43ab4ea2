/**
 * What a lane is told once, and how it names series by it: views, prefix, tags.
 */
import type { RefuseReason } from "../Ledger.js"
import type { Instrument } from "./instrument.js"
import type { Kind, Tag } from "./measurement.js"
import type { Precision } from "./stamps.js"
import * as Tags from "./tags.js"

/** What a view decides about a series: another identity, or `null` to exclude it. */
export type View = (series: {
  readonly name: string
  readonly tags: Readonly<Record<string, string>>
  readonly kind: Kind | "point"
  readonly level: string | undefined
}) => { readonly name: string; readonly tags: Readonly<Record<string, string>> } | null

export interface LaneConfig {
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly levels: ReadonlySet<string> | null
  readonly view: View | null
  readonly viewPoint: View | null
  readonly prefix: string
  /** How the backend spells a series, after all of the above: series that come out equal are one. Default: as they are. */
  readonly spell?: ((series: Identity) => Identity) | undefined
  readonly tags: ReadonlyArray<Tag>
  readonly maxSeries: number
  readonly expireAfterMillis: number | null
  /** The kinds whose every recording is a point. */
  readonly raw: ReadonlySet<Kind>
  readonly resendGauges: boolean
  /** With `resendGauges`, everything else too: as an increase of nothing. */
  readonly resendTotals?: boolean | undefined
  readonly sampleRate: number
  /** The kinds whose points are all kept, whatever the `sampleRate`. */
  readonly unsampled: ReadonlySet<Kind | "point">
  readonly overwrites: Precision | null
  /** Where it does: points are not kept apart by their times, but have those of the clock or the caller. Default `false`. */
  readonly keepPointTimes?: boolean | undefined
  /** Each level of an instrument is a series of its own; else they are one, of the level that was first. Default `false`. */
  readonly byLevel?: boolean | undefined
  /**
   * The lane is read, not written: windows are never sealed, so each holds everything since its series began, and every
   * instrument aggregates. The last `samples` values of each distribution are kept, and where it declares no boundaries those that
   * `boundaries` gives hold.
   */
  readonly totals?:
    | {
        readonly samples: number
        readonly boundaries?:
          ((declared: Pick<Instrument, "kind" | "unit">) => ReadonlyArray<number> | undefined) | undefined
      }
    | undefined
  /** The sub-millisecond part of the lane's own timestamps, so that lanes with equal tags do not overwrite each other. */
  readonly nanos: number
}

/**
 * The name and tags of a series.
 *
 * @since 0.1.0
 * @category models
 */
export interface Identity {
  readonly name: string
  readonly tags: ReadonlyArray<Tag>
}

/** The lane's name and tags for a series, `null` if a view excludes it, or why it can have none. */
export const identify = (
  config: LaneConfig,
  instrument: Instrument,
  tags: ReadonlyArray<Tag>
): Identity | RefuseReason | null => {
  const view = instrument.kind === "point" ? config.viewPoint : config.view
  let name = instrument.name
  let merged = config.tags.length === 0 ? tags : Tags.merge(config.tags, tags)
  if (view !== null) {
    try {
      const { kind, level } = instrument
      const viewed = view({ name, tags: Tags.toRecord(merged), kind, level })
      if (viewed === null) return null
      const retagged = Tags.fromRecord(viewed.tags)
      if (typeof viewed.name !== "string" || viewed.name === "") return "invalid_name"
      if (retagged === undefined) return "invalid_tags"
      name = viewed.name
      merged = retagged
    } catch {
      return "threw"
    }
  }
  name = config.prefix + name
  if (Tags.identityLength(name, merged) > Tags.maxIdentityLength) return "too_long"
  const identity = { name, tags: merged }
  return config.spell === undefined ? identity : config.spell(identity)
}
