/**
 * What a lane that is read has gathered, in Prometheus' formats: see `prometheusLines` for those.
 *
 * | total | family |
 * |---|---|
 * | counter | counter; one that may be stepped down is a gauge, as a fall would be taken for a restart |
 * | gauge | gauge |
 * | timer (in seconds), distribution | histogram where the series has boundaries, else a summary of its last values |
 *
 * It is made in two parts, so that neither holds the event loop for long: `take` notes the numbers of everything at once, so that
 * the text is of one moment, and `write` makes lines of some of them at a time. What stands before and between a series' numbers
 * is encoded once, and kept in `series.encoded`.
 *
 * Costs: `bench` row `prometheus-scrape`.
 */
import type { Series, Tag } from "../recording/measurement.js"
import { recentOf, type Standing } from "../recording/totals.js"
import * as Bytes from "./bytes.js"
import { Output } from "./output.js"
import * as Families from "./prometheusFamilies.js"
import type { Format, Shape } from "./prometheusLines.js"
import * as Lines from "./prometheusLines.js"
import { percentile } from "./scalars.js"

export interface Variant {
  readonly format: Format
  readonly escaping: "underscores" | "allow-utf-8"
}

/** The text as it will be, of one moment. */
export interface Taken {
  /** Writes some lines, in some tenths of a millisecond; whether there are more. */
  readonly write: () => boolean
  /** Once there are no more. It is the caller's. */
  readonly bytes: () => Uint8Array
}

/** Hands over each series once, as it stands. */
export interface Totals {
  readonly forEach: (use: (standing: Standing) => void) => void
}

export interface Encoder {
  /** One at a time: the next may begin once the last has written everything. */
  readonly take: (totals: Totals, variant: Variant) => Taken
}

type Distributed = Extract<Standing, { readonly kind: "distribution" }>

type Type = "counter" | "gauge" | "histogram" | "summary"

/** How a family is called, in one way of escaping. Another object once a name in it is another. */
interface Spelling {
  readonly spelled: string
  readonly base: string
  labels: Families.Labels
  /** By format. */
  readonly heads: Partial<Record<Format, Uint8Array>>
}

interface Family extends Families.Family {
  readonly type: Type
  readonly description: string | undefined
  /** Of the tags of all its series. */
  readonly keys: Set<string>
  members: Array<Kept>
  /** Tags of its series, once two of them may be written alike. */
  written: Set<string> | undefined
  readonly spellings: Partial<Record<Variant["escaping"], Spelling>>
}

/** What stands around the numbers of a series. */
interface Around {
  readonly spelling: Spelling
  readonly sums: "told" | "untold"
  readonly bytes: Uint8Array
  /** Where each number is, in `bytes`. */
  readonly cuts: ReadonlyArray<number>
}

/** What `series.encoded` keeps. */
class Kept {
  /** Whether it is among its family's members. */
  isMember = false
  /** When it was taken last, and where its numbers are. */
  taken = 0
  at = 0
  /** The least value of a distribution then. */
  least = 0
  recent: ReadonlyArray<number> | undefined = undefined
  /** By variant: see `slotOf`. */
  readonly around: Array<Around | undefined> = []

  constructor(
    readonly series: Series,
    readonly type: Type,
    readonly startMillis: number
  ) {}
}

const idOf = ({ name, type }: Pick<Family, "name" | "type">): string => `${type} ${name}`

/** Numbers that are written before the time is looked at. */
const slice = 512

/** How many numbers could be written while what stands around one is made. */
const freshCost = 8

/** What a buffer has more than its text. */
const spare = 2048

const newline = 10

const typeOf = ({ kind, series }: Standing): Type => {
  if (kind === "counter") return series.monotonic === false ? "gauge" : "counter"
  return kind === "gauge" ? "gauge" : series.boundaries === undefined ? "summary" : "histogram"
}

const isTold = ([key, value]: Tag): boolean => key !== "" && value !== ""

const toldOf = ({ tags }: Pick<Series, "tags">): ReadonlyArray<Tag> => (tags.every(isTold) ? tags : tags.filter(isTold))

/** Of characters: they are none in UTF-8. */
const half = /\p{Cs}/u

const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, "\ufffd")

/** What Prometheus takes for equal is: tags without a key or value are none. */
export const spell = ({ name, tags }: Pick<Series, "name" | "tags">): Pick<Series, "name" | "tags"> => ({
  name,
  tags: toldOf({ tags }).map((tag) => (half.test(tag[1]) ? [tag[0], wellFormed(tag[1])] : tag))
})

/** Whether it may be written as another series is. */
const isLossy = ({ tags }: Series): boolean => tags.some((tag) => !isTold(tag) || half.test(tag[1]))

const tagsOf = (series: Series): string =>
  JSON.stringify(toldOf(series).map(([key, value]) => [key, Lines.escapeValue(value)]))

const slotOf = ({ escaping, format }: Variant): number =>
  (format === "text" ? 0 : 1) + (escaping === "underscores" ? 0 : 2)

/** Tells distributions without boundaries by these quantiles of their last values, each from 0 to 1. */
export const make = (quantiles: ReadonlyArray<number>): Encoder => {
  const output = new Output()
  const families = new Map<string, Family>()
  const names: { [escaping in Variant["escaping"]]?: Families.FamilyNames | undefined } = {}
  let values = new Float64Array(1024)
  let used = 0
  let taken = 0
  let lastBytes = 0

  const grow = (needed: number): void => {
    const larger = new Float64Array(needed * 2)
    larger.set(values)
    values = larger
  }

  const takeDistribution = (kept: Kept, { buckets, histogram, series }: Distributed): void => {
    const bounds = series.boundaries?.length ?? 0
    if (used + bounds + 2 > values.length) grow(used + bounds + 2)
    if (kept.type === "summary") kept.recent = recentOf(histogram)
    else {
      let atMost = 0
      for (let i = 0; i < bounds; i++) values[used++] = atMost += buckets?.[i] ?? 0
    }
    kept.least = histogram.min
    values[used++] = histogram.sum
    values[used++] = histogram.count
  }

  const takeAll = (totals: Totals): ReadonlyArray<Kept> => {
    const fresh: Array<Kept> = []
    used = 0
    taken++
    totals.forEach((standing) => {
      const { series } = standing
      // A series belongs to one lane, so nothing but this encoder writes `encoded`.
      let kept = series.encoded as Kept | undefined
      if (kept === undefined) series.encoded = kept = new Kept(series, typeOf(standing), standing.startMillis)
      if (!kept.isMember) fresh.push(kept)
      kept.taken = taken
      kept.at = used
      if (standing.kind === "distribution") takeDistribution(kept, standing)
      else {
        if (used === values.length) grow(used)
        values[used++] = standing.value
      }
    })
    return fresh
  }

  const familyOf = ({ series, type }: Kept): Family => {
    const { description, name, unit } = series
    const id = idOf({ type, name })
    let family = families.get(id)
    if (family === undefined) {
      const own = series.kind === "timer" ? (unit ?? "s") : unit
      family = { name, type, unit: own, description, keys: new Set(), members: [], written: undefined, spellings: {} }
      families.set(id, family)
    }
    return family
  }

  /** Of two whose tags are written alike, the first is told. */
  const isTwin = ({ series }: Kept, family: Family): boolean => {
    if (family.written === undefined) {
      if (!isLossy(series)) return false
      family.written = new Set(family.members.map((member) => tagsOf(member.series)))
    }
    const tags = tagsOf(series)
    if (family.written.has(tags)) return true
    family.written.add(tags)
    return false
  }

  const adopt = (kept: Kept): void => {
    const family = familyOf(kept)
    if (isTwin(kept, family)) return
    kept.isMember = true
    family.members.push(kept)
    for (const [key] of toldOf(kept.series)) family.keys.add(key)
  }

  const dialectOf = (escaping: Variant["escaping"]): Families.Dialect => ({
    escaping,
    conflicts: "rename",
    claims: "all"
  })

  const spell = (family: Family, escaping: Variant["escaping"], spelled: string | undefined): void => {
    if (spelled === undefined || family.spellings[escaping]?.spelled === spelled) return
    const base = Families.baseOf(spelled, family.type)
    family.spellings[escaping] = { spelled, base, labels: new Map(), heads: {} }
  }

  const nameAll = (escaping: Variant["escaping"]): void => {
    const dialect = dialectOf(escaping)
    const found = (names[escaping] = new Families.FamilyNames(dialect))
    for (const family of Families.named(families.values(), dialect)) spell(family, escaping, found.name(family))
  }

  const nameLabels = (family: Family, escaping: Variant["escaping"]): void => {
    const spelling = family.spellings[escaping]
    if (spelling === undefined || spelling.labels.size === family.keys.size) return
    const labels = Families.labelsOf(family.keys, family.type, dialectOf(escaping))
    const isSame = [...spelling.labels].every(([key, label]) => labels.get(key) === label)
    if (isSame) spelling.labels = labels
    else family.spellings[escaping] = { ...spelling, labels }
  }

  /** Names what has no name yet; where it is in the way of others, all. */
  function* nameFamilies(escaping: Variant["escaping"]): IterableIterator<void> {
    let done = 0
    if (names[escaping] === undefined) nameAll(escaping)
    for (const family of families.values()) {
      if (family.spellings[escaping] === undefined) {
        const spelled = names[escaping]!.add(family)
        if (spelled === undefined) nameAll(escaping)
        else spell(family, escaping, spelled)
      }
      if (++done % slice === 0) yield
    }
    for (const family of families.values()) {
      nameLabels(family, escaping)
      if (++done % slice === 0) yield
    }
  }

  const shapeOf = ({ series, type }: Kept, sums: "told" | "untold"): Shape => {
    if (type === "histogram") return { type, bounds: series.boundaries ?? [], sums }
    return type === "summary" ? { type, quantiles, sums } : { type }
  }

  const aroundOf = (kept: Kept, spelling: Spelling, format: Format, sums: "told" | "untold"): Around => {
    const labels = Families.written(toldOf(kept.series), spelling.labels, "rename")
    // Labels are renamed, not refused.
    const place = { format, spelled: spelling.spelled, base: spelling.base, labels: String(labels) }
    const parts = Lines.segments(place, shapeOf(kept, sums), kept.startMillis).map(Bytes.encode)
    const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
    const cuts: Array<number> = []
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      cuts.push((at += part.length))
    }
    return { spelling, sums, bytes: Bytes.keep(bytes), cuts: cuts.slice(0, -1) }
  }

  const value = (number: number): void => {
    if (number - number === 0) output.at = Bytes.writeNumber(output.bytes, output.at, number)
    else output.at = Bytes.writeAscii(output.bytes, output.at, Lines.number(number))
  }

  /** For a few bytes a loop is faster than `set`. */
  const copy = (from: Uint8Array, start: number, end: number): void => {
    const { bytes } = output
    let { at } = output
    for (let i = start; i < end; i++) bytes[at++] = from[i]!
    output.at = at
  }

  const putNumbers = (kept: Kept, { bytes, cuts, sums }: Around, format: Format): void => {
    const { series, type } = kept
    const told = sums === "told" ? 2 : 0
    const firsts = cuts.length - told
    const sorted = type === "summary" ? Float64Array.from(kept.recent ?? []).sort() : undefined
    const at = kept.at + (type === "histogram" ? (series.boundaries?.length ?? 0) : 0)
    let start = 0
    for (let i = 0; i < cuts.length; i++) {
      copy(bytes, start, cuts[i]!)
      start = cuts[i]!
      if (i >= firsts) value(values[at + ((i - firsts + (Lines.sumFirst(format) ? 0 : 1)) % 2)]!)
      else if (sorted !== undefined) value(percentile(sorted, quantiles[i]!))
      else value(kept.at + i === at ? values[at + 1]! : values[kept.at + i]!)
    }
    copy(bytes, start, bytes.length)
    kept.recent = undefined
  }

  /** How many numbers it has, or as much work as that many are. */
  const put = (kept: Kept, spelling: Spelling, format: Format, slot: number): number => {
    // A sum of what others told may have fallen.
    if (kept.type === "counter" && values[kept.at]! < 0) return 1
    const isSingle = kept.type === "counter" || kept.type === "gauge"
    const sums = isSingle ? "told" : Lines.sumsOf(format, kept.least, kept.series.boundaries)
    let around = kept.around[slot]
    const isNew = around === undefined || around.spelling !== spelling || around.sums !== sums
    if (around === undefined || isNew) {
      kept.around[slot] = around = aroundOf(kept, spelling, format, sums)
    }
    const { bytes, cuts } = around
    output.reserve(bytes.length + cuts.length * Bytes.maxNumberBytes)
    if (!isSingle) putNumbers(kept, around, format)
    else if (bytes.length === cuts[0]! + 1) {
      // The line feed behind the number is overwritten by it, and comes after it.
      output.bytes.set(bytes, output.at)
      output.at += cuts[0]!
      value(values[kept.at]!)
      output.bytes[output.at++] = newline
    } else {
      copy(bytes, 0, cuts[0]!)
      value(values[kept.at]!)
      copy(bytes, cuts[0]!, bytes.length)
    }
    return Math.max(1, cuts.length) * (isNew ? freshCost : 1)
  }

  const headOf = (family: Family, spelling: Spelling, format: Format): Uint8Array =>
    (spelling.heads[format] ??= Bytes.encode(
      Lines.head({ ...spelling, format }, family.type, family.unit, family.description)
    ))

  /** Those that are there no more. */
  const leave = (family: Family): void => {
    for (const kept of family.members) kept.isMember = kept.taken === taken
    family.members = family.members.filter(({ isMember }) => isMember)
    const { members } = family
    family.written = members.some(({ series }) => isLossy(series))
      ? new Set(members.map(({ series }) => tagsOf(series)))
      : undefined
    if (members.length > 0) return
    families.delete(idOf(family))
    // Its name is free.
    names.underscores = names["allow-utf-8"] = undefined
  }

  function* writeFamilies(variant: Variant): IterableIterator<void> {
    const slot = slotOf(variant)
    let done = 0
    for (const family of families.values()) {
      const spelling = family.spellings[variant.escaping]
      if (spelling === undefined) continue
      const start = output.at
      const head = headOf(family, spelling, variant.format)
      output.reserve(head.length)
      output.put(head)
      let told = 0
      for (const kept of family.members) {
        if (kept.taken !== taken) continue
        told++
        done += put(kept, spelling, variant.format, slot)
        if (done >= slice) {
          done = 0
          yield
        }
      }
      if (told === 0) output.at = start
      if (told < family.members.length) leave(family)
    }
  }

  function* steps(fresh: ReadonlyArray<Kept>, variant: Variant): IterableIterator<void> {
    let done = 0
    for (const kept of fresh) {
      adopt(kept)
      if (++done % slice === 0) yield
    }
    yield* nameFamilies(variant.escaping)
    yield* writeFamilies(variant)
    output.reserve(spare)
    output.at = Bytes.writeAscii(output.bytes, output.at, Lines.end(variant.format))
  }

  return {
    take: (totals, variant) => {
      const fresh = takeAll(totals)
      // What was handed out is the caller's. It will be about as long again.
      output.bytes = new Uint8Array(lastBytes + (lastBytes >>> 3) + spare)
      output.at = 0
      const work = steps(fresh, variant)
      return {
        write: () => work.next().done !== true,
        bytes: () => {
          const all = output.bytes.subarray(0, output.at)
          lastBytes = all.length
          output.bytes = new Uint8Array(0)
          return all
        }
      }
    }
  }
}
