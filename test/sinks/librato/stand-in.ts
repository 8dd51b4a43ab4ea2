/**
 * Stands in for a service that is no more: takes what its documents allow and nothing else, keeps what it takes as the
 * service did, and misbehaves when it is told to. `/v1/metrics` refuses a request for one bad gauge; `/v1/measurements` takes
 * the others, and counts what it did not take.
 */
type Members = Readonly<Record<string, unknown>>

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly body?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface Item {
  readonly name: string
  readonly source?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly measure_time?: number
  readonly time?: number
  readonly period?: number
  readonly value?: number
  readonly count?: number
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  readonly sum_squares?: number
  readonly stddev?: number
}

/** What the service keeps of a stream in one second. */
export interface Kept {
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

export interface StandIn {
  readonly answer: (request: Request) => Answer
  /** What was taken, in order. */
  readonly items: Array<Item>
  /** By `name|source or tags|second`, all in lower case. */
  readonly kept: Map<string, Kept>
  /** Bodies of requests that were taken, at least in part. */
  readonly bodies: Array<{ readonly items: number; readonly bytes: number }>
  /** Answers to give, in order, before it behaves again; the request has been taken before it if `taken`. */
  readonly misbehave: Array<{ readonly answer: Answer | "none"; readonly taken?: boolean }>
  /** Names that it does not take although they are well-formed, as when an account has too many. */
  readonly unwanted: Set<string>
  /** Why requests and measurements were not taken. */
  readonly complaints: Array<string>
}

export interface Rules {
  /** The value of `authorization`. Default: any. */
  readonly authorization?: string
  /** Default 300. */
  readonly mostItems?: number
}

interface Fault {
  readonly param: string
  readonly value: unknown
  readonly reason: string
}

const name = /^[A-Za-z0-9.:_-]{1,255}$/
const tagKey = /^[-.:_A-Za-z0-9]{1,64}$/
const tagValue = /^[-.:_?\\/A-Za-z0-9 ]{1,255}$/
const members = {
  gauges: "name source measure_time period value count sum min max sum_squares description display_name attributes",
  measurements: "name tags time period value count sum min max last stddev stddev_m2 attributes"
}

const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && Math.abs(value) <= 1e126

const isSeconds = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0

/** The first thing that is wrong with an item. */
const faultOf = (kind: keyof typeof members, item: unknown): Fault | undefined => {
  const fault = (param: string, value: unknown, reason: string): Fault => ({ param, value, reason })
  if (typeof item !== "object" || item === null || Array.isArray(item)) return fault("item", item, "is not an object")
  const given = item as Members
  for (const key of Object.keys(given)) {
    if (!members[kind].split(" ").includes(key)) return fault(key, given[key], "is not known")
  }
  if (typeof given["name"] !== "string") return fault("name", given["name"], "is not present")
  if (!name.test(given["name"])) return fault("name", given["name"], "is invalid")
  const time = kind === "gauges" ? "measure_time" : "time"
  if (given[time] !== undefined && !isSeconds(given[time])) return fault(time, given[time], "is not an integer")
  const { period } = given
  if (period !== undefined && !(Number.isInteger(period) && (period as number) > 0)) {
    return fault("period", period, "is not a positive integer")
  }
  if (given["source"] !== undefined && !(typeof given["source"] === "string" && name.test(given["source"]))) {
    return fault("source", given["source"], "is invalid")
  }
  if (kind === "measurements") {
    const { tags } = given
    if (typeof tags !== "object" || tags === null || Array.isArray(tags)) return fault("tags", tags, "is not present")
    const entries = Object.entries(tags as Members)
    if (entries.length === 0 || entries.length > 50) return fault("tags", entries.length, "must be 1 to 50")
    for (const [key, value] of entries) {
      if (!tagKey.test(key)) return fault("tags", key, "is an invalid tag name")
      if (typeof value !== "string" || !tagValue.test(value)) return fault("tags", value, "is an invalid tag value")
    }
    const keys = new Set(entries.map(([key]) => key.toLowerCase()))
    if (keys.size < entries.length) return fault("tags", entries.length, "has a name twice")
  }
  return numbersFault(given, fault)
}

const numbersFault = (
  given: Members,
  fault: (param: string, value: unknown, reason: string) => Fault
): Fault | undefined => {
  for (const key of ["value", "count", "sum", "min", "max", "sum_squares", "last", "stddev"]) {
    if (given[key] !== undefined && !isNumber(given[key])) return fault(key, given[key], "is not a number in range")
  }
  const { count, max, min, stddev, sum, sum_squares: squares, value } = given as Readonly<Record<string, number>>
  if (count === undefined) {
    if (value === undefined) return fault("value", value, "is not present")
    const alone = ["sum", "min", "max", "sum_squares", "last", "stddev"].find((key) => given[key] !== undefined)
    return alone === undefined ? undefined : fault(alone, given[alone], "needs a count")
  }
  if (value !== undefined) return fault("value", value, "must not be there with a count")
  if (!Number.isInteger(count) || count < 1) return fault("count", count, "is not a positive integer")
  if (sum === undefined) return fault("sum", sum, "is not present")
  if (min !== undefined && max !== undefined && !(min <= max)) return fault("min", min, "is above max")
  // No values have less, by Cauchy and Schwarz.
  if (squares !== undefined && squares < ((sum * sum) / count) * (1 - 1e-9)) {
    return fault("sum_squares", squares, "is less than any values have")
  }
  return stddev !== undefined && stddev < 0 ? fault("stddev", stddev, "is negative") : undefined
}

const json = (status: number, body: unknown): Answer => ({
  status,
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" }
})

const keyOf = (item: Item): string => {
  const stream =
    item.tags === undefined
      ? (item.source ?? "unassigned")
      : Object.entries(item.tags)
          .map(([key, value]) => `${key}=${value}`)
          .sort()
          .join()
  return `${item.name}|${stream}|${item.measure_time ?? item.time ?? "now"}`.toLowerCase()
}

export const make = ({ authorization, mostItems = 300 }: Rules = {}): StandIn => {
  const standIn: Omit<StandIn, "answer"> = {
    items: [],
    kept: new Map(),
    bodies: [],
    misbehave: [],
    unwanted: new Set(),
    complaints: []
  }
  const { bodies, complaints, items, kept, misbehave, unwanted } = standIn

  const take = (item: Item): void => {
    items.push(item)
    const { count = 1, max = item.value!, min = item.value!, sum = item.value! } = item
    const before = kept.get(keyOf(item)) ?? { count: 0, sum: 0, min: Infinity, max: -Infinity }
    kept.set(keyOf(item), {
      count: before.count + count,
      sum: before.sum + sum,
      min: Math.min(before.min, min),
      max: Math.max(before.max, max)
    })
  }

  const behave = ({ body, headers, method, path }: Request): Answer => {
    const kind = path === "/v1/metrics" ? "gauges" : path === "/v1/measurements" ? "measurements" : undefined
    if (kind === undefined || method !== "POST") return json(404, { errors: { request: ["Not Found"] } })
    const given = String(headers["authorization"] ?? "")
    if (!/^Basic [\w+/]+=*$/.test(given) || (authorization !== undefined && given !== authorization)) {
      return json(401, { errors: { request: ["Authorization Required"] } })
    }
    if (!/^application\/json\b/.test(String(headers["content-type"]))) {
      return json(415, { errors: { request: ["Unsupported media type"] } })
    }
    if (!headers["user-agent"]) return json(400, { errors: { request: ["has no user agent"] } })
    let parsed: unknown
    try {
      parsed = JSON.parse(body)
    } catch {
      return json(400, { errors: { request: ["The request could not be parsed"] } })
    }
    const list = (parsed as Members | null)?.[kind]
    if (!Array.isArray(list) || Object.keys(parsed as Members).length !== 1) {
      return json(400, { errors: { params: { [kind]: ["is not present, or not alone"] } } })
    }
    if (list.length === 0) return json(400, { errors: { params: { [kind]: ["must have at least one"] } } })
    if (list.length > mostItems) return json(413, { errors: { request: ["Too many measurements"] } })
    const faults = list.map((item: unknown) => {
      const fault = faultOf(kind, item)
      if (fault !== undefined) return fault
      const { name } = item as Item
      return unwanted.has(name) ? { param: "name", value: name, reason: "is not wanted" } : undefined
    })
    const found = faults.filter((fault) => fault !== undefined)
    complaints.push(...found.map(({ param, reason, value }) => `${param} ${String(value)}: ${reason}`))
    if (kind === "gauges" && found.length > 0) {
      return json(400, { errors: { params: Object.fromEntries(found.map(({ param, reason }) => [param, [reason]])) } })
    }
    const taken = (list as ReadonlyArray<Item>).filter((_, at) => faults[at] === undefined)
    taken.forEach(take)
    bodies.push({ items: list.length, bytes: Buffer.byteLength(body) })
    if (kind === "gauges") return { status: 200 }
    const summary = { total: list.length, accepted: taken.length, failed: found.length, filtered: 0 }
    return json(202, { measurements: { summary }, ...(found.length === 0 ? {} : { errors: found }) })
  }

  const answer = (request: Request): Answer => {
    const next = misbehave.shift()
    if (next === undefined) {
      const answer = behave(request)
      if (answer.status >= 300) complaints.push(`${answer.status} ${answer.body ?? ""}`)
      return answer
    }
    if (next.taken === true) behave(request)
    return next.answer === "none" ? { status: -1 } : next.answer
  }
  return { ...standIn, answer }
}
