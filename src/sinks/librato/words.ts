/**
 * What the service says went wrong, whatever form it gives that: `errors` is a text, a list of texts, an object of lists, of
 * texts or of objects, or a list of objects with `param`, `value` and `reason`; or there is one text as `error` or `message`.
 */

/** Of an answer. */
export type Members = Readonly<Record<string, unknown>>

/** Bytes of the service's own words that an error repeats. */
const maxWords = 1024

/** How deep, and how many of them, are read. */
const maxDepth = 6
const maxSaid = 50

/** `undefined` for what is no JSON; an array has no members that are asked for. */
export const parse = (body: string): Members | undefined => {
  try {
    const parsed: unknown = JSON.parse(body)
    // What is not an object has nothing to tell.
    return typeof parsed === "object" && parsed !== null ? (parsed as Members) : {}
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined

/** Each thing that is said, with the names under which it stands before it. */
const collect = (value: unknown, path: string, depth: number, said: Array<string>): void => {
  if (depth > maxDepth || said.length >= maxSaid) return
  const text = textOf(value)
  if (text !== undefined) {
    if (text !== "") said.push(path === "" ? text : `${path}: ${text}`)
  } else if (Array.isArray(value)) {
    for (const one of value) collect(one, path, depth + 1, said)
  } else if (isObject(value)) {
    const reason = textOf(value["reason"]) ?? textOf(value["message"])
    if (reason === undefined) {
      for (const [key, one] of Object.entries(value))
        collect(one, path === "" ? key : `${path}.${key}`, depth + 1, said)
    } else {
      const about = [textOf(value["param"]), textOf(value["value"])].filter((one) => one !== undefined).join(" ")
      said.push([path, about, reason].filter((one) => one !== "").join(": "))
    }
  }
}

/** Everything that an answer complains about. */
export const complaints = (members: Members): ReadonlyArray<string> => {
  const said: Array<string> = []
  for (const key of ["errors", "error", "message"]) if (said.length === 0) collect(members[key], "", 0, said)
  return said
}

// Control characters, and those that make text run backwards or away.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** On one line, and not too long. */
export const readable = (words: string): string => {
  const plain = words
    .trim()
    .slice(0, maxWords * 2)
    .replace(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return plain.length > maxWords ? `${plain.slice(0, maxWords - 1)}…` : plain
}
