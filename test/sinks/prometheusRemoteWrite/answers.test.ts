import { assert, describe, it } from "@effect/vitest"
import { judge, type Verdict } from "../../../src/sinks/prometheusRemoteWrite/answers.js"

const written = { "x-prometheus-remote-write-samples-written": "2" }

const judged = (
  status: number,
  body = "",
  headers: Readonly<Record<string, string>> = {},
  asked: Partial<Parameters<typeof judge>[1]> = {}
): Verdict => judge({ status, body, headers }, { sink: "s", version: 2, isKnown: true, nowMillis: 0, ...asked })

const named = (verdict: Verdict): string =>
  verdict._tag === "Failed" ? `${verdict.error._tag}${verdict.error.ambiguous ? "?" : ""}` : verdict._tag

describe("an answer to remote write", () => {
  it("means what the table says", () => {
    const said = (statuses: ReadonlyArray<number>) => new Set(statuses.map((status) => named(judged(status))))
    assert.deepStrictEqual(said([400, 409, 422]), new Set(["Rejected"]))
    assert.deepStrictEqual(said([401, 403]), new Set(["Unauthorized"]))
    assert.deepStrictEqual(said([413]), new Set(["TooLarge"]))
    assert.deepStrictEqual(said([429]), new Set(["Throttled"]))
    assert.deepStrictEqual(said([503]), new Set(["Throttled?"]))
    assert.deepStrictEqual(said([408, 425, 500, 502, 504, 599]), new Set(["Unavailable?"]))
    assert.deepStrictEqual(said([0, 302, 404, 405, 451, 501, 505]), new Set(["Misconfigured"]))
    assert.deepStrictEqual(said([200, 204, 415]), new Set(["Older"]))
  })

  it("of 2xx says by a header whether a request of 2.0 was understood", () => {
    assert.strictEqual(named(judged(204, "", written)), "Written")
    assert.strictEqual(named(judged(204, "", { "x-prometheus-remote-write-histograms-written": "0" })), "Written")
    assert.strictEqual(named(judged(204, "", {}, { version: 1 })), "Written")
    assert.strictEqual(named(judged(200, "<html>", written)), "Misconfigured")
    assert.strictEqual(named(judged(200, "x", { "content-type": "text/html" }, { version: 1 })), "Misconfigured")
  })

  it("of 400 may be that of a receiver of 1.0, until one of 2.0 was understood", () => {
    assert.strictEqual(named(judged(400, "", {}, { isKnown: false })), "Older")
    assert.strictEqual(named(judged(400, "", {}, { isKnown: false, version: 1 })), "Rejected")
    assert.strictEqual(named(judged(415, "", {}, { version: 1 })), "Misconfigured")
  })

  it("says what the receiver said, where a redirect goes to, and how long to wait", () => {
    const errorOf = (verdict: Verdict) => (verdict._tag === "Failed" ? verdict.error : undefined)
    assert.strictEqual(errorOf(judged(400, "out of order sample\n"))?.reason, "400: out of order sample")
    assert.strictEqual(errorOf(judged(500))?.reason, "500: no reason given")
    const moved = errorOf(judged(307, "", { location: "https://user:secret@host/x?token=1" }))
    assert.strictEqual(moved?.reason, "307: it redirects to https://host/x; give its final address as url")
    const throttled = errorOf(judged(429, "", { "retry-after": "2" }))
    assert.strictEqual(throttled?._tag === "Throttled" ? throttled.retryAfterMillis : 0, 2000)
  })
})
