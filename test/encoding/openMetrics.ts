/** Reads OpenMetrics 1.0.0 as strictly as its page says, names in quotes included. */
import type { Sample } from "./prometheus.js"

export interface Family {
  readonly name: string
  readonly type: string
  readonly unit: string | undefined
  readonly help: string | undefined
  readonly samples: ReadonlyArray<Sample>
}

const legal = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const quoted = /^"((?:[^"\\\n]|\\[\\"n])*)"/
const label = /^(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\\n]|\\[\\"n])*)")="((?:[^"\\\n]|\\[\\"n])*)"/

const unescape = (text: string): string => text.replace(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one))

/** A name, and what comes after it. */
const takeName = (text: string): readonly [name: string, rest: string] => {
  const found = legal.exec(text) ?? quoted.exec(text)
  if (found === null) throw new Error(`no name: ${text}`)
  return [found[1] === undefined ? found[0] : unescape(found[1]), text.slice(found[0].length)]
}

const valueOf = (text: string): number => {
  if (text === "NaN") return NaN
  const infinity = /^([+-])Inf$/.exec(text)
  if (infinity !== null) return infinity[1] === "+" ? Infinity : -Infinity
  if (!/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text)) throw new Error(`no value: ${text}`)
  return Number(text)
}

const readSample = (line: string): Sample => {
  let name = legal.exec(line)?.[0]
  let rest = line.slice(name?.length ?? 0)
  const labels = new Map<string, string>()
  if (rest.startsWith("{")) {
    rest = rest.slice(1)
    if (name === undefined) {
      const found = quoted.exec(rest)
      if (found === null) throw new Error(`no name: ${line}`)
      name = unescape(found[1]!)
      rest = rest.slice(found[0].length)
      if (rest.startsWith(",")) rest = rest.slice(1)
    }
    while (!rest.startsWith("}")) {
      const found = label.exec(rest)
      if (found === null) throw new Error(`no label: ${line}`)
      const key = found[1] ?? unescape(found[2]!)
      if (labels.has(key) || key.startsWith("__")) throw new Error(`a label that may not be: ${line}`)
      labels.set(key, unescape(found[3]!))
      rest = rest.slice(found[0].length)
      if (rest.startsWith(",")) {
        rest = rest.slice(1)
        if (rest.startsWith("}")) throw new Error(`a comma at the end: ${line}`)
      } else if (!rest.startsWith("}")) throw new Error(`no comma: ${line}`)
    }
    rest = rest.slice(1)
  }
  if (name === undefined || !rest.startsWith(" ")) throw new Error(`no sample: ${line}`)
  return { name, labels, value: valueOf(rest.slice(1)) }
}

const endings: Readonly<Record<string, ReadonlyArray<string>>> = {
  counter: ["_total", "_created"],
  gauge: [""],
  unknown: [""],
  summary: ["", "_count", "_sum", "_created"],
  histogram: ["_bucket", "_count", "_sum", "_created"]
}

/** As Go spells floats in labels. */
const isCanonical = (text: string): boolean => text === "+Inf" || /^-?(\d+\.\d+|\d(\.\d+)?e[+-]\d{2,})$/.test(text)

const checkFamily = ({ name, samples, type }: Family): void => {
  for (const sample of samples) {
    const ending = sample.name.slice(name.length)
    if (["_total", "_sum", "_count", "_bucket"].includes(ending) && !(sample.value >= 0)) {
      throw new Error(`it falls: ${sample.name} ${sample.value}`)
    }
    const bound = type === "histogram" && ending === "_bucket" ? sample.labels.get("le") : undefined
    const quantile = type === "summary" && ending === "" ? sample.labels.get("quantile") : undefined
    const number = bound ?? quantile
    if (number !== undefined && !isCanonical(number)) throw new Error(`no canonical number: ${number}`)
    if (type === "histogram" && ending === "_bucket" && bound === undefined) throw new Error(`no le: ${name}`)
  }
  if (type !== "histogram") return
  // Buckets of a series stand together, grow, and end with all.
  let last = 0
  let lastBound = -Infinity
  for (const { labels, name: sampled, value } of samples) {
    if (sampled === `${name}_bucket`) {
      const bound = labels.get("le") === "+Inf" ? Infinity : Number(labels.get("le"))
      if (bound <= lastBound || value < last) throw new Error(`buckets out of order: ${name}`)
      lastBound = bound
      last = value
    } else {
      if (lastBound !== Infinity && lastBound !== -Infinity) throw new Error(`no +Inf: ${name}`)
      if (sampled === `${name}_count` && value !== last) throw new Error(`count is not that of +Inf: ${name}`)
    }
    if (lastBound === Infinity) lastBound = -Infinity
    if (sampled !== `${name}_bucket`) last = 0
  }
}

export const readOpenMetrics = (text: string): ReadonlyArray<Family> => {
  if (!text.endsWith("# EOF\n")) throw new Error("no # EOF")
  const families: Array<Family & { unit: string | undefined; help: string | undefined; samples: Array<Sample> }> = []
  const names = new Set<string>()
  const seen = new Set<string>()
  for (const line of text.slice(0, -"# EOF\n".length).split("\n").slice(0, -1)) {
    const comment = /^# (TYPE|UNIT|HELP) /.exec(line)
    if (comment !== null) {
      const [name, rest] = takeName(line.slice(comment[0].length))
      const told = rest.slice(1)
      const family = families.at(-1)
      if (comment[1] === "TYPE") {
        const own = endings[told]
        if (own === undefined) throw new Error(`no type: ${line}`)
        for (const one of new Set(["", ...own].map((ending) => name + ending))) {
          if (names.has(one)) throw new Error(`a name twice: ${one}`)
          names.add(one)
        }
        families.push({ name, type: told, unit: undefined, help: undefined, samples: [] })
      } else if (family?.name !== name || family.samples.length > 0) throw new Error(`out of order: ${line}`)
      else if (comment[1] === "UNIT") {
        if (family.help !== undefined || !name.endsWith(`_${told}`)) throw new Error(`no unit: ${line}`)
        family.unit = told
      } else {
        if (/(^|[^\\])(\\\\)*("|\\[^"\\n])/.test(told)) throw new Error(`not escaped: ${line}`)
        family.help = unescape(told)
      }
      continue
    }
    const sample = readSample(line)
    const family = families.at(-1)
    const ending = sample.name.slice(family?.name.length ?? 0)
    if (family === undefined || !sample.name.startsWith(family.name) || !endings[family.type]!.includes(ending)) {
      throw new Error(`a sample outside of its family: ${line}`)
    }
    const id = JSON.stringify([sample.name, [...sample.labels].sort()])
    if (seen.has(id)) throw new Error(`a sample twice: ${line}`)
    seen.add(id)
    family.samples.push(sample)
  }
  families.forEach(checkFamily)
  return families
}
