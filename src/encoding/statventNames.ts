/**
 * How a line of statvent's text is named: a name, and its tags in braces behind it. Readers take the line up to its last colon,
 * without blanks at the ends, so that any name is one that holds no control character, has no blank at an end, and is read
 * back as itself. What is not is refused with the reason, and never rewritten.
 */
import type { Tag } from "../recording/measurement.js"
import { quote } from "./output.js"
import { header, splitKey } from "./statventReader.js"

const escapes: Readonly<Record<string, string>> = { "\n": "\\n" }

const escape = (text: string, special: RegExp): string => text.replace(special, (char) => escapes[char] ?? `\\${char}`)

const inKey = /[\\={},"\n]/g
const inValue = /[\\"\n]/g

/** `name{key="value",…}`, the name alone where there are no tags. */
export const keyOf = (name: string, tags: ReadonlyArray<Tag>): string =>
  tags.length === 0
    ? name
    : `${name}{${tags.map(([key, value]) => `${escape(key, inKey)}="${escape(value, inValue)}"`).join(",")}}`

// Some readers end a line at others than LF, and a terminal obeys them. Half a pair of surrogates is no text.
const unfit = /[\p{Cc}\u2028\u2029]|\p{Surrogate}/u
/** Escaped, a line feed ends no line. */
const unfitInTag = /(?!\n)[\p{Cc}\u2028\u2029]|\p{Surrogate}/u

const unfitReason = "has a control character, a line break or half a character"

const own = new Set(header.map(([key]) => key))

const tagsFault = (tags: ReadonlyArray<Tag>): string | undefined => {
  for (const [key, value] of tags) {
    if (unfitInTag.test(key)) return `its tag key ${quote(key)} ${unfitReason}`
    if (unfitInTag.test(value)) return `its value of the tag ${quote(key)} ${unfitReason}`
  }
  return undefined
}

const isReadBack = (key: string, name: string, tags: ReadonlyArray<Tag>): boolean => {
  const read = splitKey(key)
  return (
    read.name === name &&
    read.tags.length === tags.length &&
    read.tags.every(([key, value], i) => key === tags[i]![0] && value === tags[i]![1])
  )
}

const nameFault = (name: string, tags: ReadonlyArray<Tag>): string | undefined => {
  if (name === "") return "its name is empty"
  if (unfit.test(name)) return `its name ${quote(name)} ${unfitReason}`
  const key = keyOf(name, tags)
  if (key.trim() !== key) return `its name ${quote(name)} has a blank at an end, which readers take away`
  if (own.has(key)) return `its name ${quote(name)} is one of the text's own`
  return isReadBack(key, name, tags) ? undefined : `its name ${quote(name)} would be read as another name with tags`
}

/** Why there can be no line of this name with these tags. */
export const fault = (name: string, tags: ReadonlyArray<Tag>): string | undefined =>
  tagsFault(tags) ?? nameFault(name, tags)
