/**
 * Lines on an output, read as a program would that cuts them at their blanks. Left out, since what is shown is for people:
 * the table, which has the last of each series and not each measurement; sums of distributions, in whose place there are
 * means; texts that look like numbers, which stand there as numbers do. There is no encoder, so nothing bounds bytes, and no
 * network that could fail.
 */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Console from "../../src/sinks/Console.js"
import * as SinkContract from "../../src/testing/SinkContract.js"

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }

/** Reads words, bare up to one of `ends` or in quotes, and the marks between them. */
const reader = (text: string) => {
  let at = 0
  const escape = (): string => {
    const [whole, two, more, one] = /^(?:x(..)|u\{([^}]+)\}|(.))/su.exec(text.slice(at)) ?? []
    at += whole?.length ?? 0
    const code = two ?? more
    return code === undefined ? (escapes[one ?? ""] ?? one ?? "") : String.fromCodePoint(parseInt(code, 16))
  }
  return {
    word: (ends: string): { readonly text: string; readonly isQuoted: boolean } => {
      let word = ""
      const isQuoted = text[at] === '"'
      if (!isQuoted) {
        while (at < text.length && !ends.includes(text[at]!)) word += text[at++]
        return { text: word, isQuoted }
      }
      at++
      while (text[at] !== '"') {
        if (at >= text.length) throw new Error(`a quote does not end: ${text}`)
        if (text[at] === "\\") {
          at++
          word += escape()
        } else word += text[at++]
      }
      at++
      return { text: word, isQuoted }
    },
    takes: (mark: string): boolean => {
      if (text[at] !== mark) return false
      at++
      return true
    }
  }
}

const valueOf = ({
  isQuoted,
  text
}: {
  readonly text: string
  readonly isQuoted: boolean
}): string | number | boolean => {
  if (text === "true" || text === "false") return text === "true"
  return isQuoted || text === "" || Number.isNaN(Number(text)) ? text : Number(text)
}

const parse = (line: string): SinkContract.Received => {
  const reading = reader(line)
  const name = reading.word(" {").text
  const tags: Array<readonly [string, string]> = []
  if (reading.takes("{")) {
    do {
      const key = reading.word("=").text
      if (!reading.takes("=")) throw new Error(`a tag without a value: ${line}`)
      tags.push([key, reading.word(",}").text])
    } while (reading.takes(","))
    if (!reading.takes("}")) throw new Error(`tags without an end: ${line}`)
  }
  const fields: Array<readonly [string, string | number | boolean]> = []
  while (reading.takes(" ")) {
    const key = reading.word("= ").text
    if (!reading.takes("=")) throw new Error(`a field without a value: ${line}`)
    fields.push([key, valueOf(reading.word(" "))])
  }
  const [key, value] = fields.at(-1) ?? []
  if (key === "time") {
    const millis = typeof value === "number" ? value : Date.parse(String(value))
    return { name, tags: Object.fromEntries(tags), fields: Object.fromEntries(fields.slice(0, -1)), millis }
  }
  const count = fields.find(([key]) => key === "count")
  return {
    name,
    tags: Object.fromEntries(tags),
    fields: Object.fromEntries(count === undefined ? fields : [["value", count[1]]])
  }
}

const backend = Effect.sync(() => {
  let text = ""
  const writes: Array<SinkContract.Write> = []
  const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").filter((line) => line !== "")
  return {
    output: {
      write: (more: string) => {
        text += more
        writes.push({ records: linesOf(more).length, bytes: more.length })
      }
    },
    received: Effect.sync(() => linesOf(text).map(parse)),
    writes: Effect.sync(() => [...writes])
  }
})

const leftOut = new Set([
  "delivers count and sum of timers",
  "delivers count and sum of distributions",
  "makes one record or none of a hostile value, and never another number"
])

describe.concurrent("Console keeps the contract: it", () => {
  const checks = SinkContract.checks({
    name: "Console",
    backend,
    layer: ({ output }, delivery) => Console.layer({ output, color: "never", format: "lines", ...delivery }),
    wire: { batchBytes: false },
    faults: []
  })
  for (const { name, run } of checks.filter(({ name }) => !leftOut.has(name))) it.live(name, () => run)
})
