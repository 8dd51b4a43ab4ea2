/**
 * Readers of line protocol, written from its grammar and apart from the encoder: as InfluxDB 1 and 2 read it, and as 3 does.
 */
export interface Line {
  readonly measurement: string
  readonly tags: ReadonlyArray<readonly [string, string]>
  readonly fields: ReadonlyArray<readonly [string, number | bigint | boolean | string]>
  readonly time: bigint | undefined
}

interface Grammar {
  /** What a backslash makes literal in a measurement, and in keys and tag values. */
  readonly inMeasurement: string
  readonly inKey: string
}

const grammars: Record<1 | 3, Grammar> = {
  1: { inMeasurement: ", ", inKey: ",= " },
  3: { inMeasurement: ", \\", inKey: ",= \\" }
}

export const parse = (version: 1 | 3, text: string): ReadonlyArray<Line> => {
  const grammar = grammars[version]
  const lines: Array<Line> = []
  let at = 0

  const word = (escapable: string, ends: string): string => {
    let word = ""
    while (at < text.length && !ends.includes(text[at]!)) {
      if (text[at] === "\\" && at + 1 < text.length && escapable.includes(text[at + 1]!)) at++
      word += text[at++]
    }
    if (word === "") throw new Error(`empty word at ${at}`)
    return word
  }
  const expect = (mark: string): void => {
    if (text[at] !== mark)
      throw new Error(`expected ${JSON.stringify(mark)} at ${at}, found ${JSON.stringify(text[at])}`)
    at++
  }
  const value = (): number | bigint | boolean | string => {
    if (text[at] === '"') {
      at++
      let string = ""
      while (text[at] !== '"') {
        if (at >= text.length) throw new Error("unbalanced quotes")
        if (text[at] === "\\" && (text[at + 1] === '"' || text[at + 1] === "\\")) at++
        string += text[at++]
      }
      at++
      return string
    }
    const raw = word("", ", \n")
    if (/^[tf]$/i.test(raw)) return raw.toLowerCase() === "t"
    if (/^-?\d+[iu]$/.test(raw)) return BigInt(raw.slice(0, -1))
    if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(raw)) throw new Error(`no value: ${raw}`)
    return Number(raw)
  }

  while (at < text.length) {
    const measurement = word(grammar.inMeasurement, ", \n")
    const tags: Array<readonly [string, string]> = []
    while (text[at] === ",") {
      at++
      const key = word(grammar.inKey, ",= \n")
      expect("=")
      tags.push([key, word(grammar.inKey, ",= \n")])
    }
    const fields: Array<readonly [string, number | bigint | boolean | string]> = []
    let mark = " "
    do {
      expect(mark)
      const key = word(grammar.inKey, ",= \n")
      expect("=")
      fields.push([key, value()])
      mark = ","
    } while (text[at] === ",")
    let time: bigint | undefined
    if (text[at] === " ") {
      at++
      time = BigInt(word("", "\n"))
    }
    if (at < text.length) expect("\n")
    lines.push({ measurement, tags, fields, time })
  }
  return lines
}
