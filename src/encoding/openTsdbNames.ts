/**
 * What OpenTSDB takes as the name of a metric and as a tag. Nothing is rewritten unless a replacement is given: what it does
 * not take is refused with the reason, as a space or a line break would begin another word or another command.
 */
import type { Tag } from "../recording/measurement.js"
import { quote } from "./output.js"

/**
 * `ascii` for `put` lines, whose bytes the server reads as Latin-1. `letters` for JSON: the letters of all scripts that one
 * UTF-16 unit spells, as that is what the server asks for.
 */
export type Alphabet = "ascii" | "letters"

export interface Names {
  /** With what the server does not take replaced, if there is a replacement. */
  readonly clean: (text: string) => string
  readonly nameFault: (name: string) => string | undefined
  readonly fieldFault: (field: string) => string | undefined
  readonly tagsFault: (tags: ReadonlyArray<Tag>) => string | undefined
}

/** Of words that were different before they were sanitised. */
export const twice = (what: "tags" | "fields", word: string): string =>
  `two of its ${what} are ${quote(word)} once sanitised`

const foreign: Readonly<Record<Alphabet, RegExp>> = {
  ascii: /[^\w./-]/u,
  letters: /[^\w./\p{L}-]|[\u{10000}-\u{10ffff}]/u
}

const taken: Readonly<Record<Alphabet, string>> = {
  ascii: "a put line takes A-Z a-z 0-9 - _ . / and nothing else",
  letters: "OpenTSDB takes letters, 0-9 - _ . / and nothing else"
}

/** Whether a text is fit to replace what a server does not take. */
export const isReplacement = (text: string): boolean => text !== "" && !foreign.ascii.test(text)

/** Replaces what the server does not take, if there is a replacement. */
export const cleaner = (alphabet: Alphabet, replacement: string | undefined): ((text: string) => string) => {
  const all = new RegExp(foreign[alphabet], "gu")
  // A function, as `$` has a meaning in a text.
  return (text) => (replacement === undefined ? text : text.replace(all, () => replacement))
}

/** How a series is spelled once sanitised, so that those which come out equal are one; as it is where two of its tags do. */
export const spell = (alphabet: Alphabet, replacement: string | undefined) => {
  const clean = cleaner(alphabet, replacement)
  return (series: { readonly name: string; readonly tags: ReadonlyArray<Tag> }): typeof series => {
    if (replacement === undefined) return series
    const tags = series.tags.map(([key, value]): Tag => [clean(key), clean(value)])
    if (new Set(tags.map(([key]) => key)).size < tags.length) return series
    return { name: clean(series.name), tags: tags.sort(([a], [b]) => (a < b ? -1 : 1)) }
  }
}

export const namesOf = (alphabet: Alphabet, replacement: string | undefined, maxTags: number): Names => {
  const one = foreign[alphabet]

  const wordFault = (what: string, word: string): string | undefined => {
    if (word === "") return `${what} is empty`
    const found = one.exec(word)
    return found === null
      ? undefined
      : `${what} ${quote(word)} contains ${quote(found[0])}, and ${taken[alphabet]} (or set sanitise)`
  }

  return {
    clean: cleaner(alphabet, replacement),
    nameFault: (name) => wordFault("its name", name),
    fieldFault: (field) => wordFault("its field key", field),
    tagsFault: (tags) => {
      if (tags.length === 0) return "it has no tags, and OpenTSDB wants at least one: set hostTag, or tags"
      if (tags.length > maxTags) return `it has ${tags.length} tags, and the server takes at most ${maxTags} (maxTags)`
      const keys = new Set<string>()
      for (const [key, value] of tags) {
        const fault = wordFault("its tag key", key) ?? wordFault(`the value of its tag ${quote(key)}`, value)
        if (fault !== undefined) return fault
        if (keys.has(key)) return twice("tags", key)
        keys.add(key)
      }
      return undefined
    }
  }
}
