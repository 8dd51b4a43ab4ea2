import { assert, describe, it } from "@effect/vitest"
import type { Body } from "../../../src/encoding/librato.js"
import type { Verdict } from "../../../src/sinks/librato/answers.js"
import { judge } from "../../../src/sinks/librato/answers.js"

const nowMillis = 1_700_000_000_000
const item = (name: string, tags: Readonly<Record<string, string>> = { t: "v" }) => ({ name, tags, time: 1, value: 5 })

/** A request of these items, of which so many belong to each measurement. */
const bodyOf = (sent: ReadonlyArray<object>, items: ReadonlyArray<number> = sent.map(() => 1)): Body => ({
  bytes: new TextEncoder().encode(JSON.stringify({ measurements: sent })),
  items
})
const request = bodyOf([item("a"), item("b"), item("c", { k: "x" })])

const judged = (
  status: number,
  body: unknown = "",
  headers: Readonly<Record<string, string>> = {},
  sent: Body = request
): Verdict =>
  judge(
    { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) },
    { sink: "s", body: sent, nowMillis }
  )

const errorOf = (...answer: Parameters<typeof judged>) => {
  const verdict = judged(...answer)
  if (verdict._tag === "Written") throw new Error("it was written")
  return verdict.error
}

const rejected = (...answer: Parameters<typeof judged>) => {
  const verdict = judged(...answer)
  if (verdict._tag === "Failed") throw new Error(verdict.error.reason)
  return verdict.result.rejected ?? []
}

const summary = (failed: number, filtered = 0) => ({ summary: { total: 3, accepted: 3 - failed, failed, filtered } })

describe("an answer of the service means", () => {
  it("delivered, where it is 2xx and complains of nothing", () => {
    for (const status of [200, 201, 202, 204]) {
      for (const body of ["", " ", "null", "[]", {}, { message: "OK" }, { measurements: summary(0) }]) {
        assert.deepStrictEqual(rejected(status, body), [])
      }
    }
  })

  it("something else than the service, where it is 2xx with another body", () => {
    for (const body of ["<html>log in</html>", "OK", { error: "no" }]) {
      const error = errorOf(200, body)
      assert.deepStrictEqual([error._tag, error.ambiguous], ["Misconfigured", false])
    }
  })

  const table: ReadonlyArray<readonly [number, unknown, string, boolean?]> = [
    [0, "", "Misconfigured"],
    [301, "", "Misconfigured"],
    [400, { errors: { params: { name: ["is not present"], start_time: ["is not a number"] } } }, "Rejected"],
    [400, { errors: { params: { name: ["has no credentials"] } } }, "Rejected"],
    [400, { errors: { request: ["Please provide credentials for authentication."] } }, "Unauthorized"],
    [400, { errors: { request: ["Please use secured connection through https!"] } }, "Misconfigured"],
    [400, "", "Rejected"],
    [401, { errors: { request: ["Authorization Required"] } }, "Unauthorized"],
    [403, { error: "You have hit the API limit for measurements [measure:raw_rate]." }, "Throttled"],
    [403, { errors: ["Tag based measurements are not enabled for this account."] }, "Misconfigured"],
    [403, "", "Unauthorized"],
    [404, "", "Misconfigured"],
    [408, "", "Unavailable", true],
    [413, "", "TooLarge"],
    [415, "", "Misconfigured"],
    [418, "", "Misconfigured"],
    [422, { errors: { name: ["is already taken"] } }, "Rejected"],
    [429, "", "Throttled"],
    [500, "", "Unavailable"],
    [501, "", "Misconfigured"],
    [502, "<html>Bad Gateway</html>", "Unavailable"],
    [503, "", "Throttled"],
    [504, "", "Unavailable", true],
    [505, "", "Misconfigured"],
    [599, "", "Unavailable"]
  ]
  for (const [status, body, tag, ambiguous = false] of table) {
    it(`${tag}${ambiguous ? ", perhaps stored" : ""}: ${status} ${JSON.stringify(body)}`, () => {
      const error = errorOf(status, body)
      assert.deepStrictEqual([error._tag, error.ambiguous], [tag, ambiguous])
    })
  }

  it("its words, whatever their form, on one line and not too many", () => {
    const words = (body: unknown) => errorOf(401, body).reason
    assert.strictEqual(words(""), "401: no reason given")
    assert.strictEqual(words("plain\r\ntext"), "401: plain\\u000d\\u000atext")
    assert.strictEqual(words({ errors: "text" }), "401: text")
    assert.strictEqual(words({ errors: ["one", "two"] }), "401: one; two")
    assert.strictEqual(words({ errors: { request: ["one", "two"] } }), "401: request: one; request: two")
    assert.strictEqual(words({ errors: { params: { name: ["is bad"] } } }), "401: params.name: is bad")
    assert.strictEqual(words({ errors: { params: { name: "is bad" } } }), "401: params.name: is bad")
    assert.strictEqual(words({ errors: { a: { b: { c: ["d"] } } } }), "401: a.b.c: d")
    assert.strictEqual(words({ errors: [{ param: "name", value: "x y", reason: "is bad" }] }), "401: name x y: is bad")
    assert.strictEqual(words({ error: "text", request_time: 1 }), "401: text")
    assert.strictEqual(words({ message: "text" }), "401: text")
    assert.strictEqual(words({ other: 1 }), `401: {"other":1}`)
    assert.isAtMost(words({ errors: Array.from({ length: 5000 }, () => "long ".repeat(100)) }).length, 1100)
    assert.isAtMost(words("\n".repeat(60_000)).length, 1100)
    assert.include(words(`{"errors":${"[".repeat(5000)}${"]".repeat(5000)}}`), "401: ")
  })

  it("patience for as long as it says, or until its limit is reset", () => {
    const waitOf = (headers: Readonly<Record<string, string>>) => {
      const error = errorOf(429, "", headers)
      return error._tag === "Throttled" ? error.retryAfterMillis : "not throttled"
    }
    const reset = 1_700_000_060
    assert.strictEqual(waitOf({}), undefined)
    assert.strictEqual(waitOf({ "retry-after": "7" }), 7000)
    assert.strictEqual(waitOf({ "x-librato-ratelimit-agg": `limit=80,remaining=0,reset=${reset}` }), 60_000)
    assert.strictEqual(waitOf({ "x-librato-ratelimit-agg": `limit=80,remaining=1,reset=${reset}` }), undefined)
    assert.strictEqual(waitOf({ "x-librato-ratelimit-agg": "limit=80,remaining=0,reset=soon" }), undefined)
    assert.strictEqual(waitOf({ "x-librato-ratelimit-agg": "limit=80,remaining=0,reset=1600000000" }), undefined)
  })
})

describe("a request that was taken in part", () => {
  const indexes = (body: unknown, sent: Body = request) => rejected(202, body, {}, sent).map(({ index }) => index)
  const entry = (param: string, value: unknown) => ({ param, value, reason: "is bad" })

  it("loses the measurements that have what the service complains about", () => {
    const partly = (failed: number, ...errors: ReadonlyArray<object>) => ({ measurements: summary(failed), errors })
    assert.deepStrictEqual(rejected(202, partly(1, entry("name", "b"))), [{ index: 1, reason: "name b: is bad" }])
    assert.deepStrictEqual(indexes(partly(1, entry("name", "B"))), [1])
    assert.deepStrictEqual(indexes(partly(1, entry("tags", "k"))), [2])
    assert.deepStrictEqual(indexes(partly(1, entry("tag_value", "X"))), [2])
    assert.deepStrictEqual(indexes(partly(3, entry("value", 5))), [0, 1, 2])
    assert.deepStrictEqual(indexes(partly(1, entry("measurements[1].name", null))), [1])
    assert.deepStrictEqual(indexes({ errors: [entry("name", "a"), entry("name", "c")] }), [0, 2])
    assert.deepStrictEqual(indexes(partly(0, 1 as never, entry("name", "a"))), [])
  })

  it("is searched for the very name before another spelling, and for each complaint before any is taken for more", () => {
    const sent = bodyOf([item("p7"), item("P7"), item("x"), item("w.b")])
    const body = { measurements: summary(2), errors: [entry("name", "P7"), entry("name", "w.b")] }
    assert.deepStrictEqual(indexes(body, sent), [1, 3])
    const twice = bodyOf([item("x"), item("x"), item("y")])
    assert.deepStrictEqual(
      indexes({ measurements: summary(2), errors: [entry("name", "x"), entry("name", "y")] }, twice),
      [0, 2]
    )
    assert.deepStrictEqual(indexes({ measurements: summary(2), errors: [entry("name", "x")] }, twice), [0, 1])
  })

  it("loses a measurement of several items once", () => {
    const sent = bodyOf([item("p.a"), item("p.b"), item("q")], [2, 1])
    assert.deepStrictEqual(
      indexes({ measurements: summary(2), errors: [entry("name", "p.a"), entry("name", "p.b")] }, sent),
      [0]
    )
  })

  it("loses as many as it says, from the end, where nobody says which", () => {
    assert.deepStrictEqual(indexes({ measurements: summary(1) }), [2])
    assert.deepStrictEqual(indexes({ measurements: summary(1, 1) }), [1, 2])
    assert.deepStrictEqual(indexes({ measurements: summary(2), errors: [entry("name", "c")] }), [1, 2])
    assert.deepStrictEqual(indexes({ errors: { params: { name: ["is bad"] } } }), [2])
    assert.deepStrictEqual(indexes({ measurements: summary(1e9) }), [0, 1, 2])
    assert.deepStrictEqual(indexes({ measurements: { summary: { failed: -1, filtered: "x" } } }), [])
    assert.match(rejected(202, { measurements: summary(1) })[0]!.reason, /without saying which/)
  })

  it("is counted even where its answer is too long to be read to its end", () => {
    const start = `{"measurements":{"summary":{"total":3,"accepted":1,"failed":2,"filtered":0}},"errors":[{"param":`
    assert.deepStrictEqual(indexes(start), [1, 2])
    assert.deepStrictEqual(indexes(`{"measurements":{"summary"`), [])
  })
})
