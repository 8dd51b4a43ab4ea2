/**
 * What an answer to a request means: the one place where it is decided.
 *
 * | status | body | meaning | stored? |
 * |---|---|---|---|
 * | 2xx | empty, or a response | delivered | yes |
 * | 2xx | a response with `rejectedDataPoints` | so many rejected, the rest delivered; none is sent again | the rest |
 * | 2xx | a response with a message alone | delivered, and the message is logged | yes |
 * | 2xx | HTML: a captive portal, a proxy's page | Misconfigured | no |
 * | 3xx | redirects are not followed, as credentials would go along | Misconfigured | no |
 * | 400, 422 | a measurement is bad, and the receiver took none | Rejected: the lane bisects | no |
 * | 401, 403 | | Unauthorized | no |
 * | 413 | | TooLarge: the lane halves | no |
 * | 429, 503 | | Throttled, as long as `Retry-After` says | no |
 * | 502, 504 | a proxy's, which has no answer of the receiver | Throttled, as long as `Retry-After` says | perhaps |
 * | 501, 505 | not a receiver | Misconfigured | no |
 * | 408, 425, other 5xx | not to be sent again | Lost | perhaps |
 * | other 4xx | a proxy's, or not a receiver of this format | Misconfigured | no |
 *
 * 429, 502, 503 and 504 are all that the protocol lets a client send again as it is. What is kept for want of the right address
 * or credentials is not sent again as it was, but with what has gathered since. Receivers know no request for one that they
 * have had: where it perhaps was stored, increases that are sent again are counted twice, and totals are not.
 */
import type { PartialSuccess } from "../../encoding/otlpResponse.js"
import { readResponse, readStatus } from "../../encoding/otlpResponse.js"
import type { Measurement, SinkError, WriteResult } from "../../Sink.js"
import { Misconfigured, Rejected, Throttled, TooLarge, Unauthorized } from "../../Sink.js"
import type { Answer } from "../../transport/http.js"
import { printUrl, retryAfter } from "../../transport/http.js"
import { isObject, type Members, membersOf, readable } from "../../transport/words.js"

export type Verdict =
  /** `warning`: what the receiver says beside it. */
  | { readonly _tag: "Written"; readonly result: WriteResult; readonly warning: string | undefined }
  | { readonly _tag: "Lost"; readonly reason: string }
  | { readonly _tag: "Failed"; readonly error: SinkError }

export interface Asked {
  /** The lane's or the sink's name, for errors. */
  readonly sink: string
  readonly measurements: ReadonlyArray<Measurement>
  /** How many data points each of them came to. */
  readonly points: ReadonlyArray<number>
  readonly nowMillis: number
}

const failed = (error: SinkError): Verdict => ({ _tag: "Failed", error })

/** `answer.body` has a character for each byte. */
export const judge = (answer: Answer, asked: Asked): Verdict => {
  const { headers, status } = answer
  const { nowMillis, sink } = asked
  const said = readAnswer(answer)
  const words = readable(said.message)
  const common = { sink, reason: `${status}: ${words === "" ? "no reason given" : words}` }

  if (status >= 200 && status < 300) {
    if (said.isPage) {
      return failed(new Misconfigured({ sink, reason: `${status} with a page, from something else: ${words}` }))
    }
    const rejected = rejectedOf(said, asked)
    const warning = rejected.length === 0 && words !== "" ? words : undefined
    return { _tag: "Written", result: { rejected }, warning }
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    const { location } = headers
    const to = location === undefined ? "" : ` to ${printUrl(location)}`
    const from = status === 0 ? "" : `${status}: `
    return failed(new Misconfigured({ sink, reason: `${from}it redirects${to}; give its final address as url` }))
  }
  const retryAfterMillis = retryAfter(headers["retry-after"], nowMillis)
  switch (status) {
    case 400:
    case 422:
      return failed(new Rejected(common))
    case 401:
    case 403:
      return failed(new Unauthorized(common))
    case 408:
    case 425:
      return { _tag: "Lost", reason: common.reason }
    case 413:
      return failed(new TooLarge(common))
    case 429:
    case 503:
      return failed(new Throttled({ ...common, retryAfterMillis }))
    case 502:
    case 504:
      return failed(new Throttled({ ...common, retryAfterMillis, ambiguous: true }))
    case 501:
    case 505:
      return failed(new Misconfigured(common))
    default:
      return status < 500 ? failed(new Misconfigured(common)) : { _tag: "Lost", reason: common.reason }
  }
}

interface Said extends PartialSuccess {
  /** HTML, which no receiver answers. */
  readonly isPage: boolean
}

const readAnswer = ({ body, headers, status }: Answer): Said => {
  const bytes = Uint8Array.from(body, (character) => character.charCodeAt(0))
  const type = headers["content-type"] ?? ""
  const isTaken = status >= 200 && status < 300
  if (/protobuf/.test(type)) {
    return isTaken
      ? { ...readResponse(bytes), isPage: false }
      : { rejected: 0, message: readStatus(bytes), isPage: false }
  }
  const text = new TextDecoder().decode(bytes).trim()
  const members = membersOf(text)
  if (isTaken && members !== undefined) return { ...partialOf(members), isPage: false }
  const message = members?.["message"] ?? members?.["error"]
  return {
    rejected: 0,
    message: typeof message === "string" ? message : text,
    isPage: /html/.test(type) || text.startsWith("<")
  }
}

const partialOf = (members: Members): PartialSuccess => {
  const partial = members["partialSuccess"]
  if (!isObject(partial)) return { rejected: 0, message: "" }
  const { errorMessage, rejectedDataPoints } = partial
  const rejected = Number(rejectedDataPoints ?? 0)
  return {
    rejected: rejected > 0 ? rejected : 0,
    message: typeof errorMessage === "string" ? errorMessage : ""
  }
}

/**
 * The receiver says how many data points it has not taken, and not which. The account is right in their number: those are
 * taken for them whose name stands in what it says, and then the last ones.
 */
const rejectedOf = (
  { message, rejected }: PartialSuccess,
  { measurements, points }: Asked
): NonNullable<WriteResult["rejected"]> => {
  if (rejected <= 0) return []
  const words = new Set(message.split(/[^\w./-]+/).map((word) => word.replace(/\.$/, "")))
  const isNamed = (index: number): boolean => words.has(measurements[index]!.series.name)
  const last = measurements.map((_, index) => measurements.length - 1 - index)
  const order = [...last.filter(isNamed), ...last.filter((index) => !isNamed(index))]
  const found: Array<number> = []
  let missing = rejected
  for (const index of order) {
    if (missing <= 0) break
    missing -= points[index] ?? 1
    found.push(index)
  }
  const isAll = found.length === measurements.length
  const which = isAll ? "" : "one of those that were not taken, which are counted and not named"
  const reason = readable([which, message].filter((part) => part !== "").join(": ")) || "no reason given"
  return found.sort((a, b) => a - b).map((index) => ({ index, reason }))
}
