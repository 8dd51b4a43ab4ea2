/**
 * What an answer to `/api/put?details` means: the one place where it is decided.
 *
 * | status | body | meaning | stored? |
 * |---|---|---|---|
 * | 204 | | delivered | yes |
 * | other 2xx | empty, or details with nothing failed | delivered | yes |
 * | 2xx, 400 | details: points that the server does not take | those rejected, the rest delivered | the rest |
 * | 2xx, 400 | details: points that could not be stored, or not in time | Throttled if it says so, else Unavailable | perhaps |
 * | 2xx, 400 | details that leave some of the failed points unnamed, or whose end was not read | Rejected: the lane bisects | perhaps the others |
 * | other 2xx | JSON that breaks off, as the connection did; nothing, where `sync` asked for it and there was some | Unavailable | perhaps |
 * | other 2xx | JSON that is no details | Misconfigured | perhaps |
 * | other 2xx | anything else: a captive portal, a proxy's page | Misconfigured | no |
 * | 3xx | redirects are not followed, as credentials would go along | Misconfigured | no |
 * | 400 | `Chunked request not supported`, content too long: larger than the server takes at once | TooLarge: the lane halves | no |
 * | 400 | the call timed out | Unavailable | perhaps |
 * | 400 | some points had errors, and it does not say which, or what it says broke off | Rejected: the lane bisects | perhaps the others |
 * | 400 | anything else: not read as JSON | Rejected: the lane bisects | no |
 * | 401, 403 | | Unauthorized | no |
 * | 404, 405 | read-only, or not OpenTSDB | Misconfigured | no |
 * | 408, 425 | | Unavailable | perhaps |
 * | 413 | | TooLarge: the lane halves | no |
 * | 429, 503 | | Throttled, as long as `Retry-After` says | no |
 * | other 4xx, 501, 505 | a proxy's, or not OpenTSDB | Misconfigured | no |
 * | other 5xx | | Unavailable | perhaps |
 *
 * What was perhaps stored is written again byte for byte, which stores it once: a point takes the place of one of the same
 * series, time and type. A measurement of several points is rejected if any of them is.
 */
import type { Body } from "../../encoding/openTsdbJson.js"
import type { SinkError, WriteResult } from "../../Sink.js"
import { Misconfigured, Rejected, Throttled, TooLarge, Unauthorized, Unavailable } from "../../Sink.js"
import type { Answer } from "../../transport/http.js"
import { printUrl, retryAfter } from "../../transport/http.js"
import { isObject, type Members, membersOf, readable } from "../../transport/words.js"

export type Verdict =
  { readonly _tag: "Written"; readonly result: WriteResult } | { readonly _tag: "Failed"; readonly error: SinkError }

export interface Asked {
  /** The lane's or the sink's name, for errors. */
  readonly sink: string
  readonly body: Body
  /** Whether the server was to say what its storage has. */
  readonly sync: boolean
  readonly nowMillis: number
}

export const judge = (answer: Answer, { body, nowMillis, sink, sync }: Asked): Verdict => {
  const { headers, status } = answer
  if (status === 204) return delivered
  const parsed = membersOf(answer.body)
  const words = wordsOf(answer.body, parsed)
  const common = { sink, reason: `${status}: ${words === "" ? "no reason given" : words}` }
  const isSuccess = status >= 200 && status < 300
  const isEmpty = answer.body.trim() === ""
  const isCut = isEmpty || (parsed === undefined && /^\s*[{[]/.test(answer.body))

  if (isSuccess || status === 400) {
    // Without `sync`, the status says all; with it, what the storage has is in a body that was announced.
    if (isSuccess && isEmpty && !(sync && Number(headers["content-length"]) > 0)) return delivered
    const details = parsed === undefined ? cutDetailsOf(answer.body) : detailsOf(parsed)
    if (details !== undefined) return inDetail(details, body, common)
    if (isSuccess && isCut) {
      const reason = `${status}, and the rest of the answer did not come`
      return failed(new Unavailable({ sink, reason, ambiguous: true }))
    }
    if (isSuccess) {
      const reason = `${status} from something else: ${words}`
      return failed(new Misconfigured({ sink, reason, ambiguous: parsed !== undefined }))
    }
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    const { location } = headers
    const to = location === undefined ? "" : ` to ${printUrl(location)}`
    const code = status === 0 ? "" : `${status}: `
    return failed(new Misconfigured({ sink, reason: `${code}it redirects${to}; give its final address as url` }))
  }
  switch (status) {
    case 400:
      if (/chunked request|too ?long|length exceeded/i.test(words)) return failed(new TooLarge(common))
      if (/timed? ?out/i.test(words)) return failed(new Unavailable({ ...common, ambiguous: true }))
      return failed(new Rejected({ ...common, ambiguous: isCut || /data ?points had errors/i.test(words) }))
    case 401:
    case 403:
      return failed(new Unauthorized(common))
    case 408:
    case 425:
      return failed(new Unavailable({ ...common, ambiguous: true }))
    case 413:
      return failed(new TooLarge(common))
    case 429:
    case 503:
      return failed(new Throttled({ ...common, retryAfterMillis: retryAfter(headers["retry-after"], nowMillis) }))
    case 501:
    case 505:
      return failed(new Misconfigured(common))
    default:
      return failed(status < 500 ? new Misconfigured(common) : new Unavailable({ ...common, ambiguous: true }))
  }
}

const delivered: Verdict = { _tag: "Written", result: {} }

const failed = (error: SinkError): Verdict => ({ _tag: "Failed", error })

interface Details {
  readonly failed: number
  readonly timeouts: number
  readonly errors: ReadonlyArray<Members>
}

const detailsOf = (parsed: Members): Details | undefined => {
  const { errors = [], failed, success, timeouts = 0 } = parsed
  if (typeof success !== "number" || typeof failed !== "number" || typeof timeouts !== "number") return undefined
  return { failed, timeouts, errors: Array.isArray(errors) ? errors.filter(isObject) : [] }
}

/** Of an answer about so many points that its end was not read, which says why points failed, but not of all which they were. */
const cutDetailsOf = (body: string): Details | undefined => {
  if (!/^\s*\{/.test(body) || !/"datapoint"\s*:/.test(body)) return undefined
  const errors = [...body.matchAll(/"error"\s*:\s*"([^"\\]{0,300})/g)].map(([, error]) => ({ error }))
  const numberOf = (name: string): number => Number(new RegExp(`"${name}"\\s*:\\s*(\\d{1,9})`).exec(body)?.[1] ?? 0)
  return { failed: Math.max(1, numberOf("failed"), errors.length), timeouts: numberOf("timeouts"), errors }
}

/** About the storage behind the server, not about the point. */
const aboutStorage = /storage exception|throttl|timed? ?out|hbase/i

const inDetail = (
  { errors, failed: count, timeouts }: Details,
  body: Body,
  { sink }: { readonly sink: string }
): Verdict => {
  if (count === 0 && timeouts === 0) return delivered
  const reasons = errors.map(({ error }) => readable(typeof error === "string" ? error : "no reason given"))
  const patience = reasons.find((reason) => /throttl/i.test(reason))
  if (patience !== undefined) return failed(new Throttled({ sink, reason: patience, ambiguous: true }))
  const unstored = reasons.find((reason) => aboutStorage.test(reason))
  if (unstored !== undefined || timeouts > 0) {
    const reason = unstored ?? `${timeouts} points were not stored in time`
    return failed(new Unavailable({ sink, reason, ambiguous: true }))
  }
  const find = finder(body)
  const rejected = new Map<number, string>()
  let named = 0
  errors.forEach(({ datapoint }, i) => {
    const index = find(datapoint)
    if (index === undefined) return
    named++
    if (!rejected.has(index)) rejected.set(index, `point rejected: ${reasons[i]!}`)
  })
  if (named < count) {
    const reason = `${count} points failed: ${reasons[0] ?? "no reason given"}`
    return failed(new Rejected({ sink, reason, ambiguous: true }))
  }
  return { _tag: "Written", result: { rejected: Array.from(rejected, ([index, reason]) => ({ index, reason })) } }
}

/** To which measurement a point belongs, by what was sent. Each point is found once. */
const finder = ({ bytes, points }: Body): ((point: unknown) => number | undefined) => {
  const owners = points.flatMap((count, measurement) => Array.from({ length: count }, () => measurement))
  const byKey = new Map<string, Array<number>>()
  // It was encoded as an array of points.
  const sent = JSON.parse(new TextDecoder().decode(bytes)) as ReadonlyArray<unknown>
  sent.forEach((point, i) => {
    const key = keyOf(point)
    if (key === undefined) return
    const same = byKey.get(key)
    if (same === undefined) byKey.set(key, [owners[i]!])
    else same.push(owners[i]!)
  })
  return (point) => {
    const key = keyOf(point)
    return key === undefined ? undefined : byKey.get(key)?.shift()
  }
}

/** Without the value, which the server spells in its own way. */
const keyOf = (point: unknown): string | undefined => {
  if (!isObject(point)) return undefined
  const { metric, tags, timestamp } = point
  return isObject(tags) ? JSON.stringify([metric, Number(timestamp), Object.entries(tags).sort()]) : undefined
}

/** What the server says, on one line. */
const wordsOf = (body: string, parsed: Members | undefined): string => {
  const error = parsed?.["error"]
  const said = [isObject(error) ? error["message"] : error, parsed?.["message"], body]
  return readable(String(said.find((words) => typeof words === "string" && words !== "") ?? ""))
}
