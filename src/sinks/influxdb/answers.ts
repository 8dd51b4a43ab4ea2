/**
 * What an answer to a write means: the one place where it is decided.
 *
 * | status | body | meaning | stored? |
 * |---|---|---|---|
 * | 204 | | delivered | yes |
 * | other 2xx | empty, or JSON without an error | delivered | yes |
 * | other 2xx | JSON that breaks off, as the connection did | Unavailable | perhaps |
 * | other 2xx | an error (of a statement), or anything else: a captive portal, a proxy's page | Misconfigured | no |
 * | 3xx | redirects are not followed, as credentials would go along | Misconfigured | no |
 * | 400 | version 3: names the bad lines | those rejected, the rest delivered, or to be written again if it took none | |
 * | 400, 422 | `dropped=` all of them (beyond retention, type conflict, series limits) | all rejected | no |
 * | 400, 422 | a line is bad and nobody says which | Rejected: the lane bisects | perhaps the others |
 * | 400 | no database, no such retention policy, unknown parameter | Misconfigured | no |
 * | 401, 403 | | Unauthorized | no |
 * | 404 | `database not found` | `createDatabase` makes it and writes again, else Misconfigured | no |
 * | 404 | no such bucket, organization or endpoint | Misconfigured | no |
 * | 408, 425 | | Unavailable | perhaps |
 * | 413 | | TooLarge: the lane halves | no |
 * | 429 | | Throttled, as long as `Retry-After` says | no |
 * | other 4xx | a proxy's, or not InfluxDB | Misconfigured | no |
 * | 500 | `retention policy not found` (version 1) | Misconfigured | no |
 * | 501, 505 | not InfluxDB, or one too old | Misconfigured | no |
 * | 503 | | Throttled, as long as `Retry-After` says | no |
 * | other 5xx | some shards may have stored their part | Unavailable | perhaps |
 *
 * Where it was perhaps stored, the same bytes are written again: points of one series and time overwrite each other, so they
 * are stored once. A write to version 1 or 3 takes the good lines of a bad batch; writing them once more while bisecting
 * changes nothing. 501 keeps what is buffered instead of dropping it: the address is wrong, not the data.
 */
import type { SinkError, WriteResult } from "../../Sink.js"
import { Misconfigured, Rejected, Throttled, TooLarge, Unauthorized, Unavailable } from "../../Sink.js"
import type { Answer } from "../../transport/http.js"
import { printUrl, retryAfter } from "../../transport/http.js"
import { type Members, membersOf, readable } from "../../transport/words.js"

export type Verdict =
  | { readonly _tag: "Written"; readonly result: WriteResult }
  | { readonly _tag: "NoDatabase" | "Failed"; readonly error: SinkError }

export interface Asked {
  /** The lane's or the sink's name, for errors. */
  readonly sink: string
  /** Lines in the write. */
  readonly lines: number
  readonly nowMillis: number
}

/** InfluxDB 3 names no more lines than these. */
const maxNamedLines = 100

const delivered: Verdict = { _tag: "Written", result: {} }

export const judge = (answer: Answer, { lines, nowMillis, sink }: Asked): Verdict => {
  const { headers, status } = answer
  if (status === 204) return delivered
  const words = wordsOf(answer)
  const common = { sink, reason: `${status}: ${words === "" ? "no reason given" : words}` }
  const failed = (error: SinkError): Verdict => ({ _tag: "Failed", error })
  const wait = () => new Throttled({ ...common, retryAfterMillis: retryAfter(headers["retry-after"], nowMillis) })

  if (status >= 200 && status < 300) {
    if (isPlainSuccess(answer.body)) return delivered
    if (isCut(answer.body)) {
      const reason = `${status}, and the rest of the answer did not come`
      return failed(new Unavailable({ sink, reason, ambiguous: true }))
    }
    return failed(new Misconfigured({ sink, reason: `${status} with an error or from something else: ${words}` }))
  }
  if (status === 0 || (status >= 300 && status < 400)) {
    const { location } = headers
    const to = location === undefined ? "" : ` to ${printUrl(location)}`
    return failed(
      new Misconfigured({
        sink,
        reason: `${status === 0 ? "" : `${status}: `}it redirects${to}; give its final address as url`
      })
    )
  }
  switch (status) {
    case 400:
    case 422:
      return badRequest(answer, lines, common)
    case 401:
    case 403:
      return failed(new Unauthorized(common))
    case 404:
      if (!/database not found/.test(words)) return failed(new Misconfigured(common))
      return {
        _tag: "NoDatabase",
        error: new Misconfigured({ ...common, reason: `${common.reason} (create it, or set createDatabase: true)` })
      }
    case 408:
    case 425:
      return failed(new Unavailable({ ...common, ambiguous: true }))
    case 413:
      return failed(new TooLarge(common))
    case 429:
    case 503:
      return failed(wait())
    case 501:
    case 505:
      return failed(new Misconfigured(common))
    default:
      return failed(
        status < 500 || /retention policy not found/.test(words)
          ? new Misconfigured(common)
          : new Unavailable({ ...common, ambiguous: true })
      )
  }
}

const badRequest = (
  answer: Answer,
  lines: number,
  common: { readonly sink: string; readonly reason: string }
): Verdict => {
  const named = namedLines(answer, lines)
  if (named !== undefined) return { _tag: "Written", result: named }
  const { reason } = common
  const dropped = /\bdropped=(\d+)/.exec(reason)
  if (dropped !== null && Number(dropped[1]) >= lines) {
    return { _tag: "Written", result: { rejected: Array.from({ length: lines }, (_, index) => ({ index, reason })) } }
  }
  if (!aboutLines.test(reason) && aboutSettings.test(reason))
    return { _tag: "Failed", error: new Misconfigured(common) }
  // "unable to parse" by itself says that no line was good; behind "partial write" it does not.
  const tookNone = lines === 1 || /^400: unable to parse/.test(reason)
  return { _tag: "Failed", error: new Rejected({ ...common, ambiguous: !tookNone }) }
}

const aboutLines =
  /unable to parse|partial write|field type|invalid (field|tag|number|boolean|timestamp)|points? beyond|line protocol/i
const aboutSettings =
  /database|bucket|\borg\b|organization|retention policy|consistency|precision|parameter|gzip|encoding|content.type|header/i

/** InfluxDB 3 says which lines were bad: all others are stored, or none is where it takes a batch whole. */
const namedLines = ({ body }: Answer, lines: number): WriteResult | undefined => {
  const parsed = membersOf(body)
  const data = parsed?.["data"]
  const isPartial = Array.isArray(data)
  const entries: ReadonlyArray<unknown> = isPartial ? data : [data]
  const rejected = new Map<number, string>()
  for (const entry of entries) {
    if (typeof entry !== "object" || entry === null) return undefined
    // What is there is checked.
    const { error_message: message, line_number: number } = entry as Record<string, unknown>
    if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > lines) return undefined
    rejected.set(number - 1, `line rejected: ${readable(typeof message === "string" ? message : "")}`)
  }
  if (rejected.size === 0 || (rejected.size >= maxNamedLines && lines > rejected.size)) return undefined
  const all = Array.from({ length: lines }, (_, index) => index)
  return {
    rejected: Array.from(rejected, ([index, reason]) => ({ index, reason })),
    keep: isPartial ? [] : all.filter((index) => !rejected.has(index))
  }
}

const isPlainSuccess = (body: string): boolean => {
  if (body.trim() === "") return true
  const parsed = membersOf(body)
  return parsed !== undefined && errorOf(parsed) === undefined && parsed["code"] === undefined
}

const isCut = (body: string): boolean => body.trimStart().startsWith("{") && membersOf(body) === undefined

/** Statements fail with 200, and an error among their results. */
const errorOf = (parsed: Members): unknown => {
  const { error, results } = parsed
  // What is there is checked.
  const first = Array.isArray(results) ? (results[0] as { readonly error?: unknown } | null) : undefined
  return error ?? first?.error
}

/** What the server says, on one line. */
const wordsOf = ({ body, headers }: Answer): string => {
  const parsed = membersOf(body)
  const said = [parsed && errorOf(parsed), parsed?.["message"], headers["x-influxdb-error"], body]
  return readable(String(said.find((words) => typeof words === "string" && words !== "") ?? ""))
}
