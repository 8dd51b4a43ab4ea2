/**
 * What Librato and AppOptics take as names, sources and tags. Nothing is rewritten unless that is asked for: one bad name makes
 * the service refuse a whole request, so what it would not take is refused here, with the reason.
 */
import type { Tag } from "../recording/measurement.js"
import { quote } from "./output.js"

interface Alphabet {
  readonly most: number
  readonly foreign: RegExp
  readonly taken: string
}

const word: Alphabet = { most: 255, foreign: /[^\w.:-]/, taken: "A-Z a-z 0-9 . : _ - and nothing else" }
const tagKey: Alphabet = { ...word, most: 64 }
// The last two are in the documents of Librato, the question mark in what AppOptics takes.
const tagValue: Alphabet = {
  most: 255,
  foreign: /[^\w.:\-?/\\ ]/,
  taken: "A-Z a-z 0-9 . : _ - ? / \\ blanks and nothing else"
}

export const maxTags = 50

const faultIn = ({ foreign, most, taken }: Alphabet, what: string, text: string): string | undefined => {
  if (text === "") return `${what} is empty`
  if (text.length > most) return `${what} ${quote(text)} is longer than ${most} characters`
  const found = foreign.exec(text)
  return found === null
    ? undefined
    : `${what} ${quote(text)} contains ${quote(found[0])}, and the service takes ${taken} (or set sanitise)`
}

export interface Names {
  /** With a dash for each run of characters that names cannot have, if that is asked for. Also of sources. */
  readonly clean: (text: string) => string
  readonly cleanTags: (tags: ReadonlyArray<Tag>) => ReadonlyArray<Tag>
  readonly nameFault: (name: string) => string | undefined
  readonly sourceFault: (source: string) => string | undefined
  readonly tagsFault: (tags: ReadonlyArray<Tag>) => string | undefined
}

export const namesOf = (sanitise: boolean): Names => {
  const cleaner = ({ foreign }: Alphabet): ((text: string) => string) => {
    const runs = new RegExp(`(?:${foreign.source})+`, "g")
    return (text) => (sanitise ? text.replace(runs, "-") : text)
  }
  const clean = cleaner(word)
  const cleanValue = cleaner(tagValue)
  return {
    clean,
    cleanTags: (tags) => tags.map(([key, value]): Tag => [clean(key), cleanValue(value)]),
    nameFault: (name) => faultIn(word, "its name", name),
    sourceFault: (source) => faultIn(word, "its source", source),
    tagsFault: (tags) => {
      if (tags.length === 0) return "it has no tags, and a measurement needs at least one: set hostTag, or tags"
      if (tags.length > maxTags) return `it has ${tags.length} tags, and the service takes at most ${maxTags}`
      const keys = new Set<string>()
      for (const [key, value] of tags) {
        const fault =
          faultIn(tagKey, "its tag key", key) ?? faultIn(tagValue, `the value of its tag ${quote(key)}`, value)
        if (fault !== undefined) return fault
        // The service turns them into lower case.
        if (keys.has(key.toLowerCase())) return `two of its tags are ${quote(key.toLowerCase())} to the service`
        keys.add(key.toLowerCase())
      }
      return undefined
    }
  }
}
