/**
 * What an answer to a write means: the one place where it is decided.
 *
 * | status | body | meaning | stored? |
 * |---|---|---|---|
 * | 2xx | empty, or JSON that complains of nothing | delivered | yes |
 * | 2xx | JSON that has some as failed or filtered | those rejected, the rest delivered | all but those |
 * | 2xx | `error`, or anything else: a captive portal, a proxy's page | Misconfigured | no |
 * | 3xx | redirects are not followed, as credentials would go along | Misconfigured | no |
 * | 400 | about credentials | Unauthorized | no |
 * | 400 | about TLS, the content type or the account | Misconfigured | no |
 * | 400, 422 | anything else: a measurement is bad, and the service takes none of a bad request | Rejected: the lane bisects | no |
 * | 401 | | Unauthorized | no |
 * | 403 | a limit is hit | Throttled | no |
 * | 403 | something is not enabled for the account | Misconfigured | no |
 * | 403 | anything else | Unauthorized | no |
 * | 408, 504 | nobody knows how far it got | Unavailable | perhaps |
 * | 413 | | TooLarge: the lane halves | no |
 * | 429, 503 | | Throttled, as long as `Retry-After` or the limit's reset says | no |
 * | 501, 505, other 4xx | a proxy's, or not the service | Misconfigured | no |
 * | other 5xx | | Unavailable | no |
 *
 * The service adds up what comes twice within a second, so nothing is written again that was perhaps stored, unless the user
 * says so. A 5xx that says of itself that the request failed is taken at its word, as the service's own clients do.
 */
import type { Body } from "../../encoding/librato.js"
import type { SinkError, WriteResult } from "../../Sink.js"
import { Misconfigured, Rejected, Throttled, TooLarge, Unauthorized, Unavailable } from "../../Sink.js"
import type { Answer } from "../../transport/http.js"
import { printUrl, retryAfter } from "../../transport/http.js"
import { rejectedBy } from "./partial.js"
import { isObject, type Members, membersOf, readable } from "../../transport/words.js"
import { complaints } from "./words.js"

export type Verdict =
  { readonly _tag: "Written"; readonly result: WriteResult } | { readonly _tag: "Failed"; readonly error: SinkError }

export interface Asked {
  /** The lane's or the sink's name, for errors. */
  readonly sink: string
  readonly body: Body
  readonly nowMillis: number
}

const written = (result: WriteResult): Verdict => ({ _tag: "Written", result })
const failed = (error: SinkError): Verdict => ({ _tag: "Failed", error })

export const judge = (answer: Answer, { body, nowMillis, sink }: Asked): Verdict => {
  const { headers, status } = answer
  const members = membersOf(answer.body)
  const said = members === undefined ? [] : complaints(members)
  const words = readable(said.length > 0 ? said.join("; ") : answer.body)
  const common = { sink, reason: `${status}: ${words === "" ? "no reason given" : words}` }
  const patience = () => new Throttled({ ...common, retryAfterMillis: waitOf(headers, nowMillis) })

  if (status >= 200 && status < 300) {
    if (/^\s*(null)?\s*$/.test(answer.body)) return written({})
    const isOurs = members === undefined ? answer.body.trimStart().startsWith("{") : members["error"] === undefined
    if (isOurs) return written({ rejected: rejectedBy(answer.body, members, body) })
    return failed(new Misconfigured({ sink, reason: `${status} with an error or from something else: ${words}` }))
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    const { location } = headers
    const to = location === undefined ? "" : ` to ${printUrl(location)}`
    const reason = `${status === 0 ? "" : `${status}: `}it redirects${to}; give its final address as url`
    return failed(new Misconfigured({ sink, reason }))
  }
  switch (status) {
    case 400:
    case 422:
      return failed(badRequest(members, words, common))
    case 401:
      return failed(new Unauthorized(common))
    case 403:
      if (/\blimit/i.test(words)) return failed(patience())
      return failed(/not enabled/i.test(words) ? new Misconfigured(common) : new Unauthorized(common))
    case 408:
    case 504:
      return failed(new Unavailable({ ...common, ambiguous: true }))
    case 413:
      return failed(new TooLarge(common))
    case 429:
    case 503:
      return failed(patience())
    case 501:
    case 505:
      return failed(new Misconfigured(common))
    default:
      return failed(status < 500 ? new Misconfigured(common) : new Unavailable(common))
  }
}

const badRequest = (
  members: Members | undefined,
  words: string,
  common: { readonly sink: string; readonly reason: string }
): SinkError => {
  const errors = members?.["errors"]
  // What is wrong with a measurement has its parameters, or none of these words.
  const isOfParameters = isObject(errors) && errors["params"] !== undefined
  if (!isOfParameters) {
    if (/credential|authenticat|unauthori[sz]ed/i.test(words)) return new Unauthorized(common)
    if (/https|secured? connection|content.type|not enabled/i.test(words)) return new Misconfigured(common)
  }
  return new Rejected(common)
}

/** Every answer has headers that say of a limit when it is reset, such as `limit=80000,remaining=0,reset=1503421080`. */
const waitOf = (headers: Answer["headers"], nowMillis: number): number | undefined => {
  const given = retryAfter(headers["retry-after"], nowMillis)
  if (given !== undefined) return given
  const waits = Object.entries(headers).flatMap(([name, value = ""]) => {
    const reset = /ratelimit/.test(name) && /\bremaining=0\b/.test(value) ? /\breset=(\d{9,11})\b/.exec(value) : null
    return reset === null ? [] : [Number(reset[1]) * 1000 - nowMillis]
  })
  const longest = Math.max(...waits, 0)
  return longest > 0 ? longest : undefined
}
