/**
 * Tags in canonical form: sorted by key in UTF-16 order, one value a key, where the later source wins.
 */
import type { Tag } from "./measurement.js"

/** A series' name, tag keys and tag values together, in UTF-16 units: what bounds the memory of `maxSeries` series. */
export const maxIdentityLength = 8192

export const empty: ReadonlyArray<Tag> = []

const byKey = (a: Tag, b: Tag): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)

/** From tags in any order; the later of equal keys wins. The pairs stay those that were given. */
export const canonical = (tags: Iterable<Tag>): ReadonlyArray<Tag> =>
  trimmed(Array.from(tags).sort(byKey).filter(isLastOfKey))

/** Sorting keeps the order of equal keys. */
const isLastOfKey = ([key]: Tag, i: number, sorted: ReadonlyArray<Tag>): boolean => sorted[i + 1]?.[0] !== key

/** Arrays that grew have room to spare, and series keep these. */
const trimmed = (tags: Array<Tag>): ReadonlyArray<Tag> => tags.slice()

/** Of canonical lists; the later of two wins. */
export const merge = (first: ReadonlyArray<Tag>, second: ReadonlyArray<Tag>): ReadonlyArray<Tag> =>
  first.length === 0 ? second : second.length === 0 ? first : canonical([...first, ...second])

const maxKeysShared = 64
const maxValuesShared = 256
const maxLengthShared = 64

/** Pairs that are made once, as most series differ in few of theirs: so many values of so many keys, all of them short. */
export class Pairs {
  private readonly byKey = new Map<string, Map<string, Tag>>()

  of(key: string, value: string): Tag {
    let byValue = this.byKey.get(key)
    const known = byValue?.get(value)
    if (known !== undefined) return known
    const pair: Tag = [key, value]
    if (key.length > maxLengthShared || value.length > maxLengthShared) return pair
    if (byValue === undefined) {
      if (this.byKey.size >= maxKeysShared) return pair
      this.byKey.set(key, (byValue = new Map()))
    }
    if (byValue.size < maxValuesShared) byValue.set(value, pair)
    return pair
  }
}

/** Own string properties; `undefined` values are left out. A key that is empty or a value that is no string gives `undefined`. */
export const fromRecord = (
  record: Readonly<Record<string, string | undefined>>,
  pairs?: Pairs
): ReadonlyArray<Tag> | undefined => {
  const tags: Array<Tag> = []
  for (const key of Object.keys(record)) {
    const value: unknown = record[key]
    if (value === undefined) continue
    if (key === "" || typeof value !== "string") return undefined
    tags.push(pairs === undefined ? [key, value] : pairs.of(key, value))
  }
  return trimmed(tags.sort(byKey))
}

/** Safe for keys such as `__proto__`: the object has no prototype. */
export const toRecord = (tags: ReadonlyArray<Tag>): Readonly<Record<string, string>> => {
  const record: Record<string, string> = Object.create(null)
  for (const [key, value] of tags) record[key] = value
  return record
}

/** Injective, whatever the strings contain: each goes with its length. */
export const identity = (name: string, tags: ReadonlyArray<Tag>): string => {
  const parts = [name.length, ":", name]
  for (const [key, value] of tags) parts.push(key.length, ":", key, value.length, ":", value)
  // Joined, not added up: a string that was added up keeps its parts, and series keep this one.
  return parts.join("")
}

export const identityLength = (name: string, tags: ReadonlyArray<Tag>): number => {
  let length = name.length
  for (const [key, value] of tags) length += key.length + value.length
  return length
}
