/**
 * Readers of StatsD's lines, written from what the servers do and apart from the encoder. They are as strict as a server
 * should be: what a server would rewrite, miscount or skip is an error here.
 */
export interface Line {
  readonly name: string
  readonly tags: ReadonlyArray<readonly [string, string]>
  /** As text; several where DogStatsD packs them. */
  readonly values: ReadonlyArray<string>
  readonly type: string
  readonly rate: number
  /** DogStatsD: seconds. */
  readonly time: number | undefined
}

const fail = (line: string, why: string): never => {
  throw new Error(`${why}: ${JSON.stringify(line)}`)
}

const rateOf = (line: string, text: string): number => {
  if (!/^@(0\.\d+|1)$/.test(text)) fail(line, "a rate that is no plain decimal")
  return Number(text.slice(1))
}

const isNumber = (text: string): boolean => /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))

/** As etsy's daemon does: it splits at colons, then at bars; tags of graphite are a part of the name. */
export const parseEtsy = (packet: string): ReadonlyArray<Line> =>
  packet.split("\n").map((line) => {
    const [bucket = "", value = "", ...more] = line.split(":")
    if (more.length > 0) fail(line, "more than one value")
    const [name = "", ...tags] = bucket.split(";")
    if (!/^[\w./-]+$/.test(name)) fail(line, "a name that the daemon rewrites")
    const [text = "", type = "", ...rest] = value.split("|")
    if (!["c", "g", "ms", "s"].includes(type)) fail(line, "a type that the daemon takes for a counter")
    if (type !== "s" && !isNumber(text)) fail(line, "no number")
    if (type === "ms" && Number(text) < 0) fail(line, "a time below 0")
    if (rest.length > 1) fail(line, "too much behind it")
    return {
      name,
      tags: tags.map((tag) => {
        const [key = "", value = "", ...more] = tag.split("=")
        if (!/^[\w./-]+$/.test(key) || !/^[\w./-]+$/.test(value) || more.length > 0) fail(line, "a tag that is none")
        return [key, value] as const
      }),
      values: [text],
      type,
      rate: rest[0] === undefined ? 1 : rateOf(line, rest[0]),
      time: undefined
    }
  })

/** As the agent does: parts are split at bars, values at colons, but a set has one. */
export const parseDogStatsD = (packet: string): ReadonlyArray<Line> =>
  packet.split("\n").map((line) => {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0))
    if (!/^[a-z][\w./-]*$/i.test(name)) fail(line, "a name that the backend rewrites")
    const [text = "", type = "", ...rest] = line.slice(colon + 1).split("|")
    if (!["c", "g", "ms", "h", "d", "s"].includes(type)) fail(line, "an unknown type")
    const values = type === "s" ? [text] : text.split(":")
    if (type !== "s") for (const value of values) if (!isNumber(value)) fail(line, "no number")
    let rate = 1
    let time: number | undefined
    let tags: ReadonlyArray<readonly [string, string]> = []
    for (const part of rest) {
      if (part.startsWith("@")) rate = rateOf(line, part)
      else if (part.startsWith("#")) {
        tags = part
          .slice(1)
          .split(",")
          .map((tag) => {
            const colon = tag.indexOf(":")
            if (tag === "") fail(line, "an empty tag")
            return colon < 0 ? ([tag, ""] as const) : ([tag.slice(0, colon), tag.slice(colon + 1)] as const)
          })
      } else if (/^T\d+$/.test(part)) {
        if (type !== "c" && type !== "g") fail(line, "a time that the agent does not take")
        time = Number(part.slice(1))
      } else if (!/^(c|e|card):[\w.:,/=+-]+$/.test(part)) fail(line, "an unknown part")
    }
    return { name, tags, values, type, rate, time }
  })
