/** Tags that the app adds to a request by a function. */
import type { Tags } from "../../Metrics.js"

export const ownTags = <A>(
  tags: ((request: A, status: number) => Tags) | undefined,
  request: A,
  status: number
): Tags | undefined => {
  if (tags === undefined) return undefined
  try {
    return tags(request, status)
  } catch {
    return refused
  }
}

/** In place of those that the function threw for: the hub refuses what is recorded with them, as `threw`. */
export const refused: Tags = Object.defineProperty({}, "tags", {
  enumerable: true,
  get: () => {
    throw new Error("the tags of a request could not be read")
  }
})

/** The later ones win. Those that cannot be read stay so. */
export const joined = (given: Tags, own: Tags | undefined): Tags => {
  if (own === undefined || given === refused) return given
  if (own === refused) return own
  try {
    return { ...given, ...own }
  } catch {
    return refused
  }
}
