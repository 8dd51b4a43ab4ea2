/** Reads Prometheus' text, version 0.0.4, as strictly as its page says, and more: what may be scraped but should not be is an error. */

export interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string | undefined
  readonly samples: ReadonlyArray<Sample>
}

const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|\})/

const unescape = (text: string): string => text.replace(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one))

const readValue = (text: string): number => {
  if (text === "NaN") return NaN
  const infinity = /^([+-])Inf$/.exec(text)
  if (infinity !== null) return infinity[1] === "+" ? Infinity : -Infinity
  if (!/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text)) throw new Error(`no value: ${text}`)
  return Number(text)
}

const readSample = (line: string): Sample => {
  const found = name.exec(line)?.[0]
  if (found === undefined) throw new Error(`no name: ${line}`)
  const labels = new Map<string, string>()
  let rest = line.slice(found.length)
  if (rest.startsWith("{")) {
    rest = rest.slice(1)
    for (;;) {
      const match = label.exec(rest)
      if (match === null) throw new Error(`no label: ${line}`)
      const [whole, key, value, end] = match as unknown as [string, string, string, string]
      if (labels.has(key)) throw new Error(`a label twice: ${line}`)
      if (key.startsWith("__")) throw new Error(`a label of Prometheus' own: ${line}`)
      labels.set(key, unescape(value))
      rest = rest.slice(whole.length)
      if (end === "}") break
    }
  }
  if (!rest.startsWith(" ")) throw new Error(`no space: ${line}`)
  return { name: found, labels, value: readValue(rest.slice(1)) }
}

const endings: Readonly<Record<string, ReadonlyArray<string>>> = {
  counter: [""],
  gauge: [""],
  untyped: [""],
  summary: ["", "_sum", "_count"],
  histogram: ["_bucket", "_sum", "_count"]
}

export const read = (text: string): ReadonlyArray<Family> => {
  if (text === "") return []
  if (!text.endsWith("\n")) throw new Error("the last line is not whole")
  const families: Array<Family & { readonly samples: Array<Sample> }> = []
  const names = new Set<string>()
  const seen = new Set<string>()
  let help: readonly [name: string, text: string] | undefined
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/s.exec(line)
    if (comment?.[1] === "HELP") {
      if (help !== undefined) throw new Error(`HELP without TYPE: ${help[0]}`)
      help = [comment[2]!, comment[3]!]
    } else if (comment?.[1] === "TYPE") {
      const [family, type] = [comment[2]!, comment[3]!]
      if (endings[type] === undefined) throw new Error(`no type: ${line}`)
      if (help !== undefined && help[0] !== family) throw new Error(`HELP of another: ${line}`)
      for (const ending of new Set(["", ...endings[type]])) {
        if (names.has(family + ending)) throw new Error(`a name twice: ${family}${ending}`)
        names.add(family + ending)
      }
      families.push({ name: family, type, help: help?.[1], samples: [] })
      help = undefined
    } else {
      const sample = readSample(line)
      const family = families.at(-1)
      if (family === undefined || !endings[family.type]!.includes(sample.name.replace(family.name, ""))) {
        throw new Error(`a sample outside of its family: ${line}`)
      }
      const id = JSON.stringify([sample.name, [...sample.labels].sort()])
      if (seen.has(id)) throw new Error(`a sample twice: ${line}`)
      seen.add(id)
      family.samples.push(sample)
    }
  }
  if (help !== undefined) throw new Error("HELP at the end")
  for (const { name, samples } of families) if (samples.length === 0) throw new Error(`no samples: ${name}`)
  return families
}
