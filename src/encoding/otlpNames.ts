/**
 * What OpenTelemetry takes for a name. Nothing is rewritten: what it does not take is refused with the reason.
 */
import type { Tag } from "../recording/measurement.js"
import { quote } from "./output.js"

/** `strict`: the syntax that the specification has for instruments, which the wire does not ask for. `any`: whatever is not empty. */
export type Names = "strict" | "any"

const maxName = 255

export const nameFault = (names: Names, name: string): string | undefined => {
  if (name === "") return "its name is empty"
  if (name.length > maxName) return `its name ${quote(name)} is longer than ${maxName} characters`
  return names === "any" || /^[A-Za-z][\w./-]*$/.test(name)
    ? undefined
    : `its name ${quote(name)} is not a letter and then letters, digits and _ . - / (names: "any" takes others)`
}

export const tagsFault = (tags: ReadonlyArray<Tag>): string | undefined =>
  tags.some(([key]) => key === "") ? "a tag has an empty key" : undefined
