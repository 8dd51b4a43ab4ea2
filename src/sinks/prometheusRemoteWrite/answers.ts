/**
 * What an answer to a request means: the one place where it is decided.
 *
 * | status | meaning | stored? |
 * |---|---|---|
 * | 2xx | delivered | yes |
 * | 2xx to version 2, without a header that says how many samples were written | the receiver knows 1.0 alone, and has found nothing: it is asked in that | no |
 * | 2xx with HTML | Misconfigured: a captive portal, a proxy's page | no |
 * | 3xx | Misconfigured: redirects are not followed, as credentials would go along | no |
 * | 415, and 400 as long as nothing of version 2 was taken | the receiver may know 1.0 alone: it is asked in that | no |
 * | 400, 409, 422 | Rejected, and the lane bisects: a sample is bad, such as one older than the last of its series | perhaps the others |
 * | 401, 403 | Unauthorized | no |
 * | 413 | TooLarge, and the lane halves | no |
 * | 429 | Throttled, as long as `Retry-After` says | no |
 * | 408, 425 | Unavailable | perhaps |
 * | 503 | Throttled, as long as `Retry-After` says | perhaps |
 * | other 4xx, 501, 505 | Misconfigured: a proxy's, or no receiver | no |
 * | other 5xx | Unavailable | perhaps |
 *
 * What was perhaps stored is written again byte for byte: a sample that a receiver has already, with its time and value, is stored
 * once; receivers that keep an order may refuse the samples before it, which `repeats.ts` knows. So it is with those of a bad
 * request that some receivers store all but the bad one of: what is left of it goes as it was.
 */
import type { Version } from "../../encoding/remoteWriteSeries.js"
import type { SinkError } from "../../Sink.js"
import { Misconfigured, Rejected, Throttled, TooLarge, Unauthorized, Unavailable } from "../../Sink.js"
import type { Answer } from "../../transport/http.js"
import { printUrl, retryAfter } from "../../transport/http.js"
import { readable } from "../../transport/words.js"

export type Verdict =
  | { readonly _tag: "Written" }
  /** To be asked in 1.0. */
  | { readonly _tag: "Older"; readonly reason: string }
  | { readonly _tag: "Failed"; readonly error: SinkError }

export interface Asked {
  /** The lane's or the sink's name, for errors. */
  readonly sink: string
  readonly version: Version
  /** Whether the receiver has taken a request of version 2. */
  readonly isKnown: boolean
  readonly nowMillis: number
}

const written = /^x-prometheus-remote-write-(samples|histograms|exemplars)-written$/

const failed = (error: SinkError): Verdict => ({ _tag: "Failed", error })

export const judge = ({ body, headers, status }: Answer, asked: Asked): Verdict => {
  const { isKnown, nowMillis, sink, version } = asked
  const words = readable(body)
  const reason = `${status}: ${words === "" ? "no reason given" : words}`
  const common = { sink, reason }
  if (status >= 200 && status < 300) {
    if (/html/.test(headers["content-type"] ?? "") || words.startsWith("<")) {
      return failed(new Misconfigured({ sink, reason: `${status} with a page, from something else: ${words}` }))
    }
    if (version === 1 || Object.keys(headers).some((name) => written.test(name))) return { _tag: "Written" }
    return { _tag: "Older", reason: `${status} without a word of what was written` }
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    const { location } = headers
    const to = location === undefined ? "" : ` to ${printUrl(location)}`
    const from = status === 0 ? "" : `${status}: `
    return failed(new Misconfigured({ sink, reason: `${from}it redirects${to}; give its final address as url` }))
  }
  if (version === 2 && (status === 415 || (status === 400 && !isKnown))) return { _tag: "Older", reason }
  const retryAfterMillis = retryAfter(headers["retry-after"], nowMillis)
  switch (status) {
    case 400:
    case 409:
    case 422:
      return failed(new Rejected(common))
    case 401:
    case 403:
      return failed(new Unauthorized(common))
    case 413:
      return failed(new TooLarge(common))
    case 429:
      return failed(new Throttled({ ...common, retryAfterMillis }))
    case 503:
      return failed(new Throttled({ ...common, retryAfterMillis, ambiguous: true }))
    case 501:
    case 505:
      return failed(new Misconfigured(common))
    default:
      return status >= 500 || status === 408 || status === 425
        ? failed(new Unavailable({ ...common, ambiguous: true }))
        : failed(new Misconfigured(common))
  }
}
