/**
 * What the service says went wrong, whatever form it gives that: `errors` is a text, a list of texts, an object of lists, of
 * texts or of objects, or a list of objects with `param`, `value` and `reason`; or there is one text as `error` or `message`.
 */

import { isObject, type Members } from "../../transport/words.js"

/** How deep, and how many of them, are read. */
const maxDepth = 6
const maxSaid = 50

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
