/**
 * What Graphite calls a series: a path, `name;key=value;key=value` with tags or `name.key.value` without.
 *
 * carbon makes files of paths, and Graphite's queries have characters of their own, so a path holds nothing that could lead
 * to another file, to none, or to one that no query finds. What does is refused with the reason, or becomes `_` where that is
 * asked for.
 */
import type { Tag } from "../recording/measurement.js"
import { quote } from "./output.js"

/**
 * A path of one's own; what it gives is held to the same rules as a name.
 *
 * @since 0.1.0
 * @category models
 */
export type PathOf = (name: string, tags: Readonly<Record<string, string>>) => string

export interface Naming {
  /** `"tagged"` needs carbon 1.1. `"dotted"` makes two segments of each tag: its key and its value. */
  readonly naming: "tagged" | "dotted" | PathOf
  /** Writes `_` for what cannot be in a path. Series that have one path are then one. */
  readonly sanitise: boolean
}

/** Where one series is: fields and the numbers of a distribution are named between the two. */
export interface Path {
  readonly head: string
  /** `;key=value` for each tag. */
  readonly tail: string
  /** Why there is none. */
  readonly fault: string | undefined
}

/** A file's name may have 255 bytes, and ends with `.wsp`. */
const maxSegmentBytes = 251
/** What systems take as a file's name with all its folders, less what the storage's own may take. */
const maxUntaggedBytes = 3840

// carbon splits a line wherever Python sees a blank. Slashes would be folders; the rest are signs of the query language.
const inName = /[\s\p{Cc};/\\*?[\]{}(),'"|]/u
const inSegment = /[\s\p{Cc};/\\*?[\]{}(),'"|.]/u
const inTagKey = /[\s\p{Cc};!^=]/u
const inTagValue = /[\s\p{Cc};]/u

const everywhere = (pattern: RegExp): RegExp => new RegExp(pattern.source, "gu")

const replaceable = {
  name: everywhere(inName),
  segment: everywhere(inSegment),
  tagKey: everywhere(inTagKey),
  tagValue: everywhere(inTagValue)
}

const emptySegment = /^\.+|\.{2,}|\.+$/g
const carbonsOwn = /^_tagged(?=\.|$)/

interface Refused {
  readonly reason: string
}
/** The text as it may be written, or why it may not. */
type Checked = string | Refused

const refuse = (reason: string): Refused => ({ reason })

const encoder = new TextEncoder()
/** No more than three bytes a unit, so most need not be counted. */
const isLonger = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && encoder.encode(text).length > bytes)

const foundIn = (what: string, text: string, pattern: RegExp): Refused | undefined => {
  const found = pattern.exec(text)
  return found === null ? undefined : refuse(`its ${what} ${quote(text)} contains ${quote(found[0])}`)
}

/** Dots are its hierarchy. */
const checkName = (what: string, given: string, sanitise: boolean): Checked => {
  if (given === "") return refuse(`its ${what} is empty`)
  const text = sanitise
    ? given.replace(replaceable.name, "_").replace(emptySegment, "_").replace(/^~/, "_").replace(carbonsOwn, "__tagged")
    : given
  const found = foundIn(what, text, inName)
  if (found !== undefined) return found
  if (text.startsWith(".") || text.endsWith(".") || text.includes(".."))
    return refuse(`its ${what} ${quote(text)} has an empty segment: a dot at its start or end, or two in a row`)
  if (text.startsWith("~")) return refuse(`its ${what} ${quote(text)} starts with ~`)
  if (carbonsOwn.test(text)) return refuse(`its ${what} ${quote(text)} is where carbon keeps tagged series`)
  for (const segment of text.length > maxSegmentBytes / 3 ? text.split(".") : [])
    if (isLonger(segment, maxSegmentBytes))
      return refuse(`its ${what} ${quote(segment)} has more than ${maxSegmentBytes} bytes between two dots`)
  return text
}

const checkSegment = (what: string, given: string, sanitise: boolean): Checked => {
  const text = sanitise ? given.replace(replaceable.segment, "_") : given
  return (
    foundIn(what, text, inSegment) ??
    (isLonger(text, maxSegmentBytes)
      ? refuse(`its ${what} ${quote(text)} is longer than ${maxSegmentBytes} bytes`)
      : text)
  )
}

const checkTagKey = (given: string, sanitise: boolean): Checked => {
  const text = sanitise ? given.replace(replaceable.tagKey, "_").replace(/^name$/, "_name") : given
  if (text === "name") return refuse('its tag key "name" is what carbon calls the name of the series')
  return foundIn("tag key", text, inTagKey) ?? text
}

const checkTagValue = (key: string, given: string, sanitise: boolean): Checked => {
  const what = `value of the tag ${quote(key)}`
  const text = sanitise
    ? given
        .replace(replaceable.tagValue, "_")
        .replace(/^~/, "_")
        .replace(/(?<=")\}$/, "_")
    : given
  if (text.startsWith("~")) return refuse(`its ${what} ${quote(text)} starts with ~`)
  // carbon takes such a path for one of OpenMetrics: name{key="value"}.
  if (text.endsWith('"}')) return refuse(`its ${what} ${quote(text)} ends with "}`)
  return foundIn(what, text, inTagValue) ?? text
}

const noPath = (reason: string): Path => ({ head: "", tail: "", fault: reason })

const taggedPath = (name: string, tags: ReadonlyArray<Tag>, sanitise: boolean): Path => {
  const head = checkName("name", name, sanitise)
  if (typeof head !== "string") return noPath(head.reason)
  const keys = new Set<string>()
  let tail = ""
  for (const [givenKey, givenValue] of tags) {
    // Neither can be written without the other.
    if (givenKey === "" || givenValue === "") continue
    const key = checkTagKey(givenKey, sanitise)
    if (typeof key !== "string") return noPath(key.reason)
    const value = checkTagValue(givenKey, givenValue, sanitise)
    if (typeof value !== "string") return noPath(value.reason)
    if (keys.has(key)) return noPath(`two of its tag keys become ${quote(key)}`)
    keys.add(key)
    tail += `;${key}=${value}`
  }
  return tail === "" ? untagged(head) : { head, tail, fault: undefined }
}

const untagged = (head: string): Path =>
  isLonger(head, maxUntaggedBytes)
    ? noPath(`its path ${quote(head)} is longer than ${maxUntaggedBytes} bytes`)
    : { head, tail: "", fault: undefined }

const dottedPath = (name: string, tags: ReadonlyArray<Tag>, sanitise: boolean): Path => {
  const start = checkName("name", name, sanitise)
  if (typeof start !== "string") return noPath(start.reason)
  let head = start
  for (const [givenKey, givenValue] of tags) {
    if (givenKey === "" || givenValue === "") continue
    const key = checkSegment("tag key", givenKey, sanitise)
    if (typeof key !== "string") return noPath(key.reason)
    const value = checkSegment(`value of the tag ${quote(givenKey)}`, givenValue, sanitise)
    if (typeof value !== "string") return noPath(value.reason)
    head += `.${key}.${value}`
  }
  return untagged(head)
}

const ownPath = (pathOf: PathOf, name: string, tags: ReadonlyArray<Tag>, sanitise: boolean): Path => {
  let given: unknown
  try {
    given = pathOf(name, Object.fromEntries(tags))
  } catch {
    return noPath("the function for its path threw")
  }
  if (typeof given !== "string") return noPath("the function for its path gave no text")
  const head = checkName("path", given, sanitise)
  return typeof head === "string" ? untagged(head) : noPath(head.reason)
}

/** Never throws. */
export const pathOf = (name: string, tags: ReadonlyArray<Tag>, { naming, sanitise }: Naming): Path => {
  if (naming === "tagged") return taggedPath(name, tags, sanitise)
  return naming === "dotted" ? dottedPath(name, tags, sanitise) : ownPath(naming, name, tags, sanitise)
}

/**
 * How a path spells its series, so that those which share a path are one. With a function for the path of one's own, and where
 * there is no path, as they are.
 */
export const spell =
  (dialect: Naming) =>
  (series: { readonly name: string; readonly tags: ReadonlyArray<Tag> }): typeof series => {
    if (typeof dialect.naming === "function") return series
    const { fault, head, tail } = pathOf(series.name, series.tags, dialect)
    if (fault !== undefined) return series
    // Neither keys nor values have a semicolon, and keys have no equals sign.
    const tags = tail
      .split(";")
      .slice(1)
      .map((tag): Tag => {
        const end = tag.indexOf("=")
        return [tag.slice(0, end), tag.slice(end + 1)]
      })
    return { name: head, tags: tags.sort(([a], [b]) => (a < b ? -1 : 1)) }
  }

/** What stands for a point's field behind the head of its path: nothing for the field `value`. */
export const fieldSuffix = (
  field: string,
  { sanitise }: Naming
): { readonly text: string; readonly fault: string | undefined } => {
  if (field === "value") return { text: "", fault: undefined }
  const checked = checkName("field", field, sanitise)
  return typeof checked === "string" ? { text: `.${checked}`, fault: undefined } : { text: "", fault: checked.reason }
}

/** The same for one of a distribution's numbers, whose dots are those of a number: `le_0_5`. */
export const readSuffix = (name: string): string => `.${name.replace(/\./g, "_")}`
