import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Measurement } from "../../../src/recording/measurement.js"
import { judge } from "../../../src/sinks/otlp/answers.js"
import { encodeResponse, encodeStatus } from "../../encoding/otlp.js"

const nowMillis = Date.parse("Fri, 01 Mar 2024 00:00:00 GMT")

const measurements = ["a.b", "other", "c", "d"].map((name): Measurement => {
  const series = { name, tags: [], kind: "counter", valueType: "float", encoded: undefined } as const
  const declared = { unit: undefined, description: undefined, level: undefined, boundaries: undefined }
  return {
    _tag: "count",
    series: { ...series, ...declared },
    weight: 1,
    startMillis: 0,
    millis: 1,
    nanos: 0,
    value: 1
  }
})
const points = [1, 1, 3, 1]

const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")
const json = { "content-type": "application/json" }
const protobuf = { "content-type": "application/x-protobuf" }

const verdictOf = (status: number, body = "", headers: Readonly<Record<string, string>> = {}) =>
  judge({ status, headers, body: binary(Buffer.from(body)) }, { sink: "otlp", measurements, points, nowMillis })

/** The error's tag, with `?` where the write may have been stored; or how many were rejected. */
const outcomeOf = (verdict: ReturnType<typeof verdictOf>): string =>
  verdict._tag === "Lost"
    ? "Lost"
    : verdict._tag === "Failed"
      ? `${verdict.error._tag}${verdict.error.ambiguous ? "?" : ""}`
      : (verdict.result.rejected ?? []).map(({ index }) => index).join() || "delivered"

const partial = (rejectedDataPoints: unknown, errorMessage?: string): string =>
  JSON.stringify({ partialSuccess: { rejectedDataPoints, errorMessage } })

describe("answers of OpenTelemetry's receivers", () => {
  const rows: ReadonlyArray<readonly [status: number, body: string, outcome: string]> = [
    [200, "", "delivered"],
    [204, "", "delivered"],
    [202, "{}", "delivered"],
    [200, "ok", "delivered"],
    [200, `{"partialSuccess":{}}`, "delivered"],
    [200, partial("0", "careful"), "delivered"],
    [200, partial("-1"), "delivered"],
    [200, partial("many"), "delivered"],
    [200, partial("1"), "3"],
    [200, partial(1), "3"],
    [200, partial("2"), "2,3"],
    [200, partial("2", "a.b: out of bounds"), "0,3"],
    [200, partial("1", "metric other, a.b."), "1"],
    [200, partial("5"), "1,2,3"],
    [200, partial("6"), "0,1,2,3"],
    [200, partial("100"), "0,1,2,3"],
    [200, "<html>please sign in</html>", "Misconfigured"],
    [0, "", "Misconfigured"],
    [301, "", "Misconfigured"],
    [307, "", "Misconfigured"],
    [400, "bad", "Rejected"],
    [422, "", "Rejected"],
    [401, "", "Unauthorized"],
    [403, "", "Unauthorized"],
    [404, "", "Misconfigured"],
    [405, "", "Misconfigured"],
    [408, "", "Lost"],
    [413, "", "TooLarge"],
    [415, "", "Misconfigured"],
    [425, "", "Lost"],
    [429, "", "Throttled"],
    [500, "", "Lost"],
    [501, "", "Misconfigured"],
    [502, "", "Throttled?"],
    [503, "", "Throttled"],
    [504, "", "Throttled?"],
    [505, "", "Misconfigured"],
    [507, "", "Lost"]
  ]
  for (const [status, body, outcome] of rows) {
    it(`${status} ${body} is ${outcome}`, () => assert.strictEqual(outcomeOf(verdictOf(status, body)), outcome))
  }

  it("are waited for as long as they ask", () => {
    const wait = (status: number, after: string) => {
      const verdict = verdictOf(status, "", { "retry-after": after })
      return verdict._tag === "Failed" && verdict.error._tag === "Throttled" ? verdict.error.retryAfterMillis : "none"
    }
    for (const status of [429, 502, 503, 504]) assert.strictEqual(wait(status, "7"), 7000)
    assert.strictEqual(wait(503, "Fri, 01 Mar 2024 00:01:00 GMT"), 60_000)
    assert.isUndefined(wait(503, "soon"))
  })

  it("mean the same in protobuf, whatever they say", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.string({ unit: "grapheme", maxLength: 200 }),
        (rejected, message) => {
          const body = binary(
            encodeResponse({ partialSuccess: { rejectedDataPoints: rejected, errorMessage: message } })
          )
          const answer = judge(
            { status: 200, headers: protobuf, body },
            { sink: "otlp", measurements, points, nowMillis }
          )
          assert.deepStrictEqual(answer, verdictOf(200, partial(String(rejected), message), json))
        }
      )
    )
    const body = binary(encodeStatus(3, "schlecht: größe"))
    const verdict = judge({ status: 400, headers: protobuf, body }, { sink: "otlp", measurements, points, nowMillis })
    assert.strictEqual(verdict._tag === "Failed" && verdict.error.reason, "400: schlecht: größe")
  })

  it("that count below 0 count none", () => {
    const body = binary(encodeResponse({ partialSuccess: { rejectedDataPoints: -1, errorMessage: "none" } }))
    const verdict = judge({ status: 200, headers: protobuf, body }, { sink: "otlp", measurements, points, nowMillis })
    assert.deepStrictEqual(verdict, { _tag: "Written", result: { rejected: [] }, warning: "none" })
  })

  it("that are no message are none, and do no harm", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(200, 400),
        fc.constantFrom(json, protobuf, {}),
        (bytes, status, headers) => {
          const answer = { status, headers, body: binary(bytes) }
          assert.isString(judge(answer, { sink: "otlp", measurements, points, nowMillis })._tag)
        }
      )
    )
  })

  it("are told as they are said", () => {
    const reasonOf = (...args: Parameters<typeof verdictOf>) => {
      const verdict = verdictOf(...args)
      return verdict._tag === "Failed"
        ? verdict.error.reason
        : verdict._tag === "Lost"
          ? verdict.reason
          : verdict.warning
    }
    assert.strictEqual(reasonOf(400, `{"code":3,"message":"bad\\nname"}`), "400: bad\\u000aname")
    assert.strictEqual(reasonOf(400, "plain words"), "400: plain words")
    assert.strictEqual(reasonOf(500), "500: no reason given")
    assert.strictEqual(reasonOf(200, partial(0, "use another unit")), "use another unit")
    assert.match(
      reasonOf(302, "", { location: "https://other/?key=canary" })!,
      /^302: it redirects to https:\/\/other\/; /
    )
  })
})
