import { assert, describe, it } from "@effect/vitest"
import * as StandIn from "./stand-in.js"

const headers = { authorization: "Basic YQ==", "content-type": "application/json", "user-agent": "test" }
const request = (kind: "gauges" | "measurements", ...items: ReadonlyArray<unknown>): StandIn.Request => ({
  method: "POST",
  path: kind === "gauges" ? "/v1/metrics" : "/v1/measurements",
  headers,
  body: JSON.stringify({ [kind]: items })
})

const gauge = { name: "a", source: "s", measure_time: 1, value: 1 }
const samples = { name: "a", count: 2, sum: 3, min: 1, max: 2, sum_squares: 5 }
const tagged = { name: "a", tags: { t: "v" }, time: 1, value: 1 }

describe("the service's stand-in", () => {
  it("takes what the documents allow, and adds up what comes twice for one second", () => {
    const { answer, kept } = StandIn.make()
    assert.strictEqual(answer(request("gauges", gauge, samples)).status, 200)
    assert.strictEqual(answer(request("gauges", { ...gauge, name: "A", value: 3 })).status, 200)
    assert.strictEqual(answer(request("measurements", tagged, { ...tagged, tags: { T: "V" } })).status, 202)
    assert.deepStrictEqual(
      [...kept.values()],
      [
        { count: 2, sum: 4, min: 1, max: 3 },
        { count: 2, sum: 3, min: 1, max: 2 },
        { count: 2, sum: 2, min: 1, max: 1 }
      ]
    )
  })

  const bad: ReadonlyArray<object> = [
    { ...gauge, name: undefined },
    { ...gauge, name: "a b" },
    { ...gauge, name: "n".repeat(256) },
    { ...gauge, source: "a/b" },
    { ...gauge, measure_time: "1" },
    { ...gauge, measure_time: 1.5 },
    { ...gauge, value: "1" },
    { ...gauge, value: null },
    { ...gauge, value: 1e127 },
    { ...gauge, value: undefined },
    { ...gauge, period: 0 },
    { ...gauge, tags: {} },
    { ...gauge, sum: 1 },
    { ...samples, value: 1 },
    { ...samples, sum: undefined },
    { ...samples, count: 0 },
    { ...samples, min: 3 },
    { ...samples, sum_squares: 4 }
  ]
  it("refuses a request for one gauge that they do not allow", () => {
    for (const item of bad) {
      const { answer, items } = StandIn.make()
      assert.strictEqual(answer(request("gauges", gauge, item)).status, 400, JSON.stringify(item))
      assert.deepStrictEqual(items, [])
    }
  })

  const badTags: ReadonlyArray<unknown> = [
    undefined,
    {},
    { "a b": "v" },
    { ["k".repeat(65)]: "v" },
    { t: "" },
    { t: 1 },
    { t: "v".repeat(256) },
    { t: "a,b" },
    { t: "v", T: "v" },
    Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${i}`, "v"]))
  ]
  it("takes the others of a request with tags, and counts those that it does not", () => {
    for (const tags of badTags) {
      const { answer, items } = StandIn.make()
      const { body, status } = answer(request("measurements", { ...tagged, tags }, tagged))
      assert.strictEqual(status, 202)
      assert.include(body, `"total":2,"accepted":1,"failed":1`)
      assert.deepStrictEqual(items, [tagged])
    }
  })

  it("takes no request of another form", () => {
    const statusOf = (changes: Partial<StandIn.Request>) =>
      StandIn.make({ authorization: headers.authorization }).answer({ ...request("gauges", gauge), ...changes }).status
    assert.strictEqual(statusOf({ path: "/v1/other" }), 404)
    assert.strictEqual(statusOf({ method: "GET" }), 404)
    assert.strictEqual(statusOf({ headers: { ...headers, authorization: "Basic Yg==" } }), 401)
    assert.strictEqual(statusOf({ headers: { ...headers, authorization: undefined } }), 401)
    assert.strictEqual(statusOf({ headers: { ...headers, "content-type": undefined } }), 415)
    assert.strictEqual(statusOf({ headers: { ...headers, "user-agent": undefined } }), 400)
    for (const body of ["", "null", "[]", "{}", `{"gauges":[]}`, `{"gauges":{}}`, `{"gauges":[null]}`]) {
      assert.strictEqual(statusOf({ body }), 400, body)
    }
    assert.strictEqual(StandIn.make({ mostItems: 1 }).answer(request("gauges", gauge, gauge)).status, 413)
  })
})
