/**
 * What an answer to a push means: the one place where it is decided.
 *
 * | status | meaning | stored? |
 * |---|---|---|
 * | 2xx | delivered | yes |
 * | 2xx with HTML | Misconfigured: a captive portal, a proxy's page | no |
 * | 3xx | Misconfigured: redirects are not followed, as credentials would go along | no |
 * | 400, 422 | Rejected, and the lane bisects: a metric has another type in another group | no |
 * | 401, 403 | Unauthorized | no |
 * | 413 | TooLarge, and the lane halves | no |
 * | 429 | Throttled, as long as `Retry-After` says | no |
 * | 503 | Throttled, as long as `Retry-After` says | perhaps |
 * | 408, 425 | Unavailable | perhaps |
 * | other 4xx, 501, 505 | Misconfigured: a proxy's, or no Pushgateway | no |
 * | other 5xx | Unavailable | perhaps |
 *
 * What was perhaps stored is pushed again, which leaves what it left.
 */
import type { SinkError } from "../../Sink.js"
import { Misconfigured, Rejected, Throttled, TooLarge, Unauthorized, Unavailable } from "../../Sink.js"
import type { Answer } from "../../transport/http.js"
import { printUrl, retryAfter } from "../../transport/http.js"
import { readable } from "../../transport/words.js"

export interface Asked {
  /** The lane's or the sink's name, for errors. */
  readonly sink: string
  readonly nowMillis: number
}

/** `undefined` where it was pushed. */
export const judge = ({ body, headers, status }: Answer, { nowMillis, sink }: Asked): SinkError | undefined => {
  const words = readable(body)
  const common = { sink, reason: `${status}: ${words === "" ? "no reason given" : words}` }
  if (status >= 200 && status < 300) {
    if (!/html/.test(headers["content-type"] ?? "") && !words.startsWith("<")) return undefined
    return new Misconfigured({ sink, reason: `${status} with a page, from something else: ${words}` })
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    const { location } = headers
    const to = location === undefined ? "" : ` to ${printUrl(location)}`
    const from = status === 0 ? "" : `${status}: `
    return new Misconfigured({ sink, reason: `${from}it redirects${to}; give its final address as url` })
  }
  const retryAfterMillis = retryAfter(headers["retry-after"], nowMillis)
  switch (status) {
    case 400:
    case 422:
      return new Rejected(common)
    case 401:
    case 403:
      return new Unauthorized(common)
    case 413:
      return new TooLarge(common)
    case 429:
      return new Throttled({ ...common, retryAfterMillis })
    case 503:
      return new Throttled({ ...common, retryAfterMillis, ambiguous: true })
    case 501:
    case 505:
      return new Misconfigured(common)
    default:
      return status >= 500 || status === 408 || status === 425
        ? new Unavailable({ ...common, ambiguous: true })
        : new Misconfigured(common)
  }
}
