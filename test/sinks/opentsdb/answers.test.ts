import { assert, describe, it } from "@effect/vitest"
import { judge } from "../../../src/sinks/opentsdb/answers.js"
import { replyOf } from "../../../src/sinks/opentsdb/replies.js"

const nowMillis = Date.parse("Fri, 01 Mar 2024 00:00:00 GMT")

const point = (metric: string, timestamp: number, tags: Readonly<Record<string, string>> = { host: "h", a: "b" }) => ({
  metric,
  timestamp,
  value: 1,
  tags
})

/** Three measurements of one point, and one of two. */
const sent = [point("a", 1), point("b", 1), point("a", 2), point("d.count", 1), point("d.sum", 1)]
const body = { bytes: new TextEncoder().encode(JSON.stringify(sent)), points: [1, 1, 1, 2] }

const verdictOf = (status: number, answer = "", headers: Readonly<Record<string, string>> = {}, sync = false) =>
  judge({ status, headers, body: answer }, { sink: "opentsdb", body, sync, nowMillis })

/** The error's tag, with `?` where the write may have been stored; or which were rejected. */
const outcomeOf = (...args: Parameters<typeof verdictOf>): string => {
  const verdict = verdictOf(...args)
  if (verdict._tag === "Written") {
    const rejected = verdict.result.rejected ?? []
    return rejected.length === 0 ? "delivered" : `rejected ${rejected.map(({ index }) => index).join()}`
  }
  return `${verdict.error._tag}${verdict.error.ambiguous ? "?" : ""}`
}

const details = (...failures: ReadonlyArray<readonly [datapoint: unknown, error: string]>) =>
  JSON.stringify({
    success: 5 - failures.length,
    failed: failures.length,
    errors: failures.map(([datapoint, error]) => ({ datapoint, error }))
  })
const error = (message: string) => JSON.stringify({ error: { code: 400, message, details: "x" } })
const illegal = "Invalid metric name"
/** As much as is read of an answer about very many points. */
const cutOff = (answer: string): string => answer.slice(0, -20)
/** As the server spells it: values are text, tags in any order. */
const echoed = { metric: "a", timestamp: 2, value: "1", tags: { a: "b", host: "h" } }

describe("answers of OpenTSDB", () => {
  const rows: ReadonlyArray<readonly [status: number, answer: string, outcome: string]> = [
    [204, "", "delivered"],
    [200, "", "delivered"],
    [200, details(), "delivered"],
    [200, JSON.stringify({ success: 5, failed: 0, errors: [], timeouts: 0 }), "delivered"],
    [200, "<html>please sign in</html>", "Misconfigured"],
    [200, "{}", "Misconfigured?"],
    [200, '{"success":"5","failed":0}', "Misconfigured?"],
    [0, "", "Misconfigured"],
    [302, "", "Misconfigured"],
    [400, details([echoed, illegal]), "rejected 2"],
    [400, details([sent[0], illegal], [sent[1], illegal]), "rejected 0,1"],
    [400, details([sent[3], illegal], [sent[4], illegal]), "rejected 3"],
    [200, details([sent[4], illegal]), "rejected 3"],
    [400, details([{ ...echoed, metric: "z" }, illegal]), "Rejected?"],
    [400, details([null, illegal]), "Rejected?"],
    [400, JSON.stringify({ success: 3, failed: 2, errors: [] }), "Rejected?"],
    [400, JSON.stringify({ success: 3, failed: 2, errors: "many" }), "Rejected?"],
    [400, details([echoed, illegal], [echoed, illegal]), "Rejected?"],
    [200, details([sent[0], "Storage exception: HBaseException"]), "Unavailable?"],
    [400, details([sent[0], illegal], [sent[1], "Write timedout"]), "Unavailable?"],
    [400, JSON.stringify({ success: 3, failed: 0, timeouts: 2, errors: [] }), "Unavailable?"],
    [200, details([sent[0], "Please throttle writes: 10000"]), "Throttled?"],
    [400, cutOff(details([sent[0], illegal], [sent[1], illegal])), "Rejected?"],
    [200, cutOff(details([sent[0], illegal], [sent[1], illegal])), "Rejected?"],
    [200, cutOff(details([sent[0], "Storage exception: HBaseException"], [sent[1], illegal])), "Unavailable?"],
    [200, cutOff(details([sent[0], "Please throttle writes: 10000"], [sent[1], illegal])), "Throttled?"],
    [200, '{"success":5,"fai', "Unavailable?"],
    [200, "[[[[", "Unavailable?"],
    [400, '{"success":3,"failed":2,"err', "Rejected?"],
    [400, "", "Rejected?"],
    [400, error("Chunked request not supported."), "TooLarge"],
    [400, error("HTTP content length exceeded 4096 bytes."), "TooLarge"],
    [400, error("The put call has timedout with 3 datapoints"), "Unavailable?"],
    [400, error("One or more data points had errors"), "Rejected?"],
    [400, error("Unable to parse the given JSON"), "Rejected"],
    [400, "remoteAddr: x; cannot parse HTTP OpenTSDB json", "Rejected"],
    [401, "", "Unauthorized"],
    [403, "", "Unauthorized"],
    [404, "", "Misconfigured"],
    [405, "", "Misconfigured"],
    [408, "", "Unavailable?"],
    [413, "", "TooLarge"],
    [425, "", "Unavailable?"],
    [429, "", "Throttled"],
    [451, "", "Misconfigured"],
    [500, error("internal"), "Unavailable?"],
    [501, "", "Misconfigured"],
    [502, "", "Unavailable?"],
    [503, "", "Throttled"],
    [505, "", "Misconfigured"]
  ]
  for (const [status, answer, outcome] of rows) {
    it(`${status} ${answer.slice(0, 90)}: ${outcome}`, () => assert.strictEqual(outcomeOf(status, answer), outcome))
  }

  it("that said to have a body and lost it say nothing of the storage, where that was asked for", () => {
    const announced = { "content-length": "39" }
    assert.strictEqual(outcomeOf(200, "", announced), "delivered")
    assert.strictEqual(outcomeOf(200, "", announced, true), "Unavailable?")
    assert.strictEqual(outcomeOf(200, "", { "content-length": "0" }, true), "delivered")
    assert.strictEqual(outcomeOf(204, "", {}, true), "delivered")
  })

  it("are decided for every status, and never delivered beyond 2xx", () => {
    for (let status = 100; status < 600; status++) {
      assert.strictEqual(outcomeOf(status) === "delivered", status >= 200 && status < 300, String(status))
    }
  })

  it("say for how long to wait", () => {
    const verdict = verdictOf(503, "", { "retry-after": "7" })
    const wait = verdict._tag === "Failed" && verdict.error._tag === "Throttled" ? verdict.error.retryAfterMillis : 0
    assert.strictEqual(wait, 7000)
  })

  it("are repeated on one line, cut, and without what moves a cursor", () => {
    const verdict = verdictOf(500, error(`a\n\u001b[2J\u202e${"x".repeat(5000)}`))
    const reason = verdict._tag === "Failed" ? verdict.error.reason : ""
    assert.match(reason, /^500: a\\u000a\\u001b\[2J\\u202ex+…$/)
    assert.isBelow(reason.length, 1100)
  })
})

describe("replies of OpenTSDB to lines", () => {
  const rows: ReadonlyArray<readonly [line: string, reply: string]> = [
    ["put: illegal argument: not enough arguments (need least 4, got 3)", "complaint"],
    ["put: invalid value: Invalid character 'N' in NaN", "complaint"],
    ["put: unknown metric: No such name for 'metrics': 'Built on '", "complaint"],
    ["put: HBase error: x", "complaint"],
    ["put: Please throttle writes: 10000 RPCs waiting", "throttle"],
    ["put: Throttling exception: x", "throttle"],
    ["net.opentsdb.tools 2.4.0 built at revision 0000000 (MINT)", "version"],
    ["Built on 2018/12/16 02:26:51 +0000 by root@build:/", "read"],
    ["unknown command: version.  Try `help'.", "mute"],
    ["unknown command: puts.  Try `help'.", "complaint"],
    ["", "complaint"],
    ["AUTH_FAIL", "complaint"]
  ]
  for (const [line, reply] of rows) it(`${line}: ${reply}`, () => assert.strictEqual(replyOf(line), reply))
})
