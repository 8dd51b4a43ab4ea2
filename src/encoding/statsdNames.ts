/**
 * What may stand in StatsD's lines as a name or a tag, by server and by how tags are written. StatsD has no escapes: what
 * would break out of its place, and what the server would rewrite so that two names become one, is refused with the reason,
 * or replaced by `_` where that was asked for; in the values of etsy's tags always, but for control characters.
 */
import type { Tag } from "../recording/measurement.js"
import { quote } from "./output.js"

/**
 * Whose rules: etsy's daemon with all that follow it (telegraf, statsd_exporter), or Datadog's agent.
 *
 * @since 0.1.0
 * @category models
 */
export type Server = "etsy" | "dogstatsd"

/**
 * How tags are written: `graphite` `name;k=v:1|c`, `influx` `name,k=v:1|c`, `librato` `name#k=v:1|c`, `signalfx`
 * `name[k=v]:1|c`, `datadog` `name:1|c|#k:v`; `none` leaves tags out.
 *
 * @since 0.1.0
 * @category models
 */
export type TagStyle = "graphite" | "influx" | "librato" | "signalfx" | "datadog" | "none"

/** Tags as they stand behind the name, and at the end of the line. */
export interface Tags {
  readonly inName: string
  readonly atEnd: string
}

/** Text that may go on the wire, or why it may not. */
export type Checked<A> = { readonly value: A; readonly fault?: undefined } | { readonly fault: string }

/** Datadog's limit for names and tags, in characters. */
const maxLength = 200

// Etsy's daemon deletes whatever else a name holds, and Datadog's backend writes `_` for it. Both rewrite the slash as well.
const notPlain = /[^\w./-]/gu
const control = /\p{Cc}/u

// What one of the servers that read this style takes for the end of a value, or for tags of another style.
const inStructure = /[\p{Cc},;:|#@=[\]]/gu
const inInflux = /[\p{Cc},;:|#@=[\]]|\\$/gu
const inDatadog = /[\p{Cc},|#@]/gu
const inDatadogKey = /[\p{Cc},|#@:]/gu
const notDatadog = /[^\p{L}\p{N}_:./-]/gu
const notDatadogKey = /[^\p{L}\p{N}_./-]/gu

const isIn = (text: string, pattern: RegExp): boolean => text.search(pattern) >= 0

const describe = (what: string, text: string): string => `its ${what} ${quote(text)}`

export const namesOf = (server: Server, style: TagStyle, sanitise: boolean) => {
  /** `bad` is replaced where that is allowed; control characters only where everything is. */
  const clean = (what: string, text: string, bad: RegExp, isLenient: boolean): Checked<string> => {
    if (!isIn(text, bad)) return { value: text }
    if (sanitise || (isLenient && !control.test(text))) return { value: text.replace(bad, "_") }
    return { fault: `${describe(what, text)} has characters that its server cannot read there` }
  }

  const isLenient = style === "influx"
  const isDatadog = server === "dogstatsd"
  const isPlain = style === "graphite" || (style === "datadog" && !isDatadog)
  const badInKey = !isDatadog ? notPlain : sanitise ? notDatadogKey : inDatadogKey
  const badInValue = isPlain
    ? notPlain
    : isDatadog
      ? sanitise
        ? notDatadog
        : inDatadog
      : isLenient
        ? inInflux
        : inStructure

  return {
    name: (text: string): Checked<string> => {
      if (text === "") return { fault: "its name is empty" }
      const name = clean("name", text, notPlain, false)
      if (name.fault !== undefined || !isDatadog) return name
      if (!/^[a-z]/i.test(name.value)) return { fault: `${describe("name", text)} does not start with a letter` }
      return name.value.length > maxLength
        ? { fault: `${describe("name", text)} is longer than ${maxLength} characters` }
        : name
    },

    tags: (tags: ReadonlyArray<Tag>): Checked<Tags> => {
      const parts: Array<string> = []
      for (const [givenKey, givenValue] of style === "none" ? [] : tags) {
        // Datadog has tags without a value; the others take an empty one for a mistake.
        if (givenValue === "" && !isDatadog) continue
        const key = clean("tag key", givenKey, badInKey, isLenient)
        if (key.fault !== undefined) return key
        // Values come from outside: a route such as /users/:id must not cost its series.
        const value = clean(`value of the tag ${quote(givenKey)}`, givenValue, badInValue, !isDatadog)
        if (value.fault !== undefined) return value
        const separator = style === "datadog" ? ":" : "="
        const tag = value.value === "" ? key.value : `${key.value}${separator}${value.value}`
        if (!isDatadog || tag.length <= maxLength) parts.push(tag)
        else if (sanitise) parts.push(tag.slice(0, maxLength))
        else return { fault: `${describe("tag", tag)} is longer than ${maxLength} characters` }
      }
      return { value: place(style, parts) }
    },

    /** A member of a set. */
    member: (text: string): Checked<string> => {
      if (text === "") return { fault: "its value is empty" }
      const value = clean("value", text, isDatadog ? /[\p{Cc}|]/gu : /[\p{Cc}|:]/gu, false)
      return value
    },

    /** One of an event's words, such as a host's name. */
    word: (what: string, text: string): Checked<string> => clean(what, text, /[\p{Cc}|]/gu, false),

    /** A service check's message, whose newlines are written otherwise. Its length is not on the line, as that of an event's text is. */
    message: (what: string, text: string): Checked<string> => clean(what, text, /\|/gu, false)
  }
}

const place = (style: TagStyle, parts: ReadonlyArray<string>): Tags => {
  if (parts.length === 0) return { inName: "", atEnd: "" }
  switch (style) {
    case "graphite":
      return { inName: `;${parts.join(";")}`, atEnd: "" }
    case "influx":
      return { inName: `,${parts.join(",")}`, atEnd: "" }
    case "librato":
      return { inName: `#${parts.join(",")}`, atEnd: "" }
    case "signalfx":
      return { inName: `[${parts.join(",")}]`, atEnd: "" }
    default:
      return { inName: "", atEnd: `|#${parts.join(",")}` }
  }
}
