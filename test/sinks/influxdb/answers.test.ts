import { assert, describe, it } from "@effect/vitest"
import { judge } from "../../../src/sinks/influxdb/answers.js"

const nowMillis = Date.parse("Fri, 01 Mar 2024 00:00:00 GMT")

const verdictOf = (status: number, body = "", lines = 4, headers: Readonly<Record<string, string>> = {}) =>
  judge({ status, headers, body }, { sink: "influxdb", lines, nowMillis })

/** The error's tag, with `?` where the write may have been stored; or how many were rejected and kept. */
const outcomeOf = (...args: Parameters<typeof verdictOf>): string => {
  const verdict = verdictOf(...args)
  if (verdict._tag === "Written") {
    return `rejected ${verdict.result.rejected?.length ?? 0}, kept ${verdict.result.keep?.length ?? 0}`
  }
  return `${verdict.error._tag}${verdict.error.ambiguous ? "?" : ""}`
}

const reasonOf = (...args: Parameters<typeof verdictOf>): string => {
  const verdict = verdictOf(...args)
  return verdict._tag === "Written" ? "" : verdict.error.reason
}

const error = (text: string): string => `${JSON.stringify({ error: text })}\n`
const delivered = "rejected 0, kept 0"

describe("answers of InfluxDB", () => {
  const rows: ReadonlyArray<readonly [status: number, body: string, outcome: string]> = [
    [204, "", delivered],
    [204, "whatever", delivered],
    [200, "", delivered],
    [202, "{}", delivered],
    [200, "<html>please sign in</html>", "Misconfigured"],
    [200, error("EOF"), "Misconfigured"],
    [200, '{"resul', "Unavailable?"],
    [200, JSON.stringify({ results: [{ statement_id: 0, error: "invalid name" }] }), "Misconfigured"],
    [200, JSON.stringify({ results: [{ statement_id: 0 }] }), delivered],
    [0, "", "Misconfigured"],
    [301, "", "Misconfigured"],
    [307, "", "Misconfigured"],
    [400, error("unable to parse 'bad': invalid field format"), "Rejected"],
    [400, error("partial write: unable to parse 'bad': invalid field format dropped=0"), "Rejected?"],
    [400, error('partial write: field type conflict: input field "v" is type string dropped=1'), "Rejected?"],
    [400, error("partial write: points beyond retention policy dropped=4"), "rejected 4, kept 0"],
    [400, error("partial write: max-values-per-tag limit exceeded dropped=4"), "rejected 4, kept 0"],
    [400, error("something nobody has heard of"), "Rejected?"],
    [400, error("database is required"), "Misconfigured"],
    [400, error("invalid consistency level"), "Misconfigured"],
    [400, error("gzip: invalid header"), "Misconfigured"],
    [400, JSON.stringify({ code: "invalid", message: "unable to parse 'a': missing fields" }), "Rejected"],
    [400, JSON.stringify({ code: "invalid", message: 'organization name "x" not found' }), "Misconfigured"],
    [401, error("authorization failed"), "Unauthorized"],
    [401, "", "Unauthorized"],
    [403, error('"r" user is not authorized to write to database "x"'), "Unauthorized"],
    [404, error('database not found: "x"'), "Misconfigured"],
    [404, "404 page not found", "Misconfigured"],
    [404, JSON.stringify({ code: "not found", message: 'bucket "x" not found' }), "Misconfigured"],
    [405, "Method Not Allowed", "Misconfigured"],
    [407, "", "Misconfigured"],
    [408, "", "Unavailable?"],
    [413, error("Request Entity Too Large"), "TooLarge"],
    [415, "", "Misconfigured"],
    [
      422,
      JSON.stringify({ code: "unprocessable entity", message: "partial write: type conflict dropped=1" }),
      "Rejected?"
    ],
    [
      422,
      JSON.stringify({ code: "unprocessable entity", message: "points beyond retention policy dropped=4" }),
      "rejected 4, kept 0"
    ],
    [429, "", "Throttled"],
    [500, error("retention policy not found: nosuch"), "Misconfigured"],
    [500, error("timeout"), "Unavailable?"],
    [501, "", "Misconfigured"],
    [502, "<html>Bad Gateway</html>", "Unavailable?"],
    [503, "", "Throttled"],
    [504, "", "Unavailable?"],
    [505, "", "Misconfigured"],
    [599, "", "Unavailable?"]
  ]
  for (const [status, body, outcome] of rows) {
    it(`${status} ${body.trim()} is ${outcome}`, () => assert.strictEqual(outcomeOf(status, body), outcome))
  }

  it("a single line that is refused is refused for certain", () => {
    assert.strictEqual(outcomeOf(400, error("partial write: unable to parse 'bad' dropped=0"), 1), "Rejected")
    assert.strictEqual(outcomeOf(400, error("partial write: type conflict dropped=1"), 1), "rejected 1, kept 0")
  })

  it("only a database that is missing is one to create", () => {
    assert.strictEqual(verdictOf(404, error('database not found: "x"'))._tag, "NoDatabase")
    assert.strictEqual(verdictOf(404, "404 page not found")._tag, "Failed")
  })

  it("patience is as long as asked for", () => {
    const wait = (header: string) => {
      const verdict = verdictOf(429, "", 4, { "retry-after": header })
      return verdict._tag === "Failed" && verdict.error._tag === "Throttled" ? verdict.error.retryAfterMillis : NaN
    }
    assert.strictEqual(wait("30"), 30_000)
    assert.strictEqual(wait("Fri, 01 Mar 2024 00:01:00 GMT"), 60_000)
    assert.strictEqual(wait("-1"), undefined)
  })

  describe("lines named by InfluxDB 3", () => {
    const bad = (line: unknown, message: unknown = "no fields") => ({
      original_line: "m,",
      line_number: line,
      error_message: message
    })
    const partial = (data: unknown) => JSON.stringify({ error: "partial write of line protocol occurred", data })

    it("are rejected, and the others delivered", () => {
      const verdict = verdictOf(400, partial([bad(1), bad(3, "type\nconflict")]))
      assert.deepStrictEqual(verdict, {
        _tag: "Written",
        result: {
          rejected: [
            { index: 0, reason: "line rejected: no fields" },
            { index: 2, reason: "line rejected: type\\u000aconflict" }
          ],
          keep: []
        }
      })
    })

    it("are rejected, and the others kept where it took none", () => {
      const verdict = verdictOf(400, JSON.stringify({ error: "parsing failed", data: bad(2) }))
      assert.deepStrictEqual(verdict, {
        _tag: "Written",
        result: { rejected: [{ index: 1, reason: "line rejected: no fields" }], keep: [0, 2, 3] }
      })
    })

    it("are not believed where they cannot be, nor where there may be more of them", () => {
      for (const line of [0, 5, -1, 1.5, "1", null, undefined]) {
        assert.strictEqual(outcomeOf(400, partial([bad(line)])), "Rejected?", String(line))
      }
      for (const data of [[], null, "x", [null], [[]]]) assert.strictEqual(outcomeOf(400, partial(data)), "Rejected?")
      const hundred = Array.from({ length: 100 }, (_, i) => bad(i + 1))
      assert.strictEqual(outcomeOf(400, partial(hundred), 5000), "Rejected?")
      assert.strictEqual(outcomeOf(400, partial(hundred), 100), "rejected 100, kept 0")
    })
  })

  describe("reasons", () => {
    it("are the server's words, whichever way it puts them", () => {
      assert.strictEqual(reasonOf(401, error("authorization failed")), "401: authorization failed")
      assert.strictEqual(reasonOf(404, JSON.stringify({ code: "not found", message: "no bucket" })), "404: no bucket")
      assert.strictEqual(reasonOf(502, "Bad Gateway"), "502: Bad Gateway")
      assert.strictEqual(reasonOf(500, "", 4, { "x-influxdb-error": "timeout" }), "500: timeout")
      assert.strictEqual(reasonOf(401), "401: no reason given")
    })

    it("cannot break a log or flood it", () => {
      const reason = reasonOf(500, `a\nb\u001b[31m\u202e\u2028${"x".repeat(60_000)}`)
      assert.match(reason, /^500: a\\u000ab\\u001b\[31m\\u202e\\u2028x+…$/)
      assert.isAtMost(reason.length, 1024 + 5)
    })

    it("name where a redirect leads, without its query", () => {
      const reason = reasonOf(307, "", 4, { location: "https://u:p@other/write?p=secret" })
      assert.match(reason, /https:\/\/other\/write;/)
      assert.notMatch(reason, /secret|u:p/)
      assert.notMatch(reasonOf(307, "", 4, { location: "//broken?p=secret" }), /secret/)
    })
  })
})
