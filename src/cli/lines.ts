/** Measurements as text, one a line, in the words of the command line. */
import { Either } from "effect"
import { type Measure, measureOf } from "./measure.js"

type Result<A> = Either.Either<A, string>

/** The words of a line, as a shell would cut it: quotes and backslashes keep blanks. Nothing is expanded. */
const wordsOf = (line: string): Result<ReadonlyArray<string>> => {
  const words: Array<string> = []
  let word: string | undefined
  let quote = ""
  for (let i = 0; i < line.length; i++) {
    const character = line[i]!
    if (character === "\\" && quote !== "'") {
      if (i + 1 === line.length) return Either.left("a backslash ends it")
      word = (word ?? "") + line[++i]!
    } else if (quote !== "") {
      if (character === quote) quote = ""
      else word += character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ""
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? "") + character
  }
  if (quote !== "") return Either.left("a quote is not closed")
  return Either.right(word === undefined ? words : [...words, word])
}

const options = ["tag", "field", "timestamp", "level"] as const

/** Nothing where there is nothing, or a comment that begins with `#`. */
export const read = (line: string): Result<Measure | undefined> =>
  Either.gen(function* () {
    if (/^\s*(#|$)/.test(line)) return undefined
    const words: Array<string> = []
    const given: Record<(typeof options)[number], Array<string>> = { tag: [], field: [], timestamp: [], level: [] }
    const rest = [...(yield* wordsOf(line))]
    for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
      const [, name, inline] = /^--([a-z]+)(?:=(.*))?$/s.exec(word) ?? []
      if (name === undefined) {
        words.push(word)
        continue
      }
      const option = options.find((one) => one === name)
      if (option === undefined) return yield* Either.left(`there is no option other than --${options.join(", --")}`)
      const value = inline ?? rest.shift()
      if (value === undefined) return yield* Either.left(`--${option} is the last word`)
      given[option].push(value)
    }
    const twice = (["timestamp", "level"] as const).find((option) => given[option].length > 1)
    if (twice !== undefined) return yield* Either.left(`--${twice} is given twice`)
    return yield* measureOf({
      words,
      tags: given.tag,
      fields: given.field,
      timestamp: given.timestamp[0],
      level: given.level[0]
    })
  })
