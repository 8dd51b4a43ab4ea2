/**
 * Which measurements a request was accepted without. The answer counts them, and says of each what was wrong with which value;
 * it does not say where in the request that stood, so that is looked up in what was sent.
 */
import type { Body } from "../../encoding/librato.js"
import type { WriteResult } from "../../Sink.js"
import { isObject, type Members, readable } from "../../transport/words.js"
import { complaints, textOf } from "./words.js"

type Rejections = NonNullable<WriteResult["rejected"]>

export const rejectedBy = (answer: string, members: Members | undefined, { bytes, items }: Body): Rejections => {
  const count = countOf(answer, members)
  const errors = members?.["errors"]
  const entries: ReadonlyArray<unknown> = Array.isArray(errors) ? errors : []
  const said = errors === undefined ? [] : complaints({ errors })
  if (count === 0 || (count === undefined && said.length === 0)) return []

  const sent = itemsOf(bytes)
  const owners = items.flatMap((count, index) => Array.from({ length: count }, () => index))
  const reasons = new Map<number, string>()
  const found = new Set<number>()
  const places = entries
    .filter(isObject)
    .slice(0, owners.length)
    .map((entry) => ({ entry, at: placesOf(entry, sent) }))
  const refuse = (at: number | undefined, entry: Members): void => {
    const owner = at === undefined ? undefined : owners[at]
    if (at === undefined || owner === undefined || found.size >= (count ?? Infinity)) return
    found.add(at)
    if (!reasons.has(owner)) reasons.set(owner, readable(complaints({ errors: entry }).join("; ")))
  }
  // Each complaint is about one measurement at least, before any is about more.
  for (const { at, entry } of places) {
    const free = at.find((place) => !found.has(place))
    refuse(free, entry)
  }
  for (const { at, entry } of places) for (const place of at) if (!found.has(place)) refuse(place, entry)
  // The account is right in number even where nobody says which they were.
  let missing = (count ?? Math.max(found.size, said.length)) - found.size
  for (let at = owners.length - 1; at >= 0 && missing > 0; at--) {
    const owner = owners[at]!
    if (reasons.has(owner)) continue
    missing--
    const words = said.length === 0 ? "and why" : `: ${said.join("; ")}`
    reasons.set(owner, readable(`one of those that the service refused without saying which ${words}`))
  }
  return [...reasons].sort(([a], [b]) => a - b).map(([index, reason]) => ({ index, reason }))
}

/** How many were not stored, if the answer says so; also one whose end was not read. */
const countOf = (answer: string, members: Members | undefined): number | undefined => {
  if (members === undefined) {
    const counts = [...answer.matchAll(/"(?:failed|filtered)"\s*:\s*(\d{1,9})/g)].map((match) => Number(match[1]))
    return counts.reduce((sum, count) => sum + count, 0)
  }
  const measurements = members["measurements"]
  const summary = isObject(measurements) ? measurements["summary"] : undefined
  if (!isObject(summary)) return undefined
  const numbers = ["failed", "filtered"].map((key) => summary[key]).filter((count) => typeof count === "number")
  return numbers.length === 0 ? undefined : numbers.reduce((sum, count) => sum + Math.max(0, Math.floor(count) || 0), 0)
}

const itemsOf = (bytes: Uint8Array): ReadonlyArray<Members> => {
  // What the encoder wrote.
  const body = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, ReadonlyArray<Members>>>
  return body["measurements"] ?? body["gauges"] ?? []
}

/** Where in the request an error may be about. */
const placesOf = ({ param, value }: Members, sent: ReadonlyArray<Members>): ReadonlyArray<number> => {
  const named = textOf(param) ?? ""
  const numbered = /^(?:measurements|gauges)[.[](\d{1,6})\b/.exec(named)
  if (numbered !== null) return [Number(numbered[1])]
  const text = textOf(value)
  if (text === undefined) return []
  const exact = placesWith(text, named, sent, (word) => word)
  // The service does not tell upper from lower case, so it may have another spelling.
  return exact.length > 0 ? exact : placesWith(text.toLowerCase(), named, sent, (word) => word.toLowerCase())
}

const placesWith = (
  text: string,
  named: string,
  sent: ReadonlyArray<Members>,
  spell: (word: string) => string
): ReadonlyArray<number> =>
  sent.flatMap((item, at) => (wordsOf(item, named).some((word) => spell(word) === text) ? [at] : []))

/** What stands in an item under a name. */
const wordsOf = (item: Members, named: string): ReadonlyArray<string> => {
  const { tags, ...own } = item
  const ofTags = isObject(tags) ? Object.entries(tags).flat() : []
  const values = named in own ? [own[named]] : /tag/i.test(named) ? ofTags : [...Object.values(own), ...ofTags]
  return values.map((one) => textOf(one) ?? "")
}
